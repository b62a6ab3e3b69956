"""What every message of the Avi Controller has: assumed values, keys of list elements, what is not compared."""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct


class AviStruct(Struct, frozen=True, kw_only=True):
    """Base of every message: the values that the controller assumes for fields that are not sent."""

    defaults: ClassVar[Mapping[str, object]] = {}
    # Field by which elements of a list are matched with those on the controller, to keep what we do not manage.
    merge_key: ClassVar[str] = ""
    # Fields that the controller never shows: sent, and not compared.
    write_only: ClassVar[frozenset[str]] = frozenset()
    # Fields that stay as the controller has them while we do not say them: handed back with an update.
    kept: ClassVar[frozenset[str]] = frozenset()
