"""A control plane that stays up between commands: where its folder is, which processes it has, how it is ended.

`up` leaves `state.json` in the folder; `status` and `down` read it. A process id alone proves nothing after a reboot,
so a process counts as ours only if its command line names our folder.
"""

import os
import shutil
import signal
import time
from pathlib import Path

import msgspec

from ako_lab.control_plane.binaries import BinaryCache, Release, cache_folder
from ako_lab.control_plane.cluster import ControlPlane
from ako_runtime.errors import UserError

_STOP_SECONDS = 15.0


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What `up` wrote down."""

    kubernetes: str
    url: str
    kubeconfig: str
    processes: dict[str, int]


def default_folder() -> Path:
    """Where a standing control plane lives unless told otherwise."""
    return cache_folder() / "control-plane" / "standing"


def state_of(folder: Path) -> State | None:
    """What stands in a folder, or None."""
    path = folder / "state.json"
    if not path.exists():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except msgspec.DecodeError as error:
        raise UserError(f"{path} is damaged ({error}): delete the folder and start again") from error


def living(state: State, folder: Path) -> dict[str, bool]:
    """Which of the programs run."""
    return {name: _ours(pid, folder) for name, pid in state.processes.items()}


def start(*, folder: Path, release: Release) -> State:
    """Start a control plane that outlives this process."""
    folder = folder.absolute()
    state = state_of(folder)
    if state is not None and any(living(state, folder).values()):
        raise UserError(f"a control plane ({state.kubernetes}) already runs in {folder}: use it, or run `down` first")
    binaries = BinaryCache(release=release).ensure()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    cluster = ControlPlane(folder=folder, binaries=binaries, outlive_parent=True)
    cluster.start()
    state = State(
        kubernetes=release.kubernetes, url=cluster.url, kubeconfig=str(cluster.kubeconfig), processes=cluster.processes
    )
    temporary = folder / "state.json.part"
    temporary.write_bytes(msgspec.json.encode(state))
    temporary.replace(folder / "state.json")
    return state


def stop(folder: Path) -> bool:
    """End what runs in a folder and throw the folder away; False if there was nothing."""
    folder = folder.absolute()
    state = state_of(folder)
    if state is None:
        return False
    left = [pid for pid in reversed(state.processes.values()) if _ours(pid, folder)]
    for pid in left:
        os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + _STOP_SECONDS
    while left and time.monotonic() < end:
        time.sleep(0.05)
        left = [pid for pid in left if _ours(pid, folder)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder)
    return True


def _ours(pid: int, folder: Path) -> bool:
    """Whether this process is alive and was started for this folder."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return str(folder).encode() in command
