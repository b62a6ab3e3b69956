"""The catalogue of rules: complete, used, and the reference page shows it."""

import re
from pathlib import Path

from ako_builder.csar.rules import POLICIES, rule_groups, rules, rules_page

REPOSITORY = Path(__file__).resolve().parents[3]
SOURCES = REPOSITORY / "packaging" / "ako_builder"


def test_every_rule_is_used_and_every_used_one_is_known():
    code = "".join(path.read_text() for path in sorted(SOURCES.rglob("*.py")))
    used = set(re.findall(r'"((?:ZIP|META|MF|SIG|YAML|TOSCA|SOL|TCA|CON)-\d{3})"', code))
    assert used == set(rules())


def test_every_rule_is_named_by_a_test():
    """A rule that nothing breaks may be one that nothing can break."""
    tests = "".join(path.read_text() for path in sorted((REPOSITORY / "tests").rglob("*.py")))
    assert [name for name in rules() if f'"{name}"' not in tests] == []


def test_rules_say_what_to_do():
    for name, rule in rules().items():
        assert rule.title, name
        assert rule.remedy, name
        for policy in POLICIES:
            assert rule.level_under(policy) in {"error", "warning", "note", "off"}
    assert [name for names in rule_groups().values() for name in names] == list(rules())


def test_the_reference_page_is_current():
    assert (REPOSITORY / "docs" / "reference" / "csar-rules.md").read_text() == rules_page()
