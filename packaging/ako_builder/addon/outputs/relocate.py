"""Relocation: every image that chart, CSARs and add-ons of a build refer to, moved to another registry by digest.

The list is read from the artefacts themselves, not from what they were made of. A digest names bytes, so the proof that
a copy is the same is that source and target are written with the same digest, that all artefacts that mention an
image mention the same one, and that the images which an add-on archive holds have the digests by which it names them:
an archive in which they have not is refused. A reference by tag proves nothing and is a finding.
"""

import re
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from ako_builder.addon.documents import parse_documents
from ako_builder.addon.outputs.bundle import chart_files, unpacked_tar
from ako_builder.addon.outputs.carvel import YTT_HEADER
from ako_builder.addon.outputs.verify import layer_files, reference_faults
from ako_builder.addon.shapes.intent import put, value_at
from ako_builder.yaml_text import yaml_text
from ako_runtime.errors import UserError

_REFERENCE = re.compile(rb"(?<![\w./-])((?:[a-z0-9.-]+(?::\d+)?)/[a-z0-9._/-]+@sha256:[0-9a-f]{64})")


class Use(msgspec.Struct, frozen=True, kw_only=True):
    """An artefact refers to an image."""

    image: str
    by: str
    version: str = ""
    """The version that the artefact says it is, where it says so."""


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """An image and where it goes; `proof` is empty when it cannot be proved that the target is the same."""

    source: str
    target: str
    proof: str
    by: tuple[str, ...]


def moves(uses: Iterable[Use], *, registry: str) -> tuple[Move, ...]:
    """What has to be copied to `registry`."""
    users: dict[str, list[str]] = defaultdict(list)
    for use in uses:
        if use.by not in users[use.image]:
            users[use.image].append(use.by)
    return tuple(
        Move(source=image, target=relocated(image, registry=registry), proof=_digest(image), by=tuple(sorted(by)))
        for image, by in sorted(users.items())
    )


def relocated(image: str, *, registry: str) -> str:
    """The reference in the other registry: the path below the host stays, and so does the digest."""
    host, slash, path = image.partition("/")
    if slash and ("." in host or ":" in host or host == "localhost"):
        return f"{registry.rstrip('/')}/{path}"
    return f"{registry.rstrip('/')}/{image}"


def problems(found: Iterable[Move]) -> Iterator[str]:
    """Images that differ between artefacts, or are named by tag only."""
    digests: dict[str, set[str]] = defaultdict(set)
    for move in found:
        if not move.proof:
            yield f"{move.source} ({', '.join(move.by)}) is named by tag: build with --image-digest"
        digests[re.split(r"[@]|:(?!.*/)", move.source)[0]].add(move.proof)
    for name, proofs in digests.items():
        if len(proofs) > 1:
            yield f"{name} stands for different bytes: {', '.join(sorted(proof or 'a tag' for proof in proofs))}"


def _digest(image: str) -> str:
    return image.partition("@")[2]


def uses_in(folder: Path) -> tuple[Use, ...]:
    """Every image that the artefacts of a build folder refer to."""
    readers = {"*.tar.gz": _from_addon, "*.tgz": _from_chart, "*.csar": _from_csar, "*.zip": _from_csar}
    found = [use for pattern, read in readers.items() for path in sorted(folder.rglob(pattern)) for use in read(path)]
    if not found:
        raise UserError(f"{folder}: holds no chart, CSAR or add-on that names an image: give the folder of 'ako build'")
    return tuple(found)


def _from_chart(path: Path) -> Iterator[Use]:
    yield from _from_chart_files(chart_files(path), by=path)


def _from_chart_files(files: Mapping[str, bytes], *, by: Path) -> Iterator[Use]:
    if "Chart.yaml" not in files:
        return
    chart = parse_documents(files["Chart.yaml"].decode(), where=str(by))[0]
    notes = chart.get("annotations") or {}
    repository, digest = notes.get("ako-toolkit/image-repository"), notes.get("ako-toolkit/image-digest")
    if repository:
        image = f"{repository}@{digest}" if digest else f"{repository}:{chart['appVersion']}"
        yield Use(image=image, by=by.name, version=str(chart["appVersion"]))


def _from_addon(path: Path) -> Iterator[Use]:
    files = archive_files(path)
    if "carvel/package.yaml" not in files:
        return
    for fault in reference_faults(files):
        raise UserError(f"{path}: {fault}: a digest in it proves nothing, build it again")
    package = parse_documents(files["carvel/package.yaml"].decode(), where=str(path))[0]
    repository = parse_documents(files["carvel/packagerepository.yaml"].decode(), where=str(path))[0]
    fetched = value_at(package, "spec.template.spec")["fetch"][0]["imgpkgBundle"]["image"]
    yield Use(image=fetched, by=path.name, version=value_at(package, "spec.version"))
    yield Use(image=value_at(repository, "spec.fetch.imgpkgBundle.image"), by=path.name)
    lock = parse_documents(layer_files(files, "carvel/bundle")[".imgpkg/images.yml"].decode(), where=str(path))[0]
    for item in lock["images"]:
        yield Use(image=item["image"], by=path.name)


def _from_csar(path: Path) -> Iterator[Use]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".tgz"):
                files = unpacked_tar(archive.read(name))
                yield from _from_chart_files({key.partition("/")[2]: data for key, data in files.items()}, by=path)
            elif name.endswith((".yaml", ".yml", ".mf", ".json")):
                for match in _REFERENCE.finditer(archive.read(name)):
                    yield Use(image=match[1].decode(), by=path.name)


def archive_files(path: Path) -> dict[str, bytes]:
    """The files of an add-on archive without its top folder."""
    return {name.partition("/")[2]: data for name, data in unpacked_tar(path.read_bytes()).items()}


def rewritten(files: Mapping[str, bytes], found: Iterable[Move], *, registry: str) -> dict[str, bytes]:
    """The YAML files that change: every reference replaced by its target, the settings naming the registry.

    The chart composes the image of the controller itself, so its settings have to say `global.imageRegistry`.
    """
    changed: dict[str, bytes] = {}
    for name, content in files.items():
        text = content
        for move in found:
            text = text.replace(move.source.encode(), move.target.encode())
        if name.endswith(_SETTINGS):
            text = _naming_registry(text, where=name, registry=registry)
        if text != content:
            changed[name] = text
    return changed


_SETTINGS: Final = ("/values-secret.yaml", "/addonconfig.yaml", "/addonconfig-helm.yaml")


def _naming_registry(text: bytes, *, where: str, registry: str) -> bytes:
    """A values Secret or an AddonConfig whose settings name the registry."""
    (document,) = parse_documents(text.decode(), where=where)
    if document["kind"] == "Secret":
        held = document["stringData"]["values.yaml"]
        header = YTT_HEADER if held.startswith(YTT_HEADER) else ""
        values = parse_documents(held, where=where)[0]
        put(values, _REGISTRY, registry)
        document["stringData"]["values.yaml"] = header + yaml_text(values)
    else:
        values = document["spec"]["values"]
        put(values.get("helmValues", values), _REGISTRY, registry)
    comments = [line.removeprefix("#").strip() for line in text.decode().splitlines() if line.startswith("#")]
    return yaml_text(document, header="\n".join(comments)).encode()


_REGISTRY: Final = "global.imageRegistry"
