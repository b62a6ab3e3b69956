"""What a build makes, and what a maker is told.

A maker (chart, CSAR, add-on) is the function `make` of the module `ako_builder.<kind>.maker`. It takes a `BuildOrder`
and writes its files below `order.out`, a folder of the build's own that becomes the user's only if all went well. It
returns one `Artefact` for each file that a user would ship, with the verdict of the verification that it ran over the
finished bytes.
"""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from ako_builder.release import Release
from ako_builder.signer import Signer

VERIFIED = "verified"


class Artefact(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a build: its path as a user sees it, its size, digest and verdict (`verified`, or what is wrong)."""

    kind: str
    path: Path
    size: int
    sha256: str
    verdict: str


class BuildOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a maker needs: the release, where to write, the time that all files carry, the signer, the chart."""

    release: Release
    out: Path
    epoch: int
    signer: Signer
    # The chart archive of this very build, for those who wrap it.
    chart: Path


Maker = Callable[[BuildOrder], Iterable[Artefact]]


def artefact(path: Path, *, kind: str, verdict: str = VERIFIED) -> Artefact:
    """The artefact that a finished file is."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return Artefact(kind=kind, path=path, size=path.stat().st_size, sha256=digest, verdict=verdict)
