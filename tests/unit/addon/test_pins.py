"""Pins: strictly read, contradictions found, unknown stays unknown."""

import re

import pytest

from ako_builder.addon.pins.lint import findings, range_of
from ako_builder.addon.pins.matrix import Query, matrix
from ako_builder.addon.pins.releases import load_compatibility, load_pin, load_pins, pin_folder, pin_named, tkr_named
from ako_builder.addon.versions import Range
from ako_runtime.errors import UserError

SUPPORT = load_compatibility()
KUBERNETES = Range(low="1.25.0")


def lint(pins, release="0.1.0"):
    return findings(pins, support=SUPPORT, release=release, kubernetes=KUBERNETES)


@pytest.fixture
def folder(tmp_path):
    for path in pin_folder().glob("*.yaml"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def changed(folder, old, new, name="2.5.2.yaml"):
    path = folder / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return folder


def test_the_shipped_pins_hold_no_contradiction_that_nobody_accepted():
    assert [item for item in lint(load_pins()) if not item.accepted] == []


def test_every_fact_names_its_source_and_every_value_its_grade():
    text = "".join(path.read_text() for path in pin_folder().glob("*.yaml"))
    assert text.count("{value:") == len(re.findall(r"\{value: [^}]*grade: [ABCD], source: \"[^\"]+\"\}", text))


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ('"1.12.2+vmware.1-tkg.1"', '"1.7.2+vmware.1-tkg.1"', "kubernetes-range"),
        ('"1.12.2+vmware.1-tkg.1"', '"newest"', "spelling"),
        ('value: "1.30.2"', 'value: "1.31.2"', "kubernetes-name"),
        ("    default: true\n", "", None),
        ("offered: {version: release}", "offered: {version: 9.9.9}", "offer"),
        ("offered: {version: release}", "offered: {}", "offer"),
        ('"1.12.2+vmware.1-tkg.1"', '"1.8.1+vmware.1-tkg.1"', "downgrade"),
        ("schema: 1\n", "schema: 1\n", None),
    ],
)
def test_the_linter_finds_a_contradiction(folder, old, new, rule):
    rules = {item.rule for item in lint(load_pins(changed(folder, old, new))) if not item.accepted}
    assert (rule in rules) if rule else not rules


def test_the_linter_finds_one_digest_under_two_versions(folder):
    digest = "sha256:" + "a" * 64
    unknown = 'imageDigest: {source: "in none of the sources read"}'
    known = f'imageDigest: {{value: "{digest}", grade: B, source: "two locks"}}'
    text = (folder / "2.5.2.yaml").read_text()
    parts = text.split(unknown)
    (folder / "2.5.2.yaml").write_text(unknown.join(parts[:3]) + known + parts[3] + unknown + known.join(parts[4:]))
    found = [item for item in lint(load_pins(folder)) if item.rule == "digest-reuse"]
    assert len(found) == 1
    assert "1.11.2+vmware.2-tkg.2, 1.12.2+vmware.1-tkg.1" in found[0].what


def test_the_linter_finds_a_tag_that_does_not_go_with_the_package(folder):
    changed(folder, 'imageTag: {value: "v1.7.2_vmware.1"', 'imageTag: {value: "v1.7.3_vmware.1"', name="1.6.0.yaml")
    assert "tag-version" in {item.rule for item in lint(load_pins(folder))}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("operator:\n", "operater:\n", "operater: this key is not known here"),
        ("    default: true\n", "    default: maybe\n", "tkrs.2.default: expected `bool`"),
        ("grade: B, source", "grade: E, source", "invalid enum value 'E'"),
        ('tkg: "2.5.2"', 'tkg: "2.5.3"', "a pin file is named after its TKG release"),
        ("{version: release}", "{version: release, version: 1}", "stands twice"),
        ('grade: B, source: "two', 'source: "two', "value and grade come together"),
    ],
)
def test_a_pin_with_a_mistake_is_refused_with_file_and_key(folder, old, new, said):
    changed(folder, old, new)
    with pytest.raises(UserError) as error:
        load_pin(folder / "2.5.2.yaml")
    assert said in str(error.value)
    assert "2.5.2.yaml" in str(error.value)


def test_an_unknown_key_is_refused_with_its_line(folder):
    changed(folder, "bom:\n", "bomm:\n")
    line = (folder / "2.5.2.yaml").read_text().splitlines().index("bomm:") + 1
    with pytest.raises(UserError, match=f"2.5.2.yaml:{line}: bomm"):
        load_pin(folder / "2.5.2.yaml")


def test_an_unknown_release_is_answered_with_the_nearest():
    with pytest.raises(UserError, match=r"nearest known are .*2\.5\.2"):
        pin_named(load_pins(), "2.5.3")
    with pytest.raises(UserError, match=r"has no TKr 'v1\.30\.9.*v1\.30\.2"):
        tkr_named(pin_named(load_pins(), "2.5.2"), "v1.30.9---vmware.1-tkg.1")


def test_folklore_is_shown_only_when_asked_for():
    pins = load_pins()
    shown = matrix(pins, Query(tkg="2.5.2"), support=SUPPORT, release="0.1.0")
    assert {row["tca"] for row in shown} == {"unknown"}
    asked = matrix(pins, Query(tkg="2.5.2", unverified=True), support=SUPPORT, release="0.1.0")
    assert {row["tca"] for row in asked} == {"3.2 (D)"}


def test_which_releases_give_at_least():
    rows = matrix(load_pins(), Query(at_least="1.11"), support=SUPPORT, release="0.1.0")
    assert {(row["tkg"], row["official ako"]) for row in rows} == {
        ("2.5.2", "1.11.2+vmware.2-tkg.2"),
        ("2.5.2", "1.12.2+vmware.1-tkg.1"),
    }
    assert matrix(load_pins(), Query(at_least="1.11", avi="30.2.1"), support=SUPPORT, release="0.1.0") == rows[1:]


def test_what_is_unknown_says_so():
    row = matrix(load_pins(), Query(tkg="2.2.0"), support=SUPPORT, release="0.1.0")[0]
    assert (row["tkr"], row["official ako"], row["ours"]) == ("unknown", "unknown", "none")


def test_the_lowest_kubernetes_of_a_constraint():
    assert "1.25.0" in range_of(">=1.25.0-0")
    assert "1.24.9" not in range_of(">=1.25.0-0")
