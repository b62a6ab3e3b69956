"""Moving from one TKG release to another: what changes for AKO, in which order, and what cannot be undone.

The answer is made of pins, the key sets of ako-operator versions, the compatibility table and the removals of
Kubernetes itself. Where a pin does not know something the plan says so and, for key sets, compares with the newest
published ako-operator instead of guessing which one a release carries.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from ako_builder.addon.pins.releases import UNKNOWN, Compatibility, Pin, Tkr
from ako_builder.addon.shapes.chart import wire_text
from ako_builder.addon.shapes.intent import Intent, different_defaults
from ako_builder.addon.shapes.keys import (
    LATEST_OPERATOR,
    Key,
    adc_keys,
    data_keys,
    operator_version,
)
from ako_builder.addon.versions import numbers_of

# Kubernetes minor -> what an AKO set-up could have used and what its clusters lose with it.
REMOVALS: Final = {
    "1.22": "Ingress and IngressClass of networking.k8s.io/v1beta1, CRDs of v1beta1, RBAC of v1beta1",
    "1.25": "PodSecurityPolicy (rbac.pspEnabled has no effect), EndpointSlice and PodDisruptionBudget of v1beta1",
    "1.26": "HorizontalPodAutoscaler of v2beta2",
    "1.29": "FlowSchema of v1beta2",
    "1.32": "FlowSchema of v1beta3",
}


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a plan."""

    topic: str
    what: str


def plan(before: Pin, after: Pin, *, support: Compatibility, intent: Intent | None = None) -> tuple[Step, ...]:
    """Everything to know about going from one release to another."""
    return (
        *_packages(before, after),
        *_keys(before, after, intent=intent),
        *_defaults(),
        *_kubernetes(before, after),
        *_avi(before, after, support=support),
        *_order(before, after),
        *_irreversible(),
    )


def is_downgrade(before: Pin, after: Pin) -> bool:
    """Whether the target release is the older one."""
    return numbers_of(after.tkg) < numbers_of(before.tkg)


def _packages(before: Pin, after: Pin) -> Iterator[Step]:
    yield Step(topic="AKO before", what=_listed(before))
    yield Step(topic="AKO after", what=_listed(after))
    versions = [version for tkr in before.tkrs if (version := tkr.official_version)]
    for tkr in after.tkrs:
        target = tkr.official_version
        older = [version for version in versions if target is not None and target < version]
        if older:
            yield Step(topic="refused", what=f"{tkr.title} brings {target}, older than {max(older)}: refused")


def _listed(pin: Pin) -> str:
    if not pin.tkrs:
        return f"TKG {pin.tkg}: {UNKNOWN}"
    return "; ".join(f"{tkr.title}: {tkr.official.package.shown()}" for tkr in pin.tkrs)


def _keys(before: Pin, after: Pin, *, intent: Intent | None) -> Iterator[Step]:
    old, new = _operator(before), _operator(after)
    for pin, version in ((before, old), (after, new)):
        if version is None:
            what = f"TKG {pin.tkg} names no ako-operator: compared with {LATEST_OPERATOR}, the newest"
            yield Step(topic="keys", what=what)
    old, new = old or LATEST_OPERATOR, new or LATEST_OPERATOR
    for label, keys in (("ADC field", adc_keys), ("data value", data_keys)):
        had, has = {key.name: key for key in keys(old)}, {key.name: key for key in keys(new)}
        for name in [name for name in had if name not in has]:
            yield Step(topic="dropped", what=f"{label} {_spelt(had[name], label)}{_used(name, intent)}")
        for name in [name for name in has if name not in had]:
            yield Step(topic="added", what=f"{label} {_spelt(has[name], label)}")


def _spelt(key: Key, label: str) -> str:
    return key.adc if label.startswith("ADC") else key.data


def _used(name: str, intent: Intent | None) -> str:
    return ", which your values set" if intent is not None and name in intent.values else ""


def _operator(pin: Pin) -> str | None:
    text = pin.operator.image_tag.known()
    return operator_version(text) if text else None


def _defaults() -> Iterator[Step]:
    """Defaults of the add-on path against those of the chart: what moves if the path is changed on the way."""
    unlike = ", ".join(
        f"{name}={wire_text(addon)} (chart: {wire_text(chart) or 'found out by itself'})"
        for name, (addon, chart) in different_defaults().items()
    )
    yield Step(topic="defaults", what=f"the add-on path assumes {unlike}: write out what you mean")


def _kubernetes(before: Pin, after: Pin) -> Iterator[Step]:
    oldest, newest = _bound(before.tkrs, lowest=True), _bound(after.tkrs, lowest=False)
    if oldest is None or newest is None:
        yield Step(topic="kubernetes", what=f"{UNKNOWN}: one of the releases has no known TKr")
        return
    for minor, removed in REMOVALS.items():
        if oldest < numbers_of(minor) <= newest:
            yield Step(topic="removed", what=f"Kubernetes {minor}: {removed}")


def _bound(tkrs: tuple[Tkr, ...], *, lowest: bool) -> tuple[int, ...] | None:
    minors = [numbers_of(text)[:2] for tkr in tkrs if (text := tkr.kubernetes.known())]
    return (min(minors) if lowest else max(minors)) if minors else None


def _avi(before: Pin, after: Pin, *, support: Compatibility) -> Iterator[Step]:
    for pin in (before, after):
        for tkr in pin.tkrs:
            version = tkr.official_version
            row = support.of(version) if version else None
            if row is not None and row.avi.low:
                yield Step(topic="avi", what=f"AKO {row_name(version)} of {tkr.title} (TKG {pin.tkg}) needs {row.avi}")
    common = _common(before, after, support=support)
    if common is not None:
        low, high = common
        overlap = f"{low} to {high}" if numbers_of(low) <= numbers_of(high) else "none: two steps are needed"
        yield Step(topic="avi", what=f"versions that serve every known AKO on the way: {overlap}")


def row_name(version: object) -> str:
    """An AKO version without the vendor's build."""
    return str(version).partition("+")[0]


def _common(before: Pin, after: Pin, *, support: Compatibility) -> tuple[str, str] | None:
    ranges = [
        row.avi
        for pin in (before, after)
        for tkr in pin.tkrs
        if (version := tkr.official_version) and (row := support.of(version)) and row.avi.low and row.avi.high
    ]
    if not ranges:
        return None
    low = max((item.low or "" for item in ranges), key=numbers_of)
    return low, min((item.high or "" for item in ranges), key=numbers_of)


def _order(before: Pin, after: Pin) -> Iterator[Step]:
    steps = [
        "bring the Avi Controller to a version that both AKO versions support",
        f"upgrade the management cluster from TKG {before.tkg} to {after.tkg}: ako-operator and its CRD come with it",
        "check that every AKODeploymentConfig is Ready and that its fields still exist (see dropped)",
        "upgrade the workload clusters one TKr at a time: the TKr brings its AKO",
        "after each: the StatefulSet ako is ready, virtual services are up, 'ako addon check' finds nothing",
    ]
    skipped = numbers_of(after.tkg)[:2] != numbers_of(before.tkg)[:2] and _minors_between(before, after) > 1
    if skipped:
        steps.insert(1, "go through every minor TKG release between: releases support an upgrade from the one before")
    for number, what in enumerate(steps, start=1):
        yield Step(topic=f"step {number}", what=what)


def _minors_between(before: Pin, after: Pin) -> int:
    old, new = numbers_of(before.tkg), numbers_of(after.tkg)
    return 2 if old[0] != new[0] else new[1] - old[1]


def _irreversible() -> Iterator[Step]:
    for what in (
        "a TKG or Kubernetes upgrade: there is no way back",
        "a package version in a ClusterBootstrap: never lowered, a package never removed",
        "clusterSelector, controlPlaneNetwork and tenant of an AKODeploymentConfig: immutable",
        "an upgrade of the Avi Controller, other than from its own backup",
    ):
        yield Step(topic="no way back", what=what)
