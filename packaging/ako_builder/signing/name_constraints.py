"""Name constraints (RFC 5280 4.2.1.10): whom a CA may issue certificates to.

A CA's constraints hold for every certificate below it, whether or not the extension is critical. Judged are directory
names (subject and alternative names), DNS names, mail addresses, IP addresses; a constraint of another kind refuses
every certificate that has a name of this kind, because nothing here can tell whether it fits. A common name that looks
like a host counts as a DNS name where there is no alternative one, and a mail address in a subject as one: OpenSSL
does the same.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

_Names = tuple[tuple[type[x509.GeneralName], Any], ...]


def constraint_problem(path: Sequence[x509.Certificate]) -> str:
    """What is wrong with a chain, the signer first; empty if every constraint is kept."""
    for index, ca in enumerate(path):
        constraints = _constraints(ca)
        if constraints is None:
            continue
        for below in path[:index]:
            for kind, value in _names(below):
                if not _allowed(kind, value, constraints=constraints):
                    name = ca.subject.rfc4514_string()
                    return f"{name} may not issue for {below.subject.rfc4514_string()} (name constraints)"
    return ""


def names_only_directories(certificate: x509.Certificate) -> bool:
    """Whether it has name constraints, and all of them are about directory names."""
    constraints = _constraints(certificate)
    if constraints is None:
        return False
    trees = [*(constraints.permitted_subtrees or ()), *(constraints.excluded_subtrees or ())]
    return all(isinstance(tree, x509.DirectoryName) for tree in trees)


def _constraints(certificate: x509.Certificate) -> x509.NameConstraints | None:
    found = [item.value for item in certificate.extensions if isinstance(item.value, x509.NameConstraints)]
    return found[0] if found else None


def _names(certificate: x509.Certificate) -> _Names:
    return tuple(_stated_names(certificate))


def _stated_names(certificate: x509.Certificate) -> Iterator[tuple[type[x509.GeneralName], Any]]:
    subject = certificate.subject
    if list(subject):
        yield x509.DirectoryName, subject
    alternative = [
        name
        for item in certificate.extensions
        if isinstance(item.value, x509.SubjectAlternativeName)
        for name in item.value
    ]
    for name in alternative:
        yield type(name), name.value
    for attribute in subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS):
        yield x509.RFC822Name, str(attribute.value)
    if not any(isinstance(name, x509.DNSName) for name in alternative):
        for attribute in subject.get_attributes_for_oid(NameOID.COMMON_NAME):
            text = str(attribute.value)
            if "." in text and " " not in text:
                yield x509.DNSName, text


def _allowed(kind: type[x509.GeneralName], value: Any, *, constraints: x509.NameConstraints) -> bool:  # noqa: ANN401
    permitted = _of_kind(constraints.permitted_subtrees, kind)
    excluded = _of_kind(constraints.excluded_subtrees, kind)
    if not permitted and not excluded:
        return True
    judge = _JUDGES.get(kind)
    if judge is None:
        return False
    return not any(judge(value, tree) for tree in excluded) and (
        not permitted or any(judge(value, tree) for tree in permitted)
    )


def _of_kind(trees: Iterable[x509.GeneralName] | None, kind: type[x509.GeneralName]) -> list[Any]:
    return [tree.value for tree in trees or () if isinstance(tree, kind)]


def _in_directory(name: x509.Name, base: x509.Name) -> bool:
    wanted = [_canonical(part) for part in base.rdns]
    return [_canonical(part) for part in name.rdns][: len(wanted)] == wanted


def _canonical(part: x509.RelativeDistinguishedName) -> frozenset[tuple[str, str]]:
    return frozenset((item.oid.dotted_string, " ".join(str(item.value).casefold().split())) for item in part)


def _in_domain(name: str, base: str) -> bool:
    name, base = name.lower().rstrip("."), base.lower().lstrip(".")
    return not base or name == base or name.endswith(f".{base}")


def _in_mailbox(name: str, base: str) -> bool:
    _, at, host = name.rpartition("@")
    if not at or "@" in base:
        return name.lower() == base.lower()
    return host.lower().endswith(base.lower()) if base.startswith(".") else host.lower() == base.lower()


def _in_network(address: Any, base: Any) -> bool:  # noqa: ANN401 - the library says Any of addresses
    network = ipaddress.ip_network(base)
    return address.version == network.version and address in network


_JUDGES: dict[type[x509.GeneralName], Any] = {
    x509.DirectoryName: _in_directory,
    x509.DNSName: _in_domain,
    x509.RFC822Name: _in_mailbox,
    x509.IPAddress: _in_network,
}
