"""Golden rendering: each case says what the chart makes of its values, as the difference from the defaults.

`cases/NAME.yaml` holds title and values, `cases/NAME.expect.yaml` the objects that are not as the defaults give them,
and the names of those that are gone. `pytest tests/builder/chart --update-golden` rewrites the expectations.
"""

import json
from pathlib import Path

import pytest
import yaml

CASES = Path(__file__).parent / "cases"
NAMES = sorted(path.stem for path in CASES.glob("*.yaml") if not path.stem.endswith(".expect"))


def rendered(helm, chart, case, tmp_path):
    values = tmp_path / "values.yaml"
    values.write_text(json.dumps(case["values"]))
    release = case.get("release", {"name": "ako", "namespace": "avi-system"})
    text = helm.run(
        ["template", release["name"], str(chart), "--namespace", release["namespace"], "--values", str(values)]
    )
    objects = [document for document in yaml.safe_load_all(text) if document]
    named = {key(document): document for document in objects}
    assert len(named) == len(objects), "two objects of one name"
    return named


def key(document):
    metadata = document["metadata"]
    return f"{document['kind']} {metadata.get('namespace', '')}/{metadata['name']}"


@pytest.fixture(scope="module")
def usual(helm, chart, tmp_path_factory):
    case = yaml.safe_load((CASES / "defaults.yaml").read_text())
    return rendered(helm, chart, case, tmp_path_factory.mktemp("usual"))


@pytest.mark.parametrize("name", NAMES)
def test_case(*, name, helm, chart, usual, tmp_path, request):
    case = yaml.safe_load((CASES / f"{name}.yaml").read_text())
    found = rendered(helm, chart, case, tmp_path)
    if name == "defaults":
        usual = {}
    difference = {
        "changed": [document for identity, document in sorted(found.items()) if usual.get(identity) != document],
        "gone": sorted(usual.keys() - found.keys()),
    }
    path = CASES / f"{name}.expect.yaml"
    if request.config.getoption("--update-golden"):
        path.write_text(yaml.safe_dump(difference, sort_keys=True, width=120, allow_unicode=True))
    assert path.exists(), f"{name} has no expectation: run pytest tests/builder/chart --update-golden and review"
    assert difference == yaml.safe_load(path.read_text())


def test_there_are_no_orphans_and_enough_cases():
    assert {path.name.removesuffix(".expect.yaml") for path in CASES.glob("*.expect.yaml")} == set(NAMES)
    assert len(NAMES) >= 40


def test_lint_is_strict_and_silent(helm, chart):
    assert "0 chart(s) failed" in helm.run(["lint", "--strict", str(chart)])


def test_the_definitions_are_shown_as_documents_of_their_own(helm, chart):
    # Helm 3 puts the files one behind the other as they are.
    shown = [document for document in yaml.safe_load_all(helm.run(["show", "crds", str(chart)])) if document]
    files = [yaml.safe_load(path.read_text()) for path in sorted((chart / "crds").glob("*.yaml"))]
    assert shown == files
