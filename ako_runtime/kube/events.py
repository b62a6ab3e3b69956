"""Events (events.k8s.io/v1) about user's objects.

Equal events of one object are one Event with a series: the first is written at once, repetitions are counted and
written at most once in `REPEAT_SECONDS`. Normal events can be switched off at run time; warnings always go out. Writing
is best effort: an Event that cannot be written is logged, never retried, and none is waited for: whoever publishes goes
on while it is written elsewhere (`defer`). What is left at the end is dropped, and so is what comes while too many
wait.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal

import structlog
from msgspec import Struct

from ako_runtime.errors import RetryLater
from ako_runtime.kube.connection import KubeConnection
from ako_runtime.kube.kinds import kind_named
from ako_runtime.model.names import sha1_hex
from ako_runtime.model.stack import ObjectRef

REPORTER: Final = "avi-kubernetes-operator"
REPEAT_SECONDS: Final = 300.0
PATIENCE: Final = 10.0
"""Seconds that one may take to be written; nobody waits for it, but a process that ends does."""
_REMEMBERED: Final = 4096
_WAITING: Final = 10_000

_log = structlog.get_logger("ako.events")

Severity = Literal["Normal", "Warning"]


class _Series(Struct):
    name: str
    count: int
    written: float


class EventWriter:
    """Publishes Events."""

    def __init__(
        self,
        *,
        connection: KubeConnection,
        instance: str,
        enabled: Callable[[], bool],
        muted: bool = False,
        clock: Callable[[], float] = time.monotonic,
        defer: Callable[[Callable[[], None]], object] = lambda write: write(),
    ) -> None:
        self._defer = defer
        self._waiting = 0
        self._connection = connection
        self._instance = instance
        self._enabled = enabled
        # A dry run says nothing to the cluster, warnings included.
        self._muted = muted
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[tuple[ObjectRef, str, str], _Series] = {}

    def publish(self, about: ObjectRef, *, uid: str, severity: Severity, reason: str, note: str) -> None:
        """Say something about an object; `note` is cut to the 1,024 characters that the API accepts."""
        if self._muted or (severity == "Normal" and not self._enabled()):
            return
        now = self._clock()
        key = (about, reason, note)
        with self._lock:
            series = self._known.get(key)
            if series is None:
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                stamp = sha1_hex(f"{about}{reason}{note}{datetime.now(UTC).isoformat()}")[:16]
                series = self._known[key] = _Series(name=f"{about.name[:200]}.{stamp}", count=0, written=0.0)
            series.count += 1
            if series.count > 1 and now - series.written < REPEAT_SECONDS:
                return
            if self._waiting >= _WAITING:
                return
            self._waiting += 1
            series.written = now
            name, count = series.name, series.count

        def write() -> None:
            with self._lock:
                self._waiting -= 1
            self._write(about, uid=uid, severity=severity, reason=reason, note=note[:1024], name=name, count=count)

        self._defer(write)

    def _write(  # noqa: PLR0913 - the fields of one Event
        self, about: ObjectRef, *, uid: str, severity: Severity, reason: str, note: str, name: str, count: int
    ) -> None:
        kind = kind_named(about.resource)
        stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        namespace = about.namespace or "default"
        collection = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
        body: dict[str, object] = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": name, "namespace": namespace},
            "eventTime": stamp,
            "reportingController": REPORTER,
            "reportingInstance": self._instance,
            "action": reason,
            "reason": reason,
            "note": note,
            "type": severity,
            "regarding": {
                "apiVersion": f"{kind.group}/{kind.version}".lstrip("/"),
                "kind": kind.kind,
                "name": about.name,
                "namespace": about.namespace,
                "uid": uid,
            },
        }
        try:
            if count == 1:
                answer = self._connection.request("POST", collection, body=body, timeout=PATIENCE)
            else:
                series = {"series": {"count": count, "lastObservedTime": stamp}}
                answer = self._connection.request(
                    "PATCH",
                    f"{collection}/{name}",
                    body=series,
                    content_type="application/merge-patch+json",
                    timeout=PATIENCE,
                )
                if answer.status == 404:
                    # Expired (the API server keeps Events for an hour), or never written: people shall see it again.
                    answer = self._connection.request("POST", collection, body=body | series, timeout=PATIENCE)
        except RetryLater as error:
            _log.warning("event not written", object=str(about), reason=reason, error=str(error))
            return
        if answer.status >= 400:
            _log.warning("event not written", object=str(about), reason=reason, error=answer.message)
