"""Events for what no status can show: problems with Nodes, remarks about objects that are otherwise accepted, all
problems of an object but the one that its status names, and which rules apply where.

A diagnostic is told once for as long as it stands; when it goes and comes back it is told again. Many of one reason at
once (every node without a pod network, say) are one Event about the runtime's own Pod that counts and names some of
them: it is one cause, and hundreds of Events would hide it.
"""

import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from typing import Final

from ako_runtime.kube.events import EventWriter
from ako_runtime.kube.store import Store
from ako_runtime.model.stack import RUNTIME, Diagnostic, ObjectRef, Outcome, StackKey
from ako_runtime.status.attachments import Attachment

MANY: Final = 5
NAMED: Final = 3


class Announcer:
    """Tells diagnostics that no status intent carries."""

    def __init__(self, *, store: Store, events: EventWriter, pod: ObjectRef, executor: Executor) -> None:
        self._store = store
        self._events = events
        self._pod = pod
        self._executor = executor
        self._lock = threading.Lock()
        self._told: dict[StackKey, frozenset[Diagnostic]] = {}

    def tell(self, outcome: Outcome) -> None:
        """Announce what is new in the outcome of a key."""
        shown = {intent.problem for intent in outcome.statuses if intent.problem is not None}
        self._tell(outcome.key, [one for one in outcome.diagnostics if one not in shown])

    def tell_failure(self, key: StackKey, *, reason: str, message: str) -> None:
        """Announce why a key that no object stands for could not be applied."""
        self._tell(key, [Diagnostic(object=RUNTIME, field="", reason=reason, message=message)])

    def tell_attachments(self, attached: Iterable[Attachment], detached: Iterable[Attachment]) -> None:
        """Announce which rules have come to apply, and which no longer do."""
        found = [("Attached", "applies to", one) for one in attached]
        found += [("Detached", "no longer applies to", one) for one in detached]
        if found:
            self._executor.submit(self._publish_attachments, found)

    def _publish_attachments(self, found: list[tuple[str, str, Attachment]]) -> None:
        for reason, verb, one in found:
            obj = self._store.snapshot.object(one.rule)
            if obj is not None:
                note = f"{obj.name} {verb} {one.target}"
                self._events.publish(one.rule, uid=obj.metadata.uid, severity="Normal", reason=reason, note=note)

    def _tell(self, key: StackKey, standing: list[Diagnostic]) -> None:
        with self._lock:
            before = self._told.pop(key, frozenset())
            if standing:
                self._told[key] = frozenset(standing)
        fresh = [one for one in dict.fromkeys(standing) if one not in before]
        if fresh:
            self._executor.submit(self._publish, fresh)

    def _publish(self, found: list[Diagnostic]) -> None:
        for one in gathered(found):
            about = self._pod if one.object == RUNTIME else one.object
            obj = self._store.snapshot.object(about)
            if obj is None and about != self._pod:
                continue
            uid = obj.metadata.uid if obj is not None else ""
            self._events.publish(about, uid=uid, severity="Warning", reason=one.reason, note=one.message)


def gathered(found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The diagnostics, with many of one reason made one about the runtime."""
    by_reason: dict[str, list[Diagnostic]] = {}
    for one in found:
        by_reason.setdefault(one.reason, []).append(one)
    return tuple(result for group in by_reason.values() for result in _gathered(group, _by_object(group)))


def _by_object(group: Iterable[Diagnostic]) -> Mapping[ObjectRef, Diagnostic]:
    return {one.object: one for one in group}


def _gathered(group: list[Diagnostic], objects: Mapping[ObjectRef, Diagnostic]) -> list[Diagnostic]:
    if len(objects) <= MANY:
        return group
    names = ", ".join(str(one) for one in sorted(objects)[:NAMED])
    message = f"{len(objects)} objects ({names}, ...) have the same problem; the first: {group[0].message}"
    return [Diagnostic(object=RUNTIME, field=group[0].field, reason=group[0].reason, message=message)]
