"""`ako csar`: the command group. Commands of one topic share a module; this one puts them together."""

import click

from ako_builder.csar.cli_build import build, init
from ako_builder.csar.cli_package import convert, diff, extract, inspect, resign, sign
from ako_builder.csar.cli_verify import rules, verify


@click.group()
def csar() -> None:
    """Build, sign, verify, inspect and convert CSAR packages."""


for _command in (build, init, verify, rules, inspect, diff, sign, resign, convert, extract):
    csar.add_command(_command)
