"""Bad packages 67 to 86: signatures that do not hold."""

import hashlib

from cryptography.hazmat import asn1
from cryptography.hazmat.primitives import serialization
from support.csar.hostile import Bad, bench_case
from support.csar.workbench import NOW, YEAR, certified, rsa_key, signature_over, signed_again, write_files, zipped

from ako_builder.signing.cms import detached_signature, pem
from ako_builder.signing.structures import (
    DATA,
    DIGESTS,
    WEAK_DIGESTS,
    ContentInfo,
    Encapsulated,
    PlainAlgorithm,
    SignedData,
    SignerInfo,
)


def body(files):
    """What the manifest's signature covers."""
    text = files["web.mf"]
    return text[: text.index(b"-----BEGIN CMS")]


def with_block(files, block):
    """The files with another signature of the manifest."""
    return {**files, "web.mf": body(files) + (block if isinstance(block, bytes) else block.encode())}


def der(bench, **options):
    """A good signature over the manifest."""
    return detached_signature(hashlib.sha256(body(bench.files)).digest(), key=bench.signer.key, time=NOW, **options)


def changed(data, **fields):
    """The same message with other fields in SignedData."""
    info = asn1.decode_der(ContentInfo, data)
    values = {name: getattr(info.content, name) for name in SignedData.__annotations__}
    return asn1.encode_der(ContentInfo(kind=info.kind, content=SignedData(**{**values, **fields})))


def signer_of(data):
    return asn1.decode_der(ContentInfo, data).content.signers.as_list()[0]


def changed_signer(data, **fields):
    """The same message with other fields in its one SignerInfo."""
    old = signer_of(data)
    values = {name: getattr(old, name) for name in SignerInfo.__annotations__}
    return changed(data, signers=asn1.SetOf([SignerInfo(**{**values, **fields})]))


def signature_case(number, rule, *also):
    """Register a maker of the manifest's signature (DER, or text)."""

    def register(make):
        def package(bench):
            block = make(bench)
            return with_block(bench.files, block if isinstance(block, str) else pem(block))

        package.__name__ = make.__name__
        bench_case(number, rule, *also, again=False)(package)
        return make

    return register


def signer_case(number, rule, *also):
    """Register a maker of a signer."""

    def register(make):
        def package(bench):
            other = make()
            return Bad(signed_again(bench.files, certified=other), trust=other.trust)

        package.__name__ = make.__name__
        bench_case(number, rule, *also)(package)
        return make

    return register


@signature_case(67, "SIG-005")
def over_other_bytes(bench):
    return signature_over(b"other bytes", certified=bench.signer)


@signature_case(68, "SIG-004")
def attached_content(bench):
    return changed(der(bench), encapsulated=Encapsulated(kind=DATA, content=b"other"))


@signature_case(69, "SIG-003")
def no_signer(bench):
    return changed(der(bench), signers=asn1.SetOf([]))


@signature_case(70, "SIG-005", "SIG-013")
def two_signers_one_bad(bench):
    other = certified()
    good, bad = der(bench), detached_signature(b"x" * 32, key=other.key, time=NOW)
    certificates = asn1.SetOf(
        [
            asn1.decode_der(asn1.TLV, c.public_bytes(serialization.Encoding.DER))
            for c in (*bench.signer.signer.certificates, *other.signer.certificates)
        ]
    )
    return changed(good, signers=asn1.SetOf([signer_of(good), signer_of(bad)]), certificates=certificates)


@signature_case(71, "SIG-008", "SIG-005")
def algorithms_contradict_each_other(bench):
    return changed_signer(der(bench), digest=PlainAlgorithm(algorithm=DIGESTS["SHA-512"], parameters=None))


@signature_case(72, "SIG-009")
def no_message_digest(bench):
    data = der(bench)
    kept = [a for a in signer_of(data).signed.as_list() if a.kind.dotted_string != "1.2.840.113549.1.9.4"]
    attributes = asn1.SetOf(kept)
    return changed_signer(data, signed=attributes, signature=bench.signer.key.sign(asn1.encode_der(attributes)))


@signature_case(73, "SIG-002")
def attributes_out_of_order(bench):
    """DER sorts a set; the first two attributes change places."""
    data = der(bench)
    attributes = [asn1.encode_der(attribute) for attribute in signer_of(data).signed.as_list()]
    ordered = b"".join(sorted(attributes))
    assert ordered in data
    return data.replace(ordered, b"".join(sorted(attributes, reverse=True)))


@signature_case(74, "SIG-007", "SIG-008")
def sha1_digest(bench):
    return changed_signer(der(bench), digest=PlainAlgorithm(algorithm=WEAK_DIGESTS["SHA-1"], parameters=None))


@signature_case(74, "SIG-007", "SIG-008")
def md5_digest(bench):
    return changed_signer(der(bench), digest=PlainAlgorithm(algorithm=WEAK_DIGESTS["MD5"], parameters=None))


@signer_case(75, "SIG-011")
def short_rsa_key():
    return certified(key=rsa_key(1024))


@signer_case(75, "SIG-011")
def weak_exponent():
    return certified(key=rsa_key(2048, 3))


@signer_case(76, "SIG-012", "SIG-013")
def certificate_ran_out_before_signing():
    return certified(start=NOW - 2 * YEAR, end=NOW - YEAR)


@signer_case(76, "SIG-012", "SIG-013")
def certificate_not_valid_yet():
    return certified(start=NOW + YEAR, end=NOW + 2 * YEAR)


@bench_case(77, "SIG-013")
def unknown_root(bench):
    return Bad(bench.files, trust=certified().trust)


@signer_case(78, "SIG-014")
def signer_is_a_ca():
    return certified(ca=True)


@signer_case(79, "SIG-015")
def extended_usage_without_code_signing():
    return certified(code_signing=False)


@signer_case(79, "SIG-015")
def key_usage_without_signature():
    return certified(usage=False)


@bench_case(80, "SIG-016")
def certificate_twice(bench):
    return {**bench.files, "web.cert": certified().signer.certificate_pem}


@signature_case(81, "SIG-010")
def certificate_nowhere(bench):
    return der(bench, with_certificates=False)


@signature_case(82, "SIG-002")
def indefinite_length(bench):
    data = der(bench)
    assert data[:2] == b"\x30\x82"
    return b"\x30\x80" + data[4:] + b"\x00\x00"


@signature_case(83, "SIG-002")
def nested_fifty_thousand_times(_bench):
    return b"\x30\x80" * 50_000


def archived(bench, files):
    """An outer archive."""
    return Bad(write_files(bench.folder / "outer.zip", files).read_bytes())


@bench_case(83, "SIG-022")
def a_hundred_megabytes_beside_the_package(bench):
    return archived(bench, {"a.csar": zipped(bench.files), "a.cms": b"\x30\x82\xff\xff" * (100 << 20 >> 2)})


@signature_case(83, "SIG-022")
def two_megabytes_in_the_manifest(_bench):
    return b"\x30\x82\xff\xff" * 500_000


@signature_case(83, "MF-028", "SIG-001", "SIG-025")
def a_hundred_megabytes_in_the_manifest(_bench):
    return b"\x30\x82\xff\xff" * (100 << 20 >> 2)


@bench_case(84, "SIG-019")
def two_packages_in_one_archive(bench):
    inner = zipped(bench.files)
    return archived(bench, {"a.csar": inner, "b.csar": inner, "a.cms": b"x"})


@bench_case(84, "SIG-019", "SIG-001")
def signature_of_another_name(bench):
    inner = zipped(bench.files)
    return archived(bench, {"a.csar": inner, "b.cms": signature_over(inner, certified=bench.signer).encode()})


@bench_case(84, "SIG-005")
def inner_package_signed_by_a_broken_option_1(bench):
    broken = with_block(bench.files, signature_over(b"other bytes", certified=bench.signer))
    inner = zipped(broken)
    return archived(bench, {"a.csar": inner, "a.cms": signature_over(inner, certified=bench.signer).encode()})


@bench_case(85, "MF-021", "CON-007")
def outer_signature_good_inner_digest_wrong(bench):
    inner = zipped({**bench.files, "ChangeLog.txt": b"changed after the digests were made"})
    return archived(bench, {"a.csar": inner, "a.cms": signature_over(inner, certified=bench.signer).encode()})


@signature_case(86, "SIG-020")
def time_stamp_over_other_bytes(bench):
    authority = bench.authority

    class Liar:
        def token(self, _signature):
            return authority.token(b"other bytes")

    return der(bench, token_for=Liar())
