"""`ako tca`: what is done with instances. Each command may be run again: what is done already is not done twice."""

import json
import os
from pathlib import Path
from typing import Any

import click
import msgspec

from ako_builder.csar.instantiate import Site, one_component, site_problem
from ako_builder.csar.predecessor import load_predecessor
from ako_builder.csar.request_inputs import helm_components, site_values
from ako_builder.tca.client import TcaClient
from ako_builder.tca.follow import followed_operation
from ako_builder.tca.instantiation import (
    Begun,
    Change,
    Request,
    healed,
    installed_values,
    instance_named,
    instantiated,
    terminated,
    upgraded,
)
from ako_builder.tca.options import FILE, opened, site_options, timeout_option, wait_option
from ako_builder.tca.preflight import repository_finding
from ako_builder.tca.session import save_session, session_file
from ako_runtime.cli import output_option, print_rows
from ako_runtime.errors import UserError

_SECRET = "***"  # noqa: S105 - stands for one


@click.command()
@click.argument("file", type=FILE)
@click.option("--name", required=True, help="Name of the instance.")
@site_options
@wait_option
@timeout_option
@output_option
def instantiate(
    *,
    file: Path,
    name: str,
    wait: bool,
    timeout: float,
    output: str,
    **site: Any,  # noqa: ANN401
) -> None:
    """Create an instance of an onboarded package and install it."""
    asked = _request(file, **site)
    client, session = opened()
    finding = repository_finding(asked.site.repo_url)
    if finding:
        click.echo(f"ako: {finding}", err=True)
    begun = instantiated(client, name, mine=load_predecessor(file), request=asked, session=session)
    _end(client, begun, Ending(wait=wait, timeout=timeout, done="instantiated", output=output))
    if wait and begun.overrides is not None:
        save_session(msgspec.structs.replace(session, overrides=begun.overrides), session_file())


@click.command()
@click.argument("file", type=FILE)
@site_options
@click.option("--plain", is_flag=True, help="Show the values as they are, not in base64.")
def request(*, file: Path, plain: bool, **site: Any) -> None:  # noqa: ANN401
    """Print the body that 'instantiate' would send, without passwords; nothing is sent."""
    body = _request(file, **site).body(plain=plain)
    for item in body["additionalParams"]["vduParams"]:
        if "password" in item:
            item["password"] = _SECRET
    click.echo(msgspec.json.format(msgspec.json.encode(body), indent=2).decode())


@click.command()
@output_option
def instances(*, output: str) -> None:
    """List the instances."""
    client, _ = opened()
    rows = [
        {
            "name": item.name,
            "state": item.state,
            "product": item.product,
            "version": item.software_version,
            "operation": item.operation,
            "operation state": item.operation_state,
        }
        for item in client.instances()
    ]
    print_rows(rows, output=output)


@click.command()
@click.argument("name")
@wait_option
@timeout_option
def show(*, name: str, wait: bool, timeout: float) -> None:
    """Print what TCA says of an instance and of its last operation, as JSON."""
    client, _ = opened()
    instance = instance_named(client, name)
    if wait and instance.operation_id:
        followed_operation(client, instance.operation_id, timeout=timeout)
        instance = instance_named(client, name)
    document = {"instance": instance.raw}
    if instance.operation_id:
        document["operation"] = client.operation(instance.operation_id).raw
    click.echo(msgspec.json.format(msgspec.json.encode(document), indent=2).decode())


@click.command()
@click.argument("name")
@click.option("--to", "file", type=FILE, required=True, help="The package of the new version, which is onboarded.")
@click.option("--values", type=FILE, help="New values; without them the present ones stay.")
@click.option("--rollback/--no-rollback", default=True, show_default=True, help="Go back if it fails.")
@wait_option
@timeout_option
@output_option
def upgrade(  # noqa: PLR0913 - one parameter per option
    *, name: str, file: Path, values: Path | None, rollback: bool, wait: bool, timeout: float, output: str
) -> None:
    """Bring an instance to the version of another package."""
    content = site_values(values) if values is not None else None
    client, session = opened()
    change = Change(values=content, rollback=rollback, plain=session.overrides == "plain", call=session.upgrade)
    begun = upgraded(
        client,
        instance_named(client, name),
        mine=load_predecessor(file),
        components=helm_components(file),
        change=change,
    )
    if begun.upgrade is not None and begun.upgrade != session.upgrade:
        save_session(msgspec.structs.replace(session, upgrade=begun.upgrade), session_file())
    _end(client, begun, Ending(wait=wait, timeout=timeout, done="upgraded", output=output))


@click.group()
def values() -> None:
    """The values of an instance."""


@values.command()
@click.argument("name")
def get(*, name: str) -> None:
    """Print the values that an instance was installed with."""
    client, _ = opened()
    found = installed_values(client.inventory(instance_named(client, name)))
    if not found:
        raise UserError(f"TCA says no values of instance {name}; its inventory has another form in this version")
    for vdu, text in found:
        if len(found) > 1:
            click.echo(f"# {vdu}")
        click.echo(text, nl=not text.endswith("\n"))


@click.command()
@click.argument("name")
@click.option("--graceful", type=click.IntRange(0), metavar="SECONDS", help="Take it out of service first.")
@click.option("--delete", is_flag=True, help="Remove the instance, too; follows the end of the termination.")
@wait_option
@timeout_option
@output_option
def terminate(*, name: str, graceful: int | None, delete: bool, wait: bool, timeout: float, output: str) -> None:
    """Remove what an instance installed."""
    client, _ = opened()
    begun = terminated(client, instance_named(client, name), graceful=graceful)
    _end(client, begun, Ending(wait=wait or delete, timeout=timeout, done="terminated", output=output))
    if delete:
        client.delete_instance(begun.instance)
        if output == "table":
            click.echo(f"{name} is removed")


@click.command()
@click.argument("name")
@click.option("--cause", default="asked for by ako tca heal", help="Why, for TCA's record of the operation.")
@wait_option
@timeout_option
@output_option
def heal(*, name: str, cause: str, wait: bool, timeout: float, output: str) -> None:
    """Have TCA repair an instance that is instantiated.

    The call is SOL003's; what TCA repairs of a network function of Helm charts is in no source.
    """
    client, _ = opened()
    begun = healed(client, instance_named(client, name), cause=cause)
    _end(client, begun, Ending(wait=wait, timeout=timeout, done="healed", output=output))


@click.command()
@click.argument("action", type=click.Choice(["retry", "rollback", "fail", "cancel"]))
@click.argument("name")
def operation(*, action: str, name: str) -> None:
    """Retry, roll back, give up or cancel the last operation of an instance."""
    client, _ = opened()
    instance = instance_named(client, name)
    if not instance.operation_id:
        raise UserError(f"TCA says no operation of instance {name}; there is nothing to {action}")
    client.act(instance.operation_id, action)
    click.echo(f"{action} of {instance.operation} of {name} is asked for")


COMMANDS: tuple[click.Command, ...] = (
    instantiate,
    request,
    instances,
    show,
    upgrade,
    values,
    terminate,
    heal,
    operation,
)


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How an operation is followed and told: `done` is the word for what it brings about."""

    wait: bool
    timeout: float
    done: str
    output: str


def _end(client: TcaClient, begun: Begun, how: Ending) -> None:
    name = begun.instance.name
    seen = None
    if begun.operation and how.wait:
        seen = followed_operation(client, begun.operation, timeout=how.timeout)
    if how.output == "json":
        state = seen.state if seen else "STARTING" if begun.operation else "COMPLETED"
        click.echo(json.dumps({"instance": name, "operation": begun.operation, "state": state}, indent=2))
    elif not begun.operation:
        click.echo(f"{name} is {how.done} already")
    elif seen is None:
        click.echo(f"{name}: operation {begun.operation} has begun; 'ako tca show {name} --wait' follows it")
    else:
        click.echo(f"{name} is {how.done}: {seen.kind} {seen.state}")


def _request(file: Path, **site: Any) -> Request:  # noqa: ANN401 - the options of a site
    chosen = one_component(helm_components(file), wanted=site["vdu"])
    user = site["username"]
    found = Site(
        namespace=site["namespace"],
        repo_url=site["repo_url"],
        helm_name=site["helm_name"] or chosen[0].chart,
        vim=site["vim"],
        node_pool=site["node_pool"],
        username=user,
        password=os.environ.get("AKO_REPO_PASSWORD", "") if user else "",
        extension=site["extension_id"],
    )
    problem = site_problem(found)
    if problem:
        raise UserError(problem)
    return Request(components=chosen, site=found, values=site_values(site["values"]), rollback=site["rollback"])
