"""Every golden file belongs to a test: nothing lies around that no test would miss."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]


def test_no_golden_file_is_an_orphan():
    """A golden file is discovered by a pattern of its folder's test module, or named by one."""
    orphans = []
    for path in sorted((TESTS / "golden").rglob("*")):
        if path.is_dir() or path.suffix == ".py" or "__pycache__" in path.parts:
            continue
        if path.suffix not in {".yaml", ".json", ".txt", ".xml"}:
            orphans.append(path.relative_to(TESTS))
            continue
        sources = "\n".join(
            module.read_text() for module in (*(TESTS / "support").rglob("*.py"), *(TESTS / "golden").rglob("*.py"))
        )
        discovered = re.search(r"glob\(\s*[\"'][^\"']*" + re.escape(path.suffix), sources)
        if not discovered and path.name not in sources:
            orphans.append(path.relative_to(TESTS))
    assert orphans == []
