"""A package's summary as text or as one self-contained HTML page, and the differences of two.

The page has no script and no reference to anything outside; every text from the package is escaped.
"""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

Document = Mapping[str, Any]
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #222 }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem; border-bottom: 1px solid #ccc }
table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top }
th { color: #555; font-weight: 600 } code { font-size: 13px; word-break: break-all }
@media (prefers-color-scheme: dark) {
  body { background: #181818; color: #ddd } th { color: #aaa } h2 { border-color: #444 }
}
"""


def summary_text(summary: Document) -> str:
    """The summary for a terminal."""
    lines = [f"{summary['path']}: profile {summary['profile']}, option {summary['option']}, {summary['size']} bytes"]
    for title, rows in _sections(summary):
        lines += ["", title]
        widths = [max(len(str(row[column])) for row in rows) for column in range(len(rows[0]))] if rows else []
        for row in rows:
            cells = [_shown(cell).ljust(width) for cell, width in zip(row, widths, strict=True)]
            lines.append(f"  {'  '.join(cells)}".rstrip())
    return "\n".join([*lines, ""])


def summary_html(summary: Document) -> str:
    """The summary as a page."""
    title = f"{summary['path']}".rsplit("/", 1)[-1]
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1><p>Profile <b>{escape(str(summary['profile']))}</b>, security option ",
        f"{summary['option']}, {summary['size']} bytes, {len(summary['files'])} files.</p>",
    ]
    for heading, rows in _sections(summary):
        parts.append(f"<h2>{escape(heading)}</h2><table>")
        for row in rows:
            head, *rest = (escape(_shown(cell)) for cell in row)
            cells = "".join(f"<td><code>{cell}</code></td>" for cell in rest)
            parts.append(f"<tr><th>{head}</th>{cells}</tr>")
        parts.append("</table>")
    return "".join([*parts, "</body></html>\n"])


def _sections(summary: Document) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    yield "Descriptor", list(summary["descriptor"].items())
    yield "Nodes", [(row["name"], row["type"], row["says"]) for row in summary["nodes"]]
    images: list[tuple[Any, ...]]
    images = [(row["name"], row["version"], row["digest"], row["file"]) for row in summary["images"]]
    yield "Images", images or [("none named",)]
    yield (
        "Signers",
        [
            (
                signer["subject"],
                signer["state"],
                signer["signed_at"] or "no time stated",
                "public DEMO key" if signer["demo"] else signer["digest"],
            )
            for signer in summary["signers"]
        ]
        or [("unsigned",)],
    )
    yield "TOSCA.meta", list(summary["meta"].items())
    yield "Manifest", list(summary["manifest"].get("metadata", {}).items())
    yield "Files", [(name, digest) for name, digest in summary["files"].items()]
    yield "How sure we are", [(item["grade"], item["text"]) for item in summary["statements"]]


def _shown(value: Any) -> str:  # noqa: ANN401 - a cell
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return "".join(c if c.isprintable() else "?" for c in text)[:400]


def differences(old: Document, new: Document) -> list[dict[str, str]]:
    """Rows that say what differs: files by digest, keys, descriptor fields, images, signers."""
    rows: list[dict[str, str]] = []
    for area in ("files", "meta"):
        rows += _compared(area, old[area], new[area])
    rows += _compared("manifest", old["manifest"].get("metadata", {}), new["manifest"].get("metadata", {}))
    rows += _compared("descriptor", dict(_flat(old["tree"], "")), dict(_flat(new["tree"], "")))
    images = [{f"{i['name']}": f"{i['version']} {i['digest']}".strip() for i in side["images"]} for side in (old, new)]
    rows += _compared("image", *images)
    signers = [{signer["subject"]: signer["signed_at"] for signer in side["signers"]} for side in (old, new)]
    rows += _compared("signer", *signers)
    if old["option"] != new["option"]:
        rows.append({"area": "option", "what": "", "old": str(old["option"]), "new": str(new["option"])})
    return rows


def _compared(area: str, old: Document, new: Document) -> Iterator[dict[str, str]]:
    for key in [*old, *(key for key in new if key not in old)]:
        if key not in new:
            yield {"area": area, "what": key, "old": _shown(old[key]), "new": "-"}
        elif key not in old:
            yield {"area": area, "what": key, "old": "-", "new": _shown(new[key])}
        elif old[key] != new[key]:
            yield {"area": area, "what": key, "old": _shown(old[key]), "new": _shown(new[key])}


def _flat(value: Any, path: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - a document
    if isinstance(value, dict) and value:
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from _flat(item, f"{path}[{number}]")
    else:
        yield path, value
