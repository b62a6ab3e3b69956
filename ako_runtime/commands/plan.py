"""`ako plan`: what the controller would create, change and delete now, without doing it."""

import functools
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import click

from ako_runtime.avi.endpoint import Access
from ako_runtime.avi.facts import environment_of
from ako_runtime.avi.negotiate import credentials_of, negotiated_endpoint
from ako_runtime.avi.workers import AviWorkers
from ako_runtime.commands.options import cluster_options
from ako_runtime.config import config_map_path, load_settings
from ako_runtime.errors import AkoError, UserError
from ako_runtime.kube.connection import KubeConnection, connect
from ako_runtime.kube.kinds import kinds_for
from ako_runtime.kube.reflector import Reflector
from ako_runtime.kube.store import Store
from ako_runtime.model.environment import Environment
from ako_runtime.model.ownership import Ownership
from ako_runtime.model.stack import StackKey
from ako_runtime.observe.logs import LogLevel, configure_logs
from ako_runtime.observe.metrics import Metrics
from ako_runtime.plan.describe import described, described_edit, diff_lines, edit_lines
from ako_runtime.reconcile.identity import DELETIONS_HELD, Identity, records_of
from ako_runtime.reconcile.inventory import Inventory
from ako_runtime.reconcile.rehearsal import Looks, Rehearsal, rehearsal_of
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.settings import Settings
from ako_runtime.translate.l4 import L4Context


@click.command()
@cluster_options
@click.option("--timeout", type=float, default=60.0, show_default=True, help="Seconds to wait for the lists.")
@click.option("-o", "--output", type=click.Choice(["diff", "json"]), default="diff", show_default=True)
def plan(kubeconfig: str | None, context: str | None, namespace: str, *, timeout: float, output: str) -> None:
    """Print what would change on the Avi Controller; exit 0 when nothing would, 1 when something would."""
    configure_logs(LogLevel("ERROR"))
    connection = connect(kubeconfig=kubeconfig, context=context)
    settings = load_settings(connection, namespace, os.environ)
    try:
        rehearsal, notes = _rehearse(connection, settings, namespace=namespace, timeout=timeout)
    except UserError:
        raise
    except AkoError as error:
        # Exit code 1 says that something would change; whoever could not find out says 2.
        raise UserError(str(error)) from error
    if output == "json":
        click.echo(json.dumps({**_as_json(rehearsal), "notes": notes}, indent=2))
    else:
        _print_diff(rehearsal, notes)
    if not rehearsal.changes_nothing:
        raise SystemExit(1)


def _rehearse(
    connection: KubeConnection, settings: Settings, *, namespace: str, timeout: float
) -> tuple[Rehearsal, list[str]]:
    """The plan, and why a running controller would not carry out all of it."""
    ownership = Ownership(cluster=settings.cluster_name, namespace=namespace, primary=settings.primary_instance)
    inventory = Inventory()
    workers = AviWorkers(
        access=Access(endpoint=negotiated_endpoint(settings), credentials=lambda: credentials_of(settings)),
        size=min(8, settings.max_requests_in_flight),
        ownership=ownership,
        metrics=Metrics(),
        inventory_record=inventory.record,
        cloud=settings.cloud_name,
    )
    try:
        with workers.client() as client:
            environment = environment_of(client, settings)
        tenant = settings.tenant_name if settings.dedicated_tenant_mode else "*"
        inventory.load(workers.owned_objects(cloud=settings.cloud_name, tenant=tenant))
        with _listed(connection, settings, environment, timeout=timeout) as snapshot:
            context = L4Context(settings=settings, environment=environment, ownership=ownership)
            looks = Looks(look_up=workers.look_up, see=functools.partial(workers.edit, write=False))
            rehearsal = rehearsal_of(snapshot, context, inventory, looks=looks)
        return rehearsal, _held_back(connection, settings, workers, ownership=ownership, rehearsal=rehearsal)
    finally:
        workers.close()


def _held_back(
    connection: KubeConnection, settings: Settings, workers: AviWorkers, *, ownership: Ownership, rehearsal: Rehearsal
) -> list[str]:
    """What keeps the running controller from writing, or from deleting what nobody wants."""
    notes: list[str] = []
    identity = Identity(
        connection=connection,
        config_map=config_map_path(ownership.namespace),
        cluster=settings.cluster_name,
        records=lambda: records_of(workers, ownership, settings),
        metrics=Metrics(),
        tell=lambda reason, message: notes.append(message) if reason == DELETIONS_HELD else None,
    )
    try:
        identity.check(write=False)
        if identity.refusal:
            notes.append(identity.refusal)
        elif not settings.delete_config:
            waits = identity.holds(*rehearsal.orphan_services)
            if waits and identity.confirms(rehearsal.orphan_services[0]):
                notes.clear()
    except AkoError as error:
        notes.append(f"whether the cluster name is ours is not known: {error}")
    return notes


@contextmanager
def _listed(
    connection: KubeConnection, settings: Settings, environment: Environment, *, timeout: float
) -> Iterator[Snapshot]:
    """A snapshot in which every kind is listed."""
    kinds = kinds_for(settings)
    store = Store(
        environment=environment,
        on_change=lambda _resource, _old, _new: None,
        kinds=kinds,
    )
    reflectors = [Reflector(connection=connection, kind=kind, store=store) for kind in kinds]
    for reflector in reflectors:
        reflector.start()
    try:
        if not store.wait_synced(timeout):
            missing = ", ".join(sorted(store.missing))
            raise UserError(f"not listed within {timeout:g} seconds: {missing}; check access and --timeout")
        yield store.snapshot
    finally:
        for reflector in reflectors:
            reflector.stop()
        for reflector in reflectors:
            reflector.join(5.0)


def _as_json(rehearsal: Rehearsal) -> dict[str, object]:
    return {
        "stacks": [
            {"key": str(key), "operations": _described(rehearsal, key)}
            for key in {**rehearsal.operations, **rehearsal.edits}
        ],
        "diagnostics": [
            {"object": str(one.object), "field": one.field, "reason": one.reason, "message": one.message}
            for found in rehearsal.diagnostics.values()
            for one in found
        ],
    }


def _described(rehearsal: Rehearsal, key: StackKey) -> list[Mapping[str, object]]:
    own = [described(operation) for operation in rehearsal.operations.get(key, ())]
    return [*own, *(described_edit(edited) for edited in rehearsal.edits.get(key, ()))]


def _print_diff(rehearsal: Rehearsal, notes: Iterable[str]) -> None:
    counts = {"create": 0, "update": 0, "replace": 0, "delete": 0}
    for key, operations in rehearsal.operations.items():
        click.echo(f"# {key}")
        for line in diff_lines(operations):
            click.echo(line)
        for operation in operations:
            counts[operation.verb] += 1
    for key, edits in rehearsal.edits.items():
        click.echo(f"# {key}")
        for line in edit_lines(edits):
            click.echo(line)
        counts["update"] += len(edits)
    for found in rehearsal.diagnostics.values():
        for one in found:
            click.echo(f"! {one.object}: {one.message}")
    for note in notes:
        click.echo(f"! {note}")
    click.echo(
        f"{counts['create']} to create, {counts['update']} to change, "
        + (f"{counts['replace']} to replace, " if counts["replace"] else "")
        + f"{counts['delete']} to delete"
    )
