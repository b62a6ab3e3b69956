"""Texts for people that quote what others wrote have a limit: an annotation may have 250,000 characters."""

from typing import Final

LIMIT: Final = 1024
"""Characters of a text, as many as an Event may have."""


def shortened(text: str, limit: int = LIMIT) -> str:
    """The text, without its middle if it is too long: what it is about stands first, what to do stands last."""
    if len(text) <= limit:
        return text
    last = limit // 4
    return f"{text[: limit - last - 1]}…{text[-last:]}"
