"""Contradictions in the pins: facts that cannot all be true, and offers that cannot be kept.

Each rule looks at values only; grades do not excuse a contradiction, because two honest sources that disagree are
exactly what somebody must know before he relies on one. A contradiction that was looked at and stays is listed under
`accepted` of its row with the reason, and then is reported as accepted instead of failing.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

import msgspec

from ako_builder.addon.pins.releases import Compatibility, Pin, Tkr, facts_of
from ako_builder.addon.versions import PackageVersion, Range, numbers_of, parse_version


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One contradiction; `accepted` is the reason for which it stays, or empty."""

    rule: str
    where: str
    what: str
    accepted: str = ""


Rule = Callable[[Pin, Tkr], Iterator[str]]


def findings(pins: Iterable[Pin], *, support: Compatibility, release: str, kubernetes: Range) -> tuple[Finding, ...]:
    """Every contradiction within and between pins."""
    pins = tuple(pins)
    rules: dict[str, Rule] = {
        "spelling": _misspelt,
        "kubernetes-name": _kubernetes_against_name,
        "tag-version": _tag_against_version,
        "kubernetes-range": lambda pin, tkr: _kubernetes_range(pin, tkr, support=support),
        "avi-range": lambda pin, tkr: _avi_range(pin, tkr, support=support),
        "offer": lambda pin, tkr: _offer(pin, tkr, release=release, kubernetes=kubernetes),
    }
    found = [
        _finding(rule, pin, tkr, what)
        for pin in pins
        for tkr in pin.tkrs
        for rule, judge in rules.items()
        for what in judge(pin, tkr)
    ]
    return (*found, *_shape(pins), *_digest_reuse(pins), *_downgrades(pins))


def range_of(constraint: str) -> Range:
    """A Helm constraint such as `>=1.25.0-0` as an inclusive range; only lower bounds are written there."""
    low = constraint.removeprefix(">=").split("-")[0]
    return Range(low=low if constraint.startswith(">=") else None)


def _finding(rule: str, pin: Pin, tkr: Tkr, what: str) -> Finding:
    accepted = next((item.reason for item in tkr.accepted if item.rule == rule), "")
    return Finding(rule=rule, where=f"TKG {pin.tkg} {tkr.title}", what=what, accepted=accepted)


def _misspelt(_pin: Pin, tkr: Tkr) -> Iterator[str]:
    for label, text in (("package", tkr.official.package.value), ("image tag", tkr.official.image_tag.value)):
        try:
            parse_version(text or "1")
        except ValueError:
            yield f"the official {label} '{text}' is not a version"
    digest = tkr.official.image_digest.value
    if digest is not None and not _is_digest(digest):
        yield f"the image digest '{digest}' is not sha256: and 64 hexadecimal digits"


def _kubernetes_against_name(_pin: Pin, tkr: Tkr) -> Iterator[str]:
    name, version = tkr.name.value, tkr.kubernetes.value
    if name and version and numbers_of(name) != numbers_of(version):
        yield f"the TKr is named for Kubernetes {name.split('---', maxsplit=1)[0]} but pinned to {version}"


def _tag_against_version(_pin: Pin, tkr: Tkr) -> Iterator[str]:
    package, tag = _version(tkr.official.package.value), _version(tkr.official.image_tag.value)
    if package and tag and (package.numbers != tag.numbers or not package.build.startswith(tag.build)):
        yield f"package {package} does not go with image tag {tag.tag}"


def _kubernetes_range(_pin: Pin, tkr: Tkr, *, support: Compatibility) -> Iterator[str]:
    package, version = _version(tkr.official.package.value), tkr.kubernetes.value
    row = support.of(package) if package else None
    if package and row and version and version not in row.kubernetes:
        yield f"AKO {package.base} supports Kubernetes {row.kubernetes}, but the TKr is {version}"


def _avi_range(pin: Pin, tkr: Tkr, *, support: Compatibility) -> Iterator[str]:
    package = _version(tkr.official.package.value)
    row = support.of(package) if package else None
    for fact in pin.avi:
        if package and row and fact.value and fact.value not in row.avi:
            yield f"AKO {package.base} supports Avi {row.avi}, but the reference design names {fact.value}"


def _offer(_pin: Pin, tkr: Tkr, *, release: str, kubernetes: Range) -> Iterator[str]:
    offered, reason = tkr.offered.resolved(release), tkr.offered.reason
    if (offered is None) == (reason is None):
        yield "offered needs either a version or the reason why none is offered"
    if offered and parse_version(offered) > parse_version(release):
        yield f"offers our version {offered}, which is newer than this release {release}"
    if offered and tkr.kubernetes.value and tkr.kubernetes.value not in kubernetes:
        yield f"offers ours on Kubernetes {tkr.kubernetes.value}, but this release needs {kubernetes.low} or later"


def _shape(pins: tuple[Pin, ...]) -> Iterator[Finding]:
    for pin in pins:
        titles = [tkr.title for tkr in pin.tkrs]
        for title in sorted({title for title in titles if titles.count(title) > 1}):
            yield Finding(rule="duplicate", where=f"TKG {pin.tkg}", what=f"TKr {title} stands twice")
        if sum(tkr.default for tkr in pin.tkrs) > 1:
            yield Finding(rule="duplicate", where=f"TKG {pin.tkg}", what="more than one TKr is the default")
        for place, fact in facts_of(pin):
            if not fact.source.strip():
                yield Finding(rule="evidence", where=f"TKG {pin.tkg}", what=f"{place} names no source")


def _digest_reuse(pins: tuple[Pin, ...]) -> Iterator[Finding]:
    """One digest under two versions: a tag was moved or a lock was copied."""
    uses: dict[str, dict[str, str]] = defaultdict(dict)
    for pin in pins:
        for tkr in pin.tkrs:
            digest, version = tkr.official.image_digest.value, tkr.official.package.value
            if digest and version:
                uses[digest].setdefault(version, f"TKG {pin.tkg} {tkr.title}")
    for digest, versions in uses.items():
        if len(versions) > 1:
            named = ", ".join(sorted(versions))
            yield Finding(rule="digest-reuse", where="; ".join(versions.values()), what=f"{digest} stands for {named}")


def _downgrades(pins: tuple[Pin, ...]) -> Iterator[Finding]:
    """A later TKG must not bring an older AKO for a Kubernetes that is not older: no webhook lets it through."""
    seen: list[tuple[tuple[int, ...], PackageVersion, str]] = []
    for pin in sorted(pins, key=lambda item: numbers_of(item.tkg)):
        rows = [
            (numbers_of(tkr.kubernetes.value), version, f"TKG {pin.tkg} {tkr.title}")
            for tkr in pin.tkrs
            if tkr.kubernetes.value and (version := _version(tkr.official.package.value))
        ]
        for kubernetes, version, where in rows:
            for earlier_kubernetes, earlier, earlier_where in seen:
                if kubernetes >= earlier_kubernetes and version < earlier:
                    what = (
                        f"{version} is older than {earlier} of {earlier_where}: an upgrade would be a refused downgrade"
                    )
                    yield Finding(rule="downgrade", where=where, what=what)
        seen.extend(rows)


def _version(text: str | None) -> PackageVersion | None:
    try:
        return parse_version(text) if text else None
    except ValueError:
        return None


def _is_digest(text: str) -> bool:
    algorithm, _, digits = text.partition(":")
    return algorithm == "sha256" and len(digits) == 64 and set(digits) <= set("0123456789abcdef")
