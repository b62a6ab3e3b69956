"""The process that lives in a network namespace of its own and does there what its owner asks.

    python -I agent.py FD

It makes the namespace (within a user namespace if it is not root), brings the loopback device up and makes every
address local: whoever binds one has it, nobody has to add or remove any. Then it answers requests on its socket, one
at a time: a socket of the namespace (its descriptor goes over), a program started there, a signal, the end of a
program. A connection of such a socket goes through the namespace whoever uses it. When the owner is gone, so are the
agent and its programs.
"""

import array
import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from typing import Any

NEW_USER, NEW_NETWORK = 0x10000000, 0x40000000
DEATH_SIGNAL = 1
MOST_BYTES = 1 << 20
_UP, _SET_FLAGS, _GET_FLAGS = 0x1, 0x8914, 0x8913
_NEW_ROUTE, _REQUEST_ACK_CREATE = 24, 0x405
_LOCAL_TABLE, _HOST_SCOPE, _LOCAL = 255, 254, 2
_OUT_INTERFACE, _DESTINATION = 4, 1


def make_namespace() -> None:
    """Go into a new network namespace, in which every address is local."""
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_NETWORK | (NEW_USER if user else 0)):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    if user:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"0 {user} 1")
        _write("/proc/self/gid_map", f"0 {group} 1")
    _loopback_up()
    _every_address_local(socket.AF_INET)
    # A machine without IPv6 has the rest.
    with contextlib.suppress(OSError):
        _every_address_local(socket.AF_INET6)
        # IPv6 asks whether a device has the address, not whether it is local.
        _write("/proc/sys/net/ipv6/ip_nonlocal_bind", "1")


def _write(path: str, text: str) -> None:
    with open(path, "w") as stream:  # noqa: PTH123 - files of the kernel
        stream.write(text)


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(control, _GET_FLAGS, request))[1]
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sh14x", b"lo", flags | _UP))


def _every_address_local(family: int) -> None:
    """What `ip route add local default dev lo` does; the halves, because a default route of IPv6 needs more."""
    size = 4 if family == socket.AF_INET else 16
    for first in (0, 128):
        route = struct.pack("=BBBBBBBBI", family, 1, 0, 0, _LOCAL_TABLE, 0, _HOST_SCOPE, _LOCAL, 0)
        route += struct.pack("=HHI", 8, _OUT_INTERFACE, socket.if_nametoindex("lo"))
        route += struct.pack("=HH", 4 + size, _DESTINATION) + bytes([first]) + bytes(size - 1)
        message = struct.pack("=IHHII", 16 + len(route), _NEW_ROUTE, _REQUEST_ACK_CREATE, 1, 0) + route
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
            kernel.send(message)
            answer = kernel.recv(4096)
        number = -struct.unpack_from("=i", answer, 16)[0]
        if number:
            raise OSError(number, os.strerror(number))


def die_with_parent() -> None:
    """Let the kernel end this process when the one that started it is gone."""
    ctypes.CDLL(None).prctl(DEATH_SIGNAL, signal.SIGKILL)


class Agent:
    """Answers requests on a socket until the other end is closed."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._programs: dict[int, subprocess.Popen[bytes]] = {}

    def serve(self) -> None:
        """Answer until nobody asks any more, then end everything that was started."""
        with self._channel:
            while message := self._channel.recv(MOST_BYTES):
                descriptors: list[int] = []
                try:
                    answer = self._answer(json.loads(message), descriptors)
                except (OSError, ValueError, KeyError) as error:
                    answer = {"error": str(error)}
                content = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
                self._channel.sendmsg([json.dumps(answer).encode()], content)
                for descriptor in descriptors:
                    os.close(descriptor)
        for program in self._programs.values():
            program.kill()

    def _answer(self, request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        match request["do"]:
            case "socket":
                descriptors.append(socket.socket(request["family"], request["type"]).detach())
                return {}
            case "start":
                return {"pid": self._start(request)}
            case "signal":
                self._programs[request["pid"]].send_signal(request["number"])
                return {}
            case "poll":
                return {"code": self._programs[request["pid"]].poll()}
            case _:
                return {"error": "nothing that an agent does"}

    def _start(self, request: dict[str, Any]) -> int:
        with open(request["log"], "ab") as log:  # noqa: PTH123 - a path as text
            program = subprocess.Popen(
                request["command"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **request["environment"]},
                preexec_fn=die_with_parent,  # noqa: PLW1509 - this process has one thread
            )
        self._programs[program.pid] = program
        return program.pid


def main() -> None:
    """Make the namespace and say how that went, then serve."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    for number in (signal.SIGINT, signal.SIGTERM):
        # Ctrl-C reaches the whole group; the owner closes the channel when it is done.
        signal.signal(number, signal.SIG_IGN)
    try:
        make_namespace()
    except OSError as error:
        channel.send(json.dumps({"error": error.strerror or str(error)}).encode())
        return
    channel.send(b"{}")
    Agent(channel).serve()


if __name__ == "__main__":
    main()
