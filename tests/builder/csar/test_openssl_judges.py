"""OpenSSL never refuses a signature that we accept: on ours, and on ours damaged at random.

Accepted means what `verify` means by it: a message that can be parsed, a signer without a problem, a chain to the
trusted certificate. Most damage is found by both; what is left over (bytes that nothing depends on) is what the test is
about, so the damage is small: one byte, or one value of ASN.1 for another.
"""

import datetime as dt
import hashlib
import os
import subprocess

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.csar.outside_tools import tool
from support.data_folder import test_cases

from ako_builder.csar.check_signature import parsed, signature_findings
from ako_builder.signing.cms import der_of, detached_signature

EXAMPLES = int(os.environ.get("AKO_FUZZ_EXAMPLES", "60"))
TEXT = b"metadata:\n  vnfd_id: a\n"
# A warning; errors are all others.
FORGIVEN = {"SIG-018", "SIG-026", "SIG-027"}


@pytest.fixture(scope="module")
def signature(signer):
    now = dt.datetime.now(dt.UTC).replace(microsecond=0)
    return detached_signature(hashlib.sha256(TEXT).digest(), key=signer.key, time=now)


@pytest.fixture(scope="module")
def place(tmp_path_factory, signer):
    folder = tmp_path_factory.mktemp("openssl")
    (folder / "ca.pem").write_bytes(signer.anchor.public_bytes(serialization.Encoding.PEM))
    (folder / "text").write_bytes(TEXT)
    return folder


def accepted(data, trust):
    message, findings = parsed(data, where="a.cms")
    if message is None:
        return False
    digests = {name: hashlib.new(name.replace("-", ""), TEXT).digest() for name in message.digests if "SHA-" in name}
    found, signers = signature_findings(message, where="a.cms", digests=digests, beside=(), trust=trust)
    return bool(signers) and not {finding.rule for finding in (*findings, *found)} - FORGIVEN


def openssl(place, data):
    """What OpenSSL says against a signature; empty if nothing."""
    (place / "a.cms").write_bytes(data)
    command = [tool("AKO_OPENSSL", "openssl"), "cms", "-verify", "-binary", "-inform", "DER", "-in", "a.cms"]
    command += ["-content", "text", "-CAfile", "ca.pem", "-purpose", "any", "-out", os.devnull]
    run = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False, timeout=60)
    return run.stderr if run.returncode else ""


def test_a_sound_signature_is_accepted_by_both(signature, place, signer):
    assert accepted(signature, signer.trust)
    assert openssl(place, signature) == ""


@settings(
    max_examples=20 * EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize="AKO_FUZZ_EXAMPLES" not in os.environ,
)
@given(
    where=st.floats(0, 0.999),
    value=st.sampled_from([0, 1, 2, 3, 4, 5, 0x30, 0x31, 0x7F, 0x80, 0xA0, 0xFF]),
    flip=st.integers(-1, 7),
)
def test_openssl_refuses_no_damaged_signature_that_we_accept(signature, place, signer, where, value, flip):  # noqa: PLR0917
    data = bytearray(signature)
    offset = int(where * len(data))
    data[offset] = value if flip < 0 else data[offset] ^ 1 << flip
    if accepted(bytes(data), signer.trust):
        assert openssl(place, bytes(data)) == ""


def test_every_byte_of_a_signature_damaged(signature, place, signer):
    """Each byte once: what we accept is listed, and OpenSSL accepts it."""
    kept = []
    for offset in range(len(signature)):
        data = bytearray(signature)
        data[offset] ^= 1
        if accepted(bytes(data), signer.trust):
            kept.append(offset)
            assert openssl(place, bytes(data)) == "", offset
    assert len(kept) < len(signature) // 10


def test_findings_of_fuzzers_raise_nothing(signer):
    paths = sorted(test_cases("packages", "fuzz-findings", "cms").glob("*"))
    assert len(paths) > 15
    for path in paths:
        accepted(path.read_bytes(), signer.trust)


def test_the_name_constraint_that_its_maker_calls_kept_is_refused_by_openssl_too(tmp_path):
    import gzip
    import io
    import zipfile

    with zipfile.ZipFile(
        io.BytesIO(gzip.decompress(test_cases("packages", "name_constraint_kept.csar.gz").read_bytes()))
    ) as archive:
        manifest = archive.read("web.mf")
    begin = manifest.index(b"-----BEGIN CMS")
    (tmp_path / "text").write_bytes(manifest[:begin])
    (tmp_path / "ca.pem").write_bytes(test_cases("packages", "name_constraint_kept.ca.pem").read_bytes())
    assert "permitted subtree violation" in openssl(tmp_path, der_of(manifest[begin:]))
