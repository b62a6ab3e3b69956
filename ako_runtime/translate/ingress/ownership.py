"""Which Ingresses are ours, and which AviInfraSetting their class names.

The class decides: `spec.ingressClassName`, else the legacy annotation, else the cluster's default class. A class that
does not exist is nobody's. The legacy annotation may say `avi`, as it did before classes were objects, or the name of
a class of ours.
"""

from msgspec import Struct

from ako_runtime.resources.ingress_annotations import PASSTHROUGH
from ako_runtime.resources.networking import Ingress, IngressClass
from ako_runtime.resources.snapshot import Snapshot, only
from ako_runtime.settings import Settings
from ako_runtime.translate.front import is_served_namespace

CONTROLLER = "ako.vmware.com/avi-lb"
LEGACY_CLASS = "kubernetes.io/ingress.class"
LEGACY_NAME = "avi"
DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"
PARAMETERS_GROUP = "ako.vmware.com"
PARAMETERS_KIND = "AviInfraSetting"


class Ownership(Struct, frozen=True, kw_only=True):
    """Whether the class is ours, the AviInfraSetting that it names, and what is wrong with its parameters."""

    ours: bool
    infra: str = ""
    problem: str = ""


NOT_OURS = Ownership(ours=False)


def class_ownership(ingress: Ingress, snapshot: Snapshot) -> Ownership:
    """Whose class the Ingress has."""
    name = ingress.spec.ingress_class_name
    if name is None:
        name = ingress.metadata.annotations.get(LEGACY_CLASS)
        if name == LEGACY_NAME and _class_named(name, snapshot) is None:
            return Ownership(ours=True)
    if name is None:
        found = default_class(snapshot)
        return NOT_OURS if found is None else _ownership_by(found)
    held = _class_named(name, snapshot)
    return NOT_OURS if held is None else _ownership_by(held)


def is_ours(ingress: Ingress, snapshot: Snapshot, settings: Settings) -> bool:
    """Whether this instance serves the Ingress."""
    return (
        ingress.metadata.deletion_timestamp is None
        and is_served_namespace(ingress.namespace, snapshot, settings)
        and class_ownership(ingress, snapshot).ours
    )


def wants_passthrough(ingress: Ingress) -> bool:
    """Whether TLS is to go through to the pods."""
    return ingress.metadata.annotations.get(PASSTHROUGH, "").lower() == "true"


def default_class(snapshot: Snapshot) -> IngressClass | None:
    """The class of Ingresses that name none; of several the youngest counts, as for the API server."""
    classes = [
        one
        for one in only(snapshot.of("ingressclasses").values(), IngressClass)
        if one.metadata.annotations.get(DEFAULT_CLASS) == "true"
    ]
    return max(classes, key=lambda one: one.metadata.age_key, default=None)


def class_infra(held: IngressClass) -> str:
    """The AviInfraSetting that the class names; empty if none."""
    parameters = held.spec.parameters
    if parameters is None or parameters.kind != PARAMETERS_KIND or parameters.api_group != PARAMETERS_GROUP:
        return ""
    return parameters.name


def _ownership_by(held: IngressClass) -> Ownership:
    if held.spec.controller != CONTROLLER:
        return NOT_OURS
    infra, parameters = class_infra(held), held.spec.parameters
    problem = ""
    if parameters is not None and not infra:
        problem = (
            f"spec.parameters of IngressClass '{held.name}' name {parameters.kind} '{parameters.name}'; only an "
            f"{PARAMETERS_KIND} of the group {PARAMETERS_GROUP} is known, the global settings apply"
        )
    return Ownership(ours=True, infra=infra, problem=problem)


def _class_named(name: str, snapshot: Snapshot) -> IngressClass | None:
    found = snapshot.of("ingressclasses").get(("", name))
    return found if isinstance(found, IngressClass) else None
