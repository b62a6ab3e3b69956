"""The real image for tests: built once a run from the pinned files in the cache, whatever the number of workers.

`scripts/chart-tools` puts the files there. A test that asks without them is skipped with the reason; none is fetched.
"""

import io
import os
import platform
import tarfile
from pathlib import Path
from typing import NamedTuple

import pytest
from support.skips import Missing, skip_without

from ako_builder.image.assembly import Assembler
from ako_builder.image.lock import Depot, cache_folder, load_lock
from ako_builder.oci.layout import Descriptor, Layout
from ako_builder.oci.media_types import INDEX
from ako_builder.release import load_release
from ako_lab.control_plane.binaries import exclusive

# `uname -m` -> architecture in Go's words, which images speak.
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class Image(NamedTuple):
    """An unpacked image: its root file system, and the `config` part of its configuration."""

    root: Path
    config: dict


@pytest.fixture(scope="session")
def image_layout(tmp_path_factory) -> Layout:
    """The image for all platforms as an OCI layout."""
    cache, lock = cache_folder(), load_lock()
    if not all((cache / pin.sha256 / pin.file).is_file() for pins in lock.platforms.values() for pin in pins):
        skip_without(Missing.TOOLS, "the pinned files of the image are not in the cache: run scripts/chart-tools")
    folder = shared_folder(tmp_path_factory)
    layout = Layout(path=folder / "layout")
    with exclusive(folder / "layout.lock", say=lambda _: None):
        if not (layout.path / "index.json").is_file():
            release = load_release()
            assembler = Assembler(release=release, depot=Depot(cache=cache), lock=lock, epoch=0, layout=layout)
            assembler.build(release.image.platforms, base=None)
    return layout


@pytest.fixture(scope="session")
def image(image_layout, tmp_path_factory) -> Image:
    """The image for this machine, unpacked as root would have it."""
    if os.geteuid() != 0:
        skip_without(Missing.KERNEL, "only root can run containers here")
    (manifest,) = (
        image_layout.json(child["digest"])
        for child in children(image_layout)
        if child["platform"]["architecture"] == ARCHITECTURES.get(platform.machine())
    )
    folder = shared_folder(tmp_path_factory)
    with exclusive(folder / "root.lock", say=lambda _: None):
        if not (folder / "unpacked").exists():
            for layer in manifest["layers"]:
                with tarfile.open(fileobj=io.BytesIO(image_layout.blob(layer["digest"]))) as tar:
                    tar.extractall(folder / "root", filter="fully_trusted")  # noqa: S202 - made a moment ago
            (folder / "unpacked").touch()
    return Image(root=folder / "root", config=image_layout.json(manifest["config"]["digest"])["config"])


def children(layout: Layout) -> list[dict]:
    """The descriptors of the platforms' images."""
    top: Descriptor = layout.tops()[0]
    assert top.media_type == INDEX
    return layout.json(top.digest)["manifests"]


def shared_folder(tmp_path_factory) -> Path:
    """A folder that all workers of this run have in common."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "image"
    folder.mkdir(exist_ok=True)
    return folder
