"""What every message of the Avi Controller has: assumed values, keys of list elements, secrets.

A secret must not be printed by accident: the text of a message hides its `write_only` fields, however it is reached
(a log, the difference that a failing comparison shows, a plan).
"""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct

HIDDEN = "<sensitive>"
"""How the controller answers a secret, and how we print one."""


class AviStruct(Struct, frozen=True, kw_only=True):
    """Base of every message: the values that the controller assumes for fields that are not sent."""

    defaults: ClassVar[Mapping[str, object]] = {}
    # Field by which elements of a list are matched with those on the controller, to keep what we do not manage.
    merge_key: ClassVar[str] = ""
    # Fields that the controller never shows: sent, and not compared.
    write_only: ClassVar[frozenset[str]] = frozenset()
    # Fields that stay as the controller has them while we do not say them: handed back with an update.
    kept: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        shown = (
            f"{name}={HIDDEN if name in self.write_only else repr(getattr(self, name))}"
            for name in self.__struct_fields__
        )
        return f"{type(self).__name__}({', '.join(shown)})"
