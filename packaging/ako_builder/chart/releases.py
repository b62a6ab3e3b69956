"""Releases of the chart in a cluster, driven by pyhelm3.

pyhelm3 is asynchronous and knows one verb that changes a release, "install or upgrade"; here each call is one event
loop and the two verbs are kept apart, as helm's users know them: `install` refuses a release that is there, `upgrade`
one that is not. pyhelm3 wants values as one dictionary and has no `--set`; so that helm alone decides how values files
and settings are merged, they are passed to the binary as they are, by the one argument list that pyhelm3 lets grow.

What the user can mend by other arguments (no kubeconfig, no such context, a refused values file, no cluster there) is a
UserError; what the cluster refuses is Refused, in helm's own words on one line.
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
import pyhelm3  # type: ignore[import-untyped]
import yaml
from kubernetes.config import ConfigException, list_kube_config_contexts
from pyhelm3.command import Command  # type: ignore[import-untyped]

from ako_runtime.errors import Refused, UserError

_Result = TypeVar("_Result")

# What helm says where other arguments help.
_MENDABLE: Final = (
    "cluster unreachable",
    "kubernetes configuration",
    "kubeconfig",
    "don't meet the specifications of the schema",
    "failed parsing --set",
    "failed to parse",
    "execution error at",
    "invalid duration",
    "invalid argument",
)


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Which release in which cluster, by which helm."""

    helm: Path
    name: str
    namespace: str
    kubeconfig: Path | None = None
    context: str | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """How an installation or upgrade is made: values as the user gave them, and helm's switches."""

    values: tuple[Path, ...] = ()
    sets: tuple[str, ...] = ()
    wait: bool = False
    timeout: str | None = None
    dry_run: bool = False
    create_namespace: bool = False
    skip_crds: bool = False
    reset_values: bool = False
    reuse_values: bool = False


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of a release."""

    name: str
    namespace: str
    revision: int
    status: str
    chart: str
    updated: str
    description: str
    notes: str


class _Command(Command):  # type: ignore[misc]
    """pyhelm3's command with values files and settings passed on to `helm upgrade`, in the user's order."""

    extra: tuple[str, ...] = ()

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - pyhelm3's
        super().__init__(**options)
        # pyhelm3 warns of every helm that fails. Whether that is a failure is ours to say: asking for a release that
        # is not there yet is none, and what is one becomes an error with helm's own words.
        self._logger = logging.Logger("pyhelm3", level=logging.CRITICAL)  # noqa: LOG001 - outside the tree of loggers

    async def run(self, command: list[Any], input: bytes | None = None) -> bytes:  # noqa: A002 - pyhelm3's name
        more = self.extra if command[0] == "upgrade" else ()
        output: bytes = await super().run([*command, *more], input)
        return output


class Releases:
    """The life of one release."""

    def __init__(self, target: Target) -> None:
        _require_kubeconfig(target)
        self._target = target
        self._command = _Command(executable=str(target.helm), kubeconfig=target.kubeconfig, kubecontext=target.context)
        self._client = pyhelm3.Client(self._command, executable=str(target.helm))

    def install(self, chart: Path, *, change: Change) -> Revision:
        """Install the release; refuses one that is there already."""
        found = self._current()
        if found is not None:
            raise UserError(
                f"release {self._place} is already there (revision {found.revision}, {found.status}): "
                "change it with 'ako chart upgrade'"
            )
        return self._changed(chart, change=change)

    def upgrade(self, chart: Path, *, change: Change, install: bool = False) -> Revision:
        """Upgrade the release; refuses one that is not there unless it may be installed."""
        if not install:
            self.status()
        return self._changed(chart, change=change)

    def status(self) -> Revision:
        """The current revision."""
        found = self._current()
        if found is None:
            raise UserError(f"there is no release {self._place}: install it with 'ako chart install'")
        return found

    def rollback(self, revision: int | None, *, wait: bool = False, timeout: str | None = None) -> Revision:
        """Go back to a revision, or to the one before; gives the revision that this makes."""
        self.status()
        release = pyhelm3.Release(self._command, name=self._target.name, namespace=self._target.namespace)
        self._run(release.rollback(revision, wait=wait, timeout=timeout))
        return self.status()

    def uninstall(self, *, wait: bool = False, timeout: str | None = None, keep_history: bool = False) -> Revision:
        """Remove the release; gives what was there."""
        found = self.status()
        target = self._target
        self._run(
            self._client.uninstall_release(
                target.name, namespace=target.namespace, wait=wait, timeout=timeout, keep_history=keep_history
            )
        )
        return found

    @property
    def _place(self) -> str:
        return f"{self._target.name} in namespace {self._target.namespace}"

    def _current(self) -> Revision | None:
        try:
            return self._run(self._read())
        except _NotFoundError:
            return None

    async def _read(self) -> Revision:
        return await _shown(
            await self._client.get_current_revision(self._target.name, namespace=self._target.namespace)
        )

    def _changed(self, chart: Path, *, change: Change) -> Revision:
        for path in change.values:
            _require_values(path)
        self._command.extra = (
            *(part for path in change.values for part in ("--values", str(path))),
            *(part for text in change.sets for part in ("--set", text)),
        )
        return self._run(self._change(chart, change=change))

    async def _change(self, chart: Path, *, change: Change) -> Revision:
        revision = await self._client.install_or_upgrade_release(
            self._target.name,
            await self._client.get_chart(chart),
            namespace=self._target.namespace,
            create_namespace=change.create_namespace,
            dry_run=change.dry_run,
            reset_values=change.reset_values,
            reuse_values=change.reuse_values,
            skip_crds=change.skip_crds,
            timeout=change.timeout,
            wait=change.wait,
        )
        return await _shown(revision)

    @staticmethod
    def _run(work: Coroutine[Any, Any, _Result]) -> _Result:
        try:
            return asyncio.run(work)
        except pyhelm3.errors.ReleaseNotFoundError as error:
            raise _NotFoundError(str(error)) from error
        except pyhelm3.errors.Error as error:
            raise _verdict(error) from error


class _NotFoundError(UserError):
    """Helm knows no such release."""


async def _shown(revision: Any) -> Revision:  # noqa: ANN401 - pyhelm3 has no types
    chart = await revision.chart_metadata()
    return Revision(
        name=revision.release.name,
        namespace=revision.release.namespace,
        revision=revision.revision,
        status=str(revision.status.value),
        chart=f"{chart.name}-{chart.version}",
        updated=revision.updated.isoformat(timespec="seconds"),
        description=revision.description or "",
        notes=(revision.notes or "").strip(),
    )


def _verdict(error: Exception) -> UserError | Refused:
    lines = [line for line in str(error).splitlines() if not line.startswith(("WARNING:", "level="))]
    words = " ".join(" ".join(lines).split()).removeprefix("Error: ") or "failed without a word"
    text = f"helm: {words}"
    return UserError(text) if any(part in words.lower() for part in _MENDABLE) else Refused(text)


def _require_values(path: Path) -> None:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
        raise UserError(f"values file {path} cannot be read: {reason}") from error
    except yaml.YAMLError as error:
        raise UserError(f"values file {path} is not YAML: {' '.join(str(error).split())}") from error
    if values is not None and not isinstance(values, Mapping):
        raise UserError(f"values file {path} is not a mapping of keys to values")


def _require_kubeconfig(target: Target) -> None:
    """Helm without a kubeconfig asks localhost:8080, which helps nobody; so a named file or context has to exist."""
    if target.kubeconfig is None and target.context is None:
        return
    file = None if target.kubeconfig is None else str(target.kubeconfig)
    if file is not None and not Path(file).is_file():
        raise UserError(f"kubeconfig {file} is not there: name another file with --kubeconfig")
    try:
        contexts, _ = list_kube_config_contexts(config_file=file)  # type: ignore[no-untyped-call]
    except (ConfigException, yaml.YAMLError, OSError, TypeError, AttributeError) as error:
        where = file or "(default)"
        raise UserError(f"kubeconfig {where} cannot be used: {' '.join(str(error).split())}") from error
    names = [context["name"] for context in contexts]
    if target.context is not None and target.context not in names:
        raise UserError(
            f"there is no context {target.context} in kubeconfig {file or '(default)'}: it has {', '.join(names)}"
        )
