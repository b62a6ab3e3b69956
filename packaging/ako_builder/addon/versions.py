"""Version grammars of the add-on world, and the one order in which they are compared.

The same version is spelled three ways: package version `1.7.2+vmware.1-tkg.1`, image tag `v1.7.2_vmware.1-tkg.1` (a tag
cannot hold `+`) and object name `v1.28.11---vmware.2-tkg.2` (nor can a label). SemVer says that build metadata does not
order; Carvel's package manager orders it all the same, and the vendor relies on that: `+vmware.2` replaces `+vmware.1`.
So a `PackageVersion` compares by its numbers, then as SemVer compares pre-releases (a version without one is later),
then by its build identifiers: numeric ones as numbers and below alphanumeric ones, a longer list above its own prefix.
That is the order by which kapp-controller picks a package and by which a webhook refuses a downgrade.

Avi Controller and TKG versions are plain dotted numbers; `Range` is an inclusive pair of them, compared only as far as
its bounds are written: `1.24` as upper bound includes 1.24.17.
"""

import re
from functools import total_ordering

import msgspec

_TEXT = re.compile(
    r"v?(?P<numbers>\d+(?:\.\d+)*)"
    r"(?:-(?P<pre>(?!--)[0-9A-Za-z.-]+?))?"
    r"(?:(?:\+|_|---)(?P<build>[0-9A-Za-z.-]+))?"
)

_Identifier = tuple[int, int, str]


@total_ordering
class PackageVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version with ordered build metadata; prints as a package version."""

    numbers: tuple[int, ...]
    pre: str = ""
    build: str = ""

    def __str__(self) -> str:
        """Spelled as a package version."""
        return self.base + (f"-{self.pre}" if self.pre else "") + (f"+{self.build}" if self.build else "")

    def __lt__(self, other: "PackageVersion") -> bool:
        return self._order() < other._order()

    @property
    def base(self) -> str:
        """The numbers alone."""
        return ".".join(map(str, self.numbers))

    @property
    def tag(self) -> str:
        """Spelled as an image tag."""
        return "v" + str(self).replace("+", "_")

    @property
    def object_name(self) -> str:
        """Spelled as the name of a Kubernetes object or label value."""
        return "v" + str(self).replace("+", "---")

    def _order(self) -> tuple[tuple[int, ...], int, tuple[_Identifier, ...], tuple[_Identifier, ...]]:
        return self.numbers, 0 if self.pre else 1, _identifiers(self.pre), _identifiers(self.build)


class Range(msgspec.Struct, frozen=True, kw_only=True):
    """An inclusive range of dotted versions; an absent bound is open."""

    low: str | None = None
    high: str | None = None

    def __str__(self) -> str:
        """As people write it."""
        return f"{self.low or 'any'} to {self.high or 'any'}"

    def __contains__(self, version: str) -> bool:
        numbers = numbers_of(version)
        return (self.low is None or _cut(numbers, self.low) >= numbers_of(self.low)) and (
            self.high is None or _cut(numbers, self.high) <= numbers_of(self.high)
        )


def parse_version(text: str) -> PackageVersion:
    """The version that `text` spells in any of the three ways; ValueError if in none."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise ValueError(f"'{text}' is not a version (expected for instance 1.12.2+vmware.1-tkg.1)")
    return PackageVersion(
        numbers=numbers_of(match["numbers"]),
        pre=match["pre"] or "",
        build=match["build"] or "",
    )


def numbers_of(text: str) -> tuple[int, ...]:
    """The dotted numbers with which a version begins: (2, 5, 2) for `v2.5.2+x`; ValueError if there are none."""
    match = re.match(r"v?(\d+(?:\.\d+)*)", text)
    if match is None:
        raise ValueError(f"'{text}' does not begin with a number")
    return tuple(int(part) for part in match[1].split("."))


def _cut(numbers: tuple[int, ...], bound: str) -> tuple[int, ...]:
    return numbers[: len(numbers_of(bound))]


def _identifiers(text: str) -> tuple[_Identifier, ...]:
    parts = text.split(".") if text else []
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts)
