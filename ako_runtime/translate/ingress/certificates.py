"""TLS Secrets of Ingresses: which one a host uses, and whether it can be used.

A certificate that the controller would refuse must not reach it, because it would hold up everybody on the same virtual
service: the parent of a shard refers to the certificates of all its hosts. So certificate and key are read here, and it
is found out whether they belong together. A host whose Secret has become broken, or may not be read any more, keeps the
certificate that it had: neither a wrong rotation nor a smaller role takes it away. Dates, names and strength are not
judged: a certificate that has run out is still better than none, and the TLS profile on the controller decides about
strength.
"""

import base64
import binascii
import re
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import ObjectRef
from ako_runtime.resources.core import Secret
from ako_runtime.resources.ingress_annotations import ENABLE_TLS
from ako_runtime.resources.modes import reads_tls_secrets
from ako_runtime.resources.networking import Ingress
from ako_runtime.resources.rules import KeyCertificate
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.settings import Settings
from ako_runtime.translate.ingress.der import belong_together, public_part_of_certificate, public_part_of_key
from ako_runtime.translate.l4 import L4Context

DEFAULT_SECRET = "router-certs-default"  # noqa: S105 - the name of a Secret
_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\s+([A-Za-z0-9+/=\s]+?)-----END \1-----")


class KeyPair(Struct, frozen=True, kw_only=True):
    """Certificate chain and private key in PEM."""

    certificate: str
    key: str

    def __repr__(self) -> str:
        return "KeyPair(redacted)"


class HostTls(Struct, frozen=True, kw_only=True):
    """TLS of a host: the pair, or why there is none. `shared` pairs are one object for all hosts.

    `names` are certificates that are on the controller already; a pair may stand beside them.
    """

    names: tuple[str, ...] = ()
    pair: KeyPair | None = None
    alternate: KeyPair | None = None
    shared: bool = False
    problem: str = ""
    # The host is served, without a part of what was asked for.
    warning: str = ""
    # The Secret is there and what it holds cannot be used, or it may not be read.
    broken: bool = False
    # Certificates of ours that stay as they are because the Secret is broken; `needs`: whether there are some.
    kept: tuple[str, ...] = ()
    needs: frozenset[Ref] = frozenset()

    @property
    def usable(self) -> bool:
        """Whether the host can be served with it, as far as is known."""
        return self.pair is not None or bool(self.names or self.kept or self.needs)


def tls_of(host: str, ingress: Ingress, snapshot: Snapshot, context: L4Context) -> HostTls | None:
    """TLS of a host of the Ingress; None if it is plain."""
    name = next((one.secret_name for one in ingress.spec.tls if any(_covers(named, host) for named in one.hosts)), None)
    if name is None:
        name = next((one.secret_name for one in ingress.spec.tls if not one.hosts), None)
    if name:
        about = ObjectRef(resource="secrets", namespace=ingress.namespace, name=name)
        return pair_of_secret(about, snapshot, context.settings)
    wanted = name is not None or ingress.metadata.annotations.get(ENABLE_TLS, "").lower() == "true"
    return _default_tls(snapshot, context) if wanted else None


def _default_tls(snapshot: Snapshot, context: L4Context) -> HostTls:
    about = ObjectRef(resource="secrets", namespace=context.ownership.namespace, name=DEFAULT_SECRET)
    found = pair_of_secret(about, snapshot, context.settings)
    if found.pair is None:
        return msgspec.structs.replace(found, shared=True)
    secret = snapshot.object(about)
    data = secret.data if isinstance(secret, Secret) else {}
    alternate, problem = None, ""
    if data.get("alt.crt") or data.get("alt.key"):
        alternate, problem = pair_in(data.get("alt.crt", ""), data.get("alt.key", ""), prefix="alt")
    warning = f"Secret {about.namespace}/{about.name}: {problem}" if problem else ""
    return HostTls(pair=found.pair, alternate=alternate, shared=True, warning=warning)


def tls_by_rule(
    wanted: KeyCertificate, namespace: str, snapshot: Snapshot, context: L4Context, *, kept: tuple[str, ...]
) -> HostTls:
    """TLS of a host whose HostRule, in this namespace, names the certificates; `kept` stand for those in Secrets."""
    both = (wanted, wanted.alternate_certificate)
    names = tuple(one.name for one in both if one is not None and one.type != "secret")
    if kept:
        return HostTls(names=names, kept=kept)
    first, second = (
        pair_of_secret(ObjectRef(resource="secrets", namespace=namespace, name=one.name), snapshot, context.settings)
        if one is not None and one.type == "secret"
        else HostTls()
        for one in both
    )
    return HostTls(
        names=names,
        pair=first.pair,
        alternate=second.pair,
        problem=first.problem or second.problem,
    )


def pair_of_secret(about: ObjectRef, snapshot: Snapshot, settings: Settings) -> HostTls:
    """The pair in a Secret, or why there is none."""
    if not reads_tls_secrets(settings, about.namespace):
        # A right that is missing is no Secret that is missing: what was made of it stays.
        return HostTls(
            problem=f"Secret {about.namespace}/{about.name} is not read, the right is missing; set "
            f"rbac.tlsSecrets.scope of the chart to cluster, or to namespaces with {about.namespace} in "
            "rbac.tlsSecrets.namespaces",
            broken=True,
        )
    secret = snapshot.object(about)
    if not isinstance(secret, Secret):
        return HostTls(
            problem=f"Secret {about.namespace}/{about.name} does not exist or is not of type kubernetes.io/tls"
        )
    pair, problem = pair_in(secret.data.get("tls.crt", ""), secret.data.get("tls.key", ""))
    if pair is None:
        return HostTls(problem=f"Secret {about.namespace}/{about.name}: {problem}", broken=True)
    return HostTls(pair=pair)


def last_good_of(tls: HostTls, own: str, snapshot: Snapshot, context: L4Context, *, tenant: str) -> HostTls:
    """What a host has whose Secret cannot be used: the certificate that was made of it before, if there is one.

    The controller has it, key included, so this holds over restarts. `own` is the name of the certificate.
    """
    found = {
        name: snapshot.reference(Ref("sslkeyandcertificate", name, tenant=tenant))
        for name in (own, *((f"{own}-alt",) if tls.shared else ()))
    }
    unknown = frozenset(
        Ref("sslkeyandcertificate", name, tenant=tenant) for name, known in found.items() if known is None
    )
    if unknown:
        return msgspec.structs.replace(tls, needs=unknown)
    kept = tuple(
        name
        for name, known in found.items()
        if known is not None and known.exists and known.created_by == context.ownership.created_by
    )
    return msgspec.structs.replace(tls, kept=kept if own in kept else ())


def authorities_problem(pem: str) -> str:
    """What is wrong with certificates of authorities; empty if nothing is."""
    found = [public_part_of_certificate(der) for label, der in _blocks(pem) if label.endswith("CERTIFICATE")]
    if found and None not in found:
        return ""
    return f"it holds {'a broken' if found else 'no'} certificate in PEM"


def pair_in(certificate: str, key: str, *, prefix: str = "tls") -> tuple[KeyPair | None, str]:
    """The pair in two base64 values, or what is wrong with them; the keys of the Secret are called by the prefix."""
    chain, secret = _text(certificate), _text(key)
    certified = [public_part_of_certificate(der) for label, der in _blocks(chain) if label.endswith("CERTIFICATE")]
    if not certified or None in certified:
        return None, f"{prefix}.crt holds {'no' if not certified else 'a broken'} certificate in PEM"
    keys = [(label, public_part_of_key(der, label)) for label, der in _blocks(secret) if label.endswith("PRIVATE KEY")]
    if not keys:
        return None, f"{prefix}.key holds no private key in PEM"
    label, own = keys[0]
    if own is None:
        what = "one that needs a password" if label.startswith("ENCRYPTED") else "a broken one"
        return None, f"{prefix}.key holds no private key in PEM, but {what}"
    if certified[0] is None or not belong_together(certified[0], own):
        return None, f"{prefix}.key is not the key of the (first) certificate in {prefix}.crt"
    return KeyPair(certificate=chain, key=secret), ""


def _text(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""


def _blocks(text: str) -> Iterator[tuple[str, bytes]]:
    """Label and content of each PEM block; empty content if it is no base64."""
    for label, body in _BLOCK.findall(text):
        try:
            yield label, base64.b64decode("".join(body.split()), validate=True)
        except (binascii.Error, ValueError):
            yield label, b""


def _covers(named: str, host: str) -> bool:
    return named == host or (named.startswith("*.") and host.partition(".")[2] == named[2:])
