"""The imgpkg bundle: what the package delivers to a cluster.

`chart/` is the chart of this release, byte for byte as its archive holds it. `translate/` turns data values into values
of the chart, `config/` adds what kapp has to know, `.imgpkg/` tells Carvel's tools that this is a bundle and which
images it needs. Images are locked by digest only; a release whose image digest is not known yet has an empty lock, and
the bundle says so instead of locking a tag.
"""

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

from ako_builder.addon.documents import Document, Value
from ako_builder.addon.outputs.schema import starlark_table, values_schema, ytt_schema
from ako_builder.oci.single_layer import SingleLayerImage, image_layout
from ako_builder.release import Release
from ako_builder.sources import source
from ako_builder.yaml_text import yaml_text
from ako_runtime.errors import UserError

BUNDLE_LABEL = "dev.carvel.imgpkg.bundle"
_IMGPKG = "imgpkg.carvel.dev/v1alpha1"


def chart_files(archive: Path) -> dict[str, bytes]:
    """The files of a chart archive, without its top folder."""
    try:
        found = {name.partition("/")[2]: data for name, data in unpacked_tar(archive.read_bytes()).items()}
    except (OSError, tarfile.TarError) as error:
        raise UserError(f"{archive}: not a chart archive: {error}") from error
    if "Chart.yaml" not in found:
        raise UserError(f"{archive}: holds no Chart.yaml: name the .tgz that 'ako build --only chart' writes")
    return found


def chart_schema(chart: Mapping[str, bytes]) -> Document:
    """The schema of the data values for a chart."""
    text = chart.get("values.schema.json")
    if text is None:
        raise UserError("the chart has no values.schema.json, from which the package's schema is made: build it again")
    return values_schema(json.loads(text))


def bundle_files(release: Release, chart: Mapping[str, bytes], schema: Mapping[str, Value]) -> dict[str, bytes]:
    """Every file of the bundle by path."""
    files = {f"chart/{name}": content for name, content in chart.items()}
    for folder in ("translate", "config"):
        for path in sorted(source("tca-addon", "bundle", folder).iterdir()):
            files[f"{folder}/{path.name}"] = path.read_bytes()
    files["translate/schema.yaml"] = ytt_schema(schema).encode()
    files["translate/keys.star"] = starlark_table(schema).encode()
    files[".imgpkg/bundle.yml"] = yaml_text(_bundle_document(release)).encode()
    files[".imgpkg/images.yml"] = yaml_text(images_lock(release)).encode()
    return files


def images_lock(release: Release) -> Document:
    """The ImagesLock: the image by digest, or nothing while the digest is not known."""
    images: list[Document] = []
    if release.image.digest:
        images.append({"image": release.image_reference, "annotations": {"kbld.carvel.dev/id": release.image_tag}})
    return {"apiVersion": _IMGPKG, "kind": "ImagesLock", "images": images}


def bundle_layout(release: Release, files: Mapping[str, bytes], *, epoch: int) -> SingleLayerImage:
    """The bundle as an image."""
    return image_layout(files, labels={BUNDLE_LABEL: "true"}, tag=release.version, epoch=epoch)


def repository_layout(release: Release, packages: Mapping[str, str], *, bundle: str, epoch: int) -> SingleLayerImage:
    """The image of a package repository: `packages/<refName>/...` and the lock of the bundles that they fetch."""
    files = {f"packages/{release.addon.package}/{name}": text.encode() for name, text in packages.items()}
    # The identifier is what the packages say; when the bundle moves, kbld puts its new place there.
    locked = {"image": bundle, "annotations": {"kbld.carvel.dev/id": bundle}}
    lock = {"apiVersion": _IMGPKG, "kind": "ImagesLock", "images": [locked]}
    files[".imgpkg/images.yml"] = yaml_text(lock).encode()
    files[".imgpkg/bundle.yml"] = yaml_text(_bundle_document(release)).encode()
    return image_layout(files, labels={BUNDLE_LABEL: "true"}, tag=release.version, epoch=epoch)


def _bundle_document(release: Release) -> Document:
    return {
        "apiVersion": _IMGPKG,
        "kind": "Bundle",
        "metadata": {"name": release.addon.package},
        "authors": [{"name": release.provider}],
        "websites": [{"url": release.home}],
    }


def unpacked_tar(data: bytes) -> dict[str, bytes]:
    """The files of a gzip-compressed tar."""
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
        return {m.name: stream.read() for m in tar if m.isfile() and (stream := tar.extractfile(m)) is not None}
