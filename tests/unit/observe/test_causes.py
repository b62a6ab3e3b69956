"""Errors of HTTP libraries become words for an operator: the innermost error, no class name, no URL."""

import contextlib
import errno
import re
import socket
import ssl
import threading
from http.client import RemoteDisconnected

import pytest
import requests
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ReadTimeout, SSLError
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError, ReadTimeoutError

from ako_runtime.errors import cause_of


def caused(error, cause):
    error.__cause__ = cause
    return error


def refused_certificate():
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed (_ssl.c:1006)")
    error.verify_message = "certificate has expired"
    return error


REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (REFUSED, "connection refused"),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), "network is unreachable"),
        (TimeoutError("timed out"), "no answer in time"),
        (
            RequestsConnectionError(
                MaxRetryError(None, "/login", caused(NewConnectionError(None, "Failed to establish"), REFUSED))
            ),
            "connection refused",
        ),
        (
            RequestsConnectionError(ProtocolError("Connection aborted.", RemoteDisconnected("Remote end closed"))),
            "the connection was closed without an answer",
        ),
        (
            RequestsConnectionError(ProtocolError("x", ConnectionResetError(104, "reset by peer"))),
            "the connection was closed without an answer",
        ),
        (
            SSLError(MaxRetryError(None, "/login", refused_certificate())),
            "its certificate is refused: certificate has expired",
        ),
        (ReadTimeout(ReadTimeoutError(None, "/login", "Read timed out.")), "no answer in time"),
        (ValueError(), "ValueError"),
    ],
)
def test_the_innermost_error_says_it(error, words):
    assert cause_of(error) == words


def asked(url):
    """The cause that a real library meets at an address."""
    try:
        requests.get(url, timeout=5)
    except requests.exceptions.RequestException as error:
        return cause_of(error)
    raise AssertionError("it answered")


@pytest.fixture
def other_protocol():
    """A port that answers each connection with words that are neither TLS nor HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    connection.sendall(b"220 hello\r\n\r\n")
                    connection.close()

        threading.Thread(target=answer, daemon=True).start()
        yield server.getsockname()[1]


def test_real_libraries_at_real_sockets(other_protocol):
    assert asked(f"https://127.0.0.1:{other_protocol}/").startswith("TLS fails: ")
    for words in (asked(f"http://127.0.0.1:{other_protocol}/"), asked("http://nowhere.invalid/")):
        assert words
        assert not re.search(r"HTTPConnection|Errno|Error", words), words


def test_a_ring_of_causes_ends():
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert cause_of(one) in {"one", "two"}
