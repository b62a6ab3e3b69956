"""`ako csar`: the command group. Commands of one topic share a module; this one puts them together."""

import click

from ako_builder.csar.cli_build import build
from ako_builder.csar.cli_verify import rules, verify


@click.group()
def csar() -> None:
    """Build, sign, verify, inspect and convert CSAR packages."""


for _command in (build, verify, rules):
    csar.add_command(_command)
