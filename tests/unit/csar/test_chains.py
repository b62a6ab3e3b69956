"""Whose certificates lead to a trusted one, when chains are built strictly and when they are relaxed."""

import datetime as dt
import ipaddress

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ako_builder.signing.certificates import chain_problems

NOW = dt.datetime(2025, 10, 9, tzinfo=dt.UTC)
YEAR = dt.timedelta(days=365)
KEYS = {name: ec.generate_private_key(ec.SECP256R1()) for name in ("root", "middle", "below", "leaf")}
SIGNS = {"digital_signature": True, "key_cert_sign": False}
ISSUES = {"digital_signature": False, "key_cert_sign": True}
NO_USAGE = dict.fromkeys(
    ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign", "encipher_only"), False
)


def named(*parts):
    """A name of an organisation and a common name, or of one of them."""
    oids = (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)[-len(parts) :]
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in zip(oids, parts, strict=True)])


def issued(name, by, *extensions, start=NOW - YEAR, end=NOW + YEAR, subject=None):
    """A certificate with these extensions and no others: no key identifiers, as telecom CAs make them."""
    subject, issuer = subject or named(name), named(by)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(KEYS[name].public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(KEYS[by], hashes.SHA256())


def usage(**stated):
    return x509.KeyUsage(**{**NO_USAGE, **stated, "decipher_only": False})


CA = x509.BasicConstraints(ca=True, path_length=None)
NO_CA = x509.BasicConstraints(ca=False, path_length=None)
ROOT = issued("root", "root")  # a version 1 style root: it says nothing about itself
LEAF = issued("leaf", "middle")


def problems(*others, relaxed=True, trust=(ROOT,), leaf=LEAF):
    return [p.text for p in chain_problems(leaf, others=others, trust=trust, time=NOW, relaxed=relaxed)]


def test_a_chain_without_key_identifiers_needs_to_be_relaxed():
    middle = issued("middle", "root", CA)
    assert problems(middle) == []
    assert problems(middle, relaxed=False) != []


@pytest.mark.parametrize(
    ("extensions", "said"),
    [
        ((), "is not a CA"),
        ((NO_CA,), "is not a CA"),
        ((CA, usage(**SIGNS)), "may not sign certificates"),
        ((CA, x509.PolicyConstraints(require_explicit_policy=0, inhibit_policy_mapping=None)), "not understood"),
    ],
)
def test_an_end_entity_issues_nothing(extensions, said):
    assert said in problems(issued("middle", "root", *extensions))[0]


def test_a_ca_that_may_sign_certificates_issues():
    assert problems(issued("middle", "root", CA, usage(**ISSUES))) == []


def test_a_ca_that_ran_out_issues_nothing():
    middle = issued("middle", "root", CA, start=NOW - 2 * YEAR, end=NOW - YEAR)
    assert "was not valid at" in problems(middle)[0]


def test_another_certificate_of_the_same_ca_may_do():
    old = issued("middle", "root", CA, start=NOW - 2 * YEAR, end=NOW - YEAR)
    assert problems(old, issued("middle", "root", CA)) == []


def test_the_number_of_cas_below_another_is_kept():
    middle = issued("middle", "root", x509.BasicConstraints(ca=True, path_length=0))
    below = issued("below", "middle", CA)
    assert "allows 0 CAs below it, there are 1" in problems(middle, below, leaf=issued("leaf", "below"))[0]
    assert problems(middle) == []


def test_a_trusted_certificate_that_says_it_is_no_ca_issues_nothing():
    middle = issued("middle", "root", NO_CA)
    assert "is not a CA" in problems(trust=(middle,))[0]
    # It may sign itself, where it is trusted.
    assert problems(trust=(LEAF,)) == []


def constrained(permitted=None, excluded=None):
    return issued("middle", "root", CA, x509.NameConstraints(permitted, excluded))


def directory(organisation):
    return x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation)]))


SIGNER = issued("leaf", "middle", subject=named("Example", "leaf"))
MAIL = issued("leaf", "middle", x509.SubjectAlternativeName([x509.RFC822Name("a@mail.example.org")]))
HOST = issued("leaf", "middle", subject=named("leaf.example.org"))
ADDRESS = issued("leaf", "middle", x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("192.0.2.7"))]))
URI = issued("leaf", "middle", x509.SubjectAlternativeName([x509.UniformResourceIdentifier("https://example.org/")]))


@pytest.mark.parametrize(
    ("leaf", "permitted", "kept"),
    [
        (SIGNER, directory("Example"), True),
        (SIGNER, directory("EXAMPLE "), True),
        (SIGNER, directory("Other"), False),
        (LEAF, directory("Example"), False),
        (MAIL, x509.RFC822Name("mail.example.org"), True),
        (MAIL, x509.RFC822Name(".example.org"), True),
        (MAIL, x509.RFC822Name("example.org"), False),
        (HOST, x509.DNSName("example.org"), True),
        (HOST, x509.DNSName("example.com"), False),
        (ADDRESS, x509.IPAddress(ipaddress.ip_network("192.0.2.0/24")), True),
        (ADDRESS, x509.IPAddress(ipaddress.ip_network("198.51.100.0/24")), False),
        (URI, x509.UniformResourceIdentifier("example.org"), False),
        (LEAF, x509.DNSName("example.com"), True),
    ],
)
def test_whom_a_ca_may_issue_for(leaf, permitted, kept):
    """A kind of name that cannot be judged is not kept; a kind that the signer has none of is."""
    found = problems(constrained([permitted]), leaf=leaf)
    assert (found == []) == kept
    assert kept or "name constraints" in found[0]
    if kept and leaf is not LEAF:
        assert "name constraints" in problems(constrained(None, [permitted]), leaf=leaf)[0]


def test_cas_that_issued_each_other_cost_no_more_than_their_number():
    """Every order of them is a chain: eight of sixteen are half a billion."""
    each_other = [issued("middle", "middle", CA) for _ in range(16)]
    assert problems(*each_other, relaxed=False) != []
    assert problems(*each_other) != []
    assert problems(*each_other, issued("middle", "root", CA)) == []
