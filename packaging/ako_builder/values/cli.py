"""`ako values`: check a values file, convert it to another chart's or to the manifests that Helm would render."""

from pathlib import Path

import click

from ako_builder.chart.catalogue import entries, tree
from ako_builder.chart.yaml_text import yaml_stream, yaml_text
from ako_builder.release import load_release
from ako_builder.values.conversion import OFFICIAL, OURS, Change, converted
from ako_builder.values.files import findings, load_values
from ako_builder.values.manifests import Installation, configuration_manifests
from ako_runtime.cli import EXIT_FINDINGS, output_option, print_rows

_PATH = click.Path(path_type=Path)
_CHARTS = (OURS, *(f"official-{version}" for version in OFFICIAL))


@click.group()
def values() -> None:
    """Values files of the chart: check, convert."""


@values.command()
@click.argument("file", type=_PATH)
@output_option
def check(*, file: Path, output: str) -> int:
    """Tell what is wrong in a values file, and what in it has no effect.

    Exit code 1 if something is wrong; keys without effect and remarks do not count.
    """
    listed = entries(load_release())
    found = findings(load_values(file), listed, defaults=tree(listed))
    if output == "json" or found:
        rows = [{"level": finding.level, "key": finding.key, "message": finding.message} for finding in found]
        print_rows(rows, output=output)
    else:
        click.echo(f"{file}: good")
    return EXIT_FINDINGS if any(finding.level == "error" for finding in found) else 0


@values.command()
@click.argument("file", type=_PATH)
@click.option(
    "--from",
    "origin",
    type=click.Choice(["helm", *_CHARTS]),
    default="helm",
    show_default=True,
    help="What FILE is: values of our chart (helm, ours) or of an official one.",
)
@click.option(
    "--to", "target", type=click.Choice(["configmap", *_CHARTS]), default=OURS, show_default=True, help="What to print."
)
@click.option("-n", "--namespace", help="Namespace of the manifests.")
@click.option("--name", help="Name of the Helm release, for the labels of the manifests.")
def convert(*, file: Path, origin: str, target: str, namespace: str | None, name: str | None) -> None:
    """Print FILE as values of another chart, or as the ConfigMap and Secret that the chart renders from it.

    Every key that is changed or left out is explained on standard error.
    """
    release = load_release()
    document = load_values(file)
    if target == "configmap" and origin == "helm":
        changes: list[Change] = []
    elif target == "configmap":
        document, changes = converted(document, entries(release), target=OURS)
    else:
        document, changes = converted(document, entries(release), target=target)
    for change in changes:
        click.echo(f"{change.key}: {change.change}", err=True)
    if target != "configmap":
        click.echo(yaml_text(document), nl=False)
        return
    installation = Installation(
        release=release, name=name or release.chart.name, namespace=namespace or release.chart.namespace
    )
    manifests = configuration_manifests(document, installation)
    click.echo(yaml_stream(manifests), nl=False)
