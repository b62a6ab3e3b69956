"""The list of a hundred bad packages, as makers: each makes one package and names the rules that it must break.

A maker is registered under its number in the list (several may share one); what it returns is the package: its files,
or its bytes. Unless a case is about manifest or signature itself, its files are signed again, so that only the lie
itself is left to be found: with a provenance that fits, too. `also` are rules that the same lie cannot help breaking.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from support.csar.time_stamps import Authority
from support.csar.workbench import Certified, signed_again, stated_again, write_files

from ako_builder.csar.check_signature import Trust
from ako_builder.csar.package import PROVENANCE


class Bench(NamedTuple):
    """What makers work with: the files of a sound package, and who signed it."""

    files: dict[str, bytes]
    signer: Certified
    folder: Path

    @property
    def authority(self) -> Authority:
        """A time stamp authority of one's own."""
        folder = self.folder / "tsa"
        folder.mkdir()
        return Authority(folder)


class Bad(NamedTuple):
    """A package that another signer than the bench's signed, or that another policy judges."""

    content: dict[str, bytes] | bytes
    trust: Trust | None = None
    policy: str = "strict"


class Case(NamedTuple):
    """One maker."""

    number: int
    rule: str
    also: frozenset[str]
    level: str
    again: bool
    make: Callable[[Bench], Bad | dict[str, bytes] | bytes]

    def write(self, bench: Bench) -> tuple[Path, Trust, str]:
        """Make the package; it, whom to trust, and the policy."""
        made = self.make(bench)
        bad = made if isinstance(made, Bad) else Bad(made)
        path = bench.folder / "bad.csar"
        if isinstance(bad.content, bytes):
            path.write_bytes(bad.content)
        else:
            files = bad.content
            if self.again and not bad.trust and any(name.endswith(".mf") for name in files):
                # What the maker itself wrote of the provenance is its lie.
                same = files.get(PROVENANCE) == bench.files[PROVENANCE]
                files = signed_again(stated_again(files) if same else files, certified=bench.signer)
            write_files(path, files)
        return path, bad.trust or bench.signer.trust, bad.policy


CASES: dict[str, Case] = {}


def bench_case(number: int, rule: str, *also: str, level: str = "error", again: bool = True):
    """Register a maker that needs the bench."""

    def register(make):
        CASES[f"{number:03d}-{make.__name__}"] = Case(number, rule, frozenset(also), level, again, make)
        return make

    return register


def case(number: int, rule: str, *also: str, level: str = "error", again: bool = True):
    """Register a maker that needs only the files of a sound package."""

    def register(make):
        CASES[f"{number:03d}-{make.__name__}"] = Case(
            number, rule, frozenset(also), level, again, lambda bench: make(bench.files)
        )
        return make

    return register
