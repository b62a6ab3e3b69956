"""A Pod's container by runc: what a kubelet and its container runtime make of the Pod's words.

Everything comes from the Pod: arguments, environment, user and groups, capabilities, privilege escalation, the
read-only root, seccomp's default profile, the memory limit, the volumes at their mounts, the time to end in. Two things
are not a node's: the network is the machine's own (the servers of the tests are on loopback), and what only a kubelet
knows (volumes other than `emptyDir` and `hostPath`, the addresses of Services) is given by the caller.
"""

import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from support.image.container_image import ARCHITECTURES, Image
from support.skips import Missing, skip_without

from ako_lab.control_plane.binaries import cache_folder

# Where packages of Linux distributions and scripts/chart-tools put the default profile.
SECCOMP_PROFILES = (Path("/usr/share/containers/seccomp.json"), cache_folder() / "chart-tools" / "seccomp.json")
BYTES = {"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}
# The network is the machine's.
NAMESPACES = [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}]
# What container runtimes hide and protect unless they are told otherwise.
MASKED = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/sched_debug", "/proc/timer_list", "/sys/firmware"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

SYSTEM_MOUNTS = (
    {"destination": "/proc", "type": "proc", "source": "proc"},
    {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
    {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": ["nosuid", "noexec", "nodev", "ro"]},
)


def runc_or_skip() -> str:
    """The path of runc, where it may run containers."""
    found = shutil.which(os.environ.get("AKO_RUNC", "runc"))
    if found is None:
        skip_without(Missing.TOOLS, "no runc: run scripts/chart-tools as root, install it, or name it with AKO_RUNC")
    refusal = why_not(found)
    if refusal:
        skip_without(Missing.KERNEL, f"runc cannot run containers on this machine: {refusal}")
    return found


@cache
def why_not(runc: str) -> str:
    """What runc says to a container of this machine's own programs, which needs what ours need; nothing if it runs."""
    shared = [path for path in ("/usr", "/bin", "/lib", "/lib64") if Path(path).is_dir()]
    spec = {
        "ociVersion": "1.0.2",
        "root": {"path": "root", "readonly": True},
        "process": {"user": {"uid": 65532, "gid": 65532}, "args": ["/bin/true"], "cwd": "/", "noNewPrivileges": True},
        "mounts": [*SYSTEM_MOUNTS, *(_bind(path, Path(path), writable=False) for path in shared)],
        "linux": {"namespaces": NAMESPACES, "resources": {"memory": {"limit": 64 << 20}}},
    }
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        (folder / "root").mkdir()
        (folder / "config.json").write_text(json.dumps(spec))
        command = [runc, "--root", str(folder / "state"), "run", "--bundle", text, f"ako-{uuid4().hex[:8]}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return (done.stderr.strip() or f"exit code {done.returncode}") if done.returncode else ""


class Container:
    """One running container."""

    def __init__(self, spec: Mapping[str, Any], *, folder: Path, grace: float) -> None:
        self._runc = [runc_or_skip(), "--root", str(folder / "state")]
        self._name, self._grace, self._log = f"ako-{uuid4().hex[:8]}", grace, folder / "log"
        (folder / "config.json").write_text(json.dumps(spec))
        with self._log.open("wb") as stream:
            command = [*self._runc, "run", "--bundle", str(folder), self._name]
            self._process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)

    @property
    def log(self) -> str:
        """What it has written."""
        return self._log.read_text(errors="replace")

    @property
    def exit_code(self) -> int | None:
        """How it ended; none while it runs."""
        return self._process.poll()

    @property
    def status(self) -> dict[str, str]:
        """What the kernel says about its first process (/proc/PID/status)."""
        state = subprocess.run([*self._runc, "state", self._name], capture_output=True, check=True)
        text = Path(f"/proc/{json.loads(state.stdout)['pid']}/status").read_text()
        return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)

    def execute(self, *command: str) -> str:
        """Run a command beside its first process, as `kubectl exec` does; its output."""
        done = subprocess.run([*self._runc, "exec", self._name, *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def stop(self) -> int:
        """Ask it to end and wait as long as its Pod allows; its exit code, that of SIGKILL if it did not listen."""
        if self.exit_code is not None:
            return self.exit_code
        subprocess.run([*self._runc, "kill", self._name, "TERM"], capture_output=True, check=False)
        try:
            return self._process.wait(self._grace)
        except subprocess.TimeoutExpired:
            self.remove()
            return self._process.wait()

    def remove(self) -> None:
        """Leave nothing behind."""
        subprocess.run([*self._runc, "delete", "--force", self._name], capture_output=True, check=False)
        self._process.wait()


def container_of(
    pod: Mapping[str, Any],
    *,
    image: Image,
    folder: Path,
    volumes: Mapping[str, Path] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Container:
    """Start the one container of a Pod; `volumes` are folders by volume name, `environ` comes before the Pod's own."""
    folder.mkdir(parents=True, exist_ok=True)
    spec = runtime_spec(pod, image=image, volumes=volumes or {}, environ=environ or {})
    return Container(spec, folder=folder, grace=pod["spec"].get("terminationGracePeriodSeconds", 30))


def runtime_spec(
    pod: Mapping[str, Any], *, image: Image, volumes: Mapping[str, Path], environ: Mapping[str, str]
) -> dict[str, Any]:
    """What a container runtime is told (the OCI runtime specification) about the Pod's container."""
    (container,) = pod["spec"]["containers"]
    security, identity = container["securityContext"], pod["spec"]["securityContext"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    linux: dict[str, Any] = {
        "namespaces": NAMESPACES,
        "maskedPaths": MASKED,
        "readonlyPaths": READ_ONLY,
        "resources": {"memory": {"limit": number_of_bytes(container["resources"]["limits"]["memory"])}},
    }
    profile = default_seccomp_profile()
    if profile is not None and identity["seccompProfile"] == {"type": "RuntimeDefault"}:
        linux["seccomp"] = profile
    own = [f"{name}={value}" for name, value in {**environ, **environment(container, pod=pod)}.items()]
    return {
        "ociVersion": "1.0.2",
        "hostname": pod["metadata"]["name"],
        "root": {"path": str(image.root), "readonly": security["readOnlyRootFilesystem"]},
        "process": {
            "user": {
                "uid": identity["runAsUser"],
                "gid": identity["runAsGroup"],
                "additionalGids": [identity["fsGroup"]],
            },
            "args": container.get("command", image.config["Entrypoint"]) + container.get("args", []),
            "env": [*image.config["Env"], *own],
            "cwd": image.config["WorkingDir"],
            "noNewPrivileges": not security["allowPrivilegeEscalation"],
            "capabilities": {},
        },
        "mounts": [*SYSTEM_MOUNTS, *mounts(container, pod=pod, volumes=volumes)],
        "linux": linux,
    }


def environment(container: Mapping[str, Any], *, pod: Mapping[str, Any]) -> dict[str, str]:
    """The variables of a container; those that name a field of the Pod's metadata have its value."""
    found = {}
    for entry in container.get("env", ()):
        if "valueFrom" in entry:
            head, _, field = entry["valueFrom"]["fieldRef"]["fieldPath"].partition(".")
            assert head == "metadata"
            found[entry["name"]] = pod["metadata"][field]
        else:
            found[entry["name"]] = entry.get("value", "")
    return found


def mounts(container: Mapping[str, Any], *, pod: Mapping[str, Any], volumes: Mapping[str, Path]) -> list[dict]:
    """The volumes of the Pod where the container wants them, and the caller's other files (by absolute path)."""
    declared = {volume["name"]: volume for volume in pod["spec"].get("volumes", ())}
    found = [_bind(path, source, writable=False) for path, source in volumes.items() if path.startswith("/")]
    for mount in container.get("volumeMounts", ()):
        volume, place = declared[mount["name"]], mount["mountPath"]
        if "emptyDir" in volume:
            size = number_of_bytes(volume["emptyDir"].get("sizeLimit", "64Mi"))
            options = ["nosuid", "nodev", "mode=1777", f"size={size}"]
            found.append({"destination": place, "type": "tmpfs", "source": "tmpfs", "options": options})
        else:
            source = volumes.get(mount["name"]) or Path(volume["hostPath"]["path"])
            found.append(_bind(place, source, writable=not mount.get("readOnly", False)))
    return found


def _bind(place: str, source: Path, *, writable: bool) -> dict:
    return {
        "destination": place,
        "type": "bind",
        "source": str(source),
        "options": ["bind", "rw" if writable else "ro"],
    }


def number_of_bytes(quantity: str) -> int:
    """A quantity of Kubernetes with a binary suffix."""
    return int(quantity[:-2]) * BYTES[quantity[-2:]]


def default_seccomp_profile() -> dict[str, Any] | None:
    """The profile of container runtimes for a process without capabilities on this machine; none if there is none.

    The file holds alternatives by capability, architecture and kernel; a runtime picks, here as there.
    """
    path = next((path for path in SECCOMP_PROFILES if path.is_file()), None)
    if path is None:
        return None
    document = json.loads(path.read_text())
    here = ARCHITECTURES[platform.machine()]
    native = {"amd64": "SCMP_ARCH_X86_64", "arm64": "SCMP_ARCH_AARCH64"}[here]
    architectures = next(entry for entry in document["archMap"] if entry["architecture"] == native)
    kept = []
    for rule in document["syscalls"]:
        wanted, unwanted = rule.get("includes") or {}, rule.get("excludes") or {}
        # A process without capabilities gets what is for nobody in particular.
        if wanted.get("caps") or here in unwanted.get("arches", ()) or here not in wanted.get("arches", [here]):
            continue
        kept.append({key: rule[key] for key in ("names", "action", "args", "errnoRet") if rule.get(key) is not None})
    return {
        "defaultAction": document["defaultAction"],
        "defaultErrnoRet": document["defaultErrnoRet"],
        "architectures": [native, *(architectures.get("subArchitectures") or [])],
        "syscalls": kept,
    }
