"""`ako tca`: sessions and packages; `cli_repositories.py` and `cli_instances.py` hold the rest."""

import os
import sys
from pathlib import Path

import click
import msgspec

from ako_builder.csar.package_contents import packed_charts
from ako_builder.csar.pod_security import needs_policy
from ako_builder.csar.predecessor import load_predecessor
from ako_builder.csar.progress import progress_bar
from ako_builder.csar.verify import verify_csar
from ako_builder.tca import cli_instances, cli_policies, cli_repositories
from ako_builder.tca.client import TcaClient
from ako_builder.tca.client import login as log_in
from ako_builder.tca.follow import followed_package
from ako_builder.tca.models import Package
from ako_builder.tca.onboard import TooLarge, place_for, uploaded, why_no_upgrade
from ako_builder.tca.options import FILE, opened, timeout_option
from ako_builder.tca.preflight import repository_finding, require_size
from ako_builder.tca.session import Session, save_session, session_file
from ako_builder.web import Site, split_address
from ako_runtime.cli import output_option, print_rows
from ako_runtime.errors import UserError

_PASSWORD = "AKO_TCA_PASSWORD"  # noqa: S105 - the name of a variable


@click.group()
def tca() -> None:
    """Onboard packages to Telco Cloud Automation, instantiate, upgrade and terminate them."""


@tca.command()
@click.argument("url")
@click.option("--username", required=True, help="User of TCA.")
@click.option("--password-file", type=FILE, help=f"File with the password (or ${_PASSWORD}, or you are asked).")
@click.option("--ca-file", type=FILE, help="CA certificates in PEM that are trusted in place of the system's.")
@click.option("--insecure", is_flag=True, help="Do not verify the server's certificate.")
def login(*, url: str, username: str, password_file: Path | None, ca_file: Path | None, insecure: bool) -> None:
    """Log in to the TCA at URL and keep the session for the next commands.

    The token is kept in your cache (or in $AKO_TCA_SESSION), readable by you alone, and is never printed.
    """
    _require_safe(url)
    if insecure:
        click.echo(f"ako: --insecure: whoever answers at {url} gets the password unchecked", err=True)
    site = Site(url, ca=ca_file, insecure=insecure)
    token = log_in(site, username=username, password=_password(password_file))
    ca = str(ca_file.absolute()) if ca_file else ""
    save_session(Session(url=url.rstrip("/"), token=token, ca=ca, insecure=insecure), session_file())
    click.echo(f"logged in to {site.host} as {username}")


@tca.command()
def logout() -> None:
    """Forget the session."""
    session_file().unlink(missing_ok=True)
    click.echo("logged out")


@tca.group()
def package() -> None:
    """The packages of the catalogue."""


@package.command()
@click.argument("file", type=FILE)
@click.option("--name", help="Name in the catalogue (default: that of the file).")
@click.option("--max-size", type=click.IntRange(1), metavar="BYTES", help="Refuse a larger package before the upload.")
@click.option("--repo-url", help="Repository of its charts (oci://…); say before the upload if it is none of OCI.")
@timeout_option
def push(*, file: Path, name: str | None, max_size: int | None, repo_url: str | None, timeout: float) -> None:
    """Check a package, upload it and wait until it is onboarded.

    Run it again after whatever went wrong: what is there decides what is left to do.
    """
    report = verify_csar(file, trust=None, policy="tca")
    if not report.good:
        raise UserError(f"{file}: TCA would not take it; 'ako csar verify --policy tca {file}' says why")
    client, session = opened()
    require_size(file, limit=max_size, refused=session.too_large)
    mine = load_predecessor(file)
    name = name or file.stem
    for reason in why_no_upgrade(mine, client.packages()):
        click.echo(f"ako: TCA would not offer this as an upgrade of {reason}", err=True)
    finding = repository_finding(repo_url) if repo_url else ""
    if finding:
        click.echo(f"ako: {finding}", err=True)
    place, empty = place_for(client, name, mine=mine)
    if empty:
        _tell_of_restricted(file)
        _upload(client, place, file, session=session)
    seen = followed_package(client, place, timeout=timeout)
    click.echo(f"{seen.name} is {seen.state}: {seen.product} {seen.software_version}, descriptor id {seen.vnfd_id}")


@package.command("list")
@output_option
def list_packages(*, output: str) -> None:
    """List the packages."""
    client, _ = opened()
    print_rows([_row(item) for item in client.packages()], output=output)


@package.command()
@click.argument("name")
def show(*, name: str) -> None:
    """Print what TCA says of a package, as JSON."""
    client, _ = opened()
    click.echo(msgspec.json.format(msgspec.json.encode(_named(client.packages(), name).raw), indent=2).decode())


@package.command()
@click.argument("name")
def delete(*, name: str) -> None:
    """Remove a package; one that is not there is no failure."""
    client, _ = opened()
    found = [item for item in client.packages() if item.name == name]
    for item in found:
        client.delete_package(item)
    click.echo(f"{name} is removed" if found else f"{name} is not there")


def _tell_of_restricted(file: Path) -> None:
    for chart in packed_charts(file):
        needed = needs_policy(chart.objects)
        if needed:
            said = f"under TCA's isolation mode Restricted {chart.facts.name} needs a policy and a grant ({needed})"
            click.echo(f"ako: {said}; 'ako csar policy {file}' writes them", err=True)


def _upload(client: TcaClient, place: Package, file: Path, *, session: Session) -> None:
    """Upload, and keep with the session what was found out by it."""
    size = file.stat().st_size
    try:
        with progress_bar(f"upload {file.name}", total=size) as progress:
            form = uploaded(client, place, file, session=session, progress=progress)
    except TooLarge:
        save_session(msgspec.structs.replace(session, too_large=size), session_file())
        raise
    save_session(msgspec.structs.replace(session, upload=form), session_file())


def _require_safe(url: str) -> None:
    parts = split_address(url)
    here = parts.hostname in {"127.0.0.1", "::1", "localhost"}
    if not parts.hostname or parts.scheme not in {"https", "http"}:
        raise UserError(f"{url}: no address of a TCA; write https://HOST")
    if parts.scheme == "http" and not here:
        raise UserError(f"{url}: the password would be sent in the clear; write https://{parts.netloc}")


def _password(file: Path | None) -> str:
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").rstrip("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"--password-file {file}: not readable; name a text file") from error
    given = os.environ.get(_PASSWORD)
    if given is None and not sys.stdin.isatty():
        raise UserError(f"no password and no terminal to ask at: give --password-file or ${_PASSWORD}")
    return given if given is not None else str(click.prompt("Password", hide_input=True, err=True))


def _named(packages: list[Package], name: str) -> Package:
    found = [item for item in packages if item.name == name]
    if not found:
        raise UserError(f"no package has the name {name}; see 'ako tca package list'")
    return found[0]


def _row(item: Package) -> dict[str, str]:
    return {
        "name": item.name,
        "state": item.state,
        "usage": item.usage,
        "product": item.product,
        "version": item.software_version,
        "descriptor": item.vnfd_id,
    }


for _command in (cli_repositories.repository, cli_policies.policy, *cli_instances.COMMANDS):
    tca.add_command(_command)
