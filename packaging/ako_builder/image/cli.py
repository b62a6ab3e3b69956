"""`ako image`: build the container image as an OCI layout, push it, pin what it is made of."""

import os
import shutil
import tempfile
from pathlib import Path

import click

from ako_builder.archive.writer import write_bytes
from ako_builder.image.assembly import Assembler
from ako_builder.image.lock import Depot, cache_folder, load_lock, write_lock
from ako_builder.oci.credentials import USER_HELP, account_for
from ako_builder.oci.layout import Descriptor, Layout
from ako_builder.oci.media_types import INDEX, MANIFEST
from ako_builder.oci.push import push_layout
from ako_builder.oci.reference import parse_reference
from ako_builder.oci.registry import Registry
from ako_builder.release import load_release
from ako_builder.times import source_date_epoch
from ako_runtime.cli import output_option, print_rows
from ako_runtime.errors import UserError

_PATH = click.Path(path_type=Path)

# What the runtime needs; the versions are pinned by the lock.
_REQUIREMENTS = (
    "avisdk", "click", "httptools", "immutables", "kubernetes>=36", "msgspec", "prometheus-client", "pyyaml",
    "structlog",
)  # fmt: skip


@click.group()
def image() -> None:
    """The container image: build without a container engine, push, lock."""


@image.command()
@click.option("--out", type=_PATH, default=Path("dist/image"), show_default=True, help="Folder of the OCI layout.")
@click.option("--platform", "platforms", multiple=True, help="linux/amd64, linux/arm64; default: all of the release.")
@click.option("--base", type=_PATH, help="OCI layout of a base image with Python 3.11, instead of Debian packages.")
@click.option("--inputs", type=_PATH, help="Folder with every pinned file; nothing is fetched then.")
@output_option
def build(*, out: Path, platforms: tuple[str, ...], base: Path | None, inputs: Path | None, output: str) -> None:
    """Write the image as an OCI layout, byte for byte the same for the same pins and sources."""
    release = load_release()
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / "oci-layout").is_file())):
        raise UserError(f"{out} is not empty and no OCI layout; choose another --out")
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        layout = Layout(path=folder)
        assembler = Assembler(
            release=release,
            depot=Depot(cache=cache_folder(), given=inputs),
            lock=load_lock(),
            epoch=source_date_epoch(os.environ, default=release.epoch),
            layout=layout,
        )
        top = assembler.build(platforms or release.image.platforms, base=base)
        rows = [_row("index", top, layout), *_platform_rows(top, layout)]
        folder.chmod(0o755)
        shutil.rmtree(out, ignore_errors=True)
        folder.replace(out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print_rows(rows, output=output)


@image.command()
@click.argument("target")
@click.option("--layout", type=_PATH, default=Path("dist/image"), show_default=True, help="Folder of the OCI layout.")
@click.option("--plain-http", is_flag=True, help="The registry speaks plain HTTP.")
@click.option("--ca-file", type=_PATH, help="Certificate authority of the registry.")
@click.option("--user", default="", help=USER_HELP)
def push(*, target: str, layout: Path, plain_http: bool, ca_file: Path | None, user: str) -> None:
    """Push a built image with its SBOMs to TARGET: REGISTRY/REPOSITORY[:TAG]."""
    place = parse_reference(target)
    tag = place.tag or load_release().version
    account = account_for(place.host, user=user)
    registry = Registry(place.host, plain_http=plain_http, ca=ca_file, account=account)
    digest = push_layout(Layout(path=layout), registry=registry, name=place.name, tag=tag)
    click.echo(f"{place.host}/{place.name}:{tag}@{digest}")


@image.command()
@click.option("--out", type=_PATH, help="Copy the files into this folder: the --inputs of a machine without network.")
@click.option("--platform", "platforms", multiple=True, help="linux/amd64, linux/arm64; default: all of the release.")
def fetch(*, out: Path | None, platforms: tuple[str, ...]) -> None:
    """Get every pinned file into the cache, so that a build needs no network."""
    pinned, depot = load_lock(), Depot(cache=cache_folder())
    for platform in platforms or load_release().image.platforms:
        pins = pinned.pins(platform)
        depot.ensure(pins, platform=platform)
        if out is not None:
            for pin in pins:
                write_bytes(out / pin.file, depot.content(pin, platform=platform))
        click.echo(f"{platform}: {len(pins)} files are in {out or cache_folder()}")


@image.command()
def lock() -> None:
    """Pin the newest Debian packages and wheels for every platform of the release."""
    found = Depot(cache=cache_folder()).refreshed(load_release().image.platforms, requirements=_REQUIREMENTS)
    write_lock(found)
    for platform, pins in found.platforms.items():
        click.echo(f"{platform}: {len(pins)} files pinned")


def _row(name: str, descriptor: Descriptor, layout: Layout) -> dict[str, str]:
    size = sum(part.size for part in {child.digest: child for child in layout.reachable(descriptor)}.values())
    return {"image": name, "digest": descriptor.digest, "size": f"{size / 1e6:.1f} MB"}


def _platform_rows(top: Descriptor, layout: Layout) -> list[dict[str, str]]:
    assert top.media_type == INDEX  # noqa: S101 - what `Assembler.build` gives
    rows = []
    for child in layout.json(top.digest)["manifests"]:
        manifest = Descriptor(media_type=MANIFEST, digest=child["digest"], size=child["size"])
        rows.append(_row(f"{child['platform']['os']}/{child['platform']['architecture']}", manifest, layout))
    return rows
