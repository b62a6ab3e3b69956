"""`deleteConfig`: everything of ours goes, with progress where the official AKO shows it.

The annotation `AviObjectDeletionStatus` on the StatefulSet says Started, Done or (after half an hour) Timeout; it is
removed when the setting goes back to false. Tools of TKG wait for it before they delete a cluster.
"""

import time
from collections.abc import Callable
from typing import Final

import structlog

from ako_runtime.errors import AkoError
from ako_runtime.kube.events import EventWriter, Severity
from ako_runtime.kube.writer import StatusWriter
from ako_runtime.model.patch import Patch
from ako_runtime.model.stack import ObjectRef

ANNOTATION: Final = "AviObjectDeletionStatus"
STATEFUL_SET: Final = "ako"
PATIENCE: Final = 1800.0

_log = structlog.get_logger("ako.deletion")


class Deletion:
    """Follows a deletion of everything and tells about it."""

    def __init__(
        self,
        *,
        namespace: str,
        pod: str,
        statuses: StatusWriter,
        events: EventWriter,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._about = ObjectRef(resource="statefulsets", namespace=namespace, name=STATEFUL_SET)
        self._pod = ObjectRef(resource="pods", namespace=namespace, name=pod)
        self._statuses = statuses
        self._events = events
        self._clock = clock
        self._since: float | None = None
        self._told = ""
        # What the annotation should say and does not yet.
        self._owed = False

    @property
    def active(self) -> bool:
        """Whether everything is to be deleted."""
        return self._since is not None

    def begin(self, *, left: int) -> None:
        """The setting became true; `left` objects have to go."""
        if self._since is None:
            self._since = self._clock()
            note = f"deleteConfig is set: deleting every Avi object of this cluster, {left} now"
            self._tell("Started", "Normal", "AKODeleteConfigSet", note)

    def end(self) -> None:
        """The setting became false again."""
        if self._since is not None:
            self._since = None
            self._told = ""
            self._annotate(None)
            self._publish("Normal", "AKODeleteConfigUnset", "deleteConfig is unset: objects are made again")

    def ends(self, *, left: int, certain: bool) -> bool:
        """Whether `follow` will say now that everything is deleted."""
        return self._since is not None and self._told != "Done" and left == 0 and certain

    def follow(self, *, left: int, certain: bool) -> None:
        """Look how far it is: `left` objects remain, `certain` unless more may come from what had begun before."""
        if self._owed:
            self._annotate(self._told or None)
        if self._since is None or self._told == "Done":
            return
        if self.ends(left=left, certain=certain):
            self._tell("Done", "Normal", "AKODeleteConfigDone", "every Avi object of this cluster is deleted")
        elif self._told != "Timeout" and self._clock() - self._since > PATIENCE:
            self._tell("Timeout", "Warning", "AKODeleteConfigTimeout", f"{left} Avi objects are still there")

    def _tell(self, state: str, severity: Severity, reason: str, note: str) -> None:
        self._told = state
        _log.warning("delete config", state=state)
        self._annotate(state)
        self._publish(severity, reason, note)

    def _publish(self, severity: Severity, reason: str, note: str) -> None:
        self._events.publish(self._pod, uid="", severity=severity, reason=reason, note=note)

    def _annotate(self, state: str | None) -> None:
        try:
            self._statuses.write(Patch(about=self._about, body={"metadata": {"annotations": {ANNOTATION: state}}}))
            self._owed = False
        except AkoError as error:
            self._owed = True
            _log.warning("annotation not written", error=str(error))
