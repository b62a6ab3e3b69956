"""A bar for what takes a while; nothing where nobody looks, and then its library is not imported either."""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_FROM = 64 << 20  # bytes; less is done before a bar is read


@contextmanager
def progress_bar(label: str, *, total: int) -> Iterator[Callable[[int], None] | None]:
    """Show a bar on a terminal for large packages; nothing elsewhere."""
    if total < _FROM or not sys.stderr.isatty():
        yield None
        return
    with importlib.import_module("ako_builder.csar.progress_display").shown(label, total=total) as advance:
        yield advance
