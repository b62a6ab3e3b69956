"""Programs of others that read packages, where they are installed.

Some cannot live beside this project (they pin other versions), so they have environments of their own, named by
variables: AKO_PUCCINI_PYTHON and AKO_TACKER_PYTHON are interpreters that have puccini and tacker, AKO_SBOM_VALIDATOR
is the command openchain-telco-sbom-validator, AKO_7Z the command 7z or 7zz. `python tests/csar_outside_tools.py
FOLDER` makes the environments in FOLDER and prints the variables.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_PUCCINI = """
import sys, puccini.tosca
try:
    puccini.tosca.compile(sys.argv[1])
except puccini.tosca.Problems as error:
    sys.exit("; ".join(f"{p.get('item')}: {p.get('message')}" for p in error.problems))
"""
_TACKER = """
import sys
from tacker.common import csar_utils
try:
    csar_utils.load_csar_data(None, "test", sys.argv[1])
except Exception as error:
    sys.exit(str(error))
"""


def tool(variable: str, *commands: str) -> str:
    """Path of a tool; skips the test where it is missing."""
    found = os.environ.get(variable) or next((path for name in commands if (path := shutil.which(name))), None)
    if not found:
        pytest.skip(f"{variable} names no program: see tests/csar_outside_tools.py")
    return found


def outcome(command: list[str]) -> str:
    """Empty if the program is content, else what it says."""
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return "" if run.returncode == 0 else (run.stderr.strip() or run.stdout.strip() or f"exit code {run.returncode}")


def tosca_parser(path: Path) -> str:
    return outcome([str(Path(sys.executable).with_name("tosca-parser")), "--template-file", str(path)])


def puccini(path: Path) -> str:
    return outcome([tool("AKO_PUCCINI_PYTHON"), "-c", _PUCCINI, str(path)])


def tacker(path: Path) -> str:
    return outcome([tool("AKO_TACKER_PYTHON"), "-W", "ignore", "-c", _TACKER, str(path)])


def unzip(path: Path) -> str:
    return outcome([tool("AKO_UNZIP", "unzip"), "-tqq", str(path)])


def seven_zip(path: Path) -> str:
    return outcome([tool("AKO_7Z", "7zz", "7z"), "t", str(path)])


def sbom_validator(path: Path) -> str:
    command = tool("AKO_SBOM_VALIDATOR", "openchain-telco-sbom-validator")
    run = subprocess.run([command, str(path)], capture_output=True, text=True, check=False, timeout=300)
    return "" if "is compliant" in run.stdout else run.stdout


TOOLS = {
    "tosca-parser": tosca_parser,
    "puccini": puccini,
    "tacker": tacker,
    "unzip": unzip,
    "7z": seven_zip,
}


def main(folder: Path) -> None:
    """Make the environments."""
    packages = {"puccini": ["puccini"], "tacker": ["tacker", "setuptools"], "sbom": ["openchain-telco-sbom-validator"]}
    for name, wanted in packages.items():
        environment = folder / name
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        subprocess.run([str(environment / "bin" / "pip"), "install", "--quiet", *wanted], check=True)
    lines = [
        f"export AKO_PUCCINI_PYTHON={folder / 'puccini' / 'bin' / 'python'}",
        f"export AKO_TACKER_PYTHON={folder / 'tacker' / 'bin' / 'python'}",
        f"export AKO_SBOM_VALIDATOR={folder / 'sbom' / 'bin' / 'openchain-telco-sbom-validator'}",
    ]
    sys.stdout.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
