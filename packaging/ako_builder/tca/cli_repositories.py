"""`ako tca repository`: the chart repositories that TCA knows."""

import os

import click

from ako_builder.tca.options import opened
from ako_builder.tca.repositories import Account, Repository, registered, repositories
from ako_runtime.cli import output_option, print_rows
from ako_runtime.errors import UserError

_PASSWORD = "AKO_REPO_PASSWORD"  # noqa: S105 - the name of a variable


@click.group()
def repository() -> None:
    """The chart repositories that TCA knows."""


@repository.command("list")
@output_option
def list_repositories(*, output: str) -> None:
    """List the chart repositories."""
    client, _ = opened()
    print_rows([_row(item) for item in repositories(client)], output=output)


@repository.command()
@click.argument("name")
@click.argument("url")
@click.option("--username", default="", help=f"User of the repository; password in ${_PASSWORD}.")
@click.option("--vim", "vims", multiple=True, metavar="ID", help="Id of a VIM that may use it (default: every one).")
def add(*, name: str, url: str, username: str, vims: tuple[str, ...]) -> None:
    """Register the chart repository at URL (oci://HOST/PROJECT) under NAME.

    One that is registered already stays as it is. The id that is printed is for 'instantiate --extension-id'.
    """
    account = _account(username)
    client, _ = opened()
    found, made = registered(client, Repository(name=name, url=url, vims=vims), account=account)
    click.echo(f"{name} is {'registered' if made else 'registered already'}, extension id {found.id}")


def _account(username: str) -> Account | None:
    if not username:
        return None
    password = os.environ.get(_PASSWORD, "")
    if not password:
        raise UserError(f"--username {username}: its password is missing; put it into ${_PASSWORD}")
    return Account(username=username, password=password)


def _row(item: Repository) -> dict[str, str]:
    return {"name": item.name, "id": item.id, "url": item.url, "state": item.state}
