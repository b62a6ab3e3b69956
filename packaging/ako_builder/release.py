"""What this release is: `packaging/release.yaml`, decoded strictly.

A release is made of identities (names under which things are published), of the image that everything deploys, and of
the platforms it is meant for. Every artefact takes these words from here, so that a chart, a CSAR and an add-on of one
build cannot disagree. An unknown key is an error rather than a key that silently does nothing.

Two facts come from elsewhere because they are written elsewhere: the version is `ako_runtime.__version__`, and the
image's digest is known only after the image was built, so it is given to a build (`with_digest`) and is absent in one
that refers to the image by its tag.
"""

import datetime as dt
import re
from pathlib import Path
from typing import Literal

import msgspec
import yaml

from ako_builder.sources import source
from ako_runtime import __version__
from ako_runtime.errors import UserError

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_SEMVER = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?")


class Image(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the container image is published, for which platforms, and which bytes it is."""

    registry: str
    repository: str
    platforms: tuple[str, ...]
    digest: str | None = None

    @property
    def name(self) -> str:
        """Registry and repository, without tag or digest."""
        return f"{self.registry}/{self.repository}"


class SignKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The public key that the chart's provenance is verified with: what a user compares, and where it is."""

    fingerprint: str
    url: str


class Chart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The chart's identity: its name, the namespace that it is made for, where it is published."""

    name: str
    namespace: str
    repository: str
    kubernetes: str
    sign_key: SignKey | None = None


class Addon(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The add-on's identity: the Carvel package name."""

    package: str


class Targets(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Versions of the outside world that this release is tested with."""

    kubernetes: tuple[str, ...]
    avi: tuple[str, ...]


ChangeKind = Literal["added", "changed", "deprecated", "removed", "fixed", "security"]


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change that Artifact Hub shows: a kind of its own words, and one sentence of plain text."""

    kind: ChangeKind
    description: str


class Release(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One release; see `packaging/release.yaml`."""

    product: str
    title: str
    summary: str
    provider: str
    home: str
    licence: str
    date: dt.date
    image: Image
    chart: Chart
    addon: Addon
    targets: Targets
    # Written by scripts/release from the fragments of the change log; between releases those of the last one.
    changes: tuple[Change, ...] = ()

    @property
    def version(self) -> str:
        """The version of the product, of its chart and of its image."""
        return __version__

    @property
    def epoch(self) -> int:
        """The date in seconds since 1970: what a build's files carry unless SOURCE_DATE_EPOCH says another time."""
        return int(dt.datetime.combine(self.date, dt.time(), tzinfo=dt.UTC).timestamp())

    @property
    def image_tag(self) -> str:
        """The image by its tag."""
        return f"{self.image.name}:{self.version}"

    @property
    def image_reference(self) -> str:
        """The image by its digest where that is known, otherwise by its tag."""
        return f"{self.image.name}@{self.image.digest}" if self.image.digest else self.image_tag

    def with_digest(self, digest: str) -> "Release":
        """The same release with the digest of the image that was built for it."""
        if not _DIGEST.fullmatch(digest):
            raise UserError(f"image digest '{digest}': give it as sha256: and 64 hexadecimal digits")
        return msgspec.structs.replace(self, image=msgspec.structs.replace(self.image, digest=digest))


def load_release(path: Path | None = None) -> Release:
    """Read `release.yaml` (the one of this installation unless another path is given)."""
    path = path or source("release.yaml")
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        release = msgspec.convert(document, Release)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name a readable release file") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text; name a release file") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML ({' '.join(str(error).split())}); correct the file") from error
    except msgspec.ValidationError as error:
        raise UserError(f"{path}: {error}; correct the key or remove it") from error
    if release.image.digest is not None:
        release = release.with_digest(release.image.digest)
    if not _SEMVER.fullmatch(release.version):
        raise UserError(f"ako_runtime.__version__ '{release.version}' is not a semantic version; Helm needs X.Y.Z")
    return release
