"""`ako lab tca`: the simulated TCA as a process, until it is interrupted."""

import shutil
import signal
import threading
from pathlib import Path

import click

from ako_lab.tca.config import TcaConfig
from ako_runtime.errors import UserError


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=0, show_default=True, help="Port; 0 takes a free one.")
@click.option(
    "--cluster",
    "clusters",
    multiple=True,
    metavar="ID=KUBECONFIG",
    help="A VIM: its id and the kubeconfig of its cluster; may be repeated.",
)
@click.option(
    "--helm",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    envvar="AKO_HELM",
    help="The helm binary (default: AKO_HELM, then PATH).",
)
@click.option(
    "--processing-seconds", type=click.FloatRange(0, 86400), default=0.0, show_default=True, help="How long at least."
)
@click.option(
    "--tls",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Serve by TLS, and write the certificate to trust to FILE; the chart registry stays plain.",
)
@click.option("--guess", is_flag=True, help="Answer at the end points that are only guessed, too.")
def tca(
    *,
    port: int,
    clusters: tuple[str, ...],
    helm: Path | None,
    processing_seconds: float,
    tls: Path | None,
    guess: bool,
) -> None:
    """Run a simulated Telco Cloud Automation with a chart registry until interrupted.

    It judges packages by 'ako csar verify', and installs with Helm into the clusters that are named.
    """
    from ako_lab.tca.lab import TcaLab  # noqa: PLC0415 - help is printed without the server

    found = helm or (Path(path) if (path := shutil.which("helm")) else None)
    if clusters and found is None:
        raise UserError("--cluster needs Helm: name one with --helm or AKO_HELM, or put it on PATH")
    config = TcaConfig(
        port=port,
        clusters=dict(_cluster(item) for item in clusters),
        helm=found,
        processing_seconds=processing_seconds,
        tls=tls is not None,
        guess=guess,
    )
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with TcaLab(config) as lab:
        if tls is not None:
            _write(tls, lab.certificate_pem)
        click.echo(f"TCA (simulated): {lab.url}")
        click.echo(f"user {lab.username}, password {lab.password}")
        click.echo(f"chart repository: {lab.registry}")
        stopped.wait()
    click.echo("stopped")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise UserError(f"--tls {path}: {error.strerror}; name a file that can be written") from error


def _cluster(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if not name or not path:
        raise UserError(f"--cluster {text}: write ID=KUBECONFIG")
    if not Path(path).is_file():
        raise UserError(f"--cluster {text}: {path} is no file; name a kubeconfig")
    return name, Path(path).absolute()
