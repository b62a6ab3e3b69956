"""Annotations that do nothing although somebody meant something by them, each told at its object.

A key of our domain that neither the runtime nor the official AKO knows is a slip of the finger, mostly: the nearest
known key is named. Annotations by which other controllers make patterns of paths, or rewrite them, come with Ingresses
that moved here; without them the paths mean something else.
"""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from ako_runtime.model.stack import Diagnostic, ObjectRef
from ako_runtime.resources import index, marks
from ako_runtime.resources import ingress_annotations as on_ingress
from ako_runtime.resources.meta import OWN_DOMAIN, PATH_ANNOTATIONS
from ako_runtime.translate import annotations as notes
from ako_runtime.translate.verdict import remark

READ: Final = frozenset(
    {
        index.INFRA,
        index.L4_RULE,
        index.SHARED_VIP,
        index.SHARED_VIP_NAMESPACE,
        notes.APPLICATION_PROFILE,
        notes.DISABLE_TRAFFIC,
        on_ingress.ENABLE_TLS,
        on_ingress.HSTS,
        notes.LB_ALGORITHM,
        on_ingress.PASSTHROUGH,
        notes.PREFERRED_IP,
        on_ingress.REDIRECT_CODE,
        notes.SKIP_NODE_PORT,
        notes.VIP_FAMILY,
        on_ingress.WEIGHT,
    }
)
"""Keys of our domain that are read on a Service or an Ingress."""

_WRITTEN: Final = marks.INGRESS_MARKS
# The official AKO reads these in vSphere with Tanzu, or writes them.
_OFFICIAL: Final = frozenset(
    OWN_DOMAIN + name
    for name in (
        "ObjectDeletionInProgress",
        "ako-user-cluster-name",
        "dedicated-gateway-mode",
        "vs-uuid",
        "wcp-cloud-name",
        "wcp-se-group",
    )
)
_GATEWAY: Final = frozenset(
    f"{prefix}gateway-{part}" for prefix in index.GATEWAY_LABELS for part in ("name", "namespace")
)


def unknown_annotations(about: ObjectRef, annotations: Mapping[str, str]) -> Iterator[Diagnostic]:
    """A remark for each key of our domain that nobody knows."""
    for key in sorted(annotations):
        if OWN_DOMAIN not in key or key in READ | _WRITTEN | _OFFICIAL:
            continue
        if key in _GATEWAY:
            text = f"{key} is a label, and does nothing as an annotation; write it under metadata.labels"
        else:
            near = get_close_matches(key, READ, n=1, cutoff=0.75)
            text = f"{key} is no annotation that is known"
            text += f"; did you mean {near[0]}?" if near else "; remove it, or see the list of annotations"
        yield remark(about, "UnknownAnnotation", text, field=key)


def foreign_annotations(about: ObjectRef, annotations: Mapping[str, str]) -> Iterator[Diagnostic]:
    """One remark for annotations by which another controller would change what the paths mean."""
    found = sorted(key for key in annotations if key in PATH_ANNOTATIONS)
    if found:
        text = (
            f"{', '.join(found)}: annotations of another controller do nothing here, so paths are taken as they stand"
        )
        text += "; for regular expressions set useRegex in a HostRule of the host, for a new root applicationRootPath"
        yield remark(about, "ForeignAnnotation", text, field="metadata.annotations")
