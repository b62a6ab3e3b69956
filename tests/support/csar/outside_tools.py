"""Programs of others that read packages, where they are installed.

Some cannot live beside this project (they pin other versions), so they have environments of their own, which
`scripts/csar-tools` makes once below the user's cache folder. AKO_PUCCINI_PYTHON and AKO_TACKER_PYTHON name other
interpreters that have puccini and tacker, AKO_PKCS11_PYTHON one that has python-pkcs11, AKO_SBOM_VALIDATOR another
openchain-telco-sbom-validator, AKO_UNZIP, AKO_ZIP, AKO_7Z and AKO_BSDTAR other programs of these names.
AKO_OTHER_PYTHON is a Python of another version that has what the builder imports: two versions must build the same
bytes.

What cannot be installed (no network, no such package for this Python) is said and left out: a test that asks for it is
skipped with that reason.
"""

import configparser
import os
import shutil
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.csar.module_charts import fetch
from support.paths import ROOT
from support.skips import Missing, skip_without

# By variable: the environment, what pip installs there, the program that is wanted of it.
# What the runtime needs to talk to servers, the builder does not import.
_SERVERS = ("avisdk", "kubernetes", "prometheus-client")


def builder_requirements() -> tuple[str, ...]:
    """What pip must install for the builder to run from the source tree."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    lines = config["options"]["install_requires"] + config["options.extras_require"]["build"]
    return tuple(line for line in lines.splitlines() if line.strip() and not line.startswith(_SERVERS))


def _other_environment() -> str:
    """The name changes with the requirements, so that a stale environment is not taken for a complete one."""
    return f"other-python-{zlib.crc32(repr(builder_requirements()).encode()):08x}"


PROGRAMS = {
    "AKO_PUCCINI_PYTHON": ("puccini", ("puccini",), "python"),
    "AKO_TACKER_PYTHON": ("tacker", ("tacker", "setuptools"), "python"),
    "AKO_PKCS11_PYTHON": ("pkcs11", ("python-pkcs11",), "python"),
    "AKO_SBOM_VALIDATOR": ("sbom", ("openchain-telco-sbom-validator",), "openchain-telco-sbom-validator"),
    "AKO_OTHER_PYTHON": (_other_environment(), builder_requirements(), "python"),
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
        skip_without(Missing.TOOLS, f"{variable} names no program and none is installed: run scripts/csar-tools")
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


def other_python() -> str:
    """A Python of another version than this one, on the path or among those of pyenv."""
    names = [f"python3.{minor}" for minor in (14, 13, 12, 11) if (3, minor) != sys.version_info[:2]]
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found = [path for name in names if (path := shutil.which(name))]
    found += [str(path) for name in names for path in sorted(pyenv.glob(f"*/bin/{name}"))]
    for path in found:
        # What pyenv puts on the path may stand for a version that is not chosen.
        if subprocess.run([path, "-c", "import venv, ensurepip"], capture_output=True, check=False).returncode == 0:
            return path
    raise FileNotFoundError("no Python of another version (3.11 or newer) is installed")


def install(name: str, packages: tuple[str, ...]) -> None:
    """Make one environment, unless it is complete already."""
    stamp = cache() / f"{name}.complete"
    if stamp.is_file():
        return
    environment = cache() / name
    python = other_python() if name == _other_environment() else sys.executable
    subprocess.run([python, "-m", "venv", "--clear", str(environment)], check=True, capture_output=True)
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
