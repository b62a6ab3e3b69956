"""`ako lab kube`: the embedded Kubernetes API alone, until it is interrupted."""

import signal
import threading
from pathlib import Path

import click
import msgspec


@click.command("kube")
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="Port; 0 takes a free one.")
@click.option(
    "--kubeconfig", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Kubeconfig file to write."
)
@click.option("--version", default=None, metavar="X.Y.Z", help="Kubernetes version to report.")
@click.option("--crds/--no-crds", default=True, show_default=True, help="Install the definitions of our custom kinds.")
def kube(port: int, kubeconfig: Path, version: str | None, *, crds: bool) -> None:
    """Run an in-memory Kubernetes API and write a kubeconfig for it."""
    from ako_lab.kube_api import KubeConfig, KubeLab  # noqa: PLC0415 - help is printed without the server
    from ako_lab.manifests import definitions  # noqa: PLC0415 - the same

    config = KubeConfig(port=port, namespace_seconds=5.0)
    if version:
        config = msgspec.structs.replace(config, version=version)
    documents = definitions() if crds else ()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with KubeLab(config) as lab:
        for document in documents:
            lab.apply(dict(document))
        lab.write_kubeconfig(kubeconfig)
        click.echo(f"Kubernetes API on {lab.url}; try: kubectl --kubeconfig {kubeconfig} get namespaces", err=True)
        stop.wait()
    click.echo("stopped", err=True)
