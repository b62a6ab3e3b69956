"""Logs: constant event names, everything else as keys; JSON in a pod, readable lines on a terminal.

The level can change at run time: it is looked up at each event.
"""

import logging
import sys
import warnings
from collections.abc import Mapping

import structlog
from structlog.processors import ExceptionRenderer
from structlog.tracebacks import ExceptionDictTransformer

LEVELS: Mapping[str, int] = {
    "DEBUG": logging.DEBUG,
    "INFO": logging.INFO,
    "WARN": logging.WARNING,
    "ERROR": logging.ERROR,
}


class LogLevel:
    """The present threshold."""

    def __init__(self, name: str = "INFO") -> None:
        self._threshold = LEVELS[name]

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
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Libraries log through the standard module; their warnings would repeat ours.
    logging.getLogger("avi").setLevel(logging.CRITICAL)
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    # That a certificate is not verified is said once, at start, not at every request.
    warnings.filterwarnings("ignore", message="Unverified HTTPS request")
    warnings.filterwarnings("ignore", message=r"\s*\*+\s*Strong Recommendation")
