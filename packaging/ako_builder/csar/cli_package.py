"""Commands about packages that exist: inspect, diff, sign, resign, extract, convert."""

import shutil
import textwrap
from pathlib import Path
from typing import Any

import click

from ako_builder.archive.writer import write_bytes
from ako_builder.csar.build import write_csar
from ako_builder.csar.cli_build import parse_workloads
from ako_builder.csar.companions import write_companions
from ako_builder.csar.convert import conversion_request
from ako_builder.csar.differences import differences, differences_markdown, differences_text, upgrade, upgrade_text
from ako_builder.csar.epochs import build_epoch, package_epoch
from ako_builder.csar.extract import extract_csar
from ako_builder.csar.opened import opened_package
from ako_builder.csar.options import FILE
from ako_builder.csar.package_contents import chart_facts_by_area, packed_charts
from ako_builder.csar.predecessor import load_predecessor
from ako_builder.csar.printable import json_text
from ako_builder.csar.profile import NAMES
from ako_builder.csar.progress import progress_bar
from ako_builder.csar.render_summary import summary_html, summary_text
from ako_builder.csar.resign import is_signed, resign_csar
from ako_builder.csar.signing_options import signing_of, signing_options, taken_signing_options
from ako_builder.csar.summary import package_summary
from ako_runtime.cli import EXIT_FINDINGS, output_option, print_rows
from ako_runtime.errors import UserError


@click.command()
@click.argument("file", type=FILE)
@click.option("--html", type=FILE, help="Write one self-contained page.")
@output_option
def inspect(*, file: Path, html: Path | None, output: str) -> int:
    """Show what is in a package: descriptor, nodes, images, signers, files, and how sure we are of the profile.

    Exit code 1 means that there are errors: what is shown may not be what is there.
    """
    summary = package_summary(file)
    if html is not None:
        write_bytes(html, summary_html(summary).encode())
        click.echo(str(html))
    elif output == "json":
        click.echo(json_text(summary), nl=False)
    else:
        click.echo(summary_text(summary), nl=False)
    return EXIT_FINDINGS if any(item["level"] == "error" for item in summary["findings"]) else 0


@click.command()
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
@click.option(
    "-o", "--output", type=click.Choice(["table", "json", "markdown"]), default="table", show_default=True, help="How."
)
def diff(*, old: Path, new: Path, output: str) -> int:
    """Compare two packages: values, images, workloads, rights and definitions of their charts, descriptor, files.

    Says first whether TCA would offer NEW as an upgrade of OLD. Exit code 1 if they differ, 2 if one is damaged.
    """
    charts = [packed_charts(path) for path in (old, new)]
    summaries = [package_summary(path) for path in (old, new)]
    rows = differences(*summaries, charts=(chart_facts_by_area(charts[0]), chart_facts_by_area(charts[1])))
    try:
        verdict, reasons = upgrade(load_predecessor(old), load_predecessor(new))
    except UserError as error:
        verdict, reasons = None, [f"whether one is an upgrade of the other is not known: {error}"]
    said = upgrade_text(verdict, reasons)
    # How charts were read matters where they differ.
    unsure = [chart for side in charts for chart in side if not chart.certain] if charts[0] != charts[1] else []
    for chart in unsure:
        name = f"{chart.facts.name} {chart.facts.version}"
        click.echo(f"ako: {name}: {chart.origin}, so not sure: {chart.reason}", err=True)
    if output == "json":
        state = {True: "yes", False: "no", None: "not for TCA"}[verdict]
        print_rows([{"area": "upgrade", "what": state, "old": "", "new": said}, *rows], output=output)
    elif output == "markdown":
        click.echo(differences_markdown(rows, title=f"{old.name} → {new.name}", verdict=said), nl=False)
    elif rows:
        width = shutil.get_terminal_size((100, 24)).columns
        click.echo("\n".join(textwrap.wrap(said, width=width)) + "\n")
        click.echo(differences_text(rows, width=width), nl=False)
    else:
        click.echo("no difference")
    return EXIT_FINDINGS if rows else 0


def _signed_copy(file: Path, *, out: Path | None, replace: bool, values: dict[str, Any]) -> None:
    signing = signing_of(taken_signing_options(values))
    if signing is None:
        raise UserError("nothing to sign with: give --sign-key and --sign-cert, --sign-hook or --sign-demo")
    if not replace and is_signed(file):
        raise UserError(f"{file}: signed already; 'ako csar resign' replaces its signature")
    target = out or file.with_suffix(".zip" if signing.option == 2 else ".csar")
    with opened_package(file) as container:
        epoch = build_epoch(default=package_epoch(container))
    with progress_bar(f"sign {file.name}", total=file.stat().st_size) as progress:
        resign_csar(file, target=target, signing=signing, epoch=epoch, progress=progress)
    click.echo(str(target))


@click.command()
@click.argument("file", type=FILE)
@signing_options
@click.option("-o", "--out", type=FILE, help="Where to write (default: in place).")
def sign(*, file: Path, out: Path | None, **values: Any) -> None:  # noqa: ANN401
    """Sign a package that is not signed yet, with digests of all its files."""
    _signed_copy(file, out=out, replace=False, values=values)


@click.command()
@click.argument("file", type=FILE)
@signing_options
@click.option("-o", "--out", type=FILE, help="Where to write (default: in place).")
def resign(*, file: Path, out: Path | None, **values: Any) -> None:  # noqa: ANN401
    """Replace the signature of a package, or give one to an export of the TCA designer; nothing else changes."""
    _signed_copy(file, out=out, replace=True, values=values)


@click.command()
@click.argument("file", type=FILE)
@click.argument("folder", type=FILE)
@click.option("--force", is_flag=True, help="Unpack although digests do not hold.")
def extract(*, file: Path, folder: Path, force: bool) -> None:
    """Unpack a package into a new folder, after its structure and digests were checked."""
    size = file.stat().st_size if file.is_file() else 0
    with progress_bar(f"extract {file.name}", total=size) as progress:
        names = extract_csar(file, target=folder, force=force, progress=progress)
    click.echo(f"{folder}: {len(names)} files")


@click.command()
@click.argument("file", type=FILE)
@click.option("--profile", type=click.Choice(NAMES), required=True, help="The dialect to write.")
@click.option("--chart", type=FILE, help="The chart's archive, if the package has none.")
@click.option("--types", type=FILE, help="Folder with type files to embed instead of our helpers.")
@click.option(
    "--workload", multiple=True, metavar="KIND/NAME[:REPLICAS[:MOST]]", help="What the chart runs (may be repeated)."
)
@signing_options
@click.option("--unsigned", is_flag=True, help="Do not sign.")
@click.option("-o", "--out", type=FILE, required=True, help="File to write.")
def convert(  # noqa: PLR0913 - one parameter per option
    *,
    file: Path,
    profile: str,
    chart: Path | None,
    types: Path | None,
    workload: tuple[str, ...],
    unsigned: bool,
    out: Path,
    **values: Any,  # noqa: ANN401
) -> None:
    """Write a package in another dialect, around the same chart."""
    options = taken_signing_options(values)
    signing = None if unsigned else signing_of(options)
    if signing is None and not unsigned:
        raise UserError("nothing to sign with: give --sign-key and --sign-cert, --sign-demo, or --unsigned")
    with opened_package(file) as container:
        request = conversion_request(
            container,
            profile=profile,
            epoch=build_epoch(default=package_epoch(container)),
            chart=chart,
            types=types,
            workloads=parse_workloads(workload),
        )
        with progress_bar(f"convert {file.name}", total=file.stat().st_size) as progress:
            write_csar(request, path=out, signing=signing, progress=progress)
        write_companions(request, path=out)
    click.echo(str(out))
