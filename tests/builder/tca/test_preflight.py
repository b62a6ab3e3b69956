"""Whether an address is one of an OCI registry, judged by what it answers to `GET /v2/`."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ako_builder.tca.preflight import repository_finding


@contextmanager
def answering(status, headers, body):
    """A server with one answer to everything; gives its host and the paths that were asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(status)
            for name, text in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"Docker-Distribution-Api-Version": "registry/2.0"}, b"<html>"),
        (200, {}, b"{}"),
        (200, {}, b""),
        (401, {"WWW-Authenticate": 'Bearer realm="https://harbor.example/service/token"'}, b"{}"),
    ],
)
def test_a_registry_is_known_by_its_answer(status, headers, body):
    with answering(status, headers, body) as (host, asked):
        assert repository_finding(f"oci://{host}/charts", environ={}) == ""
    assert asked == ["/v2/"]


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (200, {"Content-Type": "text/html"}, b"<html>all is well</html>"),
        (200, {}, b"[]"),
        (200, {}, b"\xff"),
        (401, {}, b""),
        (403, {}, b"{}"),
        (404, {}, b"{}"),
        (500, {}, b""),
    ],
)
def test_another_server_is_no_registry(status, headers, body):
    with answering(status, headers, body) as (host, _):
        assert repository_finding(f"oci://{host}/charts", environ={}) == (
            f"{host} is no OCI registry: /v2/ answers with status {status}"
        )


def test_a_server_that_is_busy_or_gone_is_asked_once():
    with answering(503, {}, b"") as (host, asked):
        said = repository_finding(f"oci://{host}/charts", environ={})
    assert (len(asked), f"repository oci://{host}/charts cannot be reached from here" in said) == (1, True)
    assert "cannot be reached from here" in repository_finding(f"oci://{host}/charts", environ={})


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://harbor.example/chartrepo/p", "is no OCI repository"),
        ("oci:///p", "names no host"),
        ("oci://[x/p", "is no address"),
    ],
)
def test_an_address_that_cannot_be_one_is_not_asked(url, said):
    assert said in repository_finding(url, environ={})
