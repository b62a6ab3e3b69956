"""Text of strangers on its way to a terminal, a log or a report: nothing of it is obeyed.

Names, subjects and values of a package may hold control characters, escape sequences, characters that change the
direction of what follows. Whatever does not show is written as an escape.
"""

import json
import re
from typing import Any

_MAX = 300
_PLAIN = re.compile(r"[^\x20-\x7e\n]")


def printable(text: str, *, limit: int | None = _MAX) -> str:
    """The text with everything that does not show escaped; longer ones are cut."""
    shown = text if text.isprintable() else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
    return shown if limit is None or len(shown) <= limit else f"{shown[:limit]}…"


def json_text(document: Any) -> str:  # noqa: ANN401 - plain data
    """A document as JSON for people: letters of any script as they are, everything that does not show escaped."""
    text = json.dumps(document, indent=2, ensure_ascii=False, default=str)
    return _PLAIN.sub(lambda found: found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1], text) + "\n"
