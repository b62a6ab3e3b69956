"""A control plane that stays up between commands: where its folder is, which processes it has, how it is ended.

`up` leaves `state.json` in the folder; `status` and `down` read it. A process id alone proves nothing after a reboot,
so a process counts as ours only if its command line names our folder. The state is written before the first process is
started, without processes, and again when all are: a folder that has it is ours to throw away, any other one is not.
Starting and stopping exclude each other, whatever the folder.
"""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgspec

from ako_lab.control_plane.binaries import BinaryCache, Release, announce, cache_folder, exclusive
from ako_lab.control_plane.cluster import ControlPlane
from ako_runtime.errors import UserError

_STOP_SECONDS = 15.0


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What `up` wrote down; without processes it did not get as far as it should."""

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


def start(*, folder: Path, release: Release, nodes: int) -> State:
    """Start a control plane with fake nodes that outlives this process; it takes a folder of its own, or a new one."""
    folder = folder.absolute()
    binaries = BinaryCache(release=release).ensure()
    with _alone():
        _check_free(folder)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise UserError(f"{folder} cannot be made: {error.strerror}; name another --folder") from error
        _write(State(kubernetes=release.kubernetes, url="", kubeconfig="", processes={}), folder)
        with _noted_signals() as interrupted:
            cluster = ControlPlane(folder=folder, binaries=binaries, outlive_parent=True, interrupted=interrupted)
            cluster.start()
            if nodes:
                cluster.add_nodes(nodes)
        state = State(
            kubernetes=cluster.version,
            url=cluster.url,
            kubeconfig=str(cluster.kubeconfig),
            processes=cluster.processes,
        )
        _write(state, folder)
        return state


@contextmanager
def _noted_signals() -> Iterator[Callable[[], bool]]:
    """Note SIGINT and SIGTERM instead of raising: between the start of a program and our knowing of it nothing may."""
    noted = threading.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, lambda *_: noted.set()) for number in numbers}
    try:
        yield noted.is_set
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _check_free(folder: Path) -> None:
    """Raise `UserError` unless what is in the folder may be thrown away."""
    state = state_of(folder)
    if state is not None and any(living(state, folder).values()):
        raise UserError(f"a control plane ({state.kubernetes}) already runs in {folder}: use it, or run `down` first")
    if state is None and folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty and holds no control plane: name another --folder, or empty it")


def _write(state: State, folder: Path) -> None:
    temporary = folder / "state.json.part"
    temporary.write_bytes(msgspec.json.encode(state))
    temporary.replace(folder / "state.json")


def _alone() -> AbstractContextManager[None]:
    return exclusive(cache_folder() / "control-plane" / "standing.lock", say=announce)


def stop(folder: Path) -> bool:
    """End what runs in a folder and throw the folder away; False if there was nothing."""
    folder = folder.absolute()
    with _alone():
        state = state_of(folder)
        if state is None:
            return False
        _end(state, folder)
        shutil.rmtree(folder)
        return True


def _end(state: State, folder: Path) -> None:
    left = [pid for pid in reversed(state.processes.values()) if _ours(pid, folder)]
    for pid in left:
        os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + _STOP_SECONDS
    while left and time.monotonic() < end:
        time.sleep(0.05)
        left = [pid for pid in left if _ours(pid, folder)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)


def _ours(pid: int, folder: Path) -> bool:
    """Whether this process is alive and was started for this folder."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return str(folder).encode() in command
