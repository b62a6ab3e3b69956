"""Pull a chart or an image from a registry: into a file, or into an OCI layout that `ako_builder.oci.reading` reads.

What a manifest says is believed only as far as it is checked: digests become paths, so they must be digests, and no
more bytes are taken than the manifest states.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from ako_builder.archive.writer import replaced
from ako_builder.oci.media_types import CHART_LAYER, INDEX_TYPES, MANIFEST_TYPES
from ako_builder.oci.reference import parse_reference
from ako_builder.oci.registry import Registry, registry_of
from ako_runtime.errors import UserError

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


def pull_chart(text: str, *, folder: Path, registry: Registry | None = None) -> Path:
    """Pull a chart's archive."""
    reference = parse_reference(text)
    registry = registry or registry_of(reference.host)
    data, _, _ = registry.manifest(reference.name, reference.point)
    layers = [part for part in _children(data, text=text) if part.get("mediaType") == CHART_LAYER]
    if len(layers) != 1:
        raise UserError(f"{text}: not a Helm chart; it has no single layer of the chart type")
    target = folder / f"{reference.name.rsplit('/', 1)[-1]}.tgz"
    digest, size = _stated(layers[0], text=text)
    registry.fetch_blob(reference.name, digest, size=size, target=target)
    return target


def pull_image(text: str, *, layout: Path, registry: Registry | None = None, platform: str | None = None) -> str:
    """Pull an image into an OCI layout; its digest."""
    reference = parse_reference(text)
    registry = registry or registry_of(reference.host)
    data, media_type, digest = registry.manifest(reference.name, reference.point)
    if platform and media_type in INDEX_TYPES:
        digest = _of_platform(data, platform=platform, text=text)
        data, media_type, digest = registry.manifest(reference.name, digest)
    _keep(layout, digest, data)
    for child in _children(data, text=text):
        if child.get("mediaType") in (*INDEX_TYPES, *MANIFEST_TYPES):
            name, _ = _stated(child, text=text)
            inner, _, _ = registry.manifest(reference.name, name)
            _keep(layout, name, inner)
            for grandchild in _children(inner, text=text):
                _fetch(registry, reference.name, grandchild, layout=layout)
        else:
            _fetch(registry, reference.name, child, layout=layout)
    _index(layout, text=text.removeprefix("oci://"), digest=digest, size=len(data), media_type=media_type)
    return digest


def _fetch(registry: Registry, name: str, part: Mapping[str, Any], *, layout: Path) -> None:
    digest, size = _stated(part, text=name)
    registry.fetch_blob(name, digest, size=size, target=layout / "blobs" / digest.replace(":", "/"))


def _stated(part: Mapping[str, Any], *, text: str) -> tuple[str, int]:
    """Digest and size of a part as a manifest states them. The digest becomes a path, so it must be one; no more bytes
    than the size are taken.
    """
    digest, size = part.get("digest"), part.get("size")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise UserError(f"{text}: the manifest names a part by {digest!r}, no SHA-256; do not use this registry")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise UserError(f"{text}: the manifest states no size of {digest}; do not use this registry")
    return digest, size


def _children(data: bytes, *, text: str) -> Iterator[dict[str, Any]]:
    document = _document(data)
    for key in ("manifests", "config", "layers"):
        value = document.get(key) or []
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, dict):
                raise UserError(f"{text}: {key} of the manifest is malformed; do not use this registry")
            yield part


def _of_platform(index: bytes, *, platform: str, text: str) -> str:
    system, _, machine = platform.partition("/")
    for entry in _children(index, text=text):
        stated = entry.get("platform")
        if isinstance(stated, dict) and (stated.get("os"), stated.get("architecture")) == (system, machine):
            return _stated(entry, text=text)[0]
    raise UserError(f"{text}: no image for {platform} in it")


def _keep(layout: Path, digest: str, data: bytes) -> None:
    target = layout / "blobs" / digest.replace(":", "/")
    if not target.is_file():
        with replaced(target) as stream:
            stream.write(data)


def _index(layout: Path, *, text: str, digest: str, size: int, media_type: str) -> None:
    path = layout / "index.json"
    document: dict[str, Any] = {"schemaVersion": 2, "manifests": []}
    if path.is_file():
        document = _document(path.read_bytes())
    entries = [
        entry
        for entry in document["manifests"]
        if (entry.get("annotations") or {}).get("org.opencontainers.image.ref.name") != text
    ]
    annotations = {"org.opencontainers.image.ref.name": text}
    entries.append({"mediaType": media_type, "digest": digest, "size": size, "annotations": annotations})
    document["manifests"] = sorted(entries, key=lambda entry: str(entry["annotations"]))
    with replaced(path) as stream:
        stream.write(json.dumps(document, indent=2).encode() + b"\n")
    with replaced(layout / "oci-layout") as stream:
        stream.write(b'{"imageLayoutVersion": "1.0.0"}\n')


def _document(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except ValueError as error:
        raise UserError(f"the registry's answer is not JSON ({error})") from error
    if not isinstance(document, dict):
        raise UserError("the registry's answer is not a JSON object")
    return document
