"""GatewayClass and Gateway of networking.x-k8s.io/v1alpha1, as far as layer 4 uses them.

In this version no route kinds are involved: a Service attaches by labels, and each listener's selector repeats them.
"""

from collections.abc import Mapping

from msgspec import Struct

from ako_runtime.resources.meta import Condition, Resource


class ParametersRef(Struct, frozen=True, kw_only=True):
    """An object with parameters of a class."""

    group: str = ""
    kind: str = ""
    name: str = ""


class GatewayClassSpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """Who serves Gateways of a class."""

    controller: str = ""
    parameters_ref: ParametersRef | None = None


class GatewayClass(Resource, frozen=True, kw_only=True, rename="camel"):
    """networking.x-k8s.io/v1alpha1 GatewayClass."""

    spec: GatewayClassSpec = GatewayClassSpec()


class LabelSelector(Struct, frozen=True, kw_only=True, rename="camel"):
    """Labels that a Service must carry."""

    match_labels: Mapping[str, str] = {}


class RouteBinding(Struct, frozen=True, kw_only=True):
    """Which Services a listener takes."""

    selector: LabelSelector = LabelSelector()


class GatewayListener(Struct, frozen=True, kw_only=True):
    """A port and protocol of a Gateway."""

    port: int = 0
    protocol: str = ""
    hostname: str = ""
    routes: RouteBinding = RouteBinding()


class GatewayAddress(Struct, frozen=True, kw_only=True):
    """An address that is asked for or given."""

    type: str = "IPAddress"
    value: str = ""


class GatewaySpec(Struct, frozen=True, kw_only=True, rename="camel"):
    """Desired state of a Gateway."""

    gateway_class_name: str = ""
    listeners: tuple[GatewayListener, ...] = ()
    addresses: tuple[GatewayAddress, ...] = ()


class ListenerState(Struct, frozen=True, kw_only=True):
    """Conditions of the listeners on one port (the port is the key of the list)."""

    port: int = 0
    protocol: str = ""
    hostname: str = ""
    conditions: tuple[Condition, ...] = ()


class GatewayState(Struct, frozen=True, kw_only=True):
    """`status` of a Gateway."""

    addresses: tuple[GatewayAddress, ...] = ()
    conditions: tuple[Condition, ...] = ()
    listeners: tuple[ListenerState, ...] = ()


class Gateway(Resource, frozen=True, kw_only=True, rename="camel"):
    """networking.x-k8s.io/v1alpha1 Gateway."""

    spec: GatewaySpec = GatewaySpec()
    status: GatewayState = GatewayState()
