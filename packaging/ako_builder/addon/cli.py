"""`ako addon`: the second deployment path, AKO as an add-on whose version the platform fixes.

This module reads arguments and files, calls the pure parts and prints; what it prints as findings decides the exit
code (1), what it cannot understand is a sentence and exit code 2.
"""

from pathlib import Path

import click

from ako_builder.addon.lint import findings, range_of
from ako_builder.addon.matrix import Query, matrix
from ako_builder.addon.pins import load_compatibility, load_pins, pin_named
from ako_builder.addon.versions import numbers_of
from ako_builder.release import load_release
from ako_runtime.cli import EXIT_FINDINGS, output_option, print_rows
from ako_runtime.errors import UserError

pins_option = click.option(
    "--pins", type=click.Path(path_type=Path), help="Folder of pin files instead of the ones of this installation."
)


@click.group()
def addon() -> None:
    """AKO as an add-on of TKG, Telco Cloud Automation and VKS."""


@addon.command("list")
@pins_option
@click.option("--tkg", help="Only this TKG release.")
@click.option("--tca", help="Only rows said to belong to this TCA release (see --unverified).")
@click.option("--kubernetes", help="Only TKrs of this Kubernetes version or minor.")
@click.option("--avi", help="Only official AKO versions that support this Avi Controller.")
@click.option("--at-least", metavar="AKO", help="Only rows whose official AKO is this version or newer.")
@click.option("--unverified", is_flag=True, help="Show and match facts of grade D (folklore) too.")
@output_option
def list_pins(pins: Path | None, output: str, unverified: bool, **filters: str | None) -> None:  # noqa: FBT001
    """Show which AKO each platform release carries, and which of ours is offered for it."""
    loaded = load_pins(pins)
    if filters["tkg"] is not None:
        pin_named(loaded, filters["tkg"])
    for name in ("kubernetes", "avi", "at_least"):
        _check_version(name, filters[name])
    query = Query(unverified=unverified, **filters)
    rows = matrix(loaded, query, support=load_compatibility(), release=load_release().version)
    print_rows(list(rows), output=output)


@addon.command()
@pins_option
@output_option
@click.pass_context
def lint(context: click.Context, pins: Path | None, output: str) -> None:
    """Look for contradictions in the pin files; exit 1 if there is one that nobody accepted."""
    release = load_release()
    found = findings(
        load_pins(pins),
        support=load_compatibility(),
        release=release.version,
        kubernetes=range_of(release.chart.kubernetes),
    )
    rows = [
        {
            "rule": item.rule,
            "where": item.where,
            "finding": item.what,
            "verdict": f"accepted: {item.accepted}" if item.accepted else "contradiction",
        }
        for item in found
    ]
    print_rows(rows, output=output)
    if any(not item.accepted for item in found):
        context.exit(EXIT_FINDINGS)


def _check_version(name: str, text: str | None) -> None:
    if text is None:
        return
    try:
        numbers_of(text)
    except ValueError as error:
        raise UserError(f"--{name.replace('_', '-')}: {error}") from None
