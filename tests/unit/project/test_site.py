"""The documentation site: its navigation, its versions, and what a wrong page says."""

import importlib.machinery
import importlib.util
import json
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]


def script(name: str) -> ModuleType:
    loader = importlib.machinery.SourceFileLoader(name.replace("-", "_"), str(ROOT / "scripts" / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


site = script("site")
render = script("render-reference")

CONFIGURATION = 'site_name = "x"\n# begin navigation: rendered\nold\n# end navigation\n'
OVERVIEW = """# Title

## How-to: reach a goal

| | |
|---|---|
| CSAR | [Build "it"](how-to/build.md) · [Sign](how-to/sign.md#key) |

## Reference

- [Settings](reference/settings.md)

## Elsewhere

- [Examples](../examples/README.md)
"""


def test_the_navigation_follows_the_overview():
    page = render.site_page(CONFIGURATION, OVERVIEW, "# Records\n")
    assert tomllib.loads(page)["nav"] == [
        {"Overview": ["README.md"]},
        {"How-to": [{"CSAR": [{'Build "it"': "how-to/build.md"}]}]},
        {"Reference": [{"Settings": "reference/settings.md"}]},
    ]


def test_decisions_are_grouped_by_area():
    page = render.site_page(
        CONFIGURATION, "# T\n\n## Decisions\n\n[Records](adr/README.md)\n", "\n## CSAR\n\n[A](1.md)\n"
    )
    assert tomllib.loads(page)["nav"][1] == {
        "Decisions": [{"Records": "adr/README.md"}, {"CSAR": [{"A": "adr/1.md"}]}],
    }


@pytest.mark.parametrize("text", ["no marks", CONFIGURATION * 2], ids=["none", "two"])
def test_marks_stand_once(text):
    with pytest.raises(ValueError, match="they must stand once"):
        render.with_rendered(text, "navigation", ["x"])


def test_every_how_to_reference_and_explanation_page_is_in_the_navigation():
    text = (ROOT / "zensical.toml").read_text()
    folders = ("tutorial", "how-to", "reference", "explanation", "adr")
    pages = [path.relative_to(ROOT / "docs") for folder in folders for path in (ROOT / "docs" / folder).glob("*.md")]
    assert pages
    assert [page for page in pages if f'"{page}"' not in text] == []


@pytest.mark.parametrize(
    ("version", "name"), [("1.2.0", "1.2.0"), ("1.2.0rc1", "1.2.0rc1"), ("1.3.0.dev4", "dev"), ("1.2.0+abc", "dev")]
)
def test_development_versions_share_a_name(version, name):
    assert site.name_of(version) == name


def test_versions_are_listed_newest_first(tmp_path):
    for name in ("0.9.0", "dev", "0.10.0", "0.10.0rc1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").touch()
    (tmp_path / "not-a-version").mkdir()
    assert site.versions_in(tmp_path) == ["0.10.0", "0.10.0rc1", "0.9.0", "dev"]


def test_a_dead_link_is_named_and_what_was_built_stays(tmp_path, monkeypatch, capsys):
    project, out = tmp_path / "project", tmp_path / "out"
    (project / "docs").mkdir(parents=True)
    (project / "zensical.toml").write_text('[project]\nsite_name = "x"\nsite_dir = "dist"\n')
    (project / "docs/index.md").write_text("# Good\n")
    monkeypatch.setattr(site, "ROOT", project)
    assert site.main(["--out", str(out)]) == 0
    name = site.versions_in(out)[0]
    assert json.loads((out / "versions.json").read_text()) == [{"version": name, "title": name, "aliases": ["latest"]}]
    assert f"url={name}/" in (out / "index.html").read_text()

    (project / "docs/index.md").write_text("# Bad\n\n[gone](gone.md)\n")
    capsys.readouterr()
    assert site.main(["--out", str(out)]) == 1
    assert capsys.readouterr().err == "site: docs/index.md:3:8: page does not exist\n"
    assert "Good" in (out / name / "index.html").read_text()
    assert sorted(path.name for path in out.iterdir()) == sorted([name, "index.html", "versions.json"])
