"""Settings in any shape as settings in any other: what `ako values convert` does.

Three families meet here. Values of a chart (ours, an official one) become each other by `values.conversion`, key by
key. The add-on's shapes (`adc`, `package`, `tca-v1`, `vks-2.2`) and the ConfigMap become each other, and values of our
chart, through an intent (`addon.convert`). Values become the ConfigMap by the chart's own rendering
(`values.manifests`), because there what nobody said has the chart's default, and the objects carry a Helm release's
labels.

A way between families goes through values of our chart, so there is no table of pairs. Each step says what it changed,
left out or lost; the caller gets these remarks in order and prints them where they do not mix with the document.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Final

import msgspec

from ako_builder.addon.admission.adc_files import load_adcs, unfinished
from ako_builder.addon.admission.webhook import adc_violations
from ako_builder.addon.documents import Document, lines_of, load_documents
from ako_builder.addon.shapes.chart import beside_configmap
from ako_builder.addon.shapes.convert import VKS, How, Shape, conversion
from ako_builder.chart.catalogue import entries
from ako_builder.chart.extras import Json
from ako_builder.chart.values_files import Values, load_values
from ako_builder.release import Release
from ako_builder.values.conversion import OFFICIAL, OURS, converted
from ako_builder.values.manifests import IN_METADATA, Installation, configuration_manifests
from ako_runtime.errors import UserError

HELM: Final = "helm"
VALUES_SHAPES: Final = (HELM, OURS, *(f"official-{version}" for version in OFFICIAL))
ADDON_SHAPES: Final[tuple[Shape, ...]] = ("adc", "package", "tca-v1", VKS)
CONFIGMAP: Final = "configmap"
ALL_SHAPES: Final = (*VALUES_SHAPES, CONFIGMAP, *ADDON_SHAPES)


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """From which shape to which; how the add-on's shapes are read; whose objects a ConfigMap and a Secret are."""

    source: str
    target: str
    how: How = How()
    namespace: str | None = None
    name: str | None = None


class Translation(msgspec.Struct, frozen=True, kw_only=True):
    """The documents of the target shape, and what happened on the way."""

    documents: tuple[Document, ...]
    remarks: tuple[str, ...]


def translation(files: Sequence[Path], wish: Wish, *, release: Release) -> Translation:
    """What the files say, in the shape that is wished."""
    _refuse_clashes(wish)
    if wish.source in VALUES_SHAPES and wish.target in (*VALUES_SHAPES, CONFIGMAP):
        return _chart_translation(files, wish, release=release)
    documents, before = _our_documents(files, wish, release=release)
    source, target = _shape(wish.source), _shape(wish.target)
    # With several documents the key does not say in which it is.
    alone = len(files) == 1 and len(load_documents(files[0])) == 1
    with lines_of(files[0]) if alone else nullcontext():
        made = conversion(documents, source=source, target=target, how=wish.how, where=", ".join(map(str, files)))
    said = [f"lost: {item.path} = {item.value}: {item.reason}" for item in made.losses]
    said += [f"note: {note}" for note in made.notes]
    if target == "adc":
        said += unfinished(adc_violations(made.documents[0], version=wish.how.operator))
    result = tuple(_placed(document, namespace=wish.namespace) for document in made.documents)
    if target == HELM:
        values, after = _changed(result[0], target=wish.target, release=release)
        return Translation(documents=(values,), remarks=(*before, *said, *after))
    return Translation(documents=result, remarks=(*before, *said))


def _chart_translation(files: Sequence[Path], wish: Wish, *, release: Release) -> Translation:
    values = _loaded(files)
    if wish.target != CONFIGMAP:
        document, remarks = _changed(values, target=wish.target, release=release)
        return Translation(documents=(document,), remarks=remarks)
    # Values of our chart are rendered as they stand, as Helm would.
    remarks = ()
    if wish.source != HELM:
        values, remarks = _changed(values, target=OURS, release=release)
    chart = release.chart
    place = Installation(release=release, name=wish.name or chart.name, namespace=wish.namespace or chart.namespace)
    manifests: tuple[Document, ...] = tuple(configuration_manifests(values, place))
    rendered = {key for manifest in manifests for key in manifest["data"]}
    lost = [item for item in beside_configmap(values, rendered=rendered) if item.path not in IN_METADATA]
    said = tuple(f"lost: {item.path} = {item.value}: {item.reason}" for item in lost)
    return Translation(documents=manifests, remarks=(*remarks, *said))


def _our_documents(files: Sequence[Path], wish: Wish, *, release: Release) -> tuple[list[Document], tuple[str, ...]]:
    """The documents in the files, values among them as values of our chart."""
    if wish.source == "adc":
        loaded = [load_adcs(path, operator=wish.how.operator) for path in files]
        return [item for found, _ in loaded for item in found], tuple(note for _, notes in loaded for note in notes)
    documents = [document for path in files for document in load_documents(path)]
    if wish.source in VALUES_SHAPES:
        values = overlaid(documents)
        if wish.source == HELM:
            return [values], ()
        values, remarks = _changed(values, target=OURS, release=release)
        return [values], remarks
    return documents, ()


def overlaid(layers: Sequence[Mapping[str, Json]]) -> Values:
    """Values files in the order of their mention: mappings merge, anything else is replaced, as Helm does it."""
    result: Values = {}
    for layer in layers:
        for key, value in layer.items():
            below = result.get(key)
            if isinstance(below, dict) and isinstance(value, dict):
                result[key] = overlaid([below, value])
            else:
                result[key] = value
    return result


def _loaded(files: Sequence[Path]) -> Values:
    return overlaid([load_values(path) for path in files])


def _changed(values: Values, *, target: str, release: Release) -> tuple[Values, tuple[str, ...]]:
    chart = OURS if target == HELM else target
    document, changes = converted(values, entries(release), target=chart)
    return document, tuple(f"{change.key}: {change.change}" for change in changes)


def _shape(name: str) -> Shape:
    if name == CONFIGMAP:
        return "configmap"
    return next((shape for shape in ADDON_SHAPES if shape == name), "helm")


def _placed(document: Document, *, namespace: str | None) -> Document:
    if namespace is None:
        return document
    return {**document, "metadata": {**document["metadata"], "namespace": namespace}}


def _refuse_clashes(wish: Wish) -> None:
    how = wish.how
    if how.faithful and wish.source != "adc":
        raise UserError("--faithful is about what ako-operator makes of an ADC: use it with --from adc")
    if how.explicit and wish.source not in ADDON_SHAPES and wish.target not in ("package", VKS):
        raise UserError(
            "--explicit writes what the add-on path assumes: use it with --from adc, package, tca-v1 or vks-2.2"
        )
    if how.cluster is not None and wish.source not in ("adc", "tca-v1") and wish.target != "package":
        raise UserError("--cluster names what ako-operator derives: use it with --from adc or tca-v1, or --to package")
    if wish.namespace is not None and wish.target != CONFIGMAP:
        raise UserError("--namespace is that of the ConfigMap and the Secret: use it with --to configmap")
    if wish.name is not None and (wish.target != CONFIGMAP or wish.source not in VALUES_SHAPES):
        raise UserError("--name is the Helm release of values: use it with --from helm --to configmap")
