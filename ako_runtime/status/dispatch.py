"""From a status intent to the patches of its object: a table by kind of intent."""

from collections.abc import Callable, Mapping

import msgspec

from ako_runtime.model.intents import CustomResourceStatus, GatewayStatus, NodePortLocalMark
from ako_runtime.model.intents_l7 import IngressStatus
from ako_runtime.model.patch import Applied, Patch
from ako_runtime.model.stack import ServiceStatus, StatusIntent
from ako_runtime.resources.ako import AviInfraSetting, L4Rule
from ako_runtime.resources.core import Service
from ako_runtime.resources.gateway_v1alpha1 import Gateway
from ako_runtime.resources.meta import Resource
from ako_runtime.resources.networking import Ingress, is_marked_alone
from ako_runtime.resources.rules import HostRule, HTTPRule, L7Rule
from ako_runtime.resources.sso import SSORule
from ako_runtime.status.custom_resources import admission_patches
from ako_runtime.status.gateway import gateway_patches
from ako_runtime.status.ingress import ingress_patches
from ako_runtime.status.patches import mark_patches, service_patches

_ADMITTED = (AviInfraSetting, L4Rule, HostRule, HTTPRule, L7Rule, SSORule)
PatchFunction = Callable[[StatusIntent, Resource, Applied], tuple[Patch, ...]]


def _service(intent: StatusIntent, obj: Resource, applied: Applied) -> tuple[Patch, ...]:
    if isinstance(intent, ServiceStatus) and isinstance(obj, Service):
        return service_patches(intent, obj, applied)
    return ()


def _mark(intent: StatusIntent, obj: Resource, _applied: Applied) -> tuple[Patch, ...]:
    if isinstance(intent, NodePortLocalMark) and isinstance(obj, Service):
        return mark_patches(intent, obj)
    return ()


def _gateway(intent: StatusIntent, obj: Resource, applied: Applied) -> tuple[Patch, ...]:
    if isinstance(intent, GatewayStatus) and isinstance(obj, Gateway):
        return gateway_patches(intent, obj, applied)
    return ()


def _custom_resource(intent: StatusIntent, obj: Resource, _applied: Applied) -> tuple[Patch, ...]:
    if isinstance(intent, CustomResourceStatus) and isinstance(obj, _ADMITTED):
        return admission_patches(intent, obj)
    return ()


def _ingress(intent: StatusIntent, obj: Resource, applied: Applied) -> tuple[Patch, ...]:
    if isinstance(intent, IngressStatus) and isinstance(obj, Ingress):
        return ingress_patches(intent, obj, applied)
    return ()


PATCHES: Mapping[type[StatusIntent], PatchFunction] = {
    ServiceStatus: _service,
    NodePortLocalMark: _mark,
    GatewayStatus: _gateway,
    CustomResourceStatus: _custom_resource,
    IngressStatus: _ingress,
}

# Kinds whose status translation does not read: when nothing else changed, only the status needs a look.
WRITTEN = (Service, Gateway, *_ADMITTED, Ingress)


def status_alone_differs(old: Resource | None, new: Resource | None) -> bool:
    """Whether a change is one of status, by us or by somebody else, of an object whose status is ours to write."""
    if isinstance(new, Ingress) and isinstance(old, Ingress):
        return is_marked_alone(old, new)
    if not isinstance(new, WRITTEN) or type(old) is not type(new):
        return False
    aligned = msgspec.structs.replace(new.metadata, resource_version=old.metadata.resource_version)
    return msgspec.structs.replace(new, metadata=aligned, status=old.status) == old


def patches_for(intent: StatusIntent, obj: Resource, applied: Applied) -> tuple[Patch, ...]:
    """Patches that make `obj` show the intent; empty if it does."""
    return PATCHES[type(intent)](intent, obj, applied)
