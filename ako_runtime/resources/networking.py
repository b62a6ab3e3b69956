"""Ingress and IngressClass of networking.k8s.io/v1.

Defaults make every shape decode: what is missing is said in the status of the Ingress.
"""

import msgspec
from msgspec import Struct

from ako_runtime.resources.core import LoadBalancerStatus
from ako_runtime.resources.marks import INGRESS_MARKS
from ako_runtime.resources.meta import Resource


class ClassParameters(Struct, frozen=True, kw_only=True, rename="camel"):
    """An object with parameters of a class."""

    api_group: str | None = None
    kind: str = ""
    name: str = ""


class IngressClassSpec(Struct, frozen=True, kw_only=True):
    """Who serves Ingresses of a class."""

    controller: str = ""
    parameters: ClassParameters | None = None


class IngressClass(Resource, frozen=True, kw_only=True, rename="camel"):
    """networking.k8s.io/v1 IngressClass."""

    spec: IngressClassSpec = IngressClassSpec()


class BackendPort(Struct, frozen=True, kw_only=True):
    """A port of a Service by number or name."""

    number: int = 0
    name: str = ""


class ServiceBackend(Struct, frozen=True, kw_only=True):
    """A port of a Service."""

    name: str = ""
    port: BackendPort = BackendPort()


class TypedReference(Struct, frozen=True, kw_only=True, rename="camel"):
    """Some other object; nothing that we can send requests to."""

    api_group: str | None = None
    kind: str = ""
    name: str = ""


class IngressBackend(Struct, frozen=True, kw_only=True):
    """Where requests go."""

    service: ServiceBackend | None = None
    resource: TypedReference | None = None


class HttpPath(Struct, frozen=True, kw_only=True, rename="camel"):
    """A path of a host."""

    path: str = ""
    path_type: str = "ImplementationSpecific"
    backend: IngressBackend = IngressBackend()


class HttpPaths(Struct, frozen=True, kw_only=True):
    """Paths of a host."""

    paths: tuple[HttpPath, ...] = ()


class IngressRule(Struct, frozen=True, kw_only=True):
    """A host."""

    host: str = ""
    http: HttpPaths | None = None


class IngressTls(Struct, frozen=True, kw_only=True, rename="camel"):
    """Hosts of a certificate."""

    hosts: tuple[str, ...] = ()
    secret_name: str = ""


class IngressSpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """Desired state of an Ingress."""

    ingress_class_name: str | None = None
    default_backend: IngressBackend | None = None
    rules: tuple[IngressRule, ...] = ()
    tls: tuple[IngressTls, ...] = ()


class IngressState(Struct, frozen=True, kw_only=True, rename="camel"):
    """`status` of an Ingress."""

    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class Ingress(Resource, frozen=True, kw_only=True, rename="camel"):
    """networking.k8s.io/v1 Ingress."""

    spec: IngressSpec = IngressSpec()
    status: IngressState = IngressState()


def is_marked_alone(old: Ingress, new: Ingress) -> bool:
    """Whether nothing differs but what is written by controllers: the status, and the annotations that are ours."""
    return unmarked(old) == unmarked(new)


def unmarked(ingress: Ingress) -> Ingress:
    """The Ingress as its user wrote it, apart from versions."""
    annotations = {key: text for key, text in ingress.metadata.annotations.items() if key not in INGRESS_MARKS}
    metadata = msgspec.structs.replace(ingress.metadata, annotations=annotations, resource_version="", generation=0)
    return msgspec.structs.replace(ingress, metadata=metadata, status=IngressState())
