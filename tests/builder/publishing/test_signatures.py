"""Envelopes and signatures of images, judged by the library that made the keys; cosign judges them in test_release."""

import base64
import json

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from ako_builder.oci.cosign import REF_NAME, add_signature, signature_tag
from ako_builder.oci.layout import Layout
from ako_builder.signer import demo_signer
from ako_builder.signing.dsse import envelope, pre_authentication_encoding, public_key_pem
from ako_builder.signing.keys import LocalKey

KEY = LocalKey(demo_signer())
DIGEST = f"sha256:{'a' * 64}"


def verify(signature: str, data: bytes) -> None:
    public = serialization.load_pem_public_key(public_key_pem(KEY))
    public.verify(base64.b64decode(signature), data, padding.PKCS1v15(), hashes.SHA256())


def test_the_encoding_is_that_of_the_specification():
    # The example of protocol.md.
    encoded = pre_authentication_encoding(b"hello world", payload_type="http://example.com/HelloWorld")
    assert encoded == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_an_envelope_is_for_its_type_alone():
    document = json.loads(envelope(b"{}", payload_type="a/b", signing=KEY))
    assert base64.b64decode(document["payload"]) == b"{}"
    (signature,) = document["signatures"]
    verify(signature["sig"], pre_authentication_encoding(b"{}", payload_type="a/b"))
    with pytest.raises(InvalidSignature):
        verify(signature["sig"], pre_authentication_encoding(b"{}", payload_type="a/c"))


def test_a_signature_names_the_manifest_and_stands_under_its_tag(tmp_path):
    layout = Layout(path=tmp_path)
    entry = add_signature(layout, digest=DIGEST, repository="registry.example.org/x", signing=KEY)
    assert entry.annotations == {REF_NAME: signature_tag(DIGEST)}
    (layer,) = layout.json(entry.digest)["layers"]
    payload = layout.blob(layer["digest"])
    assert json.loads(payload)["critical"]["image"] == {"docker-manifest-digest": DIGEST}
    verify(layer["annotations"]["dev.cosignproject.cosign/signature"], payload)
