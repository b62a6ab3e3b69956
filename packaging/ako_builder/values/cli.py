"""`ako values`: check a values file, convert settings between all the shapes in which AKO is configured."""

from pathlib import Path

import click

from ako_builder.addon.options import operator_at, operator_option
from ako_builder.addon.shapes.convert import How
from ako_builder.addon.shapes.intent import Cluster
from ako_builder.chart.catalogue import entries, tree
from ako_builder.chart.values_files import findings, load_values
from ako_builder.release import load_release
from ako_builder.values.conversion import OURS
from ako_builder.values.shapes import ALL_SHAPES, HELM, Wish, translation
from ako_builder.yaml_text import yaml_text
from ako_runtime.cli import EXIT_FINDINGS, output_option, print_rows
from ako_runtime.errors import UserError

_PATH = click.Path(path_type=Path)


@click.group()
def values() -> None:
    """Settings of AKO: check a values file, convert between all shapes."""


@values.command()
@click.argument("file", type=_PATH)
@click.option("--strict", is_flag=True, help="Keys that the official chart takes without a word are errors.")
@output_option
def check(*, file: Path, strict: bool, output: str) -> int:
    """Tell what is wrong in a values file, and what in it has no effect.

    An unknown key in a section of the official chart is a remark: the chart installs with it. Exit code 1 if something
    is wrong; keys without effect and remarks do not count.
    """
    listed = entries(load_release())
    found = findings(load_values(file), listed, defaults=tree(listed), strict=strict)
    if output == "json" or found:
        rows = [{"level": finding.level, "key": finding.key, "message": finding.message} for finding in found]
        print_rows(rows, output=output)
    else:
        click.echo(f"{file}: good")
    return EXIT_FINDINGS if any(finding.level == "error" for finding in found) else 0


@values.command()
@click.argument("files", nargs=-1, required=True, type=_PATH)
@click.option(
    "--from",
    "origin",
    type=click.Choice(ALL_SHAPES),
    default=HELM,
    show_default=True,
    help="What FILES are: values of our chart (helm, ours) or of an official one, or another shape.",
)
@click.option("--to", "target", type=click.Choice(ALL_SHAPES), default=OURS, show_default=True, help="What to print.")
@click.option("-n", "--namespace", help="Namespace of ConfigMap and Secret.")
@click.option("--name", help="Name of the Helm release, for the labels of ConfigMap and Secret.")
@operator_option
@click.option("--cluster", metavar="[NAMESPACE/]NAME", help="The cluster that an add-on is for.")
@click.option("--faithful", is_flag=True, help="Reproduce the faults of ako-operator instead of doing what was meant.")
@click.option("--explicit", is_flag=True, help="Write out what the add-on path assumes where nothing is said.")
def convert(  # noqa: PLR0913 - one parameter per option
    *,
    files: tuple[Path, ...],
    origin: str,
    target: str,
    namespace: str | None,
    name: str | None,
    operator: str,
    cluster: str | None,
    faithful: bool,
    explicit: bool,
) -> None:
    """Print settings in another shape.

    Shapes are values of a chart, the ConfigMap (and Secret) that the runtime reads, an AKODeploymentConfig (adc), the
    data values of the AKO package, the networking block of TCA's first API (tca-v1), and the options of the official
    package of VKS (vks-2.2). Several values files are laid over each other, as helm does with -f. Every key that is
    changed, left out or lost is explained on standard error.
    """
    how = How(
        operator=operator_at(operator),
        cluster=_cluster(cluster) if cluster is not None else None,
        faithful=faithful,
        explicit=explicit,
    )
    wish = Wish(source=origin, target=target, how=how, namespace=namespace, name=name)
    made = translation(files, wish, release=load_release())
    click.echo(yaml_text(*made.documents), nl=False)
    for remark in made.remarks:
        click.echo(remark, err=True)


def _cluster(text: str) -> Cluster:
    namespace, slash, name = text.rpartition("/")
    if not name or (slash and not namespace) or "/" in namespace:
        raise UserError(f"--cluster {text}: give NAME or NAMESPACE/NAME")
    return Cluster(name=name, namespace=namespace or "default")
