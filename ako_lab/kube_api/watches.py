"""Watches: a cursor into a collection's history, turned into lines.

A `Watch` is pulled by whoever writes to the client: it hands out what happened since its last turn and keeps nothing
in between, so a slow client costs no memory. One that falls behind further than the history reaches gets an ERROR
event with 410 and ends, like one that asks for a version that is forgotten.

With selectors, an object that comes to match is ADDED and one that no longer matches is DELETED.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from ako_lab.kube_api.api import Api, shown
from ako_lab.kube_api.errors import ApiError, JsonObject
from ako_lab.kube_api.faults import Call
from ako_lab.kube_api.listing import Query
from ako_lab.kube_api.operations import Request, encoded
from ako_lab.kube_api.requests import query_of
from ako_lab.kube_api.store import Event, Gone, Stored
from ako_lab.kube_api.table import table

Ending = Literal["end", "drop", "gone"]

_BATCH = 500


class Watch:
    """One open watch."""

    def __init__(self, *, api: Api, request: Request, call: Call) -> None:
        self._api = api
        self._request = request
        self._resource = request.target.resource
        self.call = call
        self.query: Query = query_of(request.parameters, request.place)
        self._test = self.query.predicate(self._resource)
        self.ending: Ending | None = None
        self._cursor = 0
        self._version = 0

    def begin(self) -> list[bytes]:
        """The first lines: the objects that are there, if the watch asked for them."""
        items, self._cursor = self._api.watch_from(self._request.target, self.query)
        lines = [self._line("ADDED", stored) for stored in items]
        self._version = self._api.store.version
        if self.query.initial_events and self.query.bookmarks:
            lines.append(self._bookmark({"k8s.io/initial-events-end": "true"}))
        return lines

    def turn(self) -> list[bytes]:
        """The lines of what happened since the last turn; raises `Gone` when too much did."""
        with self._api.lock:
            collection = self._api.store.collection(self._resource.storage)
            events = collection.since(self._cursor, _BATCH)
            self._cursor += len(events)
            if len(events) < _BATCH:
                self._version = self._api.store.version
            elif events:
                self._version = events[-1].version
        return [line for event in events for line in self._lines(event)]

    def bookmark(self) -> bytes:
        """The line that tells how far this watch has come."""
        return self._bookmark({})

    def _lines(self, event: Event) -> Iterator[bytes]:
        namespace = self._request.target.namespace
        if namespace and event.last.document["metadata"].get("namespace") != namespace:
            return
        before = event.before is not None and self._matches(event.before)
        after = event.after is not None and self._matches(event.after)
        if after:
            yield self._line("MODIFIED" if before else "ADDED", event.last)
        elif before:
            yield self._line("DELETED", event.last)

    def _matches(self, stored: Stored) -> bool:
        return self._test is None or self._test(shown(self._resource, stored))

    def _line(self, kind: str, stored: Stored) -> bytes:
        if self._request.tabular:
            whole = self._request.parameters.get("includeObject") == "Object"
            document = table(self._resource, [shown(self._resource, stored)], {}, whole=whole)
            return line(kind, document)
        return b'{"type":"%s","object":%s}\n' % (kind.encode(), encoded(self._resource, stored))

    def _bookmark(self, annotations: JsonObject) -> bytes:
        metadata: JsonObject = {"resourceVersion": str(self._version), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = annotations
        document = {"kind": self._resource.kind, "apiVersion": self._resource.group_version, "metadata": metadata}
        return line("BOOKMARK", document)


def line(kind: str, document: JsonObject) -> bytes:
    """One line of a watch."""
    return msgspec.json.encode({"type": kind, "object": document}) + b"\n"


def gone_line() -> bytes:
    """The line that ends a watch whose version is forgotten."""
    return line("ERROR", ApiError(410, "too old resource version: list again").status())


__all__ = ["Ending", "Gone", "Watch", "gone_line", "line"]
