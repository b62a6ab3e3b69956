"""Metadata of Kubernetes objects, decoded to what the runtime reads.

Annotations that nobody here reads are dropped while decoding: they are the bulk of many objects (the last applied
configuration, for one), and a change of them must not count as a change.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from msgspec import Struct, field

OWN_DOMAIN = "ako.vmware.com/"
"""How the first part of our annotations ends: all of them are kept, also those that nobody knows."""

PATH_ANNOTATIONS = (
    "appgw.ingress.kubernetes.io/backend-path-prefix",
    "haproxy-ingress.github.io/path-type",
    "haproxy-ingress.github.io/rewrite-target",
    "haproxy.org/path-rewrite",
    "konghq.com/rewrite",
    "konghq.com/strip-path",
    "nginx.ingress.kubernetes.io/app-root",
    "nginx.ingress.kubernetes.io/rewrite-target",
    "nginx.ingress.kubernetes.io/use-regex",
    "nginx.org/path-regex",
    "nginx.org/rewrites",
    "traefik.ingress.kubernetes.io/router.middlewares",
)
"""Annotations of other controllers that change what a path means or where it leads, by the documentation of each."""

READ_ANNOTATIONS = (
    *PATH_ANNOTATIONS,
    "external-dns.alpha.kubernetes.io/hostname",
    "nodeportlocal.antrea.io",
    "projectcalico.org/",
    "node.antrea.io/transport-addresses",
    "k8s.ovn.org/node-subnets",
    "kubernetes.io/ingress.class",
    "ingressclass.kubernetes.io/is-default-class",
    "networking.vmware.com/lb-vip-type",
)
"""Beginnings of the annotations of others that are kept (ako-behaviour 3.1)."""


class ObjectMeta(Struct, frozen=True, kw_only=True, rename="camel", gc=False):
    """The fields of `metadata` that the runtime reads."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    finalizers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.annotations:
            read = {
                key: value
                for key, value in self.annotations.items()
                if OWN_DOMAIN in key or key.startswith(READ_ANNOTATIONS)
            }
            msgspec.structs.force_setattr(self, "annotations", read)

    @property
    def age_key(self) -> tuple[datetime, str, str]:
        """Sorts older objects first, equal ages by namespace and name."""
        return (self.creation_timestamp or _NO_TIME, self.namespace, self.name)


_NO_TIME = datetime.fromisoformat("9999-12-31T00:00:00+00:00")


class Resource(Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of every watched kind; unknown fields are ignored."""

    metadata: ObjectMeta

    @property
    def name(self) -> str:
        """`metadata.name`."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """`metadata.namespace`, empty for cluster scope."""
        return self.metadata.namespace

    @property
    def identity(self) -> tuple[str, str]:
        """Namespace and name."""
        return (self.metadata.namespace, self.metadata.name)


class Condition(Struct, frozen=True, kw_only=True, rename="camel"):
    """`metav1.Condition`."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    observed_generation: int = 0
    last_transition_time: str = field(default="")


def differs(old: Resource | None, new: Resource | None) -> bool:
    """Whether a change matters: some field that we read differs, the resource version apart."""
    if old is None or new is None:
        return old is not new
    aligned = msgspec.structs.replace(old.metadata, resource_version=new.metadata.resource_version)
    return msgspec.structs.replace(old, metadata=aligned) != new
