"""Ingresses that nobody serves and that were probably meant for us: their class is a slip, or they name none.

Other controllers know classes by rules of their own (a name without an object, Ingresses without a class), so nothing
is said of what may be theirs. Said is: a name that no class has, like that of a class of ours; and no name at all, in
a cluster in which every class is ours and none is the default.
"""

from difflib import get_close_matches

from ako_runtime.model.stack import Diagnostic
from ako_runtime.resources.networking import Ingress, IngressClass
from ako_runtime.resources.snapshot import Snapshot, only
from ako_runtime.settings import Settings
from ako_runtime.translate.front import is_served_namespace
from ako_runtime.translate.ingress.hosts import ingress_ref
from ako_runtime.translate.ingress.ownership import CONTROLLER, LEGACY_CLASS, default_class
from ako_runtime.translate.verdict import remark


def class_problem(ingress: Ingress, snapshot: Snapshot, settings: Settings) -> Diagnostic | None:
    """Why an Ingress that is not ours was probably meant to be; None if it is rather somebody else's."""
    deleted = ingress.metadata.deletion_timestamp is not None
    if deleted or not is_served_namespace(ingress.namespace, snapshot, settings):
        return None
    classes = {one.name: one for one in only(snapshot.of("ingressclasses").values(), IngressClass)}
    own = sorted(name for name, one in classes.items() if one.spec.controller == CONTROLLER)
    name = ingress.spec.ingress_class_name
    if name is None and LEGACY_CLASS not in ingress.metadata.annotations:
        if len(own) < len(classes) or not own or default_class(snapshot) is not None:
            return None
        text = f"it names no IngressClass and none is the default, so nobody serves it; set ingressClassName: {own[0]}"
    elif name is not None and name not in classes and (near := get_close_matches(name, own, n=1)):
        text = f"there is no IngressClass '{name}', so nobody serves it; did you mean '{near[0]}'?"
    else:
        return None
    return remark(ingress_ref(ingress), "ClassNotFound", text, field="spec.ingressClassName")
