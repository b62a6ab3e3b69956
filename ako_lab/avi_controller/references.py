"""Every form in which a client may write a reference, read into what it names.

Pure text work: `parse_reference` says which type and which uuid or names a text means; the store decides which object
that is. Names may be escaped or not, with `+` for a space or not, and may themselves hold such characters, so a
reference by name yields the candidates in the order in which they should be tried.
"""

from urllib.parse import unquote, unquote_plus

import msgspec


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What a reference text names: a type if it says so, and either a uuid or names to try."""

    type: str | None
    uuid: str | None = None
    names: tuple[str, ...] = ()


def parse_reference(text: str) -> Reference | None:
    """The meaning of a reference text; None when it means unset (empty, or a search for an empty name)."""
    path = _without_origin(text)
    if not path.startswith(("/api/", "api/")):
        return Reference(type=None, uuid=path.split("#", 1)[0]) if path else None
    segments, _, query = path.lstrip("/").removeprefix("api/").partition("?")
    kind, _, uuid = segments.strip("/").partition("/")
    if query:
        names = _names(query)
        return Reference(type=kind, names=names) if names else None
    uuid = unquote(uuid.split("#", 1)[0]).strip("/")
    return Reference(type=kind.split("#", 1)[0], uuid=uuid or None)


def _without_origin(text: str) -> str:
    if text.startswith(("https://", "http://")):
        rest = text.split("://", 1)[1]
        return "/" + rest.partition("/")[2].lstrip("/")
    return "/" + text.lstrip("/") if text.startswith("/") else text


def _names(query: str) -> tuple[str, ...]:
    """Candidates for the name in a query: as written, unescaped, and with `+` as a space."""
    _, found, rest = ("&" + query).partition("&name=")
    if not found or not rest:
        return ()
    # A name may hold an ampersand that nobody escaped, so the whole rest is a candidate, too.
    candidates = [text for part in dict.fromkeys((rest.split("&", 1)[0], rest)) for text in _readings(part)]
    return tuple(dict.fromkeys(candidates))


def _readings(text: str) -> tuple[str, str, str]:
    return text, unquote(text), unquote_plus(text)
