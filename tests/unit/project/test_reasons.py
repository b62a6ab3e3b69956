"""Every reason that a user can meet is on a page, and every reason of the page is one that the code gives."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGES = [ROOT / "docs/reference/reasons.md", ROOT / "docs/reference/ingress.md"]
REASON = re.compile(r"[A-Z][a-z]+(?:[A-Z][a-z0-9]*)+")
# What gives a reason: diagnostics, classes of errors, rules for answers, Events at the pod.
GIVERS = {
    "remark", "refusal", "Diagnostic", "Rule", "RetryLater", "Refused", "Fatal", "Stale", "ListenerVerdict",
    "EventText", "_without", "_tell_pod", "next",
}  # fmt: skip


def reasons() -> set[str]:
    return {
        constant.value
        for path in (ROOT / "ako_runtime").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for constant in given_by(node)
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str) and REASON.fullmatch(constant.value)
    }


def given_by(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in GIVERS:
            yield from node.args
            yield from (keyword.value for keyword in node.keywords if keyword.arg == "reason")
    elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and node.value.elts:
        yield node.value.elts[0]


def on_pages() -> set[str]:
    """The reasons in the first column of the tables."""
    cells = (line.split("|")[1] for page in PAGES for line in page.read_text().splitlines() if line.startswith("| `"))
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell) if REASON.fullmatch(name)}


def test_every_reason_is_explained():
    found = reasons()
    assert len(found) > 50
    assert sorted(found - on_pages()) == []


def test_the_pages_explain_nothing_that_is_not_there():
    text = "".join(path.read_text() for path in (ROOT / "ako_runtime").rglob("*.py"))
    assert sorted(name for name in on_pages() if f'"{name}"' not in text) == []
