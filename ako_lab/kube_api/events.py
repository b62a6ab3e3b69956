"""The two forms of Event: core `v1` and `events.k8s.io/v1` are one object with differently named fields.

Stored in the core form; converted at the edge when the other form is asked for, as a real server does.
"""

from collections.abc import Mapping

from ako_lab.kube_api.errors import JsonObject

_NEW_NAMES: Mapping[str, str] = {
    "involvedObject": "regarding",
    "message": "note",
    "source": "deprecatedSource",
    "count": "deprecatedCount",
    "firstTimestamp": "deprecatedFirstTimestamp",
    "lastTimestamp": "deprecatedLastTimestamp",
    "reportingComponent": "reportingController",
}
_OLD_NAMES: Mapping[str, str] = {new: old for old, new in _NEW_NAMES.items()}


def events_form(document: JsonObject) -> JsonObject:
    """A core Event as events.k8s.io/v1 shows it."""
    renamed = {_NEW_NAMES.get(name, name): value for name, value in document.items()}
    return {**renamed, "apiVersion": "events.k8s.io/v1"}


def core_form(document: JsonObject) -> JsonObject:
    """An events.k8s.io/v1 Event as the core group shows it."""
    renamed = {_OLD_NAMES.get(name, name): value for name, value in document.items()}
    return {**renamed, "apiVersion": "v1"}
