"""The real image as a container, by runc, as the chart would run it: user, root file system, rights, signals.

Needs root, runc (AKO_RUNC or on PATH), and the pinned files in the cache (`ako image build` puts them there).
"""

import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import pytest
import yaml
from helm_binaries import helm_binary
from image_inputs import PLATFORM
from kube_servers import wait_until

from ako_builder.chart.helm import Helm
from ako_builder.chart.tree import package
from ako_builder.image.assembly import Assembler
from ako_builder.image.lock import Depot, cache_folder, load_lock
from ako_builder.image.oci import Layout
from ako_builder.release import load_release
from ako_lab.avi_controller import AviLab, LabConfig
from ako_lab.kube_api import KubeLab

NAMESPACE = "avi-system"


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """The unpacked image and its configuration."""
    if os.geteuid() != 0:
        pytest.skip("only root can run containers here")
    cache, lock = cache_folder(), load_lock()
    if not all((cache / pin.sha256 / pin.file).is_file() for pin in lock.platforms[PLATFORM]):
        pytest.skip("the pinned files are not in the cache: run 'ako image build' once")
    folder = tmp_path_factory.mktemp("image")
    layout = Layout(path=folder / "layout")
    assembler = Assembler(release=load_release(), depot=Depot(cache=cache), lock=lock, epoch=0, layout=layout)
    top = assembler.build([PLATFORM], base=None)
    manifest = layout.json(layout.json(top.digest)["manifests"][0]["digest"])
    for layer in manifest["layers"]:
        with tarfile.open(fileobj=io.BytesIO(layout.blob(layer["digest"]))) as tar:
            tar.extractall(folder / "root", filter="fully_trusted")  # noqa: S202 - made a moment ago
    return folder / "root", layout.json(manifest["config"]["digest"])["config"]


def run_in(root, *command):
    chroot = ["chroot", "--userspec", "65532:65532", str(root), *command]
    return subprocess.run(chroot, capture_output=True, text=True, check=False)


def test_it_starts_and_has_no_shell(image):
    root, config = image
    done = run_in(root, *config["Entrypoint"], "run", "--help")
    assert done.returncode == 0, done.stderr
    assert "Watch the cluster" in done.stdout
    missing = run_in(root, *config["Entrypoint"], "run", "--kubeconfig", "/none")
    assert missing.returncode == 2, missing.stderr
    assert not [path for path in (root / "usr/bin").iterdir() if "python" not in path.name]


def test_the_command_of_helm_test_runs_in_the_image(image, tmp_path):
    pod = rendered({}, tmp_path)["Pod ako-test-status"]
    python, *arguments, url = pod["spec"]["containers"][0]["command"]
    assert url == f"http://ako.{NAMESPACE}.svc:8080"
    with answering({"/healthz": 200, "/readyz": 200, "/api/status": 200}) as good:
        done = run_in(image[0], f"/usr/bin/{python}", *arguments, good)
        assert (done.returncode, done.stdout.count(" 200 fine")) == (0, 3), done.stderr
    with answering({"/healthz": 200, "/readyz": 503}) as bad:
        done = run_in(image[0], f"/usr/bin/{python}", *arguments, bad)
        assert (done.returncode, done.stderr.strip()) == (1, f"{bad}/readyz: 503 fine")
    assert run_in(image[0], f"/usr/bin/{python}", *arguments, bad).returncode == 1


@contextmanager
def answering(statuses):
    """A server with these paths on loopback; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(statuses.get(self.path, 404))
            self.end_headers()
            self.wfile.write(b"fine")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_every_binary_is_for_its_platform_and_the_rest_is_the_same(tmp_path):
    cache, lock = cache_folder(), load_lock()
    if not all((cache / pin.sha256 / pin.file).is_file() for pins in lock.platforms.values() for pin in pins):
        pytest.skip("the pinned files are not in the cache: run 'ako image build' once")
    layout = Layout(path=tmp_path)
    assembler = Assembler(release=load_release(), depot=Depot(cache=cache), lock=lock, epoch=0, layout=layout)
    top = assembler.build(["linux/amd64", "linux/arm64"], base=None)
    found = {}
    for child in layout.json(top.digest)["manifests"]:
        files = dict(members(layout, child["digest"]))
        machines = {int.from_bytes(data[18:20], "little") for data in files.values() if data[:4] == b"\x7fELF"}
        assert machines == {MACHINES[child["platform"]["architecture"]]}
        found[child["platform"]["architecture"]] = {name: data for name, data in files.items() if OURS in name}
    assert len(found["arm64"]) > 50
    assert found["arm64"] == found["amd64"]


OURS = "/dist-packages/ako_runtime/"
# e_machine of ELF.
MACHINES = {"amd64": 0x3E, "arm64": 0xB7}


def members(layout, digest):
    """Every file of an image by its path."""
    for layer in layout.json(digest)["layers"]:
        with tarfile.open(fileobj=io.BytesIO(layout.blob(layer["digest"]))) as tar:
            for member in tar:
                if member.isfile():
                    yield f"/{member.name}", tar.extractfile(member).read()


def runc_binary():
    found = shutil.which(os.environ.get("AKO_RUNC", "runc"))
    if found is None:
        pytest.skip("no runc: install it, or name it with AKO_RUNC")
    return found


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def rendered(values, folder):
    release = load_release()
    path = folder / "values.yaml"
    path.write_text(json.dumps(values))
    helm = Helm(executable=helm_binary("4.3"), environ={"PATH": os.environ["PATH"], "HOME": str(folder)})
    archive = package(release, out=folder, epoch=0)
    text = helm.run(["template", "ako", str(archive), "--namespace", NAMESPACE, "--values", str(path)])
    return {f"{d['kind']} {d['metadata']['name']}": d for d in yaml.safe_load_all(text) if d}


def runtime_spec(image, pod, *, sources):
    """What a container runtime would be told about the chart's container."""
    root, config = image
    container = pod["containers"][0]
    own = {entry["name"]: entry.get("value", NAMESPACE) for entry in container["env"]} | {"POD_NAME": "ako-0"}
    mounts = [
        {"destination": "/proc", "type": "proc", "source": "proc"},
        {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "size=16m"]},
        *(
            {"destination": path, "type": "bind", "source": str(source), "options": ["bind", "ro"]}
            for path, source in sources.items()
        ),
    ]
    security, identity = container["securityContext"], pod["securityContext"]
    assert security["capabilities"] == {"drop": ["ALL"]}
    return {
        "ociVersion": "1.0.2",
        "root": {"path": str(root), "readonly": security["readOnlyRootFilesystem"]},
        "process": {
            "user": {"uid": identity["runAsUser"], "gid": identity["runAsGroup"]},
            "args": [*config["Entrypoint"], *container["args"]],
            "env": [*config["Env"], *(f"{name}={value}" for name, value in own.items())],
            "cwd": config["WorkingDir"],
            "noNewPrivileges": not security["allowPrivilegeEscalation"],
            "capabilities": {},
        },
        "mounts": mounts,
        # The labs are on loopback, so the network is the host's.
        "linux": {"namespaces": [{"type": "pid"}, {"type": "mount"}, {"type": "ipc"}, {"type": "uts"}]},
    }


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - loopback
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def test_it_works_as_the_chart_runs_it_and_stops_on_sigterm(image, tmp_path):
    runc = [runc_binary(), "--root", str(tmp_path / "state")]
    port = free_port()
    with AviLab(LabConfig()) as avi, KubeLab() as kube:
        (tmp_path / "kubeconfig").write_text(kube.kubeconfig())
        (tmp_path / "kubeconfig").chmod(0o644)
        objects = rendered(
            {
                "AKOSettings": {"apiServerPort": port, "logLevel": "INFO", "disableStaticRouteSync": True},
                "ControllerSettings": {"controllerHost": avi.host},
                "NetworkSettings": {"vipNetworkList": [{"networkName": "vip-network", "cidr": "10.10.0.0/24"}]},
                "avicredentials": {"username": avi.username, "password": avi.password},
                "extraArgs": ["--kubeconfig", "/kubeconfig"],
            },
            tmp_path,
        )
        kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
        for name in ("ConfigMap avi-k8s-config", "Secret avi-secret"):
            kube.apply(objects[name])
        pod = objects["StatefulSet ako"]["spec"]["template"]["spec"]
        # A bind mount needs its place in the image, which is read-only afterwards.
        (image[0] / "kubeconfig").touch()
        spec = runtime_spec(image, pod, sources={"/kubeconfig": tmp_path / "kubeconfig"})
        (tmp_path / "config.json").write_text(json.dumps(spec))
        name = f"ako-{uuid4().hex[:8]}"
        log = tmp_path / "log"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [*runc, "run", "--bundle", str(tmp_path), name], stdout=stream, stderr=subprocess.STDOUT
            )
            try:
                wait_until(lambda: process.poll() is not None or answers(f"http://127.0.0.1:{port}/readyz"), 40)
                assert process.poll() is None, log.read_text()
                status = Path(f"/proc/{first_process(runc, name)}/status").read_text()
                assert "Uid:\t65532" in status
                assert "CapEff:\t0000000000000000" in status
                subprocess.run([*runc, "kill", name, "TERM"], check=True)
                assert process.wait(30) == 0, log.read_text()
            finally:
                subprocess.run([*runc, "delete", "--force", name], capture_output=True, check=False)
                process.wait(30)


def first_process(runc, name):
    state = subprocess.run([*runc, "state", name], capture_output=True, check=True)
    return json.loads(state.stdout)["pid"]
