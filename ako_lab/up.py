"""`ako lab up`: both simulators at once, for trying the controller by hand.

With `--traffic` comes a Service Engine, so that what stands on the controller answers, and a node on which Pods are
processes. Addresses lie in a network namespace of their own, and the command that enters it is printed; where there is
none to be had, everything lies on loopback addresses, which is said.

The Kubernetes API has the definitions of our custom kinds, and in the namespace avi-system the configuration that fits
the simulated controller, so `ako run` works against it without any preparation.
"""

import signal
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from ako_lab.avi_controller import AviLab
    from ako_lab.service_engine import Place

_NAMESPACE: Final = "avi-system"
_CLUSTER: Final = "lab"


@click.command()
@click.option("--avi-port", type=click.IntRange(0, 65535), default=0, show_default="a free one", help="Avi Controller.")
@click.option(
    "--kube-port", type=click.IntRange(0, 65535), default=0, show_default="a free one", help="Kubernetes API."
)
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("lab.kubeconfig"),
    show_default=True,
    help="Kubeconfig file to write.",
)
@click.option("--crds/--no-crds", default=True, show_default=True, help="Install the definitions of our custom kinds.")
@click.option("--traffic", is_flag=True, help="A Service Engine with real traffic, and Pods that are processes.")
def up(*, avi_port: int, kube_port: int, kubeconfig: Path, crds: bool, traffic: bool) -> None:
    """Run a simulated Avi Controller and a Kubernetes API until interrupted."""
    from ako_lab import demo_content, manifests  # noqa: PLC0415 - `--help` needs no server
    from ako_lab.avi_controller import AviLab  # noqa: PLC0415 - the same
    from ako_lab.kube_api import KubeConfig, KubeLab  # noqa: PLC0415 - the same

    place = _place() if traffic else None
    loopback = place is not None and place.kind == "loopback"
    config = KubeConfig(port=kube_port, namespace_seconds=5.0)
    definitions = manifests.definitions() if crds else ()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with (
        AviLab(demo_content.controller(port=avi_port, loopback=loopback)) as avi,
        KubeLab(config) as kube,
        ExitStack() as stack,
    ):
        documents = demo_content.configuration(avi, namespace=_NAMESPACE, cluster=_CLUSTER, loopback=loopback)
        for document in (*definitions, *documents):
            kube.apply(dict(document))
        kube.write_kubeconfig(kubeconfig)
        if place is not None:
            _start_traffic(stack, place, avi=avi, kubeconfig=kubeconfig)
        click.echo(f"kubeconfig: {kubeconfig}")
        click.echo(f"Kubernetes API: {kube.url}")
        click.echo(f"Avi Controller: {avi.url}")
        click.echo(f"Avi user: {avi.username}")
        click.echo(f"Avi password: {avi.password}")
        click.echo(f"run the controller: ako run --kubeconfig {kubeconfig} -n {_NAMESPACE}")
        stopped.wait()
    click.echo("stopped")


def _place() -> "Place":
    """Where the addresses are; a sentence when there is no Envoy."""
    from ako_lab.service_engine import best_place, envoy_binary  # noqa: PLC0415 - only with traffic

    envoy_binary()
    return best_place()


def _start_traffic(stack: ExitStack, place: "Place", *, avi: "AviLab", kubeconfig: Path) -> None:
    """A Service Engine and a node at a place, and a word to the user about where that is."""
    from ako_lab.pods.node import ProcessNodes  # noqa: PLC0415 - only with traffic
    from ako_lab.service_engine import Namespace, ServiceEngine  # noqa: PLC0415 - the same

    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ako-pods-")))
    stack.callback(place.close)
    stack.enter_context(ServiceEngine(avi.url, avi.username, avi.password, place=place))
    inside = isinstance(place, Namespace)
    pod_cidr = "10.244.0.0/14" if inside else "127.244.0.0/14"
    stack.enter_context(ProcessNodes(kubeconfig=kubeconfig, place=place, folder=folder, pod_cidr=pod_cidr))
    if isinstance(place, Namespace):
        click.echo(f"where the addresses are: {place.entering} curl http://ADDRESS/")
    else:
        click.echo(f"no network namespace can be had: addresses are {place.limits}")
