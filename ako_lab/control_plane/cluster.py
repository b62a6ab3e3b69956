"""`ControlPlane`: etcd, kube-apiserver and kube-controller-manager as child processes on loopback.

    with ControlPlane(folder=tmp_path, binaries=BinaryCache(release=release_of("1.34")).ensure()) as cluster:
        cluster.kubeconfig    # path of an administrator's kubeconfig
        cluster.kubeconfig_for("telco-operator", groups=("cnf-team",))    # another user, without rights yet

All state is in one folder that the caller may throw away: certificates, etcd's data (written without fsync), logs.
RBAC and Node authorization are on, ServiceAccount tokens are signed and checked, the garbage collector, the namespace,
EndpointSlice, ReplicaSet and Deployment controllers run; there is no scheduler and no kubelet (`nodes.FakeNodes` plays
both, `add_nodes` starts it as one more process). The processes die with their parent: each asks the kernel for that
before it starts.

Ports are taken free at the start and given to the programs a moment later; if another process was faster, the start is
tried again with other ports.
"""

import contextlib
import ctypes
import http.client
import json
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from ako_lab.control_plane.certificates import Authority, write_signing_key
from ako_lab.control_plane.places import NODES_READY
from ako_lab.kube_api.kubeconfig import kubeconfig_text, write_kubeconfig
from ako_runtime.errors import UserError

_HOST = "127.0.0.1"
_SERVICE_RANGES = "10.96.0.0/16,fd00:10:96::/112"
_ADMINISTRATORS = "system:masters"
_ATTEMPTS = 3
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_PAUSE_SECONDS = 0.05
_NODES = "fake-nodes"


class ControlPlane:
    """One running control plane; `start` returns when the API server says that it is ready.

    `interrupted` is asked while it waits; once it says yes, what was started is ended and KeyboardInterrupt raised.
    """

    def __init__(
        self,
        *,
        folder: Path,
        binaries: Path,
        ready_seconds: float = 180.0,
        outlive_parent: bool = False,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        self._interrupted = interrupted
        self._folder = folder.absolute()
        self._binaries = binaries
        self._ready_seconds = ready_seconds
        self._outlive_parent = outlive_parent
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._authority: Authority | None = None
        self._port = 0
        self._version = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """The address of the API server."""
        return f"https://{_HOST}:{self._port}"

    @property
    def version(self) -> str:
        """The version of Kubernetes that the API server reports, such as `1.34.4`."""
        return self._version

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self._folder / "kubeconfig"

    @property
    def processes(self) -> dict[str, int]:
        """Process ids by program."""
        return {name: process.pid for name, process in self._processes.items()}

    def start(self) -> None:
        """Start the three programs and wait until the API server is ready."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                self._start()
            except BaseException as error:
                # Whatever it was, Ctrl-C too: what is left running here would run for ever, and nobody would know.
                self.stop()
                if attempt == _ATTEMPTS or not isinstance(error, UserError) or not self._lost_its_port():
                    raise
            else:
                return

    def add_nodes(self, count: int) -> None:
        """Start the loop that keeps fake nodes and the Pods on them; returns when the nodes are Ready."""
        arguments = ("nodes", "--kubeconfig", str(self.kubeconfig), "--count", str(count))
        try:
            self._spawn(_NODES, [sys.executable, "-m", "ako_lab.control_plane.cli", *arguments])
            self._wait_until(lambda: NODES_READY in self.log_of(_NODES), what="the fake nodes were not ready")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything, newest first; kill what does not end by itself."""
        processes, self._processes = list(self._processes.values()), {}
        for process in reversed(processes):
            process.terminate()
        for process in reversed(processes):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def kubeconfig_for(self, user: str, *, groups: Sequence[str] = ()) -> Path:
        """A kubeconfig of another user, authenticated by a certificate."""
        if self._authority is None:
            raise UserError("the control plane is not started: there is no authority to sign a certificate")
        certificate, key = self._authority.issue_client(user, groups)
        path = self._folder / f"kubeconfig-{certificate.stem}"
        self._write_kubeconfig(path, certificate, key)
        return path

    def log_of(self, program: str) -> str:
        """What a program has written."""
        path = self._folder / f"{program}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def _start(self) -> None:
        pki = self._folder / "pki"
        pki.mkdir(parents=True, exist_ok=True)
        ports = _free_ports(4)
        self._port = ports[2]
        self._authority = Authority(folder=pki)
        signing = write_signing_key(pki / "service-accounts.key")
        serving = self._authority.issue_server("kube-apiserver", (_HOST, "localhost", "kubernetes", "10.96.0.1"))
        administrator = self._authority.issue_client("kubernetes-admin", (_ADMINISTRATORS,))
        self._write_kubeconfig(self.kubeconfig, *administrator)
        self._run_etcd(ports[0], ports[1])
        self._run_apiserver(etcd=ports[0], serving=serving, signing=signing)
        self._run_controllers(port=ports[3], signing=signing)
        self._wait_until_ready()

    def _run_etcd(self, client: int, peer: int) -> None:
        self._run(
            "etcd",
            f"--data-dir={self._folder / 'etcd'}",
            f"--listen-client-urls=http://{_HOST}:{client}",
            f"--advertise-client-urls=http://{_HOST}:{client}",
            f"--listen-peer-urls=http://{_HOST}:{peer}",
            f"--initial-advertise-peer-urls=http://{_HOST}:{peer}",
            f"--initial-cluster=default=http://{_HOST}:{peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        )

    def _run_apiserver(self, *, etcd: int, serving: tuple[Path, Path], signing: Path) -> None:
        self._run(
            "kube-apiserver",
            f"--etcd-servers=http://{_HOST}:{etcd}",
            f"--bind-address={_HOST}",
            f"--advertise-address={_HOST}",
            f"--secure-port={self._port}",
            f"--tls-cert-file={serving[0]}",
            f"--tls-private-key-file={serving[1]}",
            f"--client-ca-file={self._folder / 'pki' / 'ca.crt'}",
            f"--service-account-key-file={signing}",
            f"--service-account-signing-key-file={signing}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-cluster-ip-range={_SERVICE_RANGES}",
            "--authorization-mode=Node,RBAC",
            "--endpoint-reconciler-type=none",
            "--profiling=false",
            f"--cert-dir={self._folder / 'pki'}",
        )

    def _run_controllers(self, *, port: int, signing: Path) -> None:
        self._run(
            "kube-controller-manager",
            f"--kubeconfig={self.kubeconfig}",
            f"--bind-address={_HOST}",
            f"--secure-port={port}",
            f"--service-account-private-key-file={signing}",
            f"--root-ca-file={self._folder / 'pki' / 'ca.crt'}",
            "--use-service-account-credentials=true",
            f"--service-cluster-ip-range={_SERVICE_RANGES}",
            "--leader-elect=false",
            "--concurrent-namespace-syncs=20",
            "--kube-api-qps=300",
            "--kube-api-burst=600",
            f"--cert-dir={self._folder / 'pki'}",
        )

    def _run(self, program: str, *arguments: str) -> None:
        self._spawn(program, [str(self._binaries / program), *arguments])

    def _spawn(self, name: str, command: list[str]) -> None:
        with (self._folder / f"{name}.log").open("wb") as log:
            try:
                self._processes[name] = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    preexec_fn=None if self._outlive_parent else _die_with_parent,  # noqa: PLW1509 - one system call
                    start_new_session=True,
                )
            except OSError as error:
                raise UserError(f"{command[0]} cannot be started: {error.strerror}; build or fetch it again") from error

    def _wait_until_ready(self) -> None:
        context = ssl.create_default_context(cafile=str(self._folder / "pki" / "ca.crt"))
        pki = self._folder / "pki"
        context.load_cert_chain(pki / "kubernetes-admin.crt", pki / "kubernetes-admin.key")
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

        def ready() -> bool:
            # The namespace `default` is made shortly after the server is ready, and every test uses it.
            with (
                contextlib.suppress(OSError, http.client.HTTPException),
                opener.open(f"{self.url}/readyz", timeout=2),
                opener.open(f"{self.url}/api/v1/namespaces/default/serviceaccounts/default", timeout=2),
                opener.open(f"{self.url}/version", timeout=2) as answer,
            ):
                self._version = json.load(answer)["gitVersion"].removeprefix("v")
                return True
            return False

        self._wait_until(ready, what="kube-apiserver was not ready")

    def _wait_until(self, fact: Callable[[], bool], *, what: str) -> None:
        """Wait for a fact while every process lives; raises `UserError`."""
        end = time.monotonic() + self._ready_seconds
        while not fact():
            if self._interrupted():
                raise KeyboardInterrupt
            for name, process in self._processes.items():
                if process.poll() is not None:
                    raise UserError(f"{name} stopped with code {process.returncode}: {self._last_words(name)}")
            if time.monotonic() > end:
                raise UserError(f"{what} in {self._ready_seconds:.0f} s; see the logs in {self._folder}")
            time.sleep(_PAUSE_SECONDS)

    def _lost_its_port(self) -> bool:
        return any("address already in use" in self.log_of(name) for name in ("etcd", "kube-apiserver"))

    def _last_words(self, program: str) -> str:
        lines = self.log_of(program).strip().splitlines()
        return lines[-1] if lines else "it wrote nothing"

    def _write_kubeconfig(self, path: Path, certificate: Path, key: Path) -> None:
        user = {
            "client-certificate-data": _base64(certificate),
            "client-key-data": _base64(key),
        }
        authority = _base64(self._folder / "pki" / "ca.crt")
        text = kubeconfig_text(name="ako-control-plane", server=self.url, user=user, authority=authority)
        write_kubeconfig(path, text)


def _base64(path: Path) -> str:
    return b64encode(path.read_bytes()).decode()


def _die_with_parent() -> None:
    """Run in the child before the program: end with the process that started it."""
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGTERM)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((_HOST, 0))
        return [each.getsockname()[1] for each in sockets]
