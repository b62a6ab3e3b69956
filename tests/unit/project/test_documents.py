"""Documents agree with the code and with each other."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ako_builder.publishing.changelog import load_fragments

ROOT = Path(__file__).resolve().parents[3]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def pages() -> list[Path]:
    return sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in LINK.findall(text):
        if "://" in target or target.startswith("mailto:"):
            continue
        name, _, anchor = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        assert found.exists(), f"{target} leads nowhere"
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found), f"{target}: no such heading"


def test_the_reference_pages_are_what_the_code_says():
    command = [sys.executable, "scripts/render-reference", "--check"]
    result = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def test_every_document_can_be_reached_from_the_overview():
    seen: set[Path] = set()
    todo = [ROOT / "README.md"]
    while todo:
        page = todo.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        for target in LINK.findall(page.read_text()):
            found = (page.parent / target.partition("#")[0]).resolve()
            if "://" not in target and found.is_file():
                todo.append(found)
    lost = [
        page.relative_to(ROOT) for page in pages() if page not in seen and page.parent.name not in {"changelog", "adr"}
    ]
    assert lost == [], "link them from docs/README.md or a page that it leads to"


def test_decisions_are_numbered_once_and_complete():
    records = sorted((ROOT / "docs/adr").glob("[0-9]*.md"))
    numbers = [path.name[:4] for path in records]
    assert len(numbers) == len(set(numbers))
    for path in records:
        text = path.read_text()
        assert text.startswith(f"# {int(path.name[:4])}. "), path.name
        for head in ("## Context", "## Decision", "## Consequences"):
            assert head in text, f"{path.name} lacks {head}"


def test_change_fragments_are_named_as_the_folder_says():
    assert load_fragments(ROOT / "docs/changelog")
