"""The builder's HTTP client against a scripted server: repeats, limits, redirects, trust, proxies."""

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.web.scripted import ScriptedServer, answer, cut, hang_up

from ako_builder.archive.writer import BytesBlob
from ako_builder.web import BlobUpload, NoAnswer, Site, form_upload, proxy_for
from ako_runtime.errors import UserError


@pytest.fixture
def server():
    with contextlib.closing(ScriptedServer()) as made:
        yield made


@pytest.fixture
def other():
    with contextlib.closing(ScriptedServer()) as made:
        yield made


class Pauses(list):
    def __call__(self, seconds):
        self.append(seconds)


def site_of(server, pauses=None, scheme="http", **options):
    return Site(f"{scheme}://{server.host}", pause=Pauses() if pauses is None else pauses, **options)


@pytest.mark.parametrize("status", [502, 503, 504, 429])
def test_a_busy_server_is_asked_again(server, status):
    server.answers["/a"] = [answer(status), answer(status), answer(200, b"{}")]
    pauses = Pauses()
    found = site_of(server, pauses).request("GET", "/a")
    assert (found.status, found.json()) == (200, {})
    assert pauses == [0.5, 1.0]


def test_a_server_that_stays_busy_has_the_last_word(server):
    server.answers["/a"] = [answer(503, b"later")]
    pauses = Pauses()
    found = site_of(server, pauses).request("GET", "/a")
    assert (found.status, found.body) == (503, b"later")
    assert pauses == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("stated", "pause"),
    [("3", 3), ("0", 0), ("86400", 30), ("soon", 0.5), ("Fri, 31 Dec 2199 23:59:59 GMT", 30), ("-5", 0.5)],
)
def test_retry_after_is_heeded_up_to_a_limit(server, stated, pause):
    server.answers["/a"] = [answer(503, Retry_After=stated), answer(200)]
    pauses = Pauses()
    assert site_of(server, pauses).request("GET", "/a").status == 200
    assert pauses == [pause]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize("status", [502, 503, 504])
def test_what_may_have_been_done_is_not_sent_twice(server, method, status):
    server.answers["/a"] = [answer(status), answer(200)]
    assert site_of(server).request(method, "/a", body=b"x").status == status
    assert len(server.asked) == 1


def test_too_many_requests_is_no_answer_to_a_post_either(server):
    server.answers["/a"] = [answer(429), answer(201)]
    assert site_of(server).request("POST", "/a", body=b"x").status == 201


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_a_broken_connection_is_tried_again(server, method):
    server.answers["/a"] = [hang_up, answer(200)]
    assert site_of(server).request(method, "/a").status == 200


def test_a_broken_connection_ends_a_post(server):
    server.answers["/a"] = [hang_up, answer(200)]
    with pytest.raises(NoAnswer, match="no answer"):
        site_of(server).request("POST", "/a", body=b"x")
    assert len(server.asked) == 1


def test_half_an_answer_is_none(server):
    server.answers["/a"] = [cut(b"half", stated=8), answer(200, b"whole")]
    assert site_of(server).request("GET", "/a").body == b"whole"
    server.answers["/a"] = [cut(b"half", stated=8)]
    with pytest.raises(NoAnswer, match="no answer"):
        site_of(server).request("GET", "/a")


def test_nobody_there_is_a_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        port = taken.getsockname()[1]
        pauses = Pauses()
        with pytest.raises(NoAnswer, match=rf"127.0.0.1:{port}: no answer: .*check the address"):
            Site(f"http://127.0.0.1:{port}", pause=pauses).request("POST", "/a", body=b"x")
    assert len(pauses) == 4  # nothing was sent, so a POST may be tried again


@pytest.mark.parametrize(("size", "fits"), [(1000, True), (1001, False), (1 << 20, False)])
def test_an_answer_has_a_limit(server, size, fits):
    server.answers["/a"] = [answer(200, b"x" * size)]
    if fits:
        assert len(site_of(server).request("GET", "/a", limit=1000).body) == size
        return
    with pytest.raises(NoAnswer, match="more than 1000 bytes"):
        site_of(server).request("GET", "/a", limit=1000)
    assert len(server.asked) == 1


def test_what_unpacks_to_more_has_the_same_limit(server):
    import gzip

    server.answers["/a"] = [answer(200, gzip.compress(b"x" * (8 << 20)), Content_Encoding="gzip")]
    with pytest.raises(NoAnswer, match="more than 1000 bytes"):
        site_of(server).request("GET", "/a", limit=1000)


def test_no_json_is_a_sentence(server):
    server.answers["/a"] = [answer(200, b"<html>\xff")]
    with pytest.raises(NoAnswer, match=r"/a: the answer \(status 200\) is not JSON"):
        site_of(server).request("GET", "/a").json()


def test_a_stream_breaks_in_the_open(server):
    server.answers["/a"] = [cut(b"half", stated=8)]
    with site_of(server).stream("/a") as found:
        parts = found.parts()
        assert next(parts) == b"half"
        with pytest.raises(NoAnswer, match="broke off"):
            next(parts)


def test_another_host_gets_no_secret(server, other):
    server.answers["/a"] = [answer(307, Location=f"http://{other.host}/b")]
    server.answers["/c"] = [answer(307, Location="/d")]
    server.answers["/d"] = other.answers["/b"] = [answer(200)]
    site = site_of(server)
    secrets = {"Authorization": "Basic x", "X-Hm-Authorization": "t", "Accept": "text/a", "Range": "bytes=3-"}
    assert site.request("GET", "/a", headers=secrets).url == f"http://{other.host}/b"
    (_, _, sent, _), *_ = other.asked
    assert {"Accept", "Range"} <= set(sent)
    assert not {"Authorization", "X-Hm-Authorization"} & set(sent)
    assert site.request("GET", "/c", headers=secrets).status == 200
    assert server.asked[-1][2]["X-Hm-Authorization"] == "t"


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [(302, "POST", "GET"), (303, "PUT", "GET"), (307, "POST", "POST"), (308, "PUT", "PUT"), (301, "HEAD", "HEAD")],
)
def test_a_redirect_keeps_what_its_status_says(server, status, method, then):
    server.answers["/a"] = [answer(status, Location="/b")]
    server.answers["/b"] = [answer(200)]
    assert site_of(server).request(method, "/a", body=b"x" if method != "HEAD" else None).status == 200
    assert server.asked[-1][0] == then
    assert server.asked[-1][3] == (b"x" if then in {"POST", "PUT"} else b"")


@pytest.mark.parametrize("target", ["http://[x/y", "//[::1", "http://host:port/"])
def test_an_address_that_is_none_is_no_answer(server, target):
    server.answers["/a"] = [answer(302, Location=target)]
    with pytest.raises(NoAnswer, match=f"{server.host} names an address that is none"):
        site_of(server).request("GET", "/a")
    with pytest.raises(NoAnswer, match="names an address that is none"):
        site_of(server).request("GET", target)


@pytest.mark.parametrize("address", ["https://[x", "https://host:port", "https://host:99999"])
def test_an_address_of_the_user_that_is_none_is_a_sentence(address):
    with pytest.raises(UserError, match=r"is no address \(.*; write https://HOST"):
        Site(address)


def test_redirects_end(server):
    server.answers["/a"] = [answer(302, Location="/a")]
    with pytest.raises(NoAnswer, match="more than 5 redirects"):
        site_of(server).request("GET", "/a")


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://x/y"])
def test_nobody_is_led_elsewhere_than_to_http(server, target):
    server.answers["/a"] = [answer(302, Location=target)]
    with pytest.raises(NoAnswer, match="not HTTPS"):
        site_of(server).request("GET", "/a")


def test_an_upload_is_sent_again_from_its_start(server):
    upload, media_type = form_upload(
        BytesBlob(b"content"), field="file", file_name="a.csar", media_type="application/zip", boundary="7b"
    )
    server.answers["/a"] = [answer(503), answer(202)]
    assert site_of(server).request("PUT", "/a", headers={"Content-Type": media_type}, body=upload).status == 202
    expected = (
        b'--7b\r\nContent-Disposition: form-data; name="file"; filename="a.csar"\r\n'
        b"Content-Type: application/zip\r\n\r\ncontent\r\n--7b--\r\n"
    )
    assert [body for *_, body in server.asked] == [expected, expected]
    assert server.asked[0][2]["Content-Length"] == str(len(expected))
    assert "Transfer-Encoding" not in server.asked[0][2]


def test_a_blob_is_a_body_by_itself(server):
    server.answers["/a"] = [answer(201)]
    site_of(server).request("PUT", "/a", body=BlobUpload(blob=BytesBlob(b"x" * (3 << 20))))
    assert len(server.asked[0][3]) == 3 << 20


# -- trust -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-made certificate for 127.0.0.1: its file, and the context of a server that has it."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "c.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "k.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "c.pem", folder / "k.pem")
    return folder / "c.pem", context


@pytest.fixture
def secure(certificate):
    with contextlib.closing(ScriptedServer(context=certificate[1])) as made:
        made.answers["/a"] = [answer(200)]
        yield made


def test_a_certificate_is_trusted_by_the_file_of_its_authority(secure, certificate):
    assert site_of(secure, scheme="https", ca=certificate[0]).request("GET", "/a").status == 200
    assert site_of(secure, scheme="https", insecure=True).request("GET", "/a").status == 200


def test_an_untrusted_certificate_is_told_at_once(secure):
    pauses = Pauses()
    with pytest.raises(NoAnswer, match=r"its certificate is refused: .*; name the CA certificates"):
        site_of(secure, pauses, scheme="https").request("GET", "/a")
    assert pauses == []
    assert secure.asked == []


def test_nobody_is_led_from_https_to_http(secure, certificate, server):
    secure.answers["/a"] = [answer(302, Location=f"http://{server.host}/a")]
    with pytest.raises(NoAnswer, match="not HTTPS"):
        site_of(secure, scheme="https", ca=certificate[0]).request("GET", "/a")
    assert server.asked == []


@pytest.mark.parametrize("content", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_file_without_authorities_is_named(tmp_path, content):
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=r"ca.pem: no CA certificates in PEM"):
        Site("https://x.example", ca=path)


# -- proxies -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def environment(monkeypatch):
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("HTTP_PROXY", "proxy.example:3129")
    monkeypatch.setenv("NO_PROXY", "inside.example,10.1.2.3")
    return monkeypatch


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://harbor.example/v2/", "http://proxy.example:3128"),
        ("http://harbor.example/v2/", "http://proxy.example:3129"),
        ("https://a.inside.example/", ""),
        ("https://10.1.2.3:8443/", ""),
        ("http://localhost:5000/", ""),
        ("http://127.0.0.1:5000/", ""),
        ("https://[::1]:5000/", ""),
    ],
)
def test_the_environment_names_proxies(environment, url, proxy):
    assert proxy_for(url) == proxy


def test_a_proxy_is_asked_in_place_of_the_host(environment, server):
    environment.setenv("HTTP_PROXY", f"http://me:word@{server.host}")
    server.answers["http://harbor.example/a"] = [answer(200, b"by proxy")]
    assert Site("http://harbor.example").request("GET", "/a").body == b"by proxy"
    assert {name.lower(): text for name, text in server.asked[0][2].items()}[
        "proxy-authorization"
    ] == "Basic bWU6d29yZA=="
