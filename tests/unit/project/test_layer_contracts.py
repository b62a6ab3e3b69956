"""The layer contracts hold, and they bite: a forbidden import in a copy of the sources is found."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def lint_imports(folder: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    return subprocess.run(
        [*command, "--no-cache", "--config", str(folder / "pyproject.toml")],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(folder), str(folder / "packaging")))},
        check=False,
        capture_output=True,
        text=True,
    )


def copied(folder: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__", "*.json", "*.yaml")
    shutil.copytree(ROOT / "ako_runtime", folder / "ako_runtime", ignore=ignored)
    shutil.copytree(ROOT / "ako_lab", folder / "ako_lab", ignore=ignored)
    shutil.copytree(ROOT / "packaging/ako_builder", folder / "packaging/ako_builder", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def test_the_contracts_hold():
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("ako_runtime/translate/__init__.py", "import os", "Pure folders do no I/O"),
        ("ako_runtime/settings/values.py", "import logging", "Pure folders do no I/O"),
        ("ako_runtime/model/names.py", "import ako_runtime.kube.store", "Layers of the runtime"),
        ("ako_runtime/app.py", "import ako_lab.kube_api", "The runtime stands alone"),
        ("ako_lab/__init__.py", "import ako_builder.release", "The lab does not need the builder"),
        (
            "packaging/ako_builder/release.py",
            "import ako_runtime.avi.session",
            "What the builder takes from the runtime",
        ),
        ("ako_lab/up.py", "import ako_runtime.settings", "What the lab takes from the runtime"),
        (
            "packaging/ako_builder/web.py",
            "import ako_builder.release",
            "Archives and bills know nothing of what they hold",
        ),
        ("ako_lab/avi_controller/call.py", "import ako_lab.avi_controller.objects", "No circles between siblings"),
        ("ako_runtime/avi/refusals.py", "import ako_runtime.avi.endpoint", "No circles between siblings"),
    ],
)
def test_a_forbidden_import_is_found(tmp_path, module, line, contract):
    folder = copied(tmp_path)
    target = folder / module
    target.write_text(f"{target.read_text()}\n{line}\n")
    result = lint_imports(folder)
    assert result.returncode == 1, result.stdout + result.stderr
    assert f"{contract} BROKEN" in result.stdout


@pytest.mark.parametrize(
    ("who", "may"),
    [
        ("What the builder takes from the runtime", {"cli", "errors", "model", "resources", "settings"}),
        ("What the lab takes from the runtime", {"cli", "errors"}),
    ],
)
def test_every_part_of_the_runtime_is_allowed_or_forbidden(who, may):
    """A new part is forbidden to builder and lab until somebody says otherwise."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = [item for item in contracts if item["name"] == who]
    parts = {
        path.stem
        for path in (ROOT / "ako_runtime").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    forbidden = {name.removeprefix("ako_runtime.") for name in contract["forbidden_modules"]}
    assert parts - {"__init__", "__main__"} == forbidden | may
    assert not forbidden & may
