"""Programs of others that read packages, where they are installed.

Some cannot live beside this project (they pin other versions), so they have environments of their own, which
`scripts/csar-tools` makes once below the user's cache folder. AKO_PUCCINI_PYTHON and AKO_TACKER_PYTHON name other
interpreters that have puccini and tacker, AKO_PKCS11_PYTHON one that has python-pkcs11, AKO_SBOM_VALIDATOR another
openchain-telco-sbom-validator, AKO_UNZIP and AKO_7Z other programs of these names.

What cannot be installed (no network, no such package for this Python) is said and left out: a test that asks for it is
skipped with that reason.
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from csar_module_charts import fetch

# By variable: the environment, what pip installs there, the program that is wanted of it.
PROGRAMS = {
    "AKO_PUCCINI_PYTHON": ("puccini", ("puccini",), "python"),
    "AKO_TACKER_PYTHON": ("tacker", ("tacker", "setuptools"), "python"),
    "AKO_PKCS11_PYTHON": ("pkcs11", ("python-pkcs11",), "python"),
    "AKO_SBOM_VALIDATOR": ("sbom", ("openchain-telco-sbom-validator",), "openchain-telco-sbom-validator"),
}

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
    found = os.environ.get(variable) or cached(variable)
    found = found or next((path for name in commands if (path := shutil.which(name))), None)
    if not found:
        pytest.skip(f"{variable} names no program and none is installed: run scripts/csar-tools")
    return found


def cache() -> Path:
    """Where the environments are."""
    base = os.environ.get("AKO_CACHE")
    return (
        Path(base) if base else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ako-toolkit"
    ) / ("csar-tools")


def cached(variable: str) -> str | None:
    """The program in a complete environment of ours."""
    name, _, command = PROGRAMS.get(variable, ("", (), ""))
    return str(cache() / name / "bin" / command) if name and (cache() / f"{name}.complete").is_file() else None


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


def install(name: str, packages: tuple[str, ...]) -> None:
    """Make one environment, unless it is complete already."""
    stamp = cache() / f"{name}.complete"
    if stamp.is_file():
        return
    environment = cache() / name
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True, capture_output=True)
    pip = [str(environment / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    # Without a network it shall be known soon.
    subprocess.run([*pip, "--retries", "1", "--timeout", "20", *packages], check=True, capture_output=True)
    stamp.touch()


def main() -> None:
    """Make the environments and fetch the charts, side by side; say what cannot be had, and have the rest."""
    cache().mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor() as pool:
        wanted = {name: pool.submit(install, name, packages) for name, packages, _ in PROGRAMS.values()}
        wanted["charts of Go modules"] = pool.submit(fetch)
    missing = [name for name, future in wanted.items() if future.exception() is not None]
    for name in missing:
        error = wanted[name].exception()
        said = (getattr(error, "stderr", None) or str(error).encode()).decode(errors="replace").strip().splitlines()
        sys.stderr.write(f"csar-tools: {name}: {said[-1] if said else error}\n")
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
