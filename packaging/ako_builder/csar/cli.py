"""`ako csar`: the command group. Commands of one topic share a module, which is imported when one of them is used.

Verifying a package is a matter of milliseconds beside the import of what only building needs.
"""

import importlib
from collections.abc import Mapping

import click

_MODULES: Mapping[str, str] = {
    "build": "cli_build",
    "init": "cli_build",
    "verify": "cli_verify",
    "rules": "cli_verify",
    "inspect": "cli_package",
    "diff": "cli_package",
    "sign": "cli_package",
    "resign": "cli_package",
    "convert": "cli_package",
    "extract": "cli_package",
    "policy": "cli_tca",
    "request": "cli_tca",
}


class Commands(click.Group):
    """A group that imports the module of a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        del ctx
        return sorted(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        del ctx
        module = _MODULES.get(cmd_name)
        command = module and getattr(importlib.import_module(f"ako_builder.csar.{module}"), cmd_name)
        return command if isinstance(command, click.Command) else None


@click.group(cls=Commands)
def csar() -> None:
    """Build, sign, verify, inspect and convert CSAR packages."""
