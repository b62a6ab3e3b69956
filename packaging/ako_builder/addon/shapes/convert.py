"""Conversion between the shapes in which AKO is configured: helm, configmap, adc, package, tca-v1, vks-2.2.

Every direction goes through an `Intent`, so there are as many readers and writers as shapes and no table of pairs. The
result says what the target cannot express and why. A round trip gives the same document back except for what the first
conversion listed as lost; defaults are written out only on request, because what is absent means something different
on each path.
"""

from collections.abc import Iterable
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from ako_builder.addon.documents import Document
from ako_builder.addon.shapes.chart import configmap_of, helm_of, intent_of_configmap, intent_of_helm
from ako_builder.addon.shapes.intent import CLUSTER_NAME, Cluster, Intent, Loss, with_defaults
from ako_builder.addon.shapes.keys import KEYS, LATEST_OPERATOR
from ako_builder.addon.shapes.tca import intent_of_tca, tca_of
from ako_builder.addon.shapes.tkg import adc_of, intent_of_adc, intent_of_package, package_of
from ako_builder.addon.shapes.vks import intent_of_vks, notes_of, vks_of, with_assumed
from ako_runtime.errors import UserError

Shape: TypeAlias = Literal["helm", "configmap", "adc", "package", "tca-v1", "vks-2.2"]
VKS: Final = "vks-2.2"
SHAPES: Final[tuple[Shape, ...]] = get_args(Shape)


class How(msgspec.Struct, frozen=True, kw_only=True):
    """How to convert: the ako-operator version whose keys count, the cluster, the operator's faults, its defaults."""

    operator: str = LATEST_OPERATOR
    cluster: Cluster | None = None
    faithful: bool = False
    explicit: bool = False


class Conversion(msgspec.Struct, frozen=True, kw_only=True):
    """The documents of the target shape, what they cannot say and what is remarkable."""

    documents: tuple[Document, ...]
    losses: tuple[Loss, ...]
    notes: tuple[str, ...] = ()


def conversion(
    documents: Iterable[Document], *, source: Shape, target: Shape, how: How | None = None, where: str = "input"
) -> Conversion:
    """Documents of one shape as documents of another."""
    how = how or How()
    intent = intent_of(documents, shape=source, how=how, where=where)
    if how.faithful and source == "adc" and target != "package":
        # What reaches AKO is what the operator writes, so its output is read back.
        written = package_of(intent, version=how.operator, cluster=how.cluster, faithful=True)
        intent = msgspec.structs.replace(intent_of_package(written[0], where=where), notes=written[2])
    elif VKS in (source, target) and source != target:
        intent = _between(intent, leaving=source == VKS, explicit=how.explicit)
    elif how.explicit and source in ("adc", "package", "tca-v1") and target != "package":
        intent = with_defaults(intent, KEYS)
    if how.cluster is not None and source in ("adc", "tca-v1"):
        # Neither names the cluster: the operator does, from where the cluster is.
        intent = msgspec.structs.replace(intent, values={CLUSTER_NAME: how.cluster.avi_name, **intent.values})
    return conversion_of(intent, target=target, how=how)


def _between(intent: Intent, *, leaving: bool, explicit: bool) -> Intent:
    """An intent on its way from or to the official package of VKS, whose defaults are other ones."""
    if explicit:
        return with_assumed(intent, leaving=leaving)
    notes = (*intent.notes, *notes_of(intent, leaving=leaving))
    return msgspec.structs.replace(intent, notes=notes)


def intent_of(documents: Iterable[Document], *, shape: Shape, how: How | None = None, where: str = "input") -> Intent:
    """What documents of a shape mean."""
    how = how or How()
    documents = tuple(documents)
    if shape == "configmap":
        return intent_of_configmap(documents, where=where)
    if len(documents) != 1:
        raise UserError(f"{where}: expected one document of shape {shape}, found {len(documents)}")
    document = documents[0]
    if shape == "helm":
        return intent_of_helm(document, where=where)
    if shape == "adc":
        return intent_of_adc(document, version=how.operator, where=where)
    if shape == "package":
        return intent_of_package(document, where=where)
    if shape == VKS:
        return intent_of_vks(document, where=where)
    return intent_of_tca(document, where=where)


def conversion_of(intent: Intent, *, target: Shape, how: How | None = None) -> Conversion:
    """An intent as documents of a shape."""
    how = how or How()
    if target == "configmap":
        objects, losses = configmap_of(intent)
        return Conversion(documents=objects, losses=losses, notes=intent.notes)
    if target == "package":
        document, losses, notes = package_of(
            intent, version=how.operator, cluster=how.cluster, faithful=how.faithful, explicit=how.explicit
        )
        return Conversion(documents=(document,), losses=losses, notes=(*intent.notes, *notes))
    if target == "helm":
        document, losses = helm_of(intent)
    elif target == "adc":
        document, losses = adc_of(intent, version=how.operator)
    elif target == VKS:
        document, losses = vks_of(intent)
    else:
        document, losses = tca_of(intent)
    return Conversion(documents=(document,), losses=losses, notes=intent.notes)
