"""The checksum of an object, as it stands in one of its fields: worked out when the object is written.

The official AKO compares nothing at its start but a number that it keeps in each object (`cloud_config_cksum`, and
`vsvip_cloud_config_cksum` of a VsVip), and does not see an object without one. So every write of ours carries it
(`ako_runtime.model.checksums` says how it is computed). For us it says nothing: it is never compared.
"""

import functools
from collections.abc import Callable
from typing import TypeVar

Model = TypeVar("Model")
CHECKSUMS = frozenset({"cloud_config_cksum", "vsvip_cloud_config_cksum"})
"""The fields that hold one."""


class Checksum:
    """A number that is computed when somebody asks for it; equal if it comes from the same `origin`.

    An origin is the function with the model that it is given, or the text that was read. What is compared is thus what
    the number is made of: no number is computed for that.
    """

    __slots__ = ("_origin", "_text")

    def __init__(self, text: Callable[[], str], origin: object) -> None:
        self._text = text
        self._origin = origin

    @property
    def text(self) -> str:
        """As it goes on the wire: an unsigned 32-bit number in decimal."""
        return self._text()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Checksum):
            return NotImplemented
        return self is other or self._origin == other._origin

    def __hash__(self) -> int:
        return hash(self._origin)

    def __repr__(self) -> str:
        return f"Checksum({self._origin!r})"


def checksum_of(function: Callable[[Model], int], model: Model) -> Checksum:
    """What the function makes of the model."""
    return Checksum(functools.partial(_computed, function, model), (function, model))


def read_checksum(text: str) -> Checksum:
    """The checksum that an object on the controller has; the text is data and may be anything."""
    return Checksum(functools.partial(str, text), text)


def _computed(function: Callable[[Model], int], model: Model) -> str:
    return str(function(model))
