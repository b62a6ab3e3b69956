"""Bringing a finished release to a registry: image and chart, with their bills and signatures."""

import tarfile
import tempfile
from pathlib import Path

from ako_builder.oci.layout import Layout
from ako_builder.oci.push import push_layout
from ako_builder.oci.reference import Reference
from ako_builder.oci.registry import Registry
from ako_builder.publishing.work import CHART, IMAGE
from ako_builder.release import Release
from ako_runtime.errors import UserError


def push_release(folder: Path, *, release: Release, version: str, place: Reference, registry: Registry) -> list[str]:
    """Push what a release folder holds below `place`; gives the references by digest.

    What is there already is not sent again, so a delivery that was cut is finished by running it again.
    """
    image, chart = (
        release.image.repository,
        f"{release.chart.repository.partition('://')[2].partition('/')[2]}/{release.chart.name}",
    )
    pushed = []
    for part, repository in ((IMAGE, image), (CHART, chart)):
        name = "/".join(filter(None, (place.name, repository)))
        with tempfile.TemporaryDirectory() as work:
            layout = _unpacked(folder / f"{part}-{version}.tar", folder=Path(work))
            digest = push_layout(layout, registry=registry, name=name, tag=version)
        pushed.append(f"{place.host}/{name}:{version}@{digest}")
    return pushed


def _unpacked(archive: Path, *, folder: Path) -> Layout:
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise UserError(f"{archive}: {error}; name the folder of a finished release") from error
    return Layout(path=folder)
