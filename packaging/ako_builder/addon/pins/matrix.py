"""The matrix of releases as rows: which AKO do I get, and which releases give me at least a given one.

A row is one TKr of one TKG release (or a TKG release whose TKrs are unknown). Filters compare what is known: a row
whose Kubernetes, Avi or TCA cell is unknown does not match a filter on it, except that asking for a TKG release always
shows all of its rows. Cells that are not known say so.
"""

from collections.abc import Iterable, Iterator

import msgspec

from ako_builder.addon.pins.releases import UNKNOWN, Compatibility, Pin, Tkr
from ako_builder.addon.versions import numbers_of, parse_version


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for; an absent filter matches everything."""

    tkg: str | None = None
    tca: str | None = None
    kubernetes: str | None = None
    avi: str | None = None
    at_least: str | None = None
    unverified: bool = False


def matrix(pins: Iterable[Pin], query: Query, *, support: Compatibility, release: str) -> tuple[dict[str, str], ...]:
    """The rows that match, oldest TKG first."""
    return tuple(
        row
        for pin in pins
        for tkr in (pin.tkrs or (None,))
        if _matches(pin, tkr, query, support=support)
        for row in _rows(pin, tkr, query, support=support, release=release)
    )


def _rows(pin: Pin, tkr: Tkr | None, query: Query, *, support: Compatibility, release: str) -> Iterator[dict[str, str]]:
    official = tkr.official_version if tkr else None
    row = support.of(official) if official else None
    grades = [fact.grade for fact in (tkr.name, tkr.official.package) if fact.grade] if tkr else []
    yield {
        "tkg": pin.tkg,
        "tkr": tkr.name.shown(unverified=query.unverified) if tkr else UNKNOWN,
        "kubernetes": tkr.kubernetes.shown(unverified=query.unverified) if tkr else UNKNOWN,
        "official ako": str(official) if official else UNKNOWN,
        "ours": (tkr.offered.resolved(release) or "none") if tkr else "none",
        "avi range": str(row.avi) if row and row.avi.low else UNKNOWN,
        "avi seen": ", ".join(fact.shown() for fact in pin.avi) or UNKNOWN,
        "tca": ", ".join(shown for shown in _tca(pin, tkr, query) if shown != UNKNOWN) or UNKNOWN,
        "certainty": max(grades, default="-"),
    }


def _tca(pin: Pin, tkr: Tkr | None, query: Query) -> Iterator[str]:
    for item in pin.tca:
        if item.tkr is None or (tkr and tkr.title == item.tkr):
            yield item.release.shown(unverified=query.unverified)


def _matches(pin: Pin, tkr: Tkr | None, query: Query, *, support: Compatibility) -> bool:
    if query.tkg is not None and pin.tkg != query.tkg.removeprefix("v"):
        return False
    if query.tca is not None and query.tca not in {shown.removesuffix(" (D)") for shown in _tca(pin, tkr, query)}:
        return False
    return _matches_kubernetes(tkr, query) and _matches_ako(tkr, query, support=support)


def _matches_kubernetes(tkr: Tkr | None, query: Query) -> bool:
    if query.kubernetes is None:
        return True
    known = tkr.kubernetes.known(unverified=query.unverified) if tkr else None
    wanted = numbers_of(query.kubernetes)
    return known is not None and numbers_of(known)[: len(wanted)] == wanted


def _matches_ako(tkr: Tkr | None, query: Query, *, support: Compatibility) -> bool:
    if query.avi is None and query.at_least is None:
        return True
    official = tkr.official_version if tkr else None
    if official is None:
        return False
    if query.at_least is not None and official.numbers < parse_version(query.at_least).numbers:
        return False
    row = support.of(official)
    return query.avi is None or (row is not None and row.avi.low is not None and query.avi in row.avi)
