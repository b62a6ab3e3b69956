"""`ako tca policy`: what a package needs under the isolation mode Restricted."""

from pathlib import Path

import click

from ako_builder.tca.options import opened
from ako_builder.tca.policies import load_policies, pushed
from ako_runtime.errors import UserError


@click.group()
def policy() -> None:
    """Policies of the isolation mode Restricted."""


@policy.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("tca"))
@click.option("--at", "place", required=True, metavar="PATH", help="Path of the policies in your TCA's interface.")
@click.option("--finalize", is_flag=True, help="Finalize them, too: they can be granted then, and not be changed.")
def push(*, folder: Path, place: str, finalize: bool) -> None:
    """Create the policies of FOLDER, which 'ako csar policy' wrote; those that are there stay.

    No public source has the path: read it in the OpenAPI files of your TCA (https://HOST/hybridity/docs/), under "K8S
    Policy Api for CNFs". Granting is left to the administrator of the VIM, with FOLDER/grant.md.
    """
    if not place.startswith("/"):
        raise UserError(f"--at {place}: not a path; it begins with /")
    policies = load_policies(folder)
    client, _ = opened()
    for item in policies:
        click.echo(pushed(client, item, place=place.rstrip("/"), finalize=finalize))
