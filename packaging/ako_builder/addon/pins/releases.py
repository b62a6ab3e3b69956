"""Pins: what each TKG release ships, and which version of ours is offered instead.

AKO as an add-on is not chosen, it comes with the platform: the Tanzu Kubernetes release (TKr) of a cluster names one
package version, and one TKG release carries several TKrs with different ones. So the key of a pin is (TKG, TKr); there
is one file a TKG release under `packaging/tca-addon/releases`, decoded strictly, and every cell is a `Fact`: a value
with its certainty and its source. A is a vendor page or the official repository, B a transcript of a real system, C an
inference from those, D folklore. A fact without a value says that it is unknown and where it was looked for; unknown is
never shown as empty and a D never becomes an output unless somebody asks for unverified facts.

`offered` is ours: `version: release` offers the version of this build (written once, in `ako_runtime`), a literal one
holds an older version back, `reason` says why none is offered. `accepted` lists contradictions that the linter finds
between honest sources and that stay, with the reason.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

import msgspec

from ako_builder.addon.documents import decoded, read_text
from ako_builder.addon.pins.seal import verify_sums
from ako_builder.addon.versions import PackageVersion, Range, numbers_of, parse_version
from ako_builder.sources import source
from ako_runtime.errors import UserError

Grade = Literal["A", "B", "C", "D"]
UNKNOWN = "unknown"
RELEASES = "releases"


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    pass


class Fact(_Strict, frozen=True):
    """A value, how certain it is and where it comes from; or no value and where it was looked for."""

    source: str
    value: str | None = None
    grade: Grade | None = None

    def known(self, *, unverified: bool = False) -> str | None:
        """The value, if there is one that may be used: a D only when unverified facts were asked for."""
        return None if self.grade == "D" and not unverified else self.value

    def shown(self, *, unverified: bool = False) -> str:
        """The value for a table, or the word for not knowing; a D that is shown says so."""
        value = self.known(unverified=unverified)
        if value is None:
            return UNKNOWN
        return f"{value} (D)" if self.grade == "D" else value


class Operator(_Strict, frozen=True):
    """The operator that installs AKO on the clusters of this TKG release."""

    package: Fact
    image_tag: Fact


class Bom(_Strict, frozen=True):
    """The bill of material: it can be re-tagged without a new TKG version, so its digest belongs to a pin."""

    name: Fact
    digest: Fact


class Official(_Strict, frozen=True):
    """The official AKO package that a TKr names, and the image that it runs."""

    package: Fact
    image_tag: Fact
    image_digest: Fact


class Offered(_Strict, frozen=True):
    """The version of ours offered for a TKr: `release`, a literal older one, or none for a reason."""

    version: str | None = None
    reason: str | None = None

    def resolved(self, release: str) -> str | None:
        """The version offered by a build of `release`."""
        return release if self.version == "release" else self.version


class Accepted(_Strict, frozen=True):
    """A contradiction that stays, and why."""

    rule: str
    reason: str


class Tkr(_Strict, frozen=True):
    """One Kubernetes build of a TKG release."""

    name: Fact
    kubernetes: Fact
    official: Official
    offered: Offered
    default: bool = False
    accepted: tuple[Accepted, ...] = ()

    @property
    def title(self) -> str:
        """The name of the TKr as far as it is known, whatever its grade: the key of the row."""
        return self.name.value or UNKNOWN

    @property
    def official_version(self) -> PackageVersion | None:
        """The official package version, if it may be used."""
        text = self.official.package.known()
        return parse_version(text) if text else None


class Tca(_Strict, frozen=True):
    """A Telco Cloud Automation release that is said to carry this TKG release."""

    release: Fact
    bom_release: Fact
    tkr: str | None = None


class Pin(_Strict, frozen=True):
    """One TKG release."""

    schema: Literal[1]
    tkg: str
    avi: tuple[Fact, ...]
    operator: Operator
    bom: Bom
    tkrs: tuple[Tkr, ...]
    tca: tuple[Tca, ...]


class AkoSupport(_Strict, frozen=True):
    """What some official AKO versions say that they support."""

    versions: tuple[str, ...]
    kubernetes: Range
    avi: Range


class Compatibility(_Strict, frozen=True):
    """Kubernetes and Avi ranges of the official AKO releases."""

    schema: Literal[1]
    source: str
    grade: Grade
    ako: tuple[AkoSupport, ...]

    def of(self, version: PackageVersion) -> AkoSupport | None:
        """The row of an AKO version, by its numbers."""
        return next((row for row in self.ako if version.base in row.versions), None)


def pin_folder() -> Path:
    """Where this installation keeps its pins."""
    return source("tca-addon", RELEASES)


def load_pins(folder: Path | None = None) -> tuple[Pin, ...]:
    """Every pin of a folder (absent: those of this installation), verified, oldest TKG first."""
    required, folder = folder is None, folder or pin_folder()
    verify_sums(folder, required=required)
    files = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
    if not files:
        raise UserError(f"{folder}: holds no pin files (<tkg>.yaml): name a folder that does")
    return tuple(sorted((load_pin(file) for file in files), key=lambda pin: numbers_of(pin.tkg)))


def load_pin(path: Path) -> Pin:
    """One pin file, decoded strictly."""
    text = read_text(path)
    pin = decoded(text, Pin, where=str(path))
    if pin.tkg != path.stem:
        raise UserError(
            f"{path}: says tkg: {pin.tkg}, but a pin file is named after its TKG release: rename one of them"
        )
    for place, fact in facts_of(pin):
        if (fact.value is None) != (fact.grade is None):
            raise UserError(f"{path}: {place}: value and grade come together: give both, or neither if it is unknown")
    return pin


def load_compatibility(path: Path | None = None) -> Compatibility:
    """The table of what official AKO releases support."""
    path = path or source("tca-addon", "compatibility.yaml")
    return decoded(read_text(path), Compatibility, where=str(path))


def facts_of(pin: Pin) -> Iterable[tuple[str, Fact]]:
    """Every fact of a pin with the place where it stands."""
    yield from ((f"avi[{index}]", fact) for index, fact in enumerate(pin.avi))
    yield "operator.package", pin.operator.package
    yield "operator.imageTag", pin.operator.image_tag
    yield "bom.name", pin.bom.name
    yield "bom.digest", pin.bom.digest
    for index, tkr in enumerate(pin.tkrs):
        yield f"tkrs[{index}].name", tkr.name
        yield f"tkrs[{index}].kubernetes", tkr.kubernetes
        yield f"tkrs[{index}].official.package", tkr.official.package
        yield f"tkrs[{index}].official.imageTag", tkr.official.image_tag
        yield f"tkrs[{index}].official.imageDigest", tkr.official.image_digest
    for index, tca in enumerate(pin.tca):
        yield f"tca[{index}].release", tca.release
        yield f"tca[{index}].bomRelease", tca.bom_release


def pin_named(pins: tuple[Pin, ...], tkg: str) -> Pin:
    """The pin of a TKG release; UserError offers the nearest known ones."""
    wanted = tkg.removeprefix("v")
    found = next((pin for pin in pins if pin.tkg == wanted), None)
    if found is None:
        known = [pin.tkg for pin in pins]
        raise UserError(f"TKG '{tkg}' is not pinned: nearest known are {_nearest(wanted, known)}; see 'ako addon list'")
    return found


def tkr_named(pin: Pin, name: str) -> Tkr:
    """The TKr of a pin, by full name or by Kubernetes version; UserError offers the nearest known ones."""
    wanted = name.replace("+", "---")
    for tkr in pin.tkrs:
        if tkr.title in (wanted, f"v{wanted}") or tkr.kubernetes.value == name.removeprefix("v"):
            return tkr
    known = [tkr.title for tkr in pin.tkrs]
    if not known:
        raise UserError(f"TKG {pin.tkg} has no known TKr, so '{name}' cannot be looked up: leave --tkr out")
    raise UserError(f"TKG {pin.tkg} has no TKr '{name}': nearest known are {_nearest(wanted, known)}")


def _nearest(wanted: str, known: list[str]) -> str:
    close = get_close_matches(wanted, known, n=3, cutoff=0.3) or known[-3:]
    return ", ".join(sorted(close))
