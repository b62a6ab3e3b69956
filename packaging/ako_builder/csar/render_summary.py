"""A package's summary as text or as one self-contained HTML page.

The page has no script and no reference to anything outside; every text from the package is escaped.
"""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, NamedTuple

from ako_builder.csar.printable import printable

Document = Mapping[str, Any]
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #222 }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100% }
td, th { text-align: left; padding: .25rem .8rem .25rem 0; vertical-align: top; border-bottom: 1px solid #ddd }
thead th { color: #666; font-weight: 400; font-size: 13px } tbody th { font-weight: 600 }
code { font-size: 13px; overflow-wrap: anywhere } .note { color: #666; font-size: 13px }
.verdict { padding: .5rem .8rem; border-left: 4px solid #2a7d46; background: #2a7d4618 }
.verdict.bad { border-color: #b3261e; background: #b3261e18 }
@media (prefers-color-scheme: dark) {
  body { background: #181818; color: #ddd } thead th, .note { color: #aaa } td, th { border-color: #333 }
}
"""
_GRADES = (
    "A seen in a real artefact or measured, B vendor documentation, C source of another tool, "
    "S secondary description of the standard, R recollection, U unknown."
)


class Section(NamedTuple):
    """One table: its title, what its columns are called, its rows, and a word about it."""

    title: str
    heads: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    note: str = ""


def summary_text(summary: Document) -> str:
    """The summary for a terminal."""
    path = printable(str(summary["path"]))
    lines = [f"{path}: profile {summary['profile']}, option {summary['option']}, {summary['size']} bytes"]
    for section in _sections(summary):
        rows = section.rows
        lines += ["", section.title]
        widths = [max(len(_shown(row[column])) for row in rows) for column in range(len(rows[0]))] if rows else []
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
        _verdict(summary),
    ]
    for section in _sections(summary):
        parts.append(f"<h2>{escape(section.title)}</h2>")
        if section.note:
            parts.append(f'<p class="note">{escape(section.note)}</p>')
        heads = "".join(f"<th>{escape(head)}</th>" for head in section.heads)
        parts.append(f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>')
        for row in section.rows:
            head, *rest = (escape(_shown(cell)) for cell in row)
            cells = "".join(f"<td><code>{cell}</code></td>" for cell in rest)
            parts.append(f"<tr><th>{head}</th>{cells}</tr>")
        parts.append("</tbody></table></div>")
    return "".join([*parts, "</body></html>\n"])


def _verdict(summary: Document) -> str:
    errors = sum(item["level"] == "error" for item in summary["findings"])
    if errors:
        return f'<p class="verdict bad">{errors} error{"s" if errors > 1 else ""}: see Findings.</p>'
    if not summary["signers"]:
        return '<p class="verdict">The structure holds. Nobody signed the package.</p>'
    return '<p class="verdict">Structure, digests and signature hold. Whether to trust the signer, only you know.</p>'


def _sections(summary: Document) -> Iterator[Section]:
    findings = [(item["level"], item["rule"], item["where"], item["text"]) for item in summary["findings"]]
    if findings:
        yield Section("Findings", ("level", "rule", "where", "what"), findings)
    pair = ("key", "value")
    yield Section("Descriptor", pair, list(summary["descriptor"].items()))
    flavours = any(row["flavour"] for row in summary["nodes"])
    nodes: list[tuple[Any, ...]]
    nodes = [
        (*((row["flavour"] or "-",) if flavours else ()), row["name"], row["type"], row["says"])
        for row in summary["nodes"]
    ]
    yield Section("Nodes", (*(("flavour",) if flavours else ()), "node", "type", "is"), nodes)
    images: list[tuple[Any, ...]]
    images = [(row["name"], row["version"], row["digest"] or "by tag", row["file"]) for row in summary["images"]]
    yield Section("Images", ("image", "version", "digest", "file"), images or [("none named",)])
    signers = [_signer_row(signer) for signer in summary["signers"]]
    yield Section("Signers", ("signer", "signature", "signed at", "digest"), signers or [("unsigned",)])
    yield Section("TOSCA.meta", pair, list(summary["meta"].items()))
    yield Section("Manifest", pair, list(summary["manifest"].get("metadata", {}).items()))
    yield Section("Files", ("file", "SHA-256"), list(summary["files"].items()))
    statements = [(item["grade"], item["text"]) for item in summary["statements"]]
    yield Section("How sure we are", ("grade", "statement"), statements, _GRADES)


def _signer_row(signer: Document) -> tuple[Any, ...]:
    time = signer["signed_at"] or "no time stated"
    stamp = f", time stamp {signer['stamped_at']}" if signer["stamped_at"] else ""
    about = "public DEMO key" if signer["demo"] else signer["digest"]
    return signer["subject"], signer["state"], f"{time}{stamp}", about


def _shown(value: Any) -> str:  # noqa: ANN401 - a cell
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return "".join(c if c.isprintable() else "?" for c in text)[:400]
