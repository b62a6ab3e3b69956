"""Whatever answers at the address of a TCA: each command ends in a sentence or a result, never in a traceback."""

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from ako_runtime.cli import ako
from ako_runtime.errors import AkoError

BODIES = {
    "a number": b"7",
    "a text": b'"x"',
    "an empty list": b"[]",
    "a list of numbers": b"[1]",
    "an empty object": b"{}",
    "null": b"null",
    "an id that is a number": b'[{"id": 1, "userDefinedData": 7}]',
    "partner systems that are a number": b'{"extensions": 7}',
    "partner systems that are none": b'{"extensions": [1, {"type": "Repository", "interfaceInfo": 7}]}',
    "components of other types": b'{"components": [1, {"vduName": 1, "overrides": 7}]}',
    "a page": b"<html>log in</html>",
    "deep nesting": b"[" * 20_000,
    "no text": b"\xff\xfe",
}
COMMANDS = (
    ("package", "list"),
    ("package", "show", "x"),
    ("package", "delete", "x"),
    ("repository", "list"),
    ("repository", "add", "r", "oci://harbor.example/charts"),
    ("instances",),
    ("show", "x"),
    ("values", "get", "x"),
    ("terminate", "x"),
    ("operation", "retry", "x"),
)


class Odd:
    """A server that answers everything alike, and each log-in with a token."""

    def __init__(self):
        odd, self.status, self.body = self, 200, b""

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(odd.status)
                self.send_header("x-hm-authorization", "token")
                self.send_header("Content-Length", str(len(odd.body)))
                self.end_headers()
                self.wfile.write(odd.body)

            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - names of http.server

            def log_message(self, *_arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("body", BODIES)
def test_no_answer_is_a_traceback(monkeypatch, tmp_path, body, status):
    monkeypatch.setenv("AKO_TCA_PASSWORD", "x")
    monkeypatch.setenv("AKO_TCA_SESSION", str(tmp_path / "session"))
    with contextlib.closing(Odd()) as odd:
        ended = CliRunner().invoke(ako, ["tca", "login", odd.url, "--username", "u"])
        assert ended.exit_code == 0
        odd.status, odd.body = status, BODIES[body]
        for command in COMMANDS:
            ended = CliRunner().invoke(ako, ["tca", *command])
            assert ended.exception is None or isinstance(ended.exception, AkoError | SystemExit), command
            if status == 400:
                assert ended.exception is not None, command
