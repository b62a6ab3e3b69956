"""`ako lab`: the embedded lab on the command line.

Subcommands are imported when they are used: no simulator is paid for by the others.
"""

import importlib

import click

_COMMANDS = {
    "avi": ("ako_lab.avi_controller.cli", "avi"),
    "kube": ("ako_lab.kube_api.cli", "kube"),
    "tca": ("ako_lab.tca.cli", "tca"),
    "up": ("ako_lab.up", "up"),
}


class LabGroup(click.Group):
    """The group whose commands live in other modules."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the commands."""
        del ctx
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None when there is none of this name."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[cmd_name]
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.{attribute} is not a click command")
        return command


@click.group(cls=LabGroup)
def lab() -> None:
    """Run a simulated Avi Controller, an in-memory Kubernetes API or a simulated Telco Cloud Automation."""
