"""A verification report as text, JSON, JUnit XML or SARIF.

JUnit has one test case a rule group that was applied, failed by its errors, so that a CI shows which rule broke;
SARIF is what code hosts annotate from. Both are stable: same report, same bytes.
"""

from collections.abc import Iterator
from urllib.parse import quote

import msgspec
from lxml import etree

from ako_builder.csar.printable import json_text, printable
from ako_builder.csar.rules import rule_groups, rules
from ako_builder.csar.verify import Judged, Report
from ako_runtime import __version__

FORMATS = ("text", "json", "junit", "sarif")
_SARIF_LEVELS = {"error": "error", "warning": "warning", "note": "note"}


def rendered(report: Report, *, form: str) -> str:
    """The report in one of the formats."""
    return {"text": _text, "json": _json, "junit": _junit, "sarif": _sarif}[form](report)


def _text(report: Report) -> str:
    lines = []
    for finding in report.findings:
        line = f":{finding.line}" if finding.line else ""
        text = "" if finding.text == finding.title else f": {finding.text}"
        lines.append(f"{finding.level:<7} {finding.rule:<9} {finding.where}{line}: {finding.title}{text}")
        lines.append(f"{'':<17} -> {finding.remedy}")
    for signer in report.signers:
        stamp = f", time stamp {signer.stamped_at}" if signer.stamped_at else ""
        demo = " (public DEMO key)" if signer.demo else ""
        name = printable(signer.subject)
        lines.append(f"{signer.state} by {name}{demo}, {signer.digest}, {signer.signed_at or 'no time'}{stamp}")
    verdict = "good" if report.good else "BAD"
    counts = ", ".join(_counts(report)) or "no findings"
    reason = f" ({report.reason})" if report.reason else ""
    lines.append(
        f"{printable(report.path, limit=None)}: {verdict} under policy {report.policy}{reason}: {report.files} files, "
        f"{report.bytes} bytes, option {report.option}, {counts}"
    )
    return "\n".join([*lines, ""])


def _counts(report: Report) -> Iterator[str]:
    for level in ("error", "warning", "note"):
        count = sum(finding.level == level for finding in report.findings)
        if count:
            yield f"{count} {level}{'s' if count > 1 else ''}"


def _json(report: Report) -> str:
    document = {"good": report.good, **msgspec.to_builtins(report)}
    return json_text(document)


def _junit(report: Report) -> str:
    broken: dict[str, list[Judged]] = {}
    for finding in report.findings:
        broken.setdefault(finding.rule, []).append(finding)
    suites = etree.Element("testsuites", name="ako csar verify")
    for group, members in rule_groups().items():
        failures = sum(any(item.level == "error" for item in broken.get(name, [])) for name in members)
        suite = etree.SubElement(suites, "testsuite", name=group, tests=str(len(members)), failures=str(failures))
        suite.set("errors", "0")
        suite.set("skipped", "0")
        for name in members:
            _case(suite, name, broken.get(name, []), path=report.path)
    data: bytes = etree.tostring(suites, pretty_print=True, xml_declaration=True, encoding="UTF-8")
    return data.decode()


def _case(suite: etree._Element, name: str, findings: list[Judged], *, path: str) -> None:
    rule = rules()[name]
    case = etree.SubElement(suite, "testcase", classname=path, name=f"{name} {rule.title}", time="0")
    properties = etree.SubElement(case, "properties")
    etree.SubElement(properties, "property", name="grade", value=rule.grade)
    etree.SubElement(properties, "property", name="clause", value=rule.clause)
    lines = [f"{item.level}: {item.where}: {item.text}" for item in findings]
    if any(item.level == "error" for item in findings):
        failure = etree.SubElement(case, "failure", message=_xml(lines[0]), type=name)
        failure.text = _xml("\n".join([*lines, f"-> {rule.remedy}"]))
    elif lines:
        etree.SubElement(case, "system-out").text = _xml("\n".join(lines))


def _xml(text: str) -> str:
    """XML 1.0 has no place for control characters and lone surrogates; whoever prints it none for the others."""
    return "".join(c if c in "\n\t" or c.isprintable() else "?" for c in text)


def _sarif(report: Report) -> str:
    used = sorted({finding.rule for finding in report.findings})
    known = rules()
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "ako csar verify",
                        "version": __version__,
                        "rules": [
                            {
                                "id": name,
                                "shortDescription": {"text": known[name].title},
                                "help": {"text": known[name].remedy},
                                "properties": {"grade": known[name].grade, "clause": known[name].clause},
                            }
                            for name in used
                        ],
                    }
                },
                "results": [_sarif_result(finding, path=report.path, used=used) for finding in report.findings],
            }
        ],
    }
    return json_text(document)


def _sarif_result(finding: Judged, *, path: str, used: list[str]) -> dict[str, object]:
    location: dict[str, object] = {"artifactLocation": {"uri": quote(path)}}
    if finding.line:
        location["region"] = {"startLine": finding.line}
    return {
        "ruleId": finding.rule,
        "ruleIndex": used.index(finding.rule),
        "level": _SARIF_LEVELS[finding.level],
        "message": {"text": f"{finding.where}: {finding.title}: {finding.text}"},
        "locations": [{"physicalLocation": location}],
    }
