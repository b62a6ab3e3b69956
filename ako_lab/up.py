"""`ako lab up`: both simulators at once, for trying the controller by hand.

The Kubernetes API has the definitions of our custom kinds, and in the namespace avi-system the configuration that fits
the simulated controller, so `ako run` works against it without any preparation.
"""

import signal
import threading
from pathlib import Path
from typing import Final

import click

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
def up(*, avi_port: int, kube_port: int, kubeconfig: Path, crds: bool) -> None:
    """Run a simulated Avi Controller and a Kubernetes API until interrupted."""
    from ako_lab import demo_content, manifests  # noqa: PLC0415 - `--help` needs no server
    from ako_lab.avi_controller import AviLab  # noqa: PLC0415 - the same
    from ako_lab.kube_api import KubeConfig, KubeLab  # noqa: PLC0415 - the same

    config = KubeConfig(port=kube_port, namespace_seconds=5.0)
    definitions = manifests.definitions() if crds else ()
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with AviLab(demo_content.controller(port=avi_port)) as avi, KubeLab(config) as kube:
        for document in (*definitions, *demo_content.configuration(avi, namespace=_NAMESPACE, cluster=_CLUSTER)):
            kube.apply(dict(document))
        kube.write_kubeconfig(kubeconfig)
        click.echo(f"kubeconfig: {kubeconfig}")
        click.echo(f"Kubernetes API: {kube.url}")
        click.echo(f"Avi Controller: {avi.url}")
        click.echo(f"Avi user: {avi.username}")
        click.echo(f"Avi password: {avi.password}")
        click.echo(f"run the controller: ako run --kubeconfig {kubeconfig} -n {_NAMESPACE}")
        stopped.wait()
    click.echo("stopped")
