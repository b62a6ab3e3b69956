"""`ako run`: the controller as a process."""

import os
import signal
from types import FrameType

import click
import structlog

from ako_runtime.app import App
from ako_runtime.commands.options import cluster_options
from ako_runtime.config import Place, load_settings
from ako_runtime.errors import Fatal, UserError
from ako_runtime.kube.connection import connect
from ako_runtime.observe.logs import LogLevel, configure_logs


@click.command()
@cluster_options
@click.option(
    "--api-port",
    type=click.IntRange(0, 65535),
    default=None,
    help="Port of health and metrics instead of apiServerPort; 0 takes a free one.",
)
@click.option("--dry-run", is_flag=True, help="Log what would be created, changed and deleted; write nothing.")
def run(kubeconfig: str | None, context: str | None, namespace: str, api_port: int | None, *, dry_run: bool) -> None:
    """Watch the cluster and program the Avi Controller until SIGTERM."""
    level = LogLevel()
    configure_logs(level)
    connection = connect(kubeconfig=kubeconfig, context=context)
    settings = load_settings(connection, namespace, os.environ)
    place = Place(
        namespace=namespace,
        # Two processes without a pod name are two candidates for the lease.
        pod=os.environ.get("POD_NAME", f"ako-{os.getpid()}"),
        api_port=api_port,
        dry_run=dry_run,
        environ=os.environ,
    )
    level.change(settings.log_level)
    app = App(connection=connection, settings=settings, place=place, log_level=level)

    def stop(_number: int, _frame: FrameType | None) -> None:
        app.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if os.getpid() == 1:
        # The first process of a container inherits what others leave behind, for example the children of a process
        # that `kubectl exec` started. The kernel buries them if nobody wants to know how they ended; we start none.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    structlog.get_logger("ako").info("started", namespace=namespace, api_port=app.http_port)
    try:
        app.run()
    except Fatal as error:
        raise UserError(str(error)) from error
