"""Making add-ons: folders for a user, archives for a release.

`ako addon build` writes a folder for one platform release and one cluster. A release's `ako build` has no cluster,
so it makes one archive a pinned TKG release with example settings, wherever something of ours is offered, each with the
pins it was made from, sealed. Nothing is written before everything is made and verified.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ako_builder.addon.documents import load_document
from ako_builder.addon.outputs.bundle import chart_files
from ako_builder.addon.outputs.folder import Files, Images, images, outputs
from ako_builder.addon.outputs.verify import faults
from ako_builder.addon.pins.releases import Pin, Tkr, load_pins, pin_folder
from ako_builder.addon.pins.seal import sealed
from ako_builder.addon.request import TARGETS, Request
from ako_builder.addon.shapes.convert import intent_of
from ako_builder.addon.shapes.intent import Cluster, written_out
from ako_builder.addon.shapes.keys import LATEST_OPERATOR
from ako_builder.archive.writer import write_bytes, write_tar_gz
from ako_builder.artefact import VERIFIED, Artefact, artefact
from ako_builder.oci.single_layer import members
from ako_builder.release import Release
from ako_builder.signer import Signer
from ako_builder.sources import source
from ako_builder.times import source_date_epoch
from ako_runtime.errors import UserError


def build_addons(
    release: Release, chart_archive: Path, out: Path, signer: Signer, *, epoch: int | None = None
) -> tuple[Artefact, ...]:
    """One archive a pinned TKG release for which something of ours is offered."""
    epoch = source_date_epoch(os.environ) if epoch is None else epoch
    made = images(release, chart_files(chart_archive), epoch=epoch)
    seal = sealed(pin_files(), signer=signer, epoch=epoch)
    return tuple(_archives(release, made, out=out, seal=seal, epoch=epoch))


def _archives(release: Release, made: Images, *, out: Path, seal: Files, epoch: int) -> Iterator[Artefact]:
    for pin in load_pins():
        offered = offered_tkrs(pin, release=release.version)
        if not offered:
            continue
        request = example_request(release, pin, tkrs=pin.tkrs)
        files = outputs(request, made, targets=TARGETS)
        files |= {f"pins/{name}": content for name, content in seal.items()}
        found = faults(files, release=release)
        name = f"{release.product}-addon-tkg-{pin.tkg}-{release.version}"
        path = out / f"{name}.tar.gz"
        write_tar_gz(path, members({f"{name}/{file}": content for file, content in files.items()}), epoch=epoch)
        yield artefact(path, kind="addon", verdict="; ".join(found) or VERIFIED)


def example_request(release: Release, pin: Pin, *, tkrs: Sequence[Tkr]) -> Request:
    """A request with the shipped example settings."""
    path = source("tca-addon", "example-values.yaml")
    cluster = Cluster(name="example", namespace="default")
    return Request(
        release=release,
        pin=pin,
        tkrs=tuple(tkrs),
        cluster=cluster,
        kind="classy",
        intent=written_out(intent_of([load_document(path)], shape="helm", where=str(path)), cluster=cluster),
        operator=LATEST_OPERATOR,
        example=True,
    )


def offered_tkrs(pin: Pin, *, release: str) -> tuple[Tkr, ...]:
    """The TKrs of a pin for which something of ours is offered."""
    return tuple(tkr for tkr in pin.tkrs if tkr.offered.resolved(release))


def pin_files(folder: Path | None = None) -> Files:
    """The pin files of a folder by name."""
    folder = folder or pin_folder()
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.yaml"))}


def write_folder(files: Files, out: Path) -> None:
    """Write the files of an add-on folder; the folder must be new or empty."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UserError(f"{out}: exists and is not an empty folder: name another --out")
    for name, content in files.items():
        write_bytes(out / name, content)
