"""`ako run`: the controller as a process."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final

import click
import structlog

from ako_runtime.app import App
from ako_runtime.commands.options import cluster_options
from ako_runtime.config import Place, load_settings
from ako_runtime.errors import Fatal, UserError
from ako_runtime.kube.connection import connect
from ako_runtime.observe.logs import LogLevel, LogQueue, configure_logs

GRACE: Final = 40.0
"""Seconds after which a process that was told to end ends without what it still waits for; a pod has 45."""
LAST_LINES: Final = 2.0
"""Seconds for log lines that are not written yet."""


class Stops:
    """SIGTERM and SIGINT are obeyed from the first moment on, and in time whatever hangs."""

    def __init__(self, *, grace: float = GRACE, end: Callable[[int], object] = os._exit) -> None:
        """`grace`: seconds until `end` is called with the exit code 1 although something hangs."""
        self._grace = grace
        # Not `sys.exit`: it would wait for the threads that hang.
        self._end = end
        self._app: App | None = None
        self._stopping = False
        self._told = threading.Event()
        threading.Thread(target=self._end_in_time, name="last-resort", daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def tell(self, app: App) -> None:
        """From now on a signal ends this in an orderly way."""
        self._app = app
        if self._stopping:
            app.stop()

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        # Not twice: the lock of the event may be held by the very call that a second signal interrupts.
        if not self._stopping:
            self._stopping = True
            self._told.set()
        if self._app is not None:
            self._app.stop()
        else:
            # Nothing was begun.
            raise SystemExit(0)

    def _end_in_time(self) -> None:
        self._told.wait()
        threading.Event().wait(self._grace)
        self._end(1)


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
    lines = LogQueue(sys.stderr.fileno())
    lines.start()
    try:
        _run(LogLevel(queue=lines), kubeconfig, context, namespace, api_port=api_port, dry_run=dry_run)
    finally:
        lines.drain(LAST_LINES)


def _run(
    level: LogLevel, kubeconfig: str | None, context: str | None, namespace: str, *, api_port: int | None, dry_run: bool
) -> None:
    stops = Stops()
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
    stops.tell(app)
    if os.getpid() == 1:
        # The first process of a container inherits what others leave behind, for example the children of a process
        # that `kubectl exec` started. The kernel buries them if nobody wants to know how they ended; we start none.
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    structlog.get_logger("ako").info("started", namespace=namespace, api_port=app.http_port)
    try:
        app.run()
    except Fatal as error:
        raise UserError(str(error)) from error
