"""The rules: what a package may not be, how sure we are of it, and what to do.

A rule's id never changes its meaning; a finding is a rule, a place and what was found there. `grade` tells how
certain the rule itself is (see `profile`), `clause` where it comes from. How bad a breach is depends on the policy:
`strict` is SOL004 and SOL001 as written, `tca` forgives what VMware's own designer writes, `lenient` keeps only what
makes a package dangerous or unusable. The catalogue itself is data, `rules.yaml` beside the profiles; `ako csar
rules` and the reference page are rendered from it.
"""

import functools
from collections.abc import Iterable
from typing import Any, Literal

import msgspec
import yaml

from ako_builder.csar.profile import Grade
from ako_builder.sources import source

Level = Literal["error", "warning", "note", "off"]
POLICIES = ("strict", "tca", "lenient")
# What `absent` of a rule says where a package may do without what the rule is about.
GOOD = "good"


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One rule; `absent` is the rule that is broken where there is nothing to check, or `GOOD`."""

    title: str
    remedy: str
    grade: Grade
    absent: str
    clause: str = ""
    level: Level = "error"
    tca: Level | None = None
    lenient: Level | None = None
    id: str = ""

    def level_under(self, policy: str) -> Level:
        """How bad a breach is under a policy."""
        if policy == "tca":
            return self.tca or self.level
        if policy == "lenient":
            return self.lenient or self.tca or self.level
        return self.level


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One breach of one rule."""

    rule: str
    where: str
    text: str
    line: int = 0


# Breaches of one rule in one place that a report names one by one; the rest it counts.
MAX_OF_A_RULE = 200


def at_most(findings: Iterable[Finding]) -> list[Finding]:
    """The findings without those of a rule that come after many others of it, which are counted instead.

    A package may break one rule as often as it has bytes, and a report of that helps nobody.
    """
    counts: dict[str, int] = {}
    found = []
    for finding in findings:
        count = counts[finding.rule] = counts.get(finding.rule, 0) + 1
        if count <= MAX_OF_A_RULE:
            found.append(finding)
    more = {rule: count - MAX_OF_A_RULE for rule, count in counts.items() if count > MAX_OF_A_RULE}
    places = {finding.rule: finding.where for finding in found}
    return found + [Finding(rule=rule, where=places[rule], text=f"… and {n} more") for rule, n in more.items()]


@functools.cache
def rules() -> dict[str, Rule]:
    """Every rule by its id."""
    catalogue = msgspec.convert(_document(), dict[str, dict[str, Rule]])
    return {
        name: msgspec.structs.replace(rule, id=name) for group in catalogue.values() for name, rule in group.items()
    }


def rule_groups() -> dict[str, tuple[str, ...]]:
    """Ids by group, for listings."""
    return {group: tuple(members) for group, members in _document().items()}


def _document() -> dict[str, Any]:
    # libyaml where it is built in: the catalogue is as long as the rest of a verification's preparations together.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: dict[str, Any] = yaml.load(source("csar", "rules.yaml").read_bytes(), Loader=loader)  # noqa: S506 - safe both
    return found


def rules_page() -> str:
    """The reference page of all rules, in Markdown."""
    known = rules()
    lines = [
        "# Rules of `ako csar verify`",
        "",
        "Rendered by `ako csar rules --output markdown`; do not edit. Levels are those of the policies strict, tca and",
        "lenient. Grades: A seen in a real artefact or measured, B vendor documentation, C source of another tool,",
        "S secondary description of the standard, R recollection to be checked, U unknown. The column absent says what",
        "is said where there is nothing to check: the rule that is then broken, or that the package is good without.",
    ]
    for group, members in rule_groups().items():
        lines += ["", f"## {group}", "", "| rule | what is wrong | what to do | levels | absent | grade | source |"]
        lines.append("| --- | --- | --- | --- | --- | --- | --- |")
        for name in members:
            rule = known[name]
            levels = " / ".join(rule.level_under(policy) for policy in POLICIES)
            lines.append(
                f"| {name} | {rule.title} | {rule.remedy} | {levels} | {rule.absent} | {rule.grade} | {rule.clause} |"
            )
    return "\n".join([*lines, ""])
