"""The helm binary, called in one place.

pyhelm3 drives releases (`releases.py`); it has no lint, package or push, so these go to the binary itself. It is
found through `--helm`, then the variable AKO_HELM, then PATH; Helm 3.17 and newer and Helm 4 are known to work. What
helm prints on failure is the message: it names the key or the file, so it is passed on as it is.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from ako_runtime.errors import Refused, UserError

VARIABLE: Final = "AKO_HELM"
_OLDEST: Final = (3, 8)
_TIMEOUT: Final = 600.0


class Helm:
    """One helm binary."""

    def __init__(self, *, executable: Path, environ: Mapping[str, str] | None = None) -> None:
        self._executable = executable
        self._environ = dict(os.environ if environ is None else environ)

    @property
    def executable(self) -> Path:
        """Where the binary is."""
        return self._executable

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment that it runs in."""
        return self._environ

    def version(self) -> tuple[int, ...]:
        """Major, minor and patch of the binary."""
        text = self.run(["version", "--short"])
        match = re.search(r"v(\d+)\.(\d+)\.(\d+)", text)
        if match is None:
            raise UserError(f"{self._executable} does not say which Helm it is; name one with --helm or {VARIABLE}")
        return tuple(int(part) for part in match.groups())

    def run(self, arguments: Sequence[str], *, stdin: str | None = None) -> str:
        """Run helm and give its standard output; raises Refused with helm's own words if it fails."""
        try:
            done = subprocess.run(
                [str(self._executable), *arguments],
                input=stdin,
                capture_output=True,
                check=False,
                text=True,
                env=self._environ,
                timeout=_TIMEOUT,
            )
        except OSError as error:
            raise UserError(f"{self._executable} cannot be run: {error.strerror}; name helm with --helm") from error
        except subprocess.TimeoutExpired as error:
            raise Refused(f"helm {arguments[0]} did not end within {_TIMEOUT:.0f} s") from error
        if done.returncode:
            words = (done.stderr.strip() or done.stdout.strip()).removeprefix("Error: ")
            raise Refused(f"helm {arguments[0]}: {words}")
        return done.stdout


def found_helm(given: Path | None) -> Helm:
    """The helm to use; a UserError where there is none."""
    wanted = str(given) if given else os.environ.get(VARIABLE, "helm")
    executable = shutil.which(wanted)
    if executable is None:
        raise UserError(f"there is no {wanted}: install Helm 3.17 or newer, or name it with --helm or {VARIABLE}")
    helm = Helm(executable=Path(executable))
    version = helm.version()
    if version < _OLDEST:
        raise UserError(f"{executable} is Helm {'.'.join(map(str, version))}; use 3.17 or newer")
    return helm
