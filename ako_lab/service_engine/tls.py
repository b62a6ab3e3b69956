"""How a virtual service meets clients by TLS.

Documented: the certificates of a virtual service are chosen by the server name, the first one is for all other names;
the profile names versions and ciphers; the application profile says whether clients show certificates. Assumed: a
virtual service that ends TLS and names no certificate shows that of the product.
"""

from collections.abc import Callable

from ako_lab.service_engine.model import KeyPair, Tls
from ako_lab.service_engine.objects import Document, Objects
from ako_lab.service_engine.pools import authorities_of, key_pair

_VERSIONS = {
    "SSL_VERSION_TLS1": "TLSv1_0",
    "SSL_VERSION_TLS1_1": "TLSv1_1",
    "SSL_VERSION_TLS1_2": "TLSv1_2",
    "SSL_VERSION_TLS1_3": "TLSv1_3",
}
_CLIENTS = {"SSL_CLIENT_CERTIFICATE_REQUEST": "request", "SSL_CLIENT_CERTIFICATE_REQUIRE": "require"}
_DEFAULT_CERTIFICATE = "System-Default-Cert"


def tls_of(objects: Objects, vs: Document, service: Document, complain: Callable[[str], None]) -> Tls | None:
    """The TLS of a virtual service at one of its ports; None if it has no certificate to show."""
    pairs = _pairs(objects, vs, complain)
    if not pairs:
        complain(f"no certificate with a private key: port {service['port']} is not served")
        return None
    profile = objects.get(vs.get("ssl_profile_ref")) or objects.named("sslprofile", "System-Standard")
    versions = [one["type"] for one in profile.get("accepted_versions") or () if one["type"] in _VERSIONS]
    known = sorted(_VERSIONS[one] for one in versions) or ["TLSv1_2"]
    http = objects.get(vs.get("application_profile_ref")).get("http_profile") or {}
    return Tls(
        pairs=tuple(pairs),
        oldest=known[0],
        newest=known[-1],
        http2=bool(service.get("enable_http2")),
        authorities=authorities_of(objects.get(http.get("pki_profile_ref"))),
        clients=_CLIENTS.get(http.get("ssl_client_certificate_mode", ""), ""),  # type: ignore[arg-type] # the table
    )


def _pairs(objects: Objects, vs: Document, complain: Callable[[str], None]) -> list[KeyPair]:
    refs = vs.get("ssl_key_and_certificate_refs") or ()
    if not refs:
        found = [
            one
            for one, document in objects.of_type("sslkeyandcertificate")
            if document.get("name") == _DEFAULT_CERTIFICATE
        ]
        refs = found[:1]
    pairs = []
    for ref in refs:
        pair = key_pair(objects, ref)
        if pair is None:
            name = objects.get(ref).get("name", ref)
            complain(f"the controller holds no private key of {name}; upload it again")
        else:
            pairs.append(pair)
    return pairs
