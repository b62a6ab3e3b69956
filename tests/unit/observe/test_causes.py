"""Errors of HTTP libraries become words for an operator: the innermost error, no class name, no URL."""

import errno
import ssl
from http.client import RemoteDisconnected

import pytest
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ReadTimeout, SSLError
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError, ReadTimeoutError

from ako_runtime.causes import cause_of


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


def test_a_ring_of_causes_ends():
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert cause_of(one) in {"one", "two"}
