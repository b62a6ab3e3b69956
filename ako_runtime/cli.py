"""The root command group `ako`, its exit codes and what all commands share.

Subcommands are entry points of the group `ako.commands`, each naming a click command as `module:attribute`. The root
group lists the names without importing anything and imports one module when its command is used, so the runtime
image, which has neither the builder nor the lab installed, offers just what it can do, and `ako run` starts without
the cost of the others. A command whose extra is not installed is not listed; asking for it says which extra to install.

Exit codes: 0 done; 1 findings or a failed verification; 2 wrong usage or bad input.
"""

import contextlib
import errno
import importlib
import json
import os
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import NoReturn

import click

from ako_runtime import __version__
from ako_runtime.errors import AkoError, UserError, cause_of

EXIT_FINDINGS = 1
EXIT_USAGE = 2
_NOT_WRITTEN = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What a device, a quota or a limit of the process answers to what it cannot take."""

# Extra -> a module that only an installation with this extra has (aiohttp comes with the kubernetes client anyway).
_EXTRA_PROBES: Mapping[str, str] = {"build": "lxml", "lab": "cryptography"}


class LazyGroup(click.Group):
    """A click group whose commands are entry points, imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands that this installation can run."""
        del ctx
        return sorted(name for name, entry in _entries().items() if _missing_extra(entry) is None)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command `cmd_name`, imported now; None when no entry point has this name."""
        entry = _entries().get(cmd_name)
        if entry is None:
            return None
        extra = _missing_extra(entry)
        if extra is not None:
            ctx.fail(f"'ako {cmd_name}' needs the extra '{extra}': pip install \"ako-toolkit[{extra}]\"")
        command = getattr(importlib.import_module(entry.module), entry.attr)
        if not isinstance(command, click.Command):
            raise TypeError(f"entry point {entry.value} is not a click command")
        return command


def _entries() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="ako.commands")}


def _missing_extra(entry: EntryPoint) -> str | None:
    """The first extra of the entry point that is not installed, or None."""
    return next((extra for extra in entry.extras if find_spec(_EXTRA_PROBES[extra]) is None), None)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="ako")
def ako() -> None:
    """An Avi load balancer in front of Kubernetes: controller, packaging and lab."""


def main() -> NoReturn:
    """Run `ako`; every expected error is one sentence on standard error and exit code 2."""
    try:
        # Not standalone: ours decides the exit codes, click only renders its own messages.
        code = ako.main(standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        _say("ako: interrupted")
        sys.exit(130)
    except click.ClickException as error:
        with contextlib.suppress(OSError):
            error.show()
        sys.exit(EXIT_USAGE)
    except UserError as error:
        _say(f"ako: {_shown(str(error))}")
        sys.exit(EXIT_USAGE)
    except AkoError as error:
        _say(f"ako: {_shown(str(error))}")
        sys.exit(EXIT_FINDINGS)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except OSError as error:
        if error.errno not in _NOT_WRITTEN:
            raise
        _say(f"ako: {error.filename or 'the output'} cannot be written: {cause_of(error)}")
        _abandon_output()
        sys.exit(EXIT_USAGE)
    sys.exit(code if isinstance(code, int) else 0)


def _say(text: str) -> None:
    """A last word on standard error; where nobody can take it the exit code says what it can."""
    with contextlib.suppress(OSError):
        click.echo(text, err=True)


def _abandon_output() -> None:
    """Drop what is still buffered: the interpreter would try to write it again and end with an exit code of its own."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _shown(text: str) -> str:
    """A message without what a terminal would obey: it may quote names that strangers chose."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)


output_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="How to print.",
)


def print_rows(rows: list[dict[str, str]], *, output: str) -> None:
    """Print uniform rows as an aligned table with a heading, or as a JSON list."""
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        click.echo("nothing to show")
        return
    # Cells quote names that servers and files chose.
    rows = [{head: _shown(text) for head, text in row.items()} for row in rows]
    heads = list(rows[0])
    widths = {head: max(len(head), *(len(row[head]) for row in rows)) for head in heads}
    click.echo("  ".join(head.upper().ljust(widths[head]) for head in heads).rstrip())
    for row in rows:
        click.echo("  ".join(row[head].ljust(widths[head]) for head in heads).rstrip())
