"""What a chart that somebody packs really runs: what was stated, what a rendering shows, what is only read.

A statement of the user (csar.yaml, `--workload`, `--image`) wins; a rendering completes it with the images of each
workload and contradicts it where it is wrong; what is read from templates fills what is left, and is named unsure.
"""

import re
from pathlib import Path

import msgspec

from ako_builder.csar.chart import ChartFacts, Workload, load_chart, most_for
from ako_builder.csar.chart_objects import CONTROLLERS, ChartObjects, PodOwner
from ako_builder.csar.pod_security import needs_policy
from ako_builder.csar.rendering import Rendered, rendered

_SHOWN = 6


def known_chart(
    archive: Path, *, workloads: tuple[Workload, ...] = (), images: tuple[str, ...] = (), file: Path | None = None
) -> ChartFacts:
    """The chart with the best knowledge of its workloads and images, and with what is not certain about them."""
    facts = load_chart(archive)
    found = rendered(archive, release=facts.name, templates=facts.templates, file=file)
    if found.certain:
        return _certain(facts, found, workloads=workloads, images=images)
    unsure = []
    if not workloads:
        doubtful = [f"{unit.kind}/{unit.name} ({unit.unsure})" for unit in facts.workloads if unit.unsure]
        unsure += [f"workload {text}" for text in doubtful] or _nothing(facts)
    if not images:
        unsure += [f"image {image} (read from the values)" for image in facts.images] or ["images: none was found"]
    return msgspec.structs.replace(
        facts,
        workloads=workloads or facts.workloads,
        images=images or facts.images,
        unsure=tuple(unsure),
        restricted=needs_policy(found.objects),
        remarks=(f"workloads and images were {found.origin}: {found.reason}",) if unsure else (),
    )


def _nothing(facts: ChartFacts) -> list[str]:
    return [] if facts.workloads else ["workloads: none was found"]


def _certain(
    facts: ChartFacts, found: Rendered, *, workloads: tuple[Workload, ...], images: tuple[str, ...]
) -> ChartFacts:
    units = {(unit.kind, unit.name): unit for unit in _units(found.objects)}
    chosen = tuple(
        _completed(unit, units.get((unit.kind, unit.name)) or _renamed(unit, facts=facts, units=units))
        for unit in workloads
    )
    missing = [f"workload {unit.kind}/{unit.name} (stated, but not {found.origin})" for unit in chosen if unit.unsure]
    return msgspec.structs.replace(
        facts,
        workloads=chosen or tuple(units.values()),
        images=images or found.objects.images,
        origin=found.origin,
        restricted=needs_policy(found.objects),
        unsure=tuple(missing),
        remarks=tuple(_remarks(found.objects, stated=images)),
    )


def _units(objects: ChartObjects) -> list[Workload]:
    return [
        Workload(
            kind=owner.kind,
            name=owner.name,
            replicas=owner.replicas,
            most=most_for(owner.kind, replicas=owner.replicas),
            images=owner.images,
        )
        for owner in objects.owners
        if owner.kind in CONTROLLERS and not owner.hook
    ]


def _renamed(stated: Workload, *, facts: ChartFacts, units: dict[tuple[str, str], Workload]) -> Workload | None:
    """The workload that has the stated name under another release name than the rendering's."""
    for read in facts.workloads:
        if read.computed and read.kind == stated.kind and re.fullmatch(read.computed, stated.name):
            same = [
                unit for unit in units.values() if unit.kind == read.kind and re.fullmatch(read.computed, unit.name)
            ]
            if len(same) == 1:
                return same[0]
    return None


def _completed(stated: Workload, found: Workload | None) -> Workload:
    if found is None:
        return msgspec.structs.replace(stated, unsure="the chart does not make it")
    return msgspec.structs.replace(stated, images=found.images)


def _remarks(objects: ChartObjects, *, stated: tuple[str, ...]) -> list[str]:
    remarks = []
    hooks = [owner for owner in objects.owners if owner.hook]
    if hooks:
        remarks.append(f"hooks of Helm are no workloads of the descriptor: {_list(hooks)}")
    alone = [owner for owner in objects.owners if owner.kind not in CONTROLLERS and not owner.hook]
    if alone:
        remarks.append(f"pods without a controller that a descriptor could name: {_list(alone)}")
    surplus = [image for image in objects.images if image not in stated] if stated else []
    if surplus:
        shown = ", ".join(surplus[:_SHOWN])
        remarks.append(f"{len(surplus)} images that the chart runs are not stated: {shown}")
    return remarks


def _list(owners: list[PodOwner]) -> str:
    return ", ".join(f"{owner.kind}/{owner.name}" for owner in owners[:_SHOWN]) + (", …" if owners[_SHOWN:] else "")
