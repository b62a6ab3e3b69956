"""Arguments of `scripts/control-plane`."""

import sys
from typing import NoReturn

import click

from ako_lab.control_plane.binaries import DEFAULT_LINE, RELEASES, BinaryCache, release_of
from ako_runtime.errors import UserError

_line_option = click.option(
    "--kubernetes",
    "line",
    default=DEFAULT_LINE,
    show_default=True,
    metavar="LINE",
    help=f"Kubernetes line: {', '.join(RELEASES)}.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def control_plane() -> None:
    """A real Kubernetes control plane on loopback, for tests and demos."""


@control_plane.command()
@_line_option
def build(line: str) -> None:
    """Build the programs into the user's cache (once), or say that they are there."""
    click.echo(BinaryCache(release=release_of(line)).ensure())


def main() -> NoReturn:
    """Run the command; an expected error is one sentence and exit code 2."""
    try:
        control_plane.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except UserError as error:
        click.echo(f"control-plane: {error}", err=True)
        sys.exit(2)
    sys.exit(0)
