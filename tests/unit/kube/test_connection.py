"""The pace towards the API server."""

import http.server
import socket
import threading

import kubernetes.client
import pytest
import urllib3

from ako_lab.avi_controller import AviLab
from ako_runtime.errors import RetryLater
from ako_runtime.kube.connection import KEEP_ALIVE, KubeConnection
from ako_runtime.kube.rate import TokenBucket


class Pool:
    """Connects to nothing; counts the tries."""

    # As of a pool that is open.
    pool = ()
    host, port, conn_kw = "127.0.0.1", 1, {}

    def __init__(self):
        self.tries = 0

    def connection_from_url(self, _url):
        return self

    def ConnectionCls(self, **_options):  # noqa: N802 - urllib3's name
        return self

    def connect(self):
        self.tries += 1
        raise OSError("not here")

    def urlopen(self, *_arguments, **_options):
        self.connect()


@pytest.fixture
def pool():
    return Pool()


@pytest.fixture
def connection(pool):
    return KubeConnection(configuration=kubernetes.client.Configuration(host="http://127.0.0.1:1"), pool=pool)


def test_every_request_and_every_stream_takes_its_turn(connection, pool):
    waits = []
    bucket = TokenBucket(rate=10.0, burst=1, clock=lambda: 0.0, pause=waits.append)
    paced = connection.limited(bucket)
    for _ in range(2):
        with pytest.raises(RetryLater, match="not here"):
            paced.request("GET", "/api/v1/services")
    with pytest.raises(OSError, match="not here"):
        paced.stream("/api/v1/services", params={}, silence=1.0)
    assert waits == pytest.approx([0.1, 0.2])
    assert pool.tries == 3


METHODS = pytest.mark.parametrize("method", ["GET", "PATCH"])


@METHODS
def test_a_peer_that_vanished_is_noticed_by_the_kernel(monkeypatch, method):
    made = []
    connect = socket.create_connection
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def connected(address, *_rest, socket_options, **_named):
            made.append(socket_options)
            return connect(address, 30)

        monkeypatch.setattr(urllib3.util.connection, "create_connection", connected)
        connection = KubeConnection(configuration=kubernetes.client.Configuration(host=f"http://127.0.0.1:{port}"))
        with pytest.raises(RetryLater):
            connection.request(method, "/", timeout=0.05)
        connection.close()
    (options,) = made
    assert set(KEEP_ALIVE) <= set(options)


@pytest.fixture
def server():
    """A server that answers `{}` to everything, its port, and the first lines of what it was asked."""
    asked, made = [], []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self):
            super().setup()
            made.append(self.client_address)

        def do_GET(self):
            asked.append(self.requestline)
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_PATCH = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_arguments):
            """Nobody reads it."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        found.daemon_threads = True
        thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield found.server_address[1], asked, made
        found.shutdown()
        thread.join()


@METHODS
def test_an_api_server_may_be_below_a_path(server, method):
    port, asked, _ = server
    connection = KubeConnection(
        configuration=kubernetes.client.Configuration(host=f"http://127.0.0.1:{port}/k8s/clusters/one")
    )
    assert connection.request(method, "/api/v1/nodes", params={"limit": "5"}).status == 200
    connection.close()
    assert asked == [f"{method} /k8s/clusters/one/api/v1/nodes?limit=5 HTTP/1.1"]


@METHODS
def test_a_connection_that_was_closed_opens_again(server, method):
    port, asked, _ = server
    connection = KubeConnection(configuration=kubernetes.client.Configuration(host=f"http://127.0.0.1:{port}"))
    for _ in range(2):
        assert connection.request(method, "/api").status == 200
        connection.close()
    assert len(asked) == 2


@METHODS
def test_requests_keep_their_connection(server, method):
    port, asked, made = server
    connection = KubeConnection(configuration=kubernetes.client.Configuration(host=f"http://127.0.0.1:{port}"))
    for _ in range(3):
        assert connection.request(method, "/api", body={"a": 1}).body == b"{}"
    connection.close()
    assert (len(asked), len(made)) == (3, 1)


@METHODS
def test_the_server_must_show_a_certificate_of_the_named_authority(tmp_path, method):
    with AviLab() as https:
        configuration = kubernetes.client.Configuration(host=f"https://{https.host}")
        stranger = KubeConnection(configuration=configuration)
        with pytest.raises(RetryLater, match="its certificate is refused: self-signed certificate"):
            stranger.request(method, "/api/cluster")
        stranger.close()
        configuration.ssl_ca_cert = str(tmp_path / "ca.crt")
        (tmp_path / "ca.crt").write_text(https.certificate_pem)
        connection = KubeConnection(configuration=configuration)
        assert connection.request(method, "/api/cluster").status == 401
        connection.close()


@METHODS
def test_a_proxy_is_told_the_whole_address(server, method):
    port, asked, _ = server
    configuration = kubernetes.client.Configuration(host="http://api.example.com:6443")
    configuration.proxy = f"http://127.0.0.1:{port}"
    configuration.no_proxy = None
    connection = KubeConnection(configuration=configuration)
    assert connection.request(method, "/api/v1/nodes").status == 200
    connection.close()
    assert asked == [f"{method} http://api.example.com:6443/api/v1/nodes HTTP/1.1"]


def test_who_we_are_is_asked_anew_after_a_while_and_not_each_time(pool, monkeypatch):
    configuration = kubernetes.client.Configuration(host="http://127.0.0.1:1")
    tokens = iter(["first", "second"])
    now = [100.0]
    monkeypatch.setattr(configuration, "get_api_key_with_prefix", lambda *_names, **_more: next(tokens))
    monkeypatch.setattr("ako_runtime.kube.connection.time.monotonic", lambda: now[0])
    connection = KubeConnection(configuration=configuration, pool=pool)
    sent = []

    def urlopen(*_arguments, headers, **_options):
        sent.append(headers["Authorization"])
        raise OSError("not here")

    monkeypatch.setattr(pool, "urlopen", urlopen)
    for moment in (0.0, 0.5, 1.5):
        now[0] = 100.0 + moment
        with pytest.raises(OSError, match="not here"):
            connection.stream("/api", params={}, silence=1.0)
    assert sent == ["first", "first", "second"]


def test_the_unlimited_connection_waits_for_nobody(connection, pool):
    bucket = TokenBucket(rate=0.001, burst=1, clock=lambda: 0.0, pause=lambda _seconds: pytest.fail("waited"))
    connection.limited(bucket)
    for _ in range(3):
        with pytest.raises(RetryLater, match="not here"):
            connection.request("GET", "/apis/coordination.k8s.io/v1/namespaces/avi-system/leases/ako-lease-lock")
    assert pool.tries == 3
