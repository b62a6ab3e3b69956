"""The transport beneath the sessions, against a server that says exactly what a test wants it to say."""

import contextlib
import gzip
import itertools
import socket
import threading
import time
import traceback
import zlib
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ako_runtime.transport import (
    OBJECT_BYTES,
    OWN_BYTES,
    PAGE_BYTES,
    AnswerTooLargeError,
    BodyBudget,
    HttpPool,
    TransportError,
    UnfitRequestError,
    retry_after,
)

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Name: Value\r\n\r\n{}"


class Server:
    """Answers each request with the next of its `answers`, which are lists of pieces; None closes the connection."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []
        self.connections = 0
        self.ends = []
        self.lock = threading.Lock()

    def connect(self, _timeout):
        ours, theirs = socket.socketpair()
        self.connections += 1
        self.ends.append(theirs)
        threading.Thread(target=self._serve, args=(theirs,), daemon=True).start()
        return ours

    def _serve(self, end):
        while (request := _request_on(end)) is not None:
            with self.lock:
                self.requests.append(request)
                pieces = self.answers.pop(0)
            for piece in pieces:
                try:
                    end.sendall(piece or b"")
                except OSError:
                    # Whoever asked has had enough.
                    return
                if piece is None:
                    end.close()
                    return

    def close(self):
        for end in self.ends:
            end.close()


def _request_on(end):
    """Head and body of the next request; None when the other side is gone."""
    held = b""
    try:
        while b"\r\n\r\n" not in held:
            more = end.recv(4096)
            if not more:
                return None
            held += more
        head, _, body = held.partition(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")]
        while len(body) < int(lengths[0] if lengths else 0):
            body += end.recv(4096)
    except OSError:
        return None
    return head.decode("latin-1"), body


@pytest.fixture
def serve():
    """A pool whose connections lead to a server with these answers, and the server."""
    with contextlib.ExitStack() as stack:

        def made(*answers, size=2):
            server = stack.enter_context(closing(Server(*answers)))
            pool = stack.enter_context(closing(HttpPool(connect=server.connect, host="avi.example.com", size=size)))
            return pool, server

        yield made


def ask(pool, method="GET", path="/api/pool", *, headers=None, body=None, timeout=10.0):
    return pool.request(method, path, headers=headers or {}, body=body, timeout=timeout)


def test_a_request_is_written_as_http(serve):
    pool, server = serve([OK], [OK], [OK])
    ask(pool, "POST", "/api/pool?a=b", headers={"X-Avi-Tenant": "red"}, body=b'{"a": 1}')
    ask(pool)
    ask(pool, "POST")
    head, body = server.requests[0]
    assert head.split("\r\n") == [
        "POST /api/pool?a=b HTTP/1.1", "Host: avi.example.com", "X-Avi-Tenant: red", "Content-Length: 8",
    ]  # fmt: skip
    assert body == b'{"a": 1}'
    assert "Content-Length" not in server.requests[1][0]
    assert "Content-Length: 0" in server.requests[2][0]


def test_an_answer_is_status_headers_and_body(serve):
    pool, _ = serve([OK])
    found = ask(pool)
    assert (found.status, found.body, found.headers["x-name"]) == (200, b"{}", "Value")


def test_one_connection_serves_one_request_after_the_other(serve):
    pool, server = serve(*[[OK]] * 5)
    for _ in range(5):
        ask(pool)
    assert server.connections == 1


CHUNKED = b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n"
PACKED = gzip.compress(b"many objects" * 100)


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [
        (CHUNKED, 201, b"abcdefg"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"{}"),
        (b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK, 200, b"{}"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b" % (len(PACKED), PACKED),
            200,
            b"many objects" * 100,
        ),
    ],
    ids=["chunked", "without body", "continue", "early hints", "gzip"],
)
def test_every_shape_of_answer_is_read_and_the_connection_kept(serve, answer, status, body):
    pool, server = serve([answer], [OK])
    found = ask(pool)
    assert (found.status, found.body) == (status, body)
    ask(pool)
    assert server.connections == 1


@given(cuts=st.lists(st.integers(1, len(CHUNKED) - 1), max_size=6))
def test_it_does_not_matter_where_an_answer_is_cut(cuts):
    places = [0, *sorted(set(cuts)), len(CHUNKED)]
    pieces = [CHUNKED[a:b] for a, b in itertools.pairwise(places)]
    with (
        closing(Server(pieces)) as server,
        closing(HttpPool(connect=server.connect, host="h", size=1)) as pool,
    ):
        assert ask(pool).body == b"abcdefg"


@pytest.mark.parametrize(
    "answer",
    [
        [b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"],
        [b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}"],
        [b"HTTP/1.1 200 OK\r\n\r\n{}", None],
    ],
    ids=["it says so", "HTTP/1.0", "its end is the end of the body"],
)
def test_a_connection_that_ends_with_its_answer_is_not_used_again(serve, answer):
    pool, server = serve(answer, [OK])
    assert ask(pool).body == b"{}"
    ask(pool)
    assert server.connections == 2


def test_a_connection_that_was_closed_while_idle_is_not_used_again(serve):
    pool, server = serve([OK, None], [OK])
    ask(pool)
    # The end has arrived once it can be read.
    pool._idle[0].settimeout(10)
    assert pool._idle[0].recv(1, socket.MSG_PEEK) == b""
    assert ask(pool).status == 200
    assert server.connections == 2


def test_an_answer_to_nothing_makes_a_connection_useless(serve):
    pool, server = serve([OK, b"HTTP/1.1 408 Request Timeout\r\n\r\n"], [OK])
    ask(pool)
    for connection in pool._idle:
        connection.settimeout(10)
        assert connection.recv(1, socket.MSG_PEEK) == b"H"
    assert ask(pool).status == 200
    assert server.connections == 2


def test_what_follows_an_answer_in_one_piece_is_not_taken_for_it(serve):
    pool, server = serve([OK + b"HTTP/1.1 408 Request Timeout\r\n\r\n"], [OK + b"\x00garbage"], [OK])
    assert [ask(pool).body for _ in range(3)] == [b"{}"] * 3
    assert server.connections == 3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ([None], "closed"),
        ([b"HTTP/1.1 200 OK\r\nContent-Le", None], "closed"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}", None], "closed"),
        ([CHUNKED[:-5], None], "closed"),
        ([b"SSH-2.0-OpenSSH\r\n\r\n"], "HTTP"),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}"], "Content-Length"),
        ([b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"], "decompress"),
    ],
    ids=["nothing", "half a head", "half a body", "no last chunk", "no HTTP", "two lengths", "no gzip"],
)
def test_what_is_no_answer_is_an_error_and_ends_the_connection(serve, answer, words):
    pool, server = serve(answer, [OK])
    with pytest.raises(TransportError, match=words):
        ask(pool)
    assert ask(pool).status == 200
    assert server.connections == 2


def test_an_answer_that_takes_too_long_is_an_error(serve):
    pool, _ = serve([b"HTTP/1.1 200 OK\r\n"])
    began = time.monotonic()
    with pytest.raises(TransportError, match="no answer in time"):
        ask(pool, timeout=0.2)
    assert time.monotonic() - began >= 0.2


def test_an_answer_that_never_ends_ends_with_its_time(serve):
    pool, _ = serve([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", *[b"1\r\nx\r\n"] * 200_000])
    with pytest.raises(TransportError, match="no answer in time"):
        ask(pool, timeout=0.3)


def test_a_server_that_cannot_be_reached_is_an_error():
    def refuse(_timeout):
        raise ConnectionRefusedError(111, "Connection refused")

    with pytest.raises(TransportError, match="connection refused"):
        ask(HttpPool(connect=refuse, host="h", size=1))


@pytest.mark.parametrize("path", ["/api/pool?name=a b", "/api\r\nHost: other", "/api/\u00fc"])
def test_a_path_that_would_be_another_request_is_not_sent(serve, path):
    pool, server = serve([OK])
    with pytest.raises(UnfitRequestError):
        ask(pool, path=path)
    assert server.connections == 0


@pytest.mark.parametrize("tenant", ["red\r\nX-Avi-Tenant: admin", "a\x00b", "\u8d64"])
def test_a_header_that_would_be_another_request_is_not_sent(serve, tenant):
    pool, server = serve([OK])
    with pytest.raises(UnfitRequestError, match="X-Avi-Tenant") as raised:
        ask(pool, headers={"X-Avi-Tenant": tenant})
    # Another header is a cookie: values are not for messages.
    assert tenant not in str(raised.value)
    assert server.connections == 0


def test_many_threads_have_a_connection_each_and_no_more_are_kept_than_wanted(serve):
    pool, server = serve(*[[OK]] * 40, size=3)
    together = threading.Barrier(8)

    def work():
        together.wait()
        for _ in range(5):
            assert ask(pool).status == 200

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.requests) == 40
    assert 1 <= len(pool._idle) <= 3


def test_a_closed_pool_keeps_nothing(serve):
    pool, _ = serve([OK], [OK])
    ask(pool)
    pool.close()
    assert not pool._idle
    # What was under way ends as it would have.
    assert ask(pool).status == 200
    assert not pool._idle


def bomb(size):
    """A gzip of so many spaces."""
    packing = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    return packing.compress(b" " * size) + packing.flush()


@pytest.mark.parametrize(("method", "limit"), [("GET", PAGE_BYTES), ("PUT", OBJECT_BYTES)])
@pytest.mark.parametrize("packed", [True, False])
def test_an_answer_that_is_too_large_ends_where_its_limit_is(serve, method, limit, packed):
    head = b"HTTP/1.1 200 OK\r\n" + (b"Content-Encoding: gzip\r\n" if packed else b"")
    body = bomb(limit + 1) if packed else b" " * (limit + 1)
    pool, server = serve([head + b"Content-Length: %d\r\n\r\n" % len(body), body], [OK])
    with pytest.raises(AnswerTooLargeError, match=str(limit)):
        ask(pool, method, body=b"{}", timeout=60)
    assert ask(pool).status == 200
    assert server.connections == 2


def test_an_answer_as_large_as_its_limit_is_read(serve):
    body = bomb(OBJECT_BYTES)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    pool, _ = serve([head, body])
    assert len(ask(pool, "PUT", body=b"{}", timeout=60).body) == OBJECT_BYTES


class Held:
    """An answer of three times what a body has for itself, whose last byte waits."""

    size = 3 * OWN_BYTES

    def __init__(self):
        self.more = threading.Event()

    def __iter__(self):
        yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.size + b" " * (self.size - 1)
        assert self.more.wait(60)
        yield b" "


def test_the_bodies_that_are_being_read_share_their_room():
    budget, held = BodyBudget(3 * OWN_BYTES), Held()
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % Held.size + b" " * Held.size
    bodies = []
    with closing(Server(held, [whole], [OK], [whole])) as server:
        pool = HttpPool(connect=server.connect, host="avi.example.com", size=2, budget=budget)
        reader = threading.Thread(target=lambda: bodies.append(ask(pool, timeout=60).body))
        reader.start()
        end = time.monotonic() + 60
        while budget.taken < 2 * OWN_BYTES - 1 and time.monotonic() < end:
            time.sleep(0.01)
        with pytest.raises(AnswerTooLargeError, match="together"):
            ask(pool, timeout=60)
        # What is small is read whatever others do.
        assert ask(pool).status == 200
        held.more.set()
        reader.join(60)
        assert [len(one) for one in bodies] == [Held.size]
        assert budget.taken == 0
        assert len(ask(pool, timeout=60).body) == Held.size
        assert budget.taken == 0


def test_an_error_that_is_remembered_holds_no_body(serve):
    body = b" " * (OBJECT_BYTES + 1)
    pool, _ = serve([b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body])
    with pytest.raises(AnswerTooLargeError) as raised:
        ask(pool, "PUT", body=b"{}", timeout=60)
    frames = [frame for frame, _ in traceback.walk_tb(raised.value.__traceback__)]
    held = [getattr(value, "_body", b"") for frame in frames for value in frame.f_locals.values()]
    assert held
    assert not any(held)


def test_room_is_given_back_by_an_answer_that_breaks_off():
    budget = BodyBudget(3 * OWN_BYTES)
    begun = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % Held.size + b" " * (2 * OWN_BYTES)
    with closing(Server([begun, None])) as server:
        pool = HttpPool(connect=server.connect, host="avi.example.com", size=2, budget=budget)
        with pytest.raises(TransportError, match="before the end"):
            ask(pool, timeout=60)
    assert budget.taken == 0


@given(st.binary(max_size=300), st.integers(1, 2000))
def test_a_packed_body_is_unpacked_piece_by_piece_without_loss(text, times):
    body = gzip.compress(text * times)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    with closing(Server([head, body])) as server:
        pool = HttpPool(connect=server.connect, host="avi.example.com", size=1)
        assert ask(pool, timeout=60).body == text * times


@pytest.mark.parametrize("line", [b"X: y\r\n", b"a"], ids=["many headers", "one endless header"])
def test_a_head_that_never_ends_is_an_error(serve, line):
    pool, _ = serve([b"HTTP/1.1 200 OK\r\nX: ", *[line * 4096] * 200])
    with pytest.raises(AnswerTooLargeError, match="head"):
        ask(pool, timeout=60)


def test_a_packed_answer_that_is_cut_off_is_an_error(serve):
    half = PACKED[: len(PACKED) // 2]
    pool, _ = serve([b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(half), half])
    with pytest.raises(TransportError, match="cut off"):
        ask(pool)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5.0), (" 7 ", 7.0), ("86400", 60.0), ("9" * 400, 60.0), ("0", 0.0),
        ("²", None), ("٣", None), ("-5", None), ("1.5", None), ("", None), ("Wed, 21 Oct 2015 07:28:00 GMT", None),
    ],
)  # fmt: skip
def test_the_time_that_a_server_asks_for(text, seconds):
    assert retry_after({"retry-after": text}) == seconds
