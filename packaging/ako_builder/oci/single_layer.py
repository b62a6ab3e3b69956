"""Images of one layer: files as an image in a folder, with digests that depend on the files alone.

An imgpkg bundle is an ordinary image: one layer with the files, a configuration that carries a label. Here the layer is
a tar with one epoch, root as owner and fixed modes, compressed by zlib at one level; the configuration says no time.
So the manifest's digest is a fact of the content, known before anything is pushed, and a Package can refer to it. The
layout (https://github.com/opencontainers/image-spec) is what skopeo, crane and oras copy to a registry as it is. imgpkg
reads only bundles whose layer has the older Docker type, so all of the image is of that family; a layout may hold any.
"""

import gzip
import hashlib
import io
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

import msgspec

from ako_builder.archive.writer import BytesBlob, Member, write_tar
from ako_builder.oci.layout import canonical_json
from ako_builder.oci.media_types import DOCKER_CONFIG, DOCKER_LAYER, DOCKER_MANIFEST


class SingleLayerImage(msgspec.Struct, frozen=True, kw_only=True):
    """An image: the digest of its manifest, and the files of its layout by path."""

    digest: str
    files: Mapping[str, bytes]


def image_layout(files: Mapping[str, bytes], *, labels: Mapping[str, str], tag: str, epoch: int) -> SingleLayerImage:
    """The layout of an image whose only layer holds `files`."""
    layer = _layer(files, epoch=epoch)
    packed = _gzip(layer)
    config = canonical_json(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Labels": dict(labels)},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    )
    manifest = canonical_json(
        {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST,
            "config": _descriptor(config, DOCKER_CONFIG),
            "layers": [_descriptor(packed, DOCKER_LAYER)],
        }
    )
    index = canonical_json(
        {
            "schemaVersion": 2,
            "manifests": [
                {**_descriptor(manifest, DOCKER_MANIFEST), "annotations": {"org.opencontainers.image.ref.name": tag}},
            ],
        }
    )
    blobs = {f"blobs/sha256/{_digest(blob)[7:]}": blob for blob in (packed, config, manifest)}
    return SingleLayerImage(
        digest=_digest(manifest),
        files={"oci-layout": canonical_json({"imageLayoutVersion": "1.0.0"}), "index.json": index, **blobs},
    )


def members(files: Mapping[str, bytes]) -> Iterable[Member]:
    """Files as members of an archive, each folder before what is in it, in one order."""
    seen: set[str] = set()
    for name in sorted(files):
        for parent in reversed(PurePosixPath(name).parents):
            folder = f"{parent}/"
            if str(parent) != "." and folder not in seen:
                seen.add(folder)
                yield Member(name=folder)
        yield Member(name=name, content=BytesBlob(files[name]))


def _layer(files: Mapping[str, bytes], *, epoch: int) -> bytes:
    stream = io.BytesIO()
    write_tar(stream, members(files), epoch=epoch)
    return stream.getvalue()


def _gzip(data: bytes) -> bytes:
    stream = io.BytesIO()
    with gzip.GzipFile("", "wb", 9, stream, mtime=0) as packed:
        packed.write(data)
    return stream.getvalue()


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _descriptor(data: bytes, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": _digest(data), "size": len(data)}
