"""The real kapp-controller for tests: two processes beside a real control plane, as its Deployment would run them.

Its aggregated API server is left out: it would need a Service that the API server can reach. Package and
PackageMetadata are served as plain custom resources with the schemas of the internal kinds instead; the controller
reads them through the same client and does not notice.
"""

import copy
import os
import subprocess
import sys
import threading
from base64 import b64decode
from contextlib import ExitStack, contextmanager
from pathlib import Path

import yaml
from support.addon.carvel_tools import carvel_folder
from support.data_folder import test_data
from support.kube.servers import DEFINITIONS, Rest, is_established, tool_or_skip, wait_until

_PLAIN = {
    "InternalPackage": ("Package", "packages"),
    "InternalPackageMetadata": ("PackageMetadata", "packagemetadatas"),
}


def carvel_crds():
    """The CRDs of kapp-controller, and those that stand in for its aggregated API."""
    found = []
    for crd in yaml.safe_load_all(test_data("crds", "carvel", "kapp-controller-crds.yaml").read_text()):
        if not crd or crd["kind"] != "CustomResourceDefinition":
            continue
        found.append(crd)
        kind = crd["spec"]["names"]["kind"]
        if kind in _PLAIN:
            found.append(_plain(copy.deepcopy(crd), *_PLAIN[kind]))
    return found


def _plain(crd, kind, plural):
    group = "data.packaging.carvel.dev"
    crd["metadata"] = {"name": f"{plural}.{group}"}
    crd["spec"]["group"] = group
    crd["spec"]["names"] = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    return crd


def install_crds(rest: Rest, found) -> None:
    names = []
    for crd in found:
        reply = rest.post(DEFINITIONS, crd)
        assert reply.status == 201, reply
        names.append(crd["metadata"]["name"])
    for name in names:
        path = f"{DEFINITIONS}/{name}"
        wait_until(lambda path=path: is_established(rest.get(path).json))


@contextmanager
def kapp_controller(kubeconfig: Path, folder: Path, namespace: str):
    """Run kapp-controller and its side-car until the block ends; yields the path of its log."""
    tools = carvel_folder()
    programs = folder / "bin"
    programs.mkdir()
    for name in ("ytt", "kbld", "imgpkg", "kapp", "vendir"):
        (programs / name).symlink_to(tools / name)
    (programs / "helm").symlink_to(tool_or_skip("helm-3.17"))
    cluster = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]
    host, _, port = cluster["server"].removeprefix("https://").rpartition(":")
    for name in ("home", "tmp"):
        (folder / name).mkdir()
    environ = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "KUBECONFIG": str(kubeconfig),
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": port,
        "KAPPCTRL_SYSTEM_NAMESPACE": namespace,
        "KAPPCTRL_SIDECAREXEC_SOCK": str(folder / "sock"),
        "KAPPCTRL_MEM_TMP_DIR": str(folder / "tmp"),
        "KAPPCTRL_KUBERNETES_CA_DATA": b64decode(cluster["certificate-authority-data"]).decode(),
    }
    log = folder / "log"
    options = [f"--packaging-global-namespace={namespace}", "--start-api-server=false", "--metrics-bind-address=0"]
    with ExitStack() as stack:
        stream = stack.enter_context(log.open("wb"))
        sidecar = _run(stack, [tools / "kapp-controller", "--sidecarexec"], environ, stream)
        _wait_for_socket(folder / "sock", sidecar)
        _run(stack, [tools / "kapp-controller", *options], environ, stream)
        yield log


def _run(stack: ExitStack, command, environ, stream) -> subprocess.Popen:
    process = subprocess.Popen(command, env=environ, stdout=stream, stderr=subprocess.STDOUT)
    stack.callback(process.wait, timeout=20)
    stack.callback(process.terminate)
    return process


def _wait_for_socket(path: Path, process: subprocess.Popen, seconds: float = 20.0) -> None:
    pause = threading.Event()
    for _ in range(int(seconds * 20)):
        if path.exists():
            return
        assert process.poll() is None, "the side-car of kapp-controller ended"
        pause.wait(0.05)
    sys.exit("the side-car of kapp-controller opened no socket")
