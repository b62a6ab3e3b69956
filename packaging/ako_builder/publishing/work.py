"""One release: everything that is published under a version, made from a clean clone, or nothing.

The order follows who names whom: the wheel is built first and then builds the rest, so that what is published has
built itself; chart, CSARs and add-ons name the image by its digest; the statement of provenance names every file; the
checksums come last. All of it is made in a folder beside the destination and takes its place by one rename.

Two runs on one commit, one date and one key give the same bytes. The exception is the chart's provenance (`.prov`),
which gpg signs at a time of its own; it is made only if a key of gpg is named, and the checksums leave it out.
"""

import datetime as dt
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from ako_builder.archive.writer import FileBlob, Member, file_sha256, write_bytes, write_tar
from ako_builder.chart.provenance import write_provenance
from ako_builder.csar.bundle import chart_artifact
from ako_builder.image.lock import load_lock
from ako_builder.oci.cosign import REF_NAME, add_signature
from ako_builder.oci.layout import Descriptor, Layout
from ako_builder.publishing.distributions import build_distributions, install, run
from ako_builder.publishing.preparation import VERSION, cloned, commit, generate, prepare
from ako_builder.publishing.statement import PAYLOAD_TYPE, provenance_statement
from ako_builder.release import Release, load_release
from ako_builder.sbom.spdx import MEDIA_TYPE as SPDX
from ako_builder.signing.cms import SigningKey
from ako_builder.signing.dsse import envelope, public_key_pem
from ako_runtime.errors import UserError

CHECKSUMS: Final = "SHA256SUMS"
STATEMENT: Final = "provenance.intoto.json"
PUBLIC_KEY: Final = "release.pub"
NOTES: Final = "RELEASE-NOTES.md"
IMAGE: Final = "oci/image"
CHART: Final = "oci/chart"


class ReleaseOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a release is made of and by whom: a checkout without changes, version and date, and keys.

    `key_options` are those of `ako build` that name the key of `signing`; none means the public demo key.
    """

    repository: Path
    version: str
    date: dt.date
    out: Path
    signing: SigningKey
    key_options: tuple[str, ...] = ()
    gpg_key: str | None = None
    image_options: tuple[str, ...] = ()
    # Whether the checkout gets the tag vVERSION, with the commit that it names.
    tag: bool = False

    @property
    def epoch(self) -> int:
        """The date in seconds since 1970: what every file of the release carries."""
        return int(dt.datetime.combine(self.date, dt.time(), tzinfo=dt.UTC).timestamp())


def make_release(order: ReleaseOrder, *, say: Callable[[str], None]) -> Path:
    """Make the folder OUT/VERSION; gives its path. What is there already is a `UserError`."""
    if not VERSION.fullmatch(order.version):
        raise UserError(f"version '{order.version}': write X.Y.Z, or X.Y.Z-rc.N (alpha, beta) for a release before it")
    target = order.out / order.version
    if target.exists():
        raise UserError(f"{target} is there already: a release is made once; remove it or choose another --out")
    if order.tag and run(["git", "-C", str(order.repository), "tag", "--list", f"v{order.version}"]).strip():
        raise UserError(
            f"{order.repository} has a tag v{order.version}: a version is released once; choose the next one"
        )
    order.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=order.out, prefix=".release-") as work:
        folder = Path(work)
        products = folder / "products"
        products.mkdir()
        _make(order, work=folder, products=products, say=say)
        if order.tag:
            name = f"refs/tags/v{order.version}"
            run(["git", "-C", str(order.repository), "fetch", "--quiet", str(folder / "tree"), f"{name}:{name}"])
        products.chmod(0o755)
        products.replace(target)
    return target


def _make(order: ReleaseOrder, *, work: Path, products: Path, say: Callable[[str], None]) -> None:
    tree = work / "tree"
    say("clone, version, change log")
    source = cloned(order.repository, folder=tree)
    notes = prepare(tree, version=order.version, date=order.date)
    generate(tree)
    commit(tree, version=order.version, epoch=order.epoch)
    release = load_release(tree / "packaging/release.yaml")
    write_bytes(products / NOTES, notes.encode())

    say("wheel and source archive")
    wheel, _ = build_distributions(tree, out=products / "python", epoch=order.epoch)
    environment = install(wheel, folder=work / "installed") | {"SOURCE_DATE_EPOCH": str(order.epoch)}
    ako = [sys.executable, "-m", "ako_runtime"]

    say("image")
    image = work / "image"
    run([*ako, "image", "build", "--out", str(image), *order.image_options], environment=environment, folder=work)
    layout = Layout(path=image)
    tops = layout.tops()
    digest = tops[0].digest
    signature = add_signature(layout, digest=digest, repository=release.image.name, signing=order.signing)
    layout.finish([*tops, signature])
    _bills(layout, tops[1:], out=products / "sbom")

    say("chart, CSARs, add-ons")
    build = [*ako, "build", "--out", str(work / "built"), "--image-digest", digest, *order.key_options]
    run(build, environment=environment, folder=work)
    (work / "built" / CHECKSUMS).unlink()
    shutil.copytree(work / "built", products, dirs_exist_ok=True)
    (chart,) = products.glob(f"{release.chart.name}-*.tgz")
    chart_layout = _chart_layout(chart, folder=work / "chart", release=release, signing=order.signing)

    say("provenance, signatures, checksums")
    _pack(layout, products / f"{IMAGE}-{order.version}.tar", epoch=order.epoch)
    _pack(chart_layout, products / f"{CHART}-{order.version}.tar", epoch=order.epoch)
    write_bytes(products / PUBLIC_KEY, public_key_pem(order.signing))
    digests = _digests(products)
    statement = provenance_statement(
        digests, release=release, version=order.version, commit=source, epoch=order.epoch, lock=load_lock()
    )
    write_bytes(products / STATEMENT, envelope(statement, payload_type=PAYLOAD_TYPE, signing=order.signing))
    sums = "".join(f"{digest}  {name}\n" for name, digest in sorted(_digests(products).items()))
    write_bytes(products / CHECKSUMS, sums.encode())
    if order.gpg_key is not None:
        write_provenance(chart, key=order.gpg_key)


def _digests(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): file_sha256(path) for path in folder.rglob("*") if path.is_file()}


def _bills(layout: Layout, entries: tuple[Descriptor, ...], *, out: Path) -> None:
    """The SPDX documents that are attached to the images, as files named by platform."""
    index = layout.json(layout.tops()[0].digest)
    platforms = {each["digest"]: each["platform"] for each in index["manifests"]}
    for entry in entries:
        document = layout.json(entry.digest)
        about = platforms[document["subject"]["digest"]]
        (bill,) = (part for part in document["layers"] if part["mediaType"] == SPDX)
        name = f"image-{about['os']}-{about['architecture']}.spdx.json"
        write_bytes(out / name, layout.blob(bill["digest"]))


def _chart_layout(chart: Path, *, folder: Path, release: Release, signing: SigningKey) -> Layout:
    blobs, entry = chart_artifact(chart)
    layout = Layout(path=folder)
    for name, blob in blobs.items():
        with blob.open() as stream:
            write_bytes(folder / name, stream.read())
    top = msgspec.convert(entry, Descriptor)
    named = msgspec.structs.replace(top, annotations={REF_NAME: release.version})
    repository = f"{release.chart.repository.removeprefix('oci://')}/{release.chart.name}"
    layout.finish([named, add_signature(layout, digest=top.digest, repository=repository, signing=signing)])
    return layout


def _pack(layout: Layout, archive: Path, *, epoch: int) -> None:
    """A layout as one file, the form that skopeo, crane and others call an OCI archive."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    files = sorted(path for path in layout.path.rglob("*") if path.is_file())
    members = (Member(name=path.relative_to(layout.path).as_posix(), content=FileBlob(path)) for path in files)
    with archive.open("wb") as stream:
        write_tar(stream, members, epoch=epoch)
