"""Commands about packages that exist: inspect, diff, sign, resign, extract, convert."""

import json
from pathlib import Path
from typing import Any

import click

from ako_builder.archive import write_bytes
from ako_builder.csar.build import write_csar
from ako_builder.csar.cli_build import parse_workloads
from ako_builder.csar.companions import write_companions
from ako_builder.csar.convert import conversion_request
from ako_builder.csar.epochs import build_epoch, package_epoch
from ako_builder.csar.extract import extract_csar
from ako_builder.csar.opened import opened_package
from ako_builder.csar.options import FILE
from ako_builder.csar.profile import NAMES
from ako_builder.csar.progress import progress_bar
from ako_builder.csar.render_summary import differences, summary_html, summary_text
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
        click.echo(json.dumps(summary, indent=2, ensure_ascii=False, default=str))
    else:
        click.echo(summary_text(summary), nl=False)
    return EXIT_FINDINGS if any(item["level"] == "error" for item in summary["findings"]) else 0


@click.command()
@click.argument("old", type=FILE)
@click.argument("new", type=FILE)
@output_option
def diff(*, old: Path, new: Path, output: str) -> int:
    """Compare two packages: files, keys, descriptor fields, images, signers. Exit code 1 if they differ."""
    rows = differences(package_summary(old), package_summary(new))
    if not rows and output == "table":
        click.echo("no difference")
        return 0
    print_rows(rows, output=output)
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
