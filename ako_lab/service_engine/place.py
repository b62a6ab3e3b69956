"""Where addresses are: in a network namespace of their own, or on the loopback addresses of this machine.

In a namespace every address exists, of both families, and every port is free; root makes one, other users make one
within a user namespace where the machine allows it. Without either, `Loopback` has what 127.0.0.0/8 gives: one
family, ports above 1023 unless root, and the clients' addresses are the machine's own, so that lists of clients
cannot be tried.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

from ako_lab.service_engine import agent
from ako_runtime.errors import UserError

_WAIT_SECONDS = 10.0


class Program(Protocol):
    """A program that was started at a place."""

    @property
    def pid(self) -> int:
        """Its number on this machine."""

    def signal(self, number: int) -> None:
        """Send it a signal; one that is gone takes none."""

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""


class Place(Protocol):
    """Where addresses are."""

    kind: str
    limits: str

    def socket(self, family: int, kind: int) -> socket.socket:
        """A socket of the place; whoever uses it is at the place."""

    def start(self, command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None) -> Program:
        """Start a program at the place; it ends with its owner."""

    def close(self) -> None:
        """End every program of the place and give it up."""


class _Popen:
    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process

    @property
    def pid(self) -> int:
        return self._process.pid

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def poll(self) -> int | None:
        return self._process.poll()


class Loopback:
    """The loopback addresses of this machine."""

    kind = "loopback"
    limits = "IPv4 below 127.0.0.0/8 only, ports from 1024 unless root, one address for all clients"

    def __init__(self) -> None:
        self._programs: list[subprocess.Popen[bytes]] = []

    def socket(self, family: int, kind: int) -> socket.socket:
        """A plain socket."""
        return socket.socket(family, kind)

    def start(self, command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None) -> Program:
        """Start a program; a small one of ours in between ends it when this process is gone."""
        with log.open("ab") as stream:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                preexec_fn=agent.die_with_parent,  # noqa: PLW1509 - one system call
            )
        self._programs.append(process)
        return _Popen(process)

    def close(self) -> None:
        """End every program."""
        for process in self._programs:
            process.kill()
        for process in self._programs:
            process.wait(_WAIT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Remote:
    def __init__(self, namespace: "Namespace", pid: int) -> None:
        self._namespace = namespace
        self.pid = pid

    def signal(self, number: int) -> None:
        self._namespace.ask({"do": "signal", "pid": self.pid, "number": number})

    def poll(self) -> int | None:
        code: int | None = self._namespace.ask({"do": "poll", "pid": self.pid})["code"]
        return code


class Namespace:
    """A network namespace of its own; raises `UserError` where the machine allows none."""

    kind = "namespace"
    limits = ""

    def __init__(self) -> None:
        own, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel = own
        self._lock = threading.Lock()
        # By its file and without paths of ours: it needs nothing but the standard library, and starts at once.
        command = [sys.executable, "-I", agent.__file__, str(theirs.fileno())]
        with theirs:
            self._agent = subprocess.Popen(command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        own.settimeout(60.0)
        try:
            said = json.loads(own.recv(agent.MOST_BYTES) or b'{"error": "it ended"}')
        except OSError as error:
            said = {"error": str(error)}
        if "error" in said:
            self.close()
            raise UserError(f"no network namespace of our own: {said['error']}; run as root, or allow user namespaces")

    @property
    def pid(self) -> int:
        """A process that lives in the namespace, for `nsenter`."""
        return self._agent.pid

    @property
    def entering(self) -> str:
        """The command that another command is put behind to run in the namespace."""
        user = "" if os.getuid() == 0 else " --user --preserve-credentials"
        return f"nsenter --target {self.pid} --net{user}"

    def socket(self, family: int, kind: int) -> socket.socket:
        """A socket of the namespace."""
        with self._lock:
            self._send({"do": "socket", "family": int(family), "type": int(kind)})
            answer, descriptors, _, _ = socket.recv_fds(self._channel, agent.MOST_BYTES, 1)
        _checked(json.loads(answer))
        return socket.socket(fileno=descriptors[0])

    def start(self, command: Sequence[str], *, log: Path, environment: Mapping[str, str] | None = None) -> Program:
        """Start a program in the namespace."""
        request = {"do": "start", "command": list(command), "log": str(log), "environment": dict(environment or {})}
        return _Remote(self, self.ask(request)["pid"])

    def ask(self, request: Mapping[str, object]) -> dict[str, Any]:
        """The agent's answer to a request."""
        with self._lock:
            self._send(request)
            answer = self._channel.recv(agent.MOST_BYTES)
        return _checked(json.loads(answer or b'{"error": "the agent ended"}'))

    def _send(self, request: Mapping[str, object]) -> None:
        self._channel.send(json.dumps(request).encode())

    def close(self) -> None:
        """End the namespace with everything in it."""
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)
        self._channel.close()
        try:
            self._agent.wait(_WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            self._agent.send_signal(signal.SIGKILL)
            self._agent.wait(_WAIT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _checked(answer: dict[str, Any]) -> dict[str, Any]:
    if "error" in answer:
        raise OSError(answer["error"])
    return answer


def best_place() -> Place:
    """A namespace where the machine allows one, else the loopback addresses."""
    try:
        return Namespace()
    except UserError:
        return Loopback()
