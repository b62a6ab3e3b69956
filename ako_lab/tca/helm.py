"""Releases: Helm as a process, from the chart repository of the request into the cluster of the VIM.

A run is cancelled by ending the process. Each run has its own folder for Helm's cache, so that nothing is
taken from or left in the user's.
"""

import os
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from ako_lab.tca.requests import VduParams

_UNINSTALL_SECONDS: Final = 300
_LAST: Final = 1000


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One release of one component: where it goes and with which values (the text of a YAML file)."""

    params: VduParams
    chart: str
    version: str
    values: bytes

    @property
    def name(self) -> str:
        """The release's name."""
        return self.params.helm_name or self.params.vdu_name


class HelmFailed(Exception):  # noqa: N818 - it names the finding
    """Helm did not do it, in Helm's words."""


class Helm:
    """One helm binary in front of one cluster."""

    def __init__(self, *, executable: Path, kubeconfig: Path, folder: Path) -> None:
        self._executable = executable
        self._kubeconfig = kubeconfig
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._cancelled = threading.Event()

    def install(self, release: Release) -> None:
        """Install the release, or upgrade it to this chart and these values."""
        self._folder.mkdir(parents=True, exist_ok=True)
        values = self._folder / f"{release.name}-values.yaml"
        values.write_bytes(release.values)
        values.chmod(0o600)
        repository = release.params.repo_url.rstrip("/")
        oci = repository.startswith("oci://")
        chart = [f"{repository}/{release.chart}"] if oci else [release.chart, "--repo", repository]
        plain = ["--plain-http"] if repository.startswith("oci://127.0.0.1:") else []
        account = (
            ["--username", release.params.username, "--password", release.params.password]
            if release.params.username
            else []
        )
        try:
            self._run(
                [
                    *("upgrade", release.name, *chart, "--install", "--create-namespace"),
                    *("--version", release.version, "--values", str(values)),
                    *("--namespace", release.params.namespace, "--timeout", f"{release.params.timeout_in_secs}s"),
                    *plain,
                    *account,
                ],
                timeout=release.params.timeout_in_secs + 30,
            )
        finally:
            values.unlink(missing_ok=True)

    def rollback(self, release: Release) -> None:
        """Go back to the revision before."""
        self._run(["rollback", release.name, "--namespace", release.params.namespace], timeout=_UNINSTALL_SECONDS)

    def uninstall(self, release: Release) -> None:
        """Remove the release; one that is not there is no failure."""
        self._run(
            ["uninstall", release.name, "--namespace", release.params.namespace, "--ignore-not-found"],
            timeout=_UNINSTALL_SECONDS,
        )

    def cancel(self) -> None:
        """End the run, now or as soon as it begins."""
        self._cancelled.set()
        if self._process is not None:
            self._process.terminate()

    def _run(self, arguments: list[str], *, timeout: float) -> None:
        if self._cancelled.is_set():
            raise HelmFailed("cancelled")
        command = [str(self._executable), *arguments, "--kubeconfig", str(self._kubeconfig)]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=_environment(os.environ, self._folder),
            )
        except OSError as error:
            raise HelmFailed(f"{self._executable} does not run: {error.strerror}") from error
        with self._process as process:
            if self._cancelled.is_set():
                # Whoever cancelled may have looked for the process just before there was one.
                process.terminate()
            try:
                _, words = process.communicate(timeout=timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                raise HelmFailed(f"Helm was not done after {timeout:.0f} s") from None
        if self._cancelled.is_set():
            raise HelmFailed("cancelled")
        if process.returncode != 0:
            raise HelmFailed(words.decode(errors="replace").strip()[-_LAST:] or f"exit code {process.returncode}")


def _environment(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The caller's environment with Helm's own folders below `folder`."""
    kept = {name: text for name, text in environ.items() if not name.startswith("HELM_") and name != "KUBECONFIG"}
    places = {name: str(folder / name.lower()) for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")}
    return kept | places
