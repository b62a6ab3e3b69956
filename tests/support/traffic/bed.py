"""A controller, a Service Engine and Pods that answer, for tests that send requests.

`TrafficBed` stands once for many tests: `write` puts objects onto the controller, `http` and `udp` send a request
through the data plane, `reset` brings the controller back to what it was. Objects come as documents.
"""

import http.client
import json
import socket
import ssl
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import msgspec
from support.avi_lab.client import Client
from support.skips import Missing, skip_without

from ako_lab.avi_controller import AviLab, LabConfig
from ako_lab.avi_controller.certificates import self_made_certificate
from ako_lab.avi_controller.config import NetworkSeed, SubnetSeed
from ako_lab.service_engine import Namespace, ServiceEngine, why_not
from ako_runtime.errors import UserError

NETWORKS = (
    NetworkSeed(
        name="vip-net",
        subnets=(
            SubnetSeed(prefix="10.10.0.0/24", begin="10.10.0.10", end="10.10.0.250"),
            SubnetSeed(prefix="fd00:10::/64", begin="fd00:10::10", end="fd00:10::ffff"),
        ),
    ),
    NetworkSeed(
        name="telco-net",
        subnets=(
            SubnetSeed(prefix="10.20.0.0/24", begin="10.20.0.10", end="10.20.0.90"),
            SubnetSeed(prefix="fd00:20::/64", begin="fd00:20::10", end="fd00:20::ffff"),
        ),
    ),
    NetworkSeed(name="node-net", subnets=(SubnetSeed(prefix="10.40.0.0/24"),), usable=False),
)
PODS = (
    "10.244.1.5",
    "10.244.1.7",
    "10.244.1.8",
    "10.244.1.9",
    "10.244.2.6",
    "10.0.0.11",
    "10.0.0.12",
    "fd00::5",
    "fd00::11",
)
TCP_PORTS = (8080, 5354, 9090, 30080, 13060, 13061, 61000, 61001, 5061)
UDP_PORTS = (8080, 5514, 5353, 5354, 13060, 13061, 30053)


def controller():
    """A controller with the networks that golden cases name."""
    config = LabConfig()
    cloud, *others = config.clouds
    cloud = msgspec.structs.replace(
        cloud, networks=(*cloud.networks, *NETWORKS), dns_domains=(), se_groups=(*cloud.se_groups, "telco-seg", "seg-a")
    )
    return msgspec.structs.replace(config, clouds=(cloud, *others), tenants=("gold", "telco"))


def namespace():
    """A network namespace; the test is skipped where there is none, or no Envoy."""
    if reason := why_not():
        skip_without(Missing.ENVOY, reason)
    try:
        return Namespace()
    except UserError as error:
        skip_without(Missing.KERNEL, str(error))


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What came back."""

    status: int = 0
    headers: dict = {}
    said: dict = {}
    certificate: bytes = b""
    version: str = ""

    @property
    def pod(self):
        return self.said.get("pod", "")


class RefusedError(Exception):
    """Nobody answers: refused, reset, or closed without a word."""


class TrafficBed:
    """A controller, a Service Engine, and a server at every address of a Pod."""

    def __init__(self, avi=None, *, before=None):
        """A controller of its own, or one that stands already; `before` is called before the Service Engine comes."""
        self._given = avi
        self._before = before
        self._stack = ExitStack()

    def __enter__(self):
        with ExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ako-bed-")))
            self.place = namespace()
            stack.callback(self.place.close)
            self.avi = self._given or stack.enter_context(AviLab(controller()))
            self.certificate, self.key = self_made_certificate("pod.example.com", now=_now())
            (self.folder / "pod.crt").write_text(self.certificate)
            (self.folder / "pod.key").write_text(self.key)
            if self._before:
                self._before(self)
            self.engine = stack.enter_context(
                ServiceEngine(self.avi.url, self.avi.username, self.avi.password, place=self.place)
            )
            self.client = stack.enter_context(Client(self.avi))
            self._empty = self.avi.snapshot()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def start_echo(self, *arguments, name="echo"):
        """An echo server; returns when it serves."""
        log = self.folder / f"{name}.log"
        command = [sys.executable, "-m", "ako_lab.pods.echo", *arguments]
        program = self.place.start(command, log=log)
        until(lambda: "serves" in log.read_text() or program.poll() is not None, what=f"{name} serves")
        assert program.poll() is None, log.read_text()
        return program

    def start_all_pods(self):
        """A server at every address that golden cases have, named by its address."""
        ports = [item for port in TCP_PORTS for item in ("--http", str(port))]
        ports += [item for port in UDP_PORTS for item in ("--udp", str(port))]
        addresses = [item for address in PODS for item in ("--address", address)]
        tls = ["--certificate", str(self.folder / "pod.crt"), "--key", str(self.folder / "pod.key")]
        return self.start_echo(*addresses, *ports, *tls)

    def write(self, kind, document):
        """Create an object."""
        tenant = document.get("tenant", "admin")
        body = {name: value for name, value in document.items() if name not in ("tenant", "tenant_ref")}
        answer = self.client.request("POST", f"/api/{kind}", body, X_Avi_Tenant=tenant)
        assert answer.status < 300, (kind, document.get("name"), answer.body)
        return answer.json

    def write_all(self, objects):
        """Create objects in an order in which references find what they name."""
        waiting = list(objects)
        while waiting:
            left, problems = [], []
            for kind, document in waiting:
                try:
                    self.write(kind, document)
                except AssertionError as error:
                    problems.append(error)
                    left.append((kind, document))
            assert len(left) < len(waiting), problems[0]
            waiting = left

    def replace(self, kind, name, **fields):
        """Change fields of an object by a PUT."""
        found = next(one for one in self.avi.objects(kind) if one["name"] == name)
        body = {**found, **fields}
        body.pop("vs_refs", None)
        answer = self.client.request("PUT", f"/api/{kind}/{found['uuid']}", body)
        assert answer.status < 300, answer.body

    def delete(self, kind, name):
        """Delete an object."""
        found = next(one for one in self.avi.objects(kind) if one["name"] == name)
        answer = self.client.request("DELETE", f"/api/{kind}/{found['uuid']}")
        assert answer.status < 300, answer.body

    def settle(self):
        """Wait until what stands on the controller is in force."""
        self.engine.until(self.writes())

    def writes(self):
        """The number of the controller's last write."""
        with self.avi._controller.lock:
            return self.avi._controller.store.writes

    def reset(self):
        """Bring the controller back to what it was at the start."""
        self.avi.restore(self._empty)
        self.client.cookies.clear()
        self.client.login(self.avi.username, self.avi.password)

    def address(self, vsvip=None, *, family="ip_address"):
        """The address of a VsVip by its name, or of the only one."""
        found = [one for one in self.avi.objects("vsvip") if vsvip in (None, one["name"])]
        assert len(found) == 1, [one["name"] for one in found]
        return next(vip[family]["addr"] for vip in found[0]["vip"] if family in vip)

    def address_of_host(self, host):
        """The address of the VsVip that registers a host, or of the only one."""
        vips = self.avi.objects("vsvip")
        named = [one for one in vips if any(_covers(item["fqdn"], host) for item in one.get("dns_info", ()))]
        [found] = named or vips
        return found["vip"][0]["ip_address"]["addr"]

    # Requests

    def connect(self, address, port, *, source=None, kind=socket.SOCK_STREAM, timeout=10.0):
        """A connected socket of the place."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        connection = self.place.socket(family, kind)
        connection.settimeout(timeout)
        try:
            if source:
                connection.bind((source, 0))
            connection.connect((address, port))
        except OSError as error:
            connection.close()
            raise RefusedError(str(error)) from error
        return connection

    def http(self, address, port=80, path="/", *, host="", method="GET", tls=None, source=None, **headers):
        """One request over HTTP/1.1; `tls` is a server name or a context with one: (name, context)."""
        with self.connect(address, port, source=source) as connection:
            try:
                certificate, version = b"", ""
                if tls is not None:
                    name, context = tls if isinstance(tls, tuple) else (tls, trusting())
                    secure = context.wrap_socket(connection, server_hostname=name or None)
                    certificate, version = secure.getpeercert(binary_form=True) or b"", secure.version()
                client = http.client.HTTPConnection(address, port)
                client.sock = connection if tls is None else secure
                sent = {name.replace("_", "-"): value for name, value in headers.items()}
                client.request(method, path, headers={"Host": host or address, **sent})
                response = client.getresponse()
                body = response.read()
            except (OSError, http.client.HTTPException) as error:
                raise RefusedError(repr(error)) from error
            finally:
                if tls is not None and (inner := locals().get("secure")):
                    inner.close()
        json_body = response.getheader("content-type") == "application/json" and body
        return Answer(
            status=response.status,
            headers={name.lower(): value for name, value in response.getheaders()},
            said=json.loads(body) if json_body else {},
            certificate=certificate,
            version=version,
        )

    def stream(self, address, port=80, path="/", **more):
        """Requests one after another, each over a connection of its own, until the end of the block."""
        return Stream(self, lambda: self.http(address, port, path, **more))

    def udp(self, address, port, *, source=None, timeout=3.0):
        """One datagram there and back: the name of the Pod."""
        with self.connect(address, port, source=source, kind=socket.SOCK_DGRAM, timeout=timeout) as connection:
            try:
                connection.send(b"ping")
                return connection.recv(9000).split(b" ")[0].decode()
            except OSError as error:
                raise RefusedError(repr(error)) from error


class Stream:
    """Requests in a thread; afterwards who answered, and what failed."""

    def __init__(self, bed, ask):
        self._bed = bed
        self._ask = ask
        self._stop = threading.Event()
        self.answers = []
        self.failures = []

    def __enter__(self):
        self._thread = threading.Thread(target=self._run, name="stream")
        self._thread.start()
        self.until(lambda: self.answers)
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(60)

    def _run(self):
        while not self._stop.is_set():
            try:
                answer = self._ask()
                (self.answers if answer.status < 400 else self.failures).append(answer)
            except (RefusedError, AssertionError) as error:
                self.failures.append(error)

    def pods(self, last=20):
        """Who answered lately."""
        return {answer.pod for answer in self.answers[-last:]}

    def more(self, count=40):
        """Wait for so many answers more."""
        wanted = len(self.answers) + count
        self.until(lambda: len(self.answers) >= wanted)

    def until(self, fact):
        """Wait for a fact; failures do not end the wait, the test judges them."""
        until(fact, what=f"{len(self.answers)} answers, failures {self.failures[:3]}", timeout=60)


def trusting():
    """A client that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _covers(fqdn, host):
    return fqdn == host or (fqdn.startswith("*") and host.endswith(fqdn[1:]))


def _now():
    import datetime as dt

    return dt.datetime.now(tz=dt.UTC)


def until(fact, *, what, timeout=30.0):
    """Ask again until a fact holds that nobody announces."""
    end = time.monotonic() + timeout
    while not (found := fact()):
        assert time.monotonic() < end, f"{what}: not so within {timeout} s"
        time.sleep(0.005)
    return found
