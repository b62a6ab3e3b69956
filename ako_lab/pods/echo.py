"""A server that says who it is and what it got, over HTTP, TCP and UDP: the program of the lab's Pods.

    python -m ako_lab.pods.echo --name web-1 --address 10.244.1.5 --http 8080 --tcp 5060 --udp 5060

With `--certificate` and `--key` the ports for HTTP speak HTTPS as well.

HTTP answers are JSON: name, method, path, headers, the client's address. Paths with a meaning: `/slow/SECONDS`
answers late, `/status/CODE` with a status, `/big/BYTES` with a body of that size. TCP and UDP send back what came,
with the name in front; TCP greets nobody first. `GET /health` answers 200 until `POST /health/CODE` says otherwise.

SIGTERM begins a graceful end: it serves on for `--grace` seconds, so that load balancers notice, every HTTP answer
saying that the connection ends, then accepts nothing and ends when the last request is answered.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import socket
import ssl
from typing import Any

_HANDSHAKE = b"\x16"
_MOST_HEAD = 64 * 1024
_MOST_BODY = 16 * 1024 * 1024
_REASONS = {200: "OK", 204: "No Content", 404: "Not Found", 500: "Internal Server Error", 503: "Service Unavailable"}


class Echo:
    """All ports of one Pod."""

    def __init__(self, name: str, address: str, grace: float) -> None:
        self.name = name
        self.address = address
        self.grace = grace
        self.health = 200
        self.requests = 0
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.ending = asyncio.Event()
        self._servers: list[asyncio.Server] = []
        self._acceptors: list[tuple[socket.socket, asyncio.Task[None]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def http(self, port: int, context: ssl.SSLContext | None = None) -> None:
        """Serve HTTP/1.1; with a context also HTTPS, at the same port: the first byte tells them apart."""
        if context is None:
            server = await asyncio.start_server(self._http, self.address, port, limit=_MOST_HEAD, backlog=1024)
            self._servers.append(server)
            return
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        listening = socket.create_server((self.address, port), family=family, backlog=1024)
        listening.setblocking(False)
        self._acceptors.append((listening, loop.create_task(self._accept(listening, context))))

    async def _accept(self, listening: socket.socket, context: ssl.SSLContext) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(listening)
            task = loop.create_task(self._meet(connection, context))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _meet(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        """See what the client begins with, and serve it so."""
        loop = asyncio.get_running_loop()
        connection.setblocking(False)
        readable = loop.create_future()
        loop.add_reader(connection, _done, readable)
        try:
            await readable
        finally:
            loop.remove_reader(connection)
        with contextlib.suppress(OSError):
            first = connection.recv(1, socket.MSG_PEEK)
            reader = asyncio.StreamReader(limit=_MOST_HEAD)
            await loop.connect_accepted_socket(
                lambda: asyncio.StreamReaderProtocol(reader, self._http),
                connection,
                ssl=context if first == _HANDSHAKE else None,
            )

    async def tcp(self, port: int) -> None:
        """Serve TCP."""
        self._servers.append(await asyncio.start_server(self._tcp, self.address, port))

    async def udp(self, port: int) -> None:
        """Serve UDP."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: _Datagrams(self.name), local_addr=(self.address, port))

    async def end(self) -> None:
        """Stop as a well-behaved Pod does."""
        self.ending.set()
        await asyncio.sleep(self.grace)
        for server in self._servers:
            server.close()
        for listening, task in self._acceptors:
            task.cancel()
            listening.close()
        await self._idle.wait()

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            while await self._exchange(reader, writer):
                pass
        writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; whether the connection stays."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        self._under_way += 1
        self._idle.clear()
        try:
            method, target, version = head[0].split(" ")
            pairs = (line.partition(":") for line in head[1:-2])
            known = {name.lower(): value.strip() for name, _, value in pairs}
            body = await self._body(reader, known)
            status, content = await self._answer((method, target), known, body, writer)
            stays = version == "HTTP/1.1" and known.get("connection") != "close" and not self.ending.is_set()
            lines = [
                f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}",
                "content-type: application/json",
                f"content-length: {len(content)}",
                f"x-pod: {self.name}",
                f"connection: {'keep-alive' if stays else 'close'}",
            ]
            # One write: head and body apart cost forty milliseconds of delayed acknowledgement.
            writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if method == "HEAD" else content))
            await writer.drain()
            return stays
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def _body(self, reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
        if "chunked" in headers.get("transfer-encoding", ""):
            found = bytearray()
            while size := int(await reader.readline(), 16):
                found += (await reader.readexactly(size + 2))[:-2]
                if len(found) > _MOST_BODY:
                    raise ValueError("too large")
            await reader.readline()
            return bytes(found)
        length = int(headers.get("content-length", "0"))
        if length > _MOST_BODY:
            raise ValueError("too large")
        return await reader.readexactly(length)

    async def _answer(
        self, request: tuple[str, str], headers: dict[str, str], body: bytes, writer: asyncio.StreamWriter
    ) -> tuple[int, bytes]:
        self.requests += 1
        method, target = request
        parts = [part for part in target.partition("?")[0].split("/") if part]
        status = 200
        match parts:
            case ["slow", seconds, *_]:
                await asyncio.sleep(min(60.0, float(seconds)))
            case ["status", code, *_]:
                status = int(code)
            case ["big", size, *_]:
                return 200, b"x" * min(_MOST_BODY, int(size))
            case ["health", code] if method == "POST":
                self.health = int(code)
            case ["health"]:
                status = self.health
        tls: Any = writer.get_extra_info("ssl_object")
        said = {
            "pod": self.name,
            "method": method,
            "path": target,
            "headers": headers,
            "body": body[:1000].decode("latin-1"),
            "client": writer.get_extra_info("peername")[0],
            "tls": tls is not None,
            "client_certificate": bool(tls is not None and tls.getpeercert(binary_form=True)),
            "requests": self.requests,
        }
        return status, json.dumps(said).encode()

    async def _tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(f"{self.name} ".encode() + data)
                await writer.drain()
        writer.close()


def _done(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, name: str) -> None:
        self._name = name
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self._transport.sendto(f"{self._name} ".encode() + data, addr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="ako_lab.pods.echo")
    parser.add_argument("--name", default="", help="otherwise each address is the name of its Pod")
    parser.add_argument("--address", action="append", default=[])
    parser.add_argument("--grace", type=float, default=0.0)
    for name in ("http", "tcp", "udp"):
        parser.add_argument(f"--{name}", type=int, action="append", default=[])
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--client-authorities")
    return parser.parse_args()


def _context(arguments: argparse.Namespace) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(arguments.certificate, arguments.key)
    if arguments.client_authorities:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.load_verify_locations(arguments.client_authorities)
    return context


async def serve(arguments: argparse.Namespace) -> None:
    """Serve until SIGTERM."""
    context = _context(arguments) if arguments.certificate else None
    servers = [Echo(arguments.name or one, one, arguments.grace) for one in arguments.address or ["127.0.0.1"]]
    for echo in servers:
        for port in arguments.http:
            await echo.http(port, context)
        for port in arguments.tcp:
            await echo.tcp(port)
        for port in arguments.udp:
            await echo.udp(port)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    print(f"{arguments.name or 'echo'} serves", flush=True)  # noqa: T201 - the log of a Pod
    await stopped.wait()
    await asyncio.gather(*(echo.end() for echo in servers))


if __name__ == "__main__":
    asyncio.run(serve(_arguments()))
