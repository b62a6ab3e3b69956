"""The differences of two packages, as rows, as text that fits the terminal, and as Markdown for a change request."""

from collections.abc import Iterator, Mapping
from typing import Any

from ako_builder.csar.package_contents import AREAS, Facts, flat
from ako_builder.csar.predecessor import Predecessor

Document = Mapping[str, Any]
Row = dict[str, str]
_TITLES = {
    "upgrade": "Upgrade in TCA",
    "value": "Values of the chart",
    "image": "Images",
    "workload": "Workloads",
    "right": "Rights",
    "definition": "Definitions",
    "descriptor": "Descriptor",
    "manifest": "Manifest",
    "meta": "TOSCA.meta",
    "files": "Files",
    "signer": "Signers",
    "option": "Security option",
}
_NONE = "-"
_DIGEST = 12
_LONGEST = 400


def differences(old: Document, new: Document, *, charts: tuple[dict[str, Facts], dict[str, Facts]]) -> list[Row]:
    """Rows of what differs; `old` and `new` are summaries, `charts` what their charts say."""
    rows: list[Row] = []
    for area in AREAS:
        rows += _compared(area, charts[0][area], charts[1][area])
    rows += _compared("descriptor", dict(flat(old["tree"])), dict(flat(new["tree"])))
    rows += _compared("manifest", old["manifest"].get("metadata", {}), new["manifest"].get("metadata", {}))
    rows += _compared("meta", old["meta"], new["meta"])
    files = [{name: digest[:_DIGEST] for name, digest in side["files"].items()} for side in (old, new)]
    rows += _compared("files", *files)
    signers = [{signer["subject"]: signer["signed_at"] for signer in side["signers"]} for side in (old, new)]
    rows += _compared("signer", *signers)
    if old["option"] != new["option"]:
        rows.append({"area": "option", "what": "", "old": str(old["option"]), "new": str(new["option"])})
    return rows


def upgrade(old: Predecessor, new: Predecessor) -> tuple[bool | None, list[str]]:
    """Whether TCA would offer the new package as an upgrade of the old one, and why; None where it is not for TCA.

    TCA lists packages that share the vnfdId, or provider and product; its guides ask for both, and for one name of
    each component. What only one of the two readings allows is told.
    """
    if not (old.tca and new.tca):
        return None, ["TCA would not compare them: " + _not_for_tca(old, new)]
    reasons = []
    same_id = old.descriptor_id == new.descriptor_id
    named = [("provider", old.provider, new.provider), ("product", old.product, new.product)]
    differing = [f"{name} {before!r} became {after!r}" for name, before, after in named if before != after]
    if not same_id:
        reasons.append(f"descriptor id {old.descriptor_id} became {new.descriptor_id}")
    reasons += differing
    if old.vdu != new.vdu:
        reasons.append(f"component {old.vdu!r} became {new.vdu!r}: it has to be mapped by hand")
    if (old.version, old.descriptor_id) == (new.version, new.descriptor_id):
        reasons.append(f"both have version {new.version}")
    return not differing and same_id, reasons


def _not_for_tca(old: Predecessor, new: Predecessor) -> str:
    sides = [name for name, side in (("OLD", old), ("NEW", new)) if not side.tca]
    text = f"{' and '.join(sides)} {'is' if len(sides) == 1 else 'are'} not in TCA's dialect"
    if old.invariant_id and new.invariant_id:
        same = "the same" if old.invariant_id == new.invariant_id else "another"
        text += f"; for ETSI they have {same} ext_invariant_id"
    return text


def upgrade_text(verdict: bool | None, reasons: list[str]) -> str:  # noqa: FBT001 - the outcome of `upgrade`
    """The verdict as a sentence."""
    if verdict is None:
        return reasons[0]
    said = "; ".join(reasons)
    if verdict:
        return f"TCA would offer NEW as an upgrade of OLD{f', but: {said}' if said else ''}"
    return f"TCA may not offer NEW as an upgrade of OLD: {said}; build NEW with --successor-of OLD"


def _compared(area: str, old: Document, new: Document) -> Iterator[Row]:
    for key in [*old, *(key for key in new if key not in old)]:
        before, after = (_shown(side[key]) if key in side else _NONE for side in (old, new))
        if key not in old or key not in new or old[key] != new[key]:
            yield {"area": area, "what": str(key), "old": before, "new": after}


def _shown(value: Any) -> str:  # noqa: ANN401 - a cell
    return "".join(c if c.isprintable() else "?" for c in str(value))[:_LONGEST]


def _change(row: Row) -> tuple[str, str]:
    """A sign and what changed."""
    if row["old"] == _NONE:
        return "+", row["new"]
    if row["new"] == _NONE:
        return "-", row["old"]
    return "~", f"{row['old']} → {row['new']}"


def differences_text(rows: list[Row], *, width: int) -> str:
    """The rows by area, no line longer than the terminal is wide."""
    lines: list[str] = []
    for area in dict.fromkeys(row["area"] for row in rows):
        chosen = [row for row in rows if row["area"] == area]
        lines += ["", f"{_TITLES[area]} ({len(chosen)})"]
        for row in chosen:
            sign, change = _change(row)
            line = f"  {sign} {_shown(row['what'])}  {change}"
            if len(line) <= width:
                lines.append(line)
                continue
            lines.append(_cut(f"  {sign} {_shown(row['what'])}", width))
            lines += [_cut(f"      {part}", width) for part in change.split(" → ")]
    return "\n".join([*lines[1:], ""])


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(width - 1, 1)]}…"


def differences_markdown(rows: list[Row], *, title: str, verdict: str) -> str:
    """The rows for a change request."""
    lines = [f"# {_escaped(title)}", "", _escaped(verdict) + "."]
    for area in dict.fromkeys(row["area"] for row in rows):
        lines += ["", f"## {_TITLES[area]}", "", "| what | old | new |", "| --- | --- | --- |"]
        chosen = [row for row in rows if row["area"] == area]
        lines += [f"| {' | '.join(_code(row[key]) for key in ('what', 'old', 'new'))} |" for row in chosen]
    if not rows:
        lines += ["", "No difference."]
    return "\n".join([*lines, ""])


def _escaped(text: str) -> str:
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in _shown(text))


def _code(text: str) -> str:
    shown = _shown(text).replace("|", "\\|").replace("`", "'")
    return f"`{shown}`" if shown and shown != _NONE else shown
