"""Arguments of `scripts/control-plane`."""

import signal
import sys
import threading
from pathlib import Path
from typing import NoReturn

import click

from ako_lab.control_plane import standing
from ako_lab.control_plane.binaries import DEFAULT_LINE, RELEASES, BinaryCache, release_of
from ako_lab.control_plane.places import MOST_NODES, NODES_READY
from ako_runtime.errors import UserError

_line_option = click.option(
    "--kubernetes",
    "line",
    default=DEFAULT_LINE,
    show_default=True,
    metavar="LINE",
    help=f"Kubernetes line: {', '.join(RELEASES)}.",
)
_folder_option = click.option(
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder for certificates, data and logs; thrown away by `down`.  [default: in the user's cache]",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
def control_plane() -> None:
    """A real Kubernetes control plane on loopback: etcd, kube-apiserver, kube-controller-manager."""


@control_plane.command()
@_line_option
def build(line: str) -> None:
    """Build the programs into the user's cache, once; print their folder."""
    click.echo(BinaryCache(release=release_of(line)).ensure())


@control_plane.command()
@_line_option
@_folder_option
@click.option(
    "--nodes",
    type=click.IntRange(0, MOST_NODES),
    default=3,
    show_default=True,
    help="Fake nodes, on which Pods become ready without running.",
)
def up(line: str, folder: Path | None, nodes: int) -> None:
    """Start a control plane (build it first if need be); print the path of its kubeconfig."""
    state = standing.start(folder=folder or standing.default_folder(), release=release_of(line), nodes=nodes)
    click.echo(f"Kubernetes {state.kubernetes} on {state.url}; try: export KUBECONFIG={state.kubeconfig}", err=True)
    click.echo(state.kubeconfig)


@control_plane.command()
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    required=True,
    help="Kubeconfig of the cluster, of whatever sort.",
)
@click.option("--count", type=click.IntRange(1, MOST_NODES), default=3, show_default=True, help="Number of nodes.")
def nodes(kubeconfig: Path, count: int) -> None:
    """Make fake nodes in any cluster and let Pods become ready on them, until interrupted."""
    from ako_lab.control_plane.nodes import FakeNodes  # noqa: PLC0415 - the client takes a while to import

    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with FakeNodes(kubeconfig=kubeconfig, count=count):
        click.echo(f"{count} {NODES_READY}: fake-0 to fake-{count - 1}", err=True)
        stop.wait()
    click.echo("stopped; nodes and Pods stay as they are", err=True)


@control_plane.command()
@_folder_option
def status(folder: Path | None) -> int:
    """Say what runs; exit code 1 if it is not all of it."""
    place = folder or standing.default_folder()
    state = standing.state_of(place.absolute())
    if state is None:
        click.echo(f"no control plane in {place}")
        return 1
    if not state.processes:
        click.echo(f"a start in {place} did not end well: look at the logs there, or start again")
        return 1
    found = standing.living(state, place.absolute())
    click.echo(f"Kubernetes {state.kubernetes} on {state.url}, kubeconfig {state.kubeconfig}")
    for name, runs in found.items():
        click.echo(f"  {name:<24} {'running' if runs else 'stopped'}  pid {state.processes[name]}")
    return 0 if all(found.values()) else 1


@control_plane.command()
@_folder_option
def down(folder: Path | None) -> None:
    """Stop the control plane and throw its folder away."""
    place = folder or standing.default_folder()
    click.echo("stopped" if standing.stop(place) else f"no control plane in {place}")


def run_script(command: click.Command, name: str) -> NoReturn:
    """Run a script's command; an expected error is one sentence and exit code 2."""
    try:
        code = command.main(prog_name=name, standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except UserError as error:
        click.echo(f"{name}: {error}", err=True)
        sys.exit(2)
    sys.exit(code if isinstance(code, int) else 0)


def main() -> NoReturn:
    """Run `scripts/control-plane`."""
    run_script(control_plane, "control-plane")


if __name__ == "__main__":
    main()
