"""`ako chart install|upgrade|status|rollback|uninstall`: releases of this chart, as helm's users know them.

The chart is the one of this release unless `--chart` names another. NAME is optional and defaults to the chart's name,
because the names of the objects are fixed and there is one release a namespace anyway.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from ako_builder.chart.folder import rendered_chart
from ako_builder.chart.helm import found_helm
from ako_builder.chart.releases import Change, Releases, Revision, Target
from ako_builder.release import load_release
from ako_runtime.cli import output_option, print_rows

_F = TypeVar("_F", bound=Callable[..., object])
_PATH = click.Path(path_type=Path)

_WHERE = (
    click.argument("name", required=False),
    click.option("--helm", type=_PATH, help="The helm binary (default: $AKO_HELM, then helm on PATH)."),
    click.option("--kubeconfig", type=_PATH, help="Kubeconfig file (default: $KUBECONFIG, then ~/.kube/config)."),
    click.option("--context", "--kube-context", help="Context of the kubeconfig."),
    click.option("-n", "--namespace", help="Namespace of the release (default: avi-system)."),
    output_option,
)
_WAIT = (
    click.option("--wait", is_flag=True, help="Wait until the objects are ready, or gone."),
    click.option("--timeout", help="How long to wait, as 5m0s."),
)
_CHANGE = (
    click.option("-f", "--values", type=_PATH, multiple=True, help="Values file; later ones win."),
    click.option("--set", "sets", multiple=True, help="KEY=VALUE, as helm understands it."),
    *_WAIT,
    click.option("--dry-run", is_flag=True, help="Change nothing; say what would be the result."),
    click.option("--create-namespace", is_flag=True, help="Make the namespace if it is not there."),
    click.option("--skip-crds", is_flag=True, help="Do not install custom resource definitions."),
)
_chart_option = click.option("--chart", "chart_path", type=_PATH, help="Another chart: a folder or an archive.")


def _with(*options: Callable[[_F], _F]) -> Callable[[_F], _F]:
    def decorate(command: _F) -> _F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


@click.command()
@_with(*_WHERE, *_CHANGE, _chart_option)
def install(*, chart_path: Path | None, **given: Any) -> None:  # noqa: ANN401 - click's values, sorted by _parts
    """Install a release of the chart."""
    releases, change = _parts(given)
    with _chart(chart_path) as chart:
        _print(releases.install(chart, change=change), output=given["output"])


@click.command()
@_with(*_WHERE, *_CHANGE, _chart_option)
@click.option("-i", "--install", "may_install", is_flag=True, help="Install the release if it is not there.")
@click.option("--reset-values", is_flag=True, help="Forget the values of the last revision.")
@click.option("--reuse-values", is_flag=True, help="Keep the values of the last revision under the given ones.")
def upgrade(
    *,
    chart_path: Path | None,
    may_install: bool,
    **given: Any,  # noqa: ANN401 - click's values, sorted by _parts
) -> None:
    """Upgrade a release to this chart or to other values."""
    releases, change = _parts(given)
    with _chart(chart_path) as chart:
        _print(releases.upgrade(chart, change=change, install=may_install), output=given["output"])


@click.command()
@_with(*_WHERE)
def status(**given: Any) -> None:  # noqa: ANN401 - click's values, sorted by _parts
    """Show the current revision of a release."""
    _print(_parts(given)[0].status(), output=given["output"])


@click.command()
@_with(*_WHERE, *_WAIT)
@click.argument("revision", required=False, type=click.IntRange(min=1))
def rollback(*, revision: int | None, **given: Any) -> None:  # noqa: ANN401 - click's values, sorted by _parts
    """Go back to REVISION of a release, or to the one before."""
    found = _parts(given)[0].rollback(revision, wait=given["wait"], timeout=given["timeout"])
    _print(found, output=given["output"])


@click.command()
@_with(*_WHERE, *_WAIT)
@click.option("--keep-history", is_flag=True, help="Keep the revisions, so that a rollback brings the release back.")
def uninstall(*, keep_history: bool, **given: Any) -> None:  # noqa: ANN401 - click's values, sorted by _parts
    """Remove a release."""
    found = _parts(given)[0].uninstall(wait=given["wait"], timeout=given["timeout"], keep_history=keep_history)
    _print(msgspec.structs.replace(found, status="uninstalled", notes=""), output=given["output"])


RELEASE_COMMANDS = (install, upgrade, status, rollback, uninstall)


def _parts(given: dict[str, Any]) -> tuple[Releases, Change]:
    default = load_release().chart
    target = Target(
        helm=found_helm(given["helm"]).executable,
        name=given["name"] or default.name,
        namespace=given["namespace"] or default.namespace,
        kubeconfig=given["kubeconfig"],
        context=given["context"],
    )
    change = Change(**{key: value for key, value in given.items() if key in Change.__struct_fields__})
    return Releases(target), change


@contextmanager
def _chart(path: Path | None) -> Iterator[Path]:
    if path is not None:
        yield path
        return
    with rendered_chart(load_release()) as folder:
        yield folder


def _print(revision: Revision, *, output: str) -> None:
    row = {key: str(value) for key, value in msgspec.structs.asdict(revision).items()}
    notes = row.pop("notes")
    if output == "json":
        row["notes"] = notes
    print_rows([row], output=output)
    if notes and output != "json":
        click.echo(f"\n{notes}")
