"""Logs: constant event names, everything else as keys; JSON in a pod, readable lines on a terminal.

The level can change at run time: it is looked up at each event.

The controller must go on when nobody takes its lines: a full disk, a pipe that nobody reads, a slow collector. So in a
process that serves, lines go through a queue with a limit (`LogQueue`); what does not fit is dropped and counted.
"""

import logging
import os
import queue
import select
import sys
import time
import warnings
from collections.abc import Mapping
from typing import Final

import structlog
from structlog.processors import ExceptionRenderer
from structlog.tracebacks import ExceptionDictTransformer

from ako_runtime.observe.threads import LastingThread

LEVELS: Mapping[str, int] = {
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
}


LINES: Final = 10_000
"""Lines that wait to be written."""
LINE_CHARACTERS: Final = 16_384
"""Characters of a line; a traceback has a few thousand."""


_DROPPED = '{{"event": "log lines dropped", "count": {count}, "level": "warning"}}\n'


class LogQueue:
    """Lines on their way to a file descriptor, written by a thread of its own; `msg` never waits and never fails."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: queue.Queue[bytes] = queue.Queue(maxsize=LINES)
        self._unsaid = 0
        self.dropped = 0
        """How many lines could not be written."""
        self.thread = LastingThread(name="log", work=self._run)

    def start(self) -> None:
        """Begin to write."""
        self.thread.start()

    def msg(self, line: str) -> None:
        """Write the line some time, or drop it."""
        data = f"{line[:LINE_CHARACTERS]}\n".encode(errors="replace")
        try:
            self._lines.put_nowait(data)
        except queue.Full:
            self._drop()

    log = debug = info = warn = warning = critical = failure = fatal = err = error = exception = msg

    def drain(self, seconds: float) -> None:
        """Wait until everything is written, at most so long."""
        ends = time.monotonic() + seconds
        while self._lines.unfinished_tasks and time.monotonic() < ends:
            time.sleep(0.01)

    def _run(self) -> None:
        while True:
            data = self._lines.get()
            try:
                said = self._unsaid
                if said and self._written(_DROPPED.format(count=said).encode()):
                    self._unsaid -= said
                if not self._written(data):
                    self._drop()
            finally:
                self._lines.task_done()

    def _written(self, data: bytes) -> bool:
        """Write it; whether that was possible."""
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                # A pipe that does not block: it is read when it is read.
                select.select([], [self._descriptor], [], 1.0)
            except OSError:
                # A full disk, a reader that is gone. The next line may do better.
                return False
        return True

    def _drop(self) -> None:
        self.dropped += 1
        self._unsaid += 1


class LogLevel:
    """The present threshold."""

    def __init__(self, name: str = "INFO", *, queue: LogQueue | None = None) -> None:
        """`queue`: where lines go instead of straight to standard error."""
        self._threshold = LEVELS[name]
        self.queue = queue

    @property
    def dropped(self) -> int:
        """How many lines could not be written."""
        return self.queue.dropped if self.queue is not None else 0

    def change(self, name: str) -> None:
        """Use another threshold from now on."""
        self._threshold = LEVELS[name]

    def filtered(self, _logger: object, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        """Drop what is below the threshold (a structlog processor)."""
        rank = logging.getLevelNamesMapping().get(method.upper().replace("EXCEPTION", "ERROR"), logging.INFO)
        if rank < self._threshold:
            raise structlog.DropEvent
        return event


def configure_logs(level: LogLevel, *, readable: bool | None = None) -> None:
    """Set logging up for the process; `readable` None asks whether standard error is a terminal."""
    waiting = level.queue
    on_terminal = sys.stderr.isatty() if readable is None else readable
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=on_terminal, exception_formatter=structlog.dev.plain_traceback)
        if on_terminal
        else structlog.processors.JSONRenderer()
    )
    tail: list[structlog.typing.Processor] = [renderer]
    if not on_terminal:
        # Local variables of a traceback may hold cookies and tokens.
        tail.insert(0, ExceptionRenderer(ExceptionDictTransformer(show_locals=False)))
    structlog.configure(
        processors=[
            level.filtered,
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *tail,
        ],
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr) if waiting is None else lambda *_names: waiting,
        cache_logger_on_first_use=False,
    )
    # Libraries log through the standard module; their warnings would repeat ours.
    logging.getLogger("avi").setLevel(logging.CRITICAL)
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    # That a certificate is not verified is said once, at start, not at every request.
    warnings.filterwarnings("ignore", message="Unverified HTTPS request")
    warnings.filterwarnings("ignore", message=r"\s*\*+\s*Strong Recommendation")
