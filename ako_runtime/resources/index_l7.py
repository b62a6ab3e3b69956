"""Indexes over Ingresses: by host, by bucket of the host's hash, and by the Services that they refer to.

A shard of n virtual services takes the hosts whose hash has the same last bits; n is 1, 4 or 8, so eight buckets by
the last three bits serve every size. A host that is made from names (a rule without host) depends on the DNS domains
of the controller, so such an Ingress is in a bucket of its own, at which every shard looks.
"""

from collections.abc import Iterable

from ako_runtime.model.names import fnv1a
from ako_runtime.resources.index import Identity, Index
from ako_runtime.resources.meta import Resource
from ako_runtime.resources.networking import Ingress

BUCKETS = 8
HOSTLESS = "made"


def written_hosts(ingress: Ingress) -> frozenset[str]:
    """Hosts that the rules name."""
    return frozenset(rule.host for rule in ingress.spec.rules if rule.host)


def makes_host(ingress: Ingress) -> bool:
    """Whether a host must be made from the names of the Ingress: a rule has none, or there is no rule."""
    return not ingress.spec.rules or any(not rule.host for rule in ingress.spec.rules)


def backend_services(ingress: Ingress) -> frozenset[str]:
    """Services that the Ingress sends requests to."""
    backends = [path.backend for rule in ingress.spec.rules if rule.http is not None for path in rule.http.paths]
    if ingress.spec.default_backend is not None:
        backends.append(ingress.spec.default_backend)
    return frozenset(one.service.name for one in backends if one.service is not None and one.service.name)


def _hosts(obj: Resource) -> Iterable[Identity]:
    if isinstance(obj, Ingress):
        yield from (("", host) for host in written_hosts(obj))


def _buckets(obj: Resource) -> Iterable[Identity]:
    if isinstance(obj, Ingress):
        yield from {("", str(fnv1a(host) % BUCKETS)) for host in written_hosts(obj)}
        if makes_host(obj):
            yield ("", HOSTLESS)


def _namespace(obj: Resource) -> Iterable[Identity]:
    if isinstance(obj, Ingress):
        yield ("", obj.namespace)


def _services(obj: Resource) -> Iterable[Identity]:
    if isinstance(obj, Ingress):
        yield from ((obj.namespace, name) for name in backend_services(obj))


INGRESSES_OF_HOST = Index(name="ingresses-of-host", resource="ingresses", values=_hosts)
INGRESSES_OF_BUCKET = Index(name="ingresses-of-bucket", resource="ingresses", values=_buckets)
INGRESSES_OF_NAMESPACE = Index(name="ingresses-of-namespace", resource="ingresses", values=_namespace)
INGRESSES_OF_SERVICE = Index(name="ingresses-of-service", resource="ingresses", values=_services)

L7_INDEXES: tuple[Index, ...] = (
    INGRESSES_OF_HOST,
    INGRESSES_OF_BUCKET,
    INGRESSES_OF_NAMESPACE,
    INGRESSES_OF_SERVICE,
)
