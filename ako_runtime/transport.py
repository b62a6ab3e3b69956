"""HTTP/1.1 over kept connections: the cost of a request is the cost of a start, which is thousands of them.

A request goes out as one piece and its answer is parsed by `httptools` (llhttp, in C); what is left for Python is the
loop between the two. That takes a third of the processor time of urllib3 (decision 97 has the figures). Only what the
Avi Controller and writes to the Kubernetes API server need is here: a known length or chunks or the end of the stream,
gzip; neither redirects, nor proxies, nor cookies, nor repetitions: what to do about a failure is decided by whoever
asks. How a connection is made is said by whoever makes the pool.

A request has a number of seconds for all that it does, and an answer a number of bytes: for its head, and for its body
after it was unpacked. All bodies that are being read at one time share a budget of bytes (`BodyBudget`), so a server
that answers every thread with too much takes no more memory than the container has. A connection is kept for the next
request if the answer ended where it should; one that the other end has closed meanwhile is noticed before it is used.
"""

import contextlib
import re
import select
import socket
import ssl
import threading
import time
import weakref
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

import httptools
from msgspec import Struct

from ako_runtime.errors import cause_of

# A TLS record has no more.
_CHUNK: Final = 16384
# Whatever would end a line or a word too early. Names of tenants are written by people.
_UNFIT_PATH = re.compile(r"[^\x21-\x7e]")
_UNFIT_VALUE = re.compile(r"[^\x20-\x7e\xa0-\xff]")

HEAD_BYTES: Final = 256 * 1024
"""The head of an answer: status and headers."""
PAGE_BYTES: Final = 64 * 1024 * 1024
"""The body of an answer to a reading: a page of objects, after it was unpacked."""
OBJECT_BYTES: Final = 16 * 1024 * 1024
"""The body of an answer to a write: one object, after it was unpacked."""
ALL_BYTES: Final = 96 * 1024 * 1024
"""All bodies that are being read at one time, but for the first `OWN_BYTES` of each."""
OWN_BYTES: Final = 1024 * 1024
"""What each body has for itself: nearly every answer has fewer bytes, and never asks for a share."""
LONGEST_PAUSE: Final = 60.0
"""Seconds: the most that a `Retry-After` header is given; a server may be well again long before it said so."""

# Unpacked at a time: a packed chunk may hold a thousand times its bytes.
_PIECE: Final = 256 * 1024

Connect = Callable[[float], socket.socket]
"""A new connection, within so many seconds; raises OSError."""


class TransportError(Exception):
    """No answer: the other end cannot be reached, is too slow, or does not speak HTTP."""


class AnswerTooLargeError(TransportError):
    """The answer has more bytes than any that is meant well."""


class UnfitRequestError(ValueError):
    """The request cannot be written down as HTTP."""


class Response(Struct, frozen=True, kw_only=True):
    """An answer: status, headers by lower-case name, body as it was before it was packed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class BodyBudget:
    """Bytes that the bodies being read may have together; safe to use from any thread."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self.taken = 0

    def take(self, size: int) -> None:
        """Take so many bytes; raises AnswerTooLargeError if they are not there."""
        with self._lock:
            if self.taken + size > self._size:
                raise AnswerTooLargeError(f"the answers that are being read have more than {self._size} bytes together")
            self.taken += size

    def give_back(self, size: int) -> None:
        """Give back what was taken."""
        with self._lock:
            self.taken -= size


BODY_BUDGET: Final = BodyBudget(ALL_BYTES)
"""The budget of this process."""


class BudgetShare:
    """What one body has of the budget; for one thread."""

    def __init__(self, budget: BodyBudget = BODY_BUDGET) -> None:
        self._budget = budget
        self._taken = 0

    def grow(self, size: int) -> None:
        """The body is about to have so many bytes; raises AnswerTooLargeError if the budget does not have them."""
        more = size - OWN_BYTES - self._taken
        if more > 0:
            self._budget.take(more)
            self._taken += more

    def end(self) -> None:
        """The body is read, or given up."""
        if self._taken:
            self._budget.give_back(self._taken)
            self._taken = 0


class HttpPool:
    """Connections to one server; safe to use from any thread, each request has a connection for itself."""

    def __init__(self, *, connect: Connect, host: str, size: int, budget: BodyBudget = BODY_BUDGET) -> None:
        """`host`: as the server is addressed in requests. At most `size` idle connections are kept."""
        self._budget = budget
        self._connect = connect
        self._host = host
        self._idle: deque[socket.socket] = deque()
        self._size = size
        self._closed = threading.Event()
        # Whoever forgets to close leaves no socket behind.
        weakref.finalize(self, _close_all, self._idle)

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None, timeout: float
    ) -> Response:
        """The answer; raises TransportError, or UnfitRequestError before anything is sent."""
        message = _message(method, path, host=self._host, headers=headers, body=body)
        deadline = time.monotonic() + timeout
        try:
            connection = self._kept() or self._connect(timeout)
        except OSError as error:
            raise TransportError(cause_of(error)) from error
        reply = _Reply(PAGE_BYTES if method == "GET" else OBJECT_BYTES, self._budget)
        try:
            connection.settimeout(_left(deadline))
            connection.sendall(message)
            while not reply.complete:
                connection.settimeout(_left(deadline))
                reply.feed(connection.recv(_CHUNK))
            response = reply.response()
        except TransportError:
            connection.close()
            raise
        except (OSError, httptools.HttpParserError, zlib.error) as error:
            connection.close()
            raise TransportError(cause_of(error)) from error
        except BaseException:
            connection.close()
            raise
        finally:
            reply.end()
        self._release(connection, kept=reply.leaves_open)
        return response

    def close(self) -> None:
        """Close what is idle; what is under way ends first and is not kept."""
        self._closed.set()
        _close_all(self._idle)

    def _kept(self) -> socket.socket | None:
        """The idle connection that was used last, if there is one that still stands."""
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if not _has_news(connection):
                return connection
            connection.close()

    def _release(self, connection: socket.socket, *, kept: bool) -> None:
        if not kept or self._closed.is_set() or len(self._idle) >= self._size:
            connection.close()
            return
        self._idle.append(connection)
        if self._closed.is_set():
            # Whoever closed in between may not have seen it.
            self.close()


def _close_all(idle: deque[socket.socket]) -> None:
    with contextlib.suppress(IndexError):
        # Others take from it meanwhile.
        while True:
            idle.pop().close()


class _Reply:
    """What the parser finds; it calls the methods that begin with `on_`."""

    def __init__(self, limit: int, budget: BodyBudget) -> None:
        """`limit`: bytes of the body after it was unpacked."""
        self._limit = limit
        self._share = BudgetShare(budget)
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._status = 0
        self._version = ""
        self._headers: dict[str, str] = {}
        # One piece: an answer of many small chunks would cost a multiple of its bytes.
        self._body = bytearray()
        self._unpacking: zlib._Decompress | None = None
        self._packed = self._headed = 0
        self._has_head = False
        # The parser hides what its callbacks raise.
        self._problem: TransportError | None = None
        self.complete = False
        # Whether the answer said where it ends; otherwise the end of the connection does.
        self._bounded = False

    @property
    def leaves_open(self) -> bool:
        """Whether the connection can be used again."""
        return self._bounded and self._version == "1.1" and "close" not in self._headers.get("connection", "").lower()

    def on_message_begin(self) -> None:
        """An answer begins; the one before it, if any, was mere news of this one."""
        if self.complete:
            raise ConnectionError("the server answers more than it was asked")
        self._status, self._headers, self._body, self._has_head = 0, {}, bytearray(), False

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The body begins."""
        if self._parser is not None:
            self._status, self._version = self._parser.get_status_code(), self._parser.get_http_version()
        self._has_head = True
        packed = self._headers.get("content-encoding", "") == "gzip"
        self._unpacking = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS) if packed else None

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._packed += len(body)
        try:
            if self._unpacking is None:
                self._append(body)
            else:
                self._unpack(self._unpacking, body)
        except (TransportError, zlib.error) as error:
            self._problem = error if isinstance(error, TransportError) else TransportError(str(error))
            raise

    def _unpack(self, unpacking: "zlib._Decompress", packed: bytes) -> None:
        """Append what it holds; a piece that is full may have more behind it although everything was read."""
        while True:
            piece = unpacking.decompress(packed, _PIECE)
            self._append(piece)
            packed = unpacking.unconsumed_tail
            if not packed and len(piece) < _PIECE:
                return

    def _append(self, part: bytes) -> None:
        size = len(self._body) + len(part)
        if size > self._limit:
            raise AnswerTooLargeError(f"the answer has more than {self._limit} bytes")
        self._share.grow(size)
        self._body += part

    def on_message_complete(self) -> None:
        """The answer ends; 100 to 199 only say that one will come."""
        self.complete = self._bounded = self._status >= 200

    def feed(self, data: bytes) -> None:
        """More of the answer; nothing when the server has closed the connection."""
        if data and self._parser is not None:
            self._headed += 0 if self._has_head else len(data)
            if self._headed > HEAD_BYTES:
                raise AnswerTooLargeError(f"the head of the answer has more than {HEAD_BYTES} bytes")
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserError:
                if self._problem is not None:
                    raise self._problem from None
                if not self.complete:
                    raise
                # The answer is whole; what follows is none of ours, and nor is what comes after it.
                self._bounded = False
        elif self._status and not self._headers.keys() & {"content-length", "transfer-encoding"}:
            self.complete = True
        else:
            raise ConnectionError("the server closed the connection before the end of its answer")

    def response(self) -> Response:
        """The whole answer."""
        if self._unpacking is not None and self._packed and not self._unpacking.eof:
            raise ConnectionError("the packed answer is cut off")
        return Response(status=self._status, headers=self._headers, body=bytes(self._body))

    def end(self) -> None:
        """Let go of body and budget, and of the parser, which holds our methods: a circle waits for the collector.

        An error that is remembered holds the frames that it came through, and they hold this.
        """
        self._parser = None
        self._body = bytearray()
        self._share.end()


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds of a `Retry-After` header, at most `LONGEST_PAUSE`; neither server sends its date form."""
    text = headers.get("retry-after", "").strip()
    # There are digits that no number is made of, as the raised two.
    return min(LONGEST_PAUSE, float(text)) if text.isascii() and text.isdigit() else None


def tls_connect(host: str, port: int, context: ssl.SSLContext) -> Connect:
    """Connections over TLS; the certificate is verified as the context says."""

    def connect(timeout: float) -> socket.socket:
        plain = socket.create_connection((host, port), timeout=timeout)
        try:
            # A request is one piece: it shall not wait for company.
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return context.wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise

    return connect


def _message(method: str, path: str, *, host: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    if _UNFIT_PATH.search(path):
        raise UnfitRequestError(f"{path!r} is no path")
    for name, value in headers.items():
        if _UNFIT_VALUE.search(value):
            # Without the value: it may be a cookie.
            raise UnfitRequestError(f"{name} has characters that HTTP does not carry")
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
    if body is not None or method not in ("GET", "DELETE"):
        lines.append(f"Content-Length: {len(body or b'')}")
    return "\r\n".join((*lines, "", "")).encode("latin-1") + (body or b"")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


def _has_news(connection: socket.socket) -> bool:
    """Whether something arrived while nothing was asked: the end of the connection, or nothing that we could use."""
    try:
        watched = select.poll()
        watched.register(connection, select.POLLIN | select.POLLHUP | select.POLLERR)
        return bool(watched.poll(0))
    except (OSError, ValueError):
        return True
