"""What a registry or its server of tokens answers is looked at before it is believed, and an upload ends."""

import contextlib
import io

import pytest
from support.web.scripted import ScriptedServer, answer

from ako_builder.oci.credentials import Account
from ako_builder.oci.registry import Registry
from ako_runtime.errors import UserError


@pytest.fixture
def server():
    with contextlib.closing(ScriptedServer()) as made:
        yield made


def registry(server):
    return Registry(server.host, plain_http=True, account=Account())


@pytest.mark.parametrize("body", [b"7", b"[]", b"{}", b"null", b'{"token": 7}', b"<html>", b"[" * 20_000, b"\xff"])
def test_a_token_that_is_none_is_a_failed_login(server, body):
    realm = f'Bearer realm="http://{server.host}/token",service="lab"'
    server.answers["/v2/a/manifests/1"] = [answer(401, WWW_Authenticate=realm)]
    server.answers["/token?service=lab&scope=repository%3Aa%3Apull"] = [answer(200, body)]
    with pytest.raises(UserError, match="the login failed"):
        registry(server).manifest("a", "1")


@pytest.mark.parametrize("location", ["http://[x/y", "//[::1"])
def test_an_upload_to_an_address_that_is_none_is_a_sentence(server, location):
    server.answers["/v2/a/blobs/sha256:0"] = [answer(404)]
    server.answers["/v2/a/blobs/uploads/"] = [answer(202, Location=location)]
    with pytest.raises(UserError, match="names an address that is none"):
        registry(server).push_blob("a", "sha256:0", Shrunk())


class Shrunk:
    """A large file that is shorter by the time it is read."""

    size = 1 << 40

    def open(self):
        return io.BytesIO(b"short")


def test_content_that_ends_early_ends_the_upload(server):
    server.answers["/v2/a/blobs/sha256:0"] = [answer(404)]
    server.answers["/v2/a/blobs/uploads/"] = [answer(202, Location="/up")]
    server.answers["/up"] = [answer(202, Location="/up")]
    with pytest.raises(UserError, match=f"the content ends after 5 of {Shrunk.size} bytes"):
        registry(server).push_blob("a", "sha256:0", Shrunk())
