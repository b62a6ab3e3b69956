"""`ako lab up`: both simulators at once, for trying the controller by hand."""

import signal
import threading
from pathlib import Path

import click


@click.command()
@click.option("--avi-port", type=click.IntRange(0, 65535), default=0, show_default="a free one", help="Avi Controller.")
@click.option(
    "--kube-port", type=click.IntRange(0, 65535), default=0, show_default="a free one", help="Kubernetes API."
)
@click.option("--kubeconfig", type=click.Path(path_type=Path), default=Path("lab.kubeconfig"), show_default=True)
def up(*, avi_port: int, kube_port: int, kubeconfig: Path) -> None:
    """Run a simulated Avi Controller and a Kubernetes API until interrupted."""
    from ako_lab.avi_controller import AviLab, LabConfig  # noqa: PLC0415 - `--help` needs no server
    from ako_lab.kube_api import KubeConfig, KubeLab  # noqa: PLC0415 - the same

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with AviLab(LabConfig(port=avi_port)) as avi, KubeLab(KubeConfig(port=kube_port)) as kube:
        kube.write_kubeconfig(kubeconfig)
        click.echo(f"kubeconfig: {kubeconfig}")
        click.echo(f"Kubernetes API: {kube.url}")
        click.echo(f"Avi Controller: {avi.url}")
        click.echo(f"Avi user: {avi.username}")
        click.echo(f"Avi password: {avi.password}")
        stopped.wait()
    click.echo("stopped")
