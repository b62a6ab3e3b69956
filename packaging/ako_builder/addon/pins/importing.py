"""Pins from what a live system says: a dump of its TanzuKubernetesReleases, Packages and AddonReleases.

A dump is seen, not published, so what it says has certainty B and the dump as its source. It fills what is unknown,
replaces what was only inferred (C) or told (D), and confirms what agrees. Where it differs from a published or seen
fact (A, B) nothing is changed: two honest sources that disagree are for somebody to judge, so the difference is
reported.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal, TypeAlias

import msgspec

from ako_builder.addon.documents import Document, Value
from ako_builder.addon.pins.releases import Bom, Fact, Offered, Official, Operator, Pin, Tkr
from ako_builder.addon.versions import Range, parse_version
from ako_runtime.errors import UserError

Verdict: TypeAlias = Literal["added", "replaced", "confirmed", "contradicts", "seen"]
OFFICIAL_PACKAGES: Final = "load-balancer-and-ingress-service.tanzu.vmware.com."
VKS_PACKAGES: Final = "ako.kubernetes.vmware.com"
OPERATOR_PACKAGE: Final = "ako-operator-v2.tanzu.vmware.com"
_NOT_READ: Final = "not in the dump that this pin was imported from"
_NOT_OFFERED: Final = frozenset(
    {"run.tanzu.vmware.com/incompatible", "run.tanzu.vmware.com/deactivated", "deactivated", "incompatible"}
)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one fact of the dump; `seen` has no place in a pin."""

    where: str
    was: str
    found: str
    verdict: Verdict


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """The pin as it is with the dump, and what happened to each fact."""

    pin: Pin
    rows: tuple[Row, ...]


def imported(
    documents: Sequence[Document], *, tkg: str, before: Pin | None, source: str, kubernetes: Range
) -> Imported:
    """The pin of a TKG release with what a dump says; `kubernetes` is the range that this release of ours serves."""
    rows: list[Row] = []
    pin = before or _empty(tkg)
    tkrs = {tkr.title: tkr for tkr in pin.tkrs}
    for document in _offered_tkrs(documents):
        name = _text_at(document, "metadata", "name")
        old = tkrs.get(name)
        rows += () if old else (Row(where=name, was="", found="a TKr that no pin had", verdict="added"),)
        tkrs[name] = _tkr(old or _empty_tkr(name, document, source, kubernetes), document, source=source, rows=rows)
    operators = sorted({version for name, version in _packages(documents) if name == OPERATOR_PACKAGE})
    operator = pin.operator
    if len(operators) == 1:
        fact = _merged(operator.package, operators[0], where="operator.package", source=source, rows=rows)
        operator = msgspec.structs.replace(operator, package=fact)
    rows += _seen(documents)
    order = sorted(tkrs.values(), key=lambda tkr: tkr.title)
    return Imported(pin=msgspec.structs.replace(pin, tkrs=tuple(order), operator=operator), rows=tuple(rows))


def _tkr(old: Tkr, document: Document, *, source: str, rows: list[Row]) -> Tkr:
    official = next(
        (
            reference.removeprefix(OFFICIAL_PACKAGES)
            for item in _list_at(document, "spec", "bootstrapPackages")
            if (reference := _text_at(item, "name")).startswith(OFFICIAL_PACKAGES)
        ),
        None,
    )
    name, kubernetes, package = old.name, old.kubernetes, old.official.package
    name = _merged(name, old.title, where=f"{old.title}: name", source=source, rows=rows)
    version = _kubernetes(document)
    if version is not None:
        kubernetes = _merged(kubernetes, version, where=f"{old.title}: kubernetes", source=source, rows=rows)
    if official is not None:
        package = _merged(package, official, where=f"{old.title}: official package", source=source, rows=rows)
    return msgspec.structs.replace(
        old, name=name, kubernetes=kubernetes, official=msgspec.structs.replace(old.official, package=package)
    )


def _merged(old: Fact, value: str, *, where: str, source: str, rows: list[Row]) -> Fact:
    new = Fact(value=value, grade="B", source=source)
    known = old.value is not None
    sure = old.grade in ("A", "B")
    if known and old.value != value and sure:
        verdict: Verdict = "contradicts"
    elif known:
        verdict = "confirmed" if old.value == value else "replaced"
    else:
        verdict = "added"
    was = f"{old.value} ({old.grade})" if known else "unknown"
    rows.append(Row(where=where, was=was, found=value, verdict=verdict))
    return old if sure else new


def _kubernetes(document: Document) -> str | None:
    """The Kubernetes version of a TKr of either generation, without the vendor's build."""
    text = _text_at(document, "spec", "kubernetes", "version") or _text_at(document, "spec", "kubernetesVersion")
    try:
        return parse_version(text).base if text else None
    except ValueError as error:
        name = _text_at(document, "metadata", "name")
        raise UserError(
            f"TanzuKubernetesRelease {name}: its Kubernetes version: {error}; is the dump whole?"
        ) from error


def _offered_tkrs(documents: Sequence[Document]) -> Iterator[Document]:
    """The TKrs that the platform offers: those that it calls incompatible or deactivated are of other releases."""
    for document in documents:
        if document.get("kind") == "TanzuKubernetesRelease":
            labels = _at(document, "metadata", "labels")
            if not isinstance(labels, dict) or not _NOT_OFFERED & labels.keys():
                yield document


def _packages(documents: Sequence[Document]) -> Iterator[tuple[str, str]]:
    for document in documents:
        if document.get("kind") == "Package":
            yield _text_at(document, "spec", "refName"), _text_at(document, "spec", "version")


def _seen(documents: Sequence[Document]) -> Iterator[Row]:
    """What the add-on manager of VKS offers of the official AKO; its releases belong to no TKG release."""
    for document in documents:
        package = _at(document, "spec", "package")
        if document.get("kind") == "AddonRelease" and _at(package, "refName") == VKS_PACKAGES:
            where = f"AddonRelease {_text_at(document, 'metadata', 'name')}"
            yield Row(where=where, was="", found=_text_at(package, "version"), verdict="seen")


def _empty(tkg: str) -> Pin:
    unknown = Fact(source=_NOT_READ)
    return Pin(
        schema=1,
        tkg=tkg,
        avi=(),
        operator=Operator(package=unknown, image_tag=unknown),
        bom=Bom(name=unknown, digest=unknown),
        tkrs=(),
        tca=(),
    )


def _empty_tkr(name: str, document: Document, source: str, kubernetes: Range) -> Tkr:
    unknown = Fact(source=_NOT_READ)
    version = _kubernetes(document)
    served = version is not None and version in kubernetes
    reason = f"this release of ours needs Kubernetes {kubernetes}" if version else "its Kubernetes version is unknown"
    return Tkr(
        name=Fact(value=name, grade="B", source=source),
        kubernetes=unknown,
        official=Official(package=unknown, image_tag=unknown, image_digest=unknown),
        offered=Offered(version="release") if served else Offered(reason=reason),
    )


def pin_document(pin: Pin) -> Document:
    """A pin as its file has it: what is not known is left out."""
    document: Document = _trimmed(msgspec.to_builtins(pin))
    return {**document, **{key: document.get(key, []) for key in ("avi", "tkrs", "tca")}}


def _trimmed(value: Value) -> Value:
    if isinstance(value, dict):
        kept = {key: _trimmed(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item is not False and item != []}
    return [_trimmed(item) for item in value] if isinstance(value, list | tuple) else value


def _text_at(document: Value, *keys: str) -> str:
    """The text there; empty where a dump has nothing or another thing."""
    value = _at(document, *keys)
    return value if isinstance(value, str) else ""


def _list_at(document: Value, *keys: str) -> list[Value]:
    value = _at(document, *keys)
    return value if isinstance(value, list) else []


def _at(document: Value, *keys: str) -> Value:
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document
