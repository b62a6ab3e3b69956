"""One build: every artefact from the one source, or nothing.

A build works in a folder of its own beside the destination. The chart comes first, the makers of the wanted kinds
follow, each verifies what it made; then the checksums are written, and only now the files take their places in the
destination, each by a rename. Whatever fails before leaves the destination as it was; a build that replaces an older
one removes the files that the older SHA256SUMS lists and the new one does not, and nothing else.

Two builds of one source are equal byte for byte: all times are one epoch (`SOURCE_DATE_EPOCH`), and without a signing
key of the user's the public demo key signs, which is the same everywhere.
"""

import importlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from ako_builder.archive.writer import write_bytes
from ako_builder.artefact import VERIFIED, Artefact, BuildOrder, Maker
from ako_builder.chart.tree import package
from ako_builder.release import Release
from ako_builder.signer import Signer
from ako_runtime.errors import UserError

KINDS: Final = ("chart", "csar", "addon")
CHECKSUMS: Final = "SHA256SUMS"


def build(release: Release, *, out: Path, kinds: Sequence[str], epoch: int, signer: Signer) -> tuple[Artefact, ...]:
    """Make the artefacts of the wanted kinds in the folder `out`."""
    with _workshop(out) as folder:
        # Not below the wanted files: without the kind "chart" the archive is only an ingredient.
        ingredients = folder / "ingredients"
        products = folder / "products"
        ingredients.mkdir()
        products.mkdir()
        chart = package(release, out=products if "chart" in kinds else ingredients, epoch=epoch)
        order = BuildOrder(release=release, out=products, epoch=epoch, signer=signer, chart=chart)
        made = [artefact for kind in KINDS if kind in kinds for artefact in _maker(kind)(order)]
        write_bytes(products / CHECKSUMS, _checksums(made, root=products).encode())
        _deliver(products, out=out)
        return tuple(_at(artefact, root=products, out=out) for artefact in made)


def is_good(artefacts: Iterable[Artefact]) -> bool:
    """True if every artefact was verified."""
    return all(artefact.verdict == VERIFIED for artefact in artefacts)


def _maker(kind: str) -> Maker:
    # Imported when wanted: a chart alone needs neither the CSAR's nor the add-on's dependencies.
    maker: Maker = importlib.import_module(f"ako_builder.{kind}.maker").make
    return maker


@contextmanager
def _workshop(out: Path) -> Iterator[Path]:
    """Open a temporary folder on the same file system as `out`."""
    if out.exists() and not out.is_dir():
        raise UserError(f"{out} is a file; name a folder for the build")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    except OSError as error:
        raise UserError(f"cannot write in {out.parent}: {error.strerror}; choose another --out") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _checksums(artefacts: Iterable[Artefact], *, root: Path) -> str:
    lines = sorted(f"{artefact.sha256}  {artefact.path.relative_to(root).as_posix()}\n" for artefact in artefacts)
    return "".join(sorted(lines, key=lambda line: line.split("  ", 1)[1]))


def _deliver(products: Path, *, out: Path) -> None:
    """Move every product to its place; the checksums last, they speak of complete files only."""
    try:
        stale = _listed(out)
        (out / CHECKSUMS).unlink(missing_ok=True)
        names = sorted(path.relative_to(products) for path in products.rglob("*") if path.is_file())
        for name in sorted(names, key=lambda name: name.name == CHECKSUMS):
            target = out / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (products / name).replace(target)
        for name in stale - set(names):
            (out / name).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"cannot write {error.filename}: {error.strerror}; choose another --out") from error


def _listed(out: Path) -> set[Path]:
    """Files that an older build's checksums list; only such that lie below the folder."""
    sums = out / CHECKSUMS
    if not sums.is_file():
        return set()
    lines = sums.read_text(encoding="utf-8", errors="replace").splitlines()
    names = [Path(line.split("  ", 1)[1]) for line in lines if "  " in line]
    return {name for name in names if not name.is_absolute() and ".." not in name.parts}


def _at(artefact: Artefact, *, root: Path, out: Path) -> Artefact:
    return msgspec.structs.replace(artefact, path=out / artefact.path.relative_to(root))
