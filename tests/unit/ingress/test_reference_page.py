"""The page about Ingresses names every word by which one is told that something is wrong."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def reasons_in_code():
    translate = ROOT / "ako_runtime/translate"
    files = (*(translate / "ingress").glob("*.py"), translate / "unknown_annotations.py")
    text = "\n".join(path.read_text() for path in files)
    found = set(re.findall(r'(?:remark|refusal)\(\s*[\w.\[\]()]+,\s*"([A-Z]\w+)"', text))
    assert len(found) > 15
    backends = (ROOT / "ako_runtime/translate/backends.py").read_text()
    return found | set(re.findall(r'reason(?:: str)? ?= ?"([A-Z]\w+)"', backends)) | {"TenantNotFound"}


def test_every_reason_is_on_the_page_and_no_other():
    text = (ROOT / "docs/reference/ingress.md").read_text()
    table = text[text.index("| reason |") :]
    cells = re.findall(r"^\| (`.*?) \|", table, flags=re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert named == reasons_in_code()
