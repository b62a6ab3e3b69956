"""`honoured` tells the truth: a setting that claims an effect is read somewhere, one that does not is read nowhere."""

import ast
from pathlib import Path

from ako_runtime.settings import ALL_SETTINGS

ROOT = Path(__file__).resolve().parents[3]
# Effects outside the runtime's code: the setting, and the file that acts on it.
HONOURED_ELSEWHERE = {
    "enablePrometheus": ("packaging/helm/ako/templates/_pod.tpl", "EnablePrometheus"),
    "defaultIngController": ("packaging/helm/ako/templates/ingressclass.yaml", "defaultIngController"),
    "podName": ("ako_runtime/commands/run.py", "POD_NAME"),
    "podNamespace": ("ako_runtime/commands/options.py", "POD_NAMESPACE"),
}


def attributes_read() -> frozenset[str]:
    """Every `settings.<attribute>` in the runtime, outside the description itself."""
    found = set()
    for path in (ROOT / "ako_runtime").rglob("*.py"):
        if path.parent.name == "settings":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                owner = node.value
                name = owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")
                if name in {"settings", "_settings"}:
                    found.add(node.attr)
    return frozenset(found)


def test_a_setting_is_honoured_if_and_only_if_something_reads_it():
    read = attributes_read()
    claimed = {item.name for item in ALL_SETTINGS if item.honoured}
    actual = {item.name for item in ALL_SETTINGS if item.attribute in read} | set(HONOURED_ELSEWHERE)
    assert sorted(claimed - actual) == [], "claim an effect and have none: set honoured=False"
    assert sorted(actual - claimed) == [], "have an effect and deny it: remove honoured=False"


def test_what_acts_elsewhere_is_there():
    for name, (path, text) in HONOURED_ELSEWHERE.items():
        assert text in (ROOT / path).read_text(), f"{name} is not read by {path}"
