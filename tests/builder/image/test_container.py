"""The real image: what is in it, and that it runs as the chart would have it run: user, file system, rights, signals.

The image is built once for all tests (`container_image`). Containers need root and runc (AKO_RUNC, or on PATH);
`scripts/chart-tools` gets runc and what the image is made of.
"""

import io
import subprocess
import tarfile
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support.image.container_image import children
from support.image.pod_containers import container_of, default_seccomp_profile, runc_or_skip
from support.image.pod_in_lab import NAMESPACE, answers, pod_in_lab, rendered
from support.kube.servers import wait_until
from support.skips import Missing, skip_without


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


def test_every_binary_is_for_its_platform_and_the_rest_is_the_same(image_layout):
    found = {}
    for child in children(image_layout):
        files = dict(members(image_layout, child["digest"]))
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


@pytest.fixture
def running(image, tmp_path):
    """The chart's container, ready, between an Avi Controller and a Kubernetes API of the lab."""
    runc_or_skip()
    with pod_in_lab(tmp_path) as (pod, port):
        container = container_of(pod, image=image, folder=tmp_path / "container")
        try:
            ready = f"http://127.0.0.1:{port}/readyz"
            wait_until(lambda: container.exit_code is not None or answers(ready), 60)
            assert container.exit_code is None, container.log
            yield container
        finally:
            container.remove()


def test_it_works_with_the_rights_of_the_chart_and_stops_on_sigterm(running):
    status = running.status
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {"65532"}
    assert [status[f"Cap{kind}"].strip("0") for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")] == [""] * 5
    assert status["NoNewPrivs"] == "1"
    assert "Read-only file system" in running.execute("python3", "-I", "-c", WRITE)
    assert running.stop() == 0, running.log


# The temporary folder can be written, nothing else.
WRITE = """
open("/tmp/file", "w").close()
try:
    open("/usr/file", "w").close()
except OSError as error:
    print(error.strerror)
"""


def test_it_works_under_the_default_seccomp_profile(running):
    if default_seccomp_profile() is None:
        skip_without(Missing.TOOLS, "no default seccomp profile: run scripts/chart-tools")
    assert running.status["Seccomp"] == "2"


def test_it_buries_what_others_leave_behind(running):
    running.execute("python3", "-I", "-c", ORPHAN)
    wait_until(lambda: running.execute("python3", "-I", "-c", OTHERS) == "[]\n")


# The first process leaves a child, which ends as soon as it belongs to somebody else.
ORPHAN = """
import os, time
if not os.fork():
    while os.getppid() != 1:
        time.sleep(0.01)
    os._exit(1)
"""
OTHERS = """
import os
print([name for name in os.listdir("/proc") if name.isdigit() and int(name) not in (1, os.getpid())])
"""
