r"""Protobuf request bodies of the few kinds that clients insist on sending so: Secret, ConfigMap, DeleteOptions.

Helm's release storage uses a typed client that writes protobuf and reads whatever it is answered. The frame is
`k8s\0` followed by a `runtime.Unknown` message (1: TypeMeta, 2: raw bytes of the object). Messages are described by
small tables, field number to name and type; unknown fields are skipped, as protobuf demands. A kind without a table
is a 415, which makes a client that can fall back to JSON.
"""

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from ako_lab.kube_api.documents import ApiError, JsonObject

_MAGIC = b"k8s\x00"

# Field number -> (name, type): s text, b bytes as base64, i integer, ? boolean, t time, or a message's name;
# a leading * means repeated, % a map from text.
_Fields = Mapping[int, tuple[str, str]]
_MESSAGES: Mapping[str, _Fields] = {
    "TypeMeta": {1: ("apiVersion", "s"), 2: ("kind", "s")},
    "ObjectMeta": {
        1: ("name", "s"),
        2: ("generateName", "s"),
        3: ("namespace", "s"),
        5: ("uid", "s"),
        6: ("resourceVersion", "s"),
        7: ("generation", "i"),
        8: ("creationTimestamp", "t"),
        9: ("deletionTimestamp", "t"),
        11: ("labels", "%s"),
        12: ("annotations", "%s"),
        13: ("ownerReferences", "*OwnerReference"),
        14: ("finalizers", "*s"),
    },
    "OwnerReference": {
        1: ("kind", "s"),
        3: ("name", "s"),
        4: ("uid", "s"),
        5: ("apiVersion", "s"),
        6: ("controller", "?"),
        7: ("blockOwnerDeletion", "?"),
    },
    "Secret": {
        1: ("metadata", "ObjectMeta"),
        2: ("data", "%b"),
        3: ("type", "s"),
        4: ("stringData", "%s"),
        5: ("immutable", "?"),
    },
    "ConfigMap": {1: ("metadata", "ObjectMeta"), 2: ("data", "%s"), 3: ("binaryData", "%b"), 4: ("immutable", "?")},
    "DeleteOptions": {
        1: ("gracePeriodSeconds", "i"),
        2: ("preconditions", "Preconditions"),
        3: ("orphanDependents", "?"),
        4: ("propagationPolicy", "s"),
        5: ("dryRun", "*s"),
    },
    "Preconditions": {1: ("uid", "s"), 2: ("resourceVersion", "s")},
}


def decoded_object(body: bytes) -> JsonObject:
    """The object in a framed protobuf body."""
    if not body.startswith(_MAGIC):
        raise ApiError(400, "the body is not a Kubernetes protobuf object: it lacks the k8s prefix")
    kind: JsonObject = {}
    raw = b""
    for number, value in _fields(body[len(_MAGIC) :]):
        if number == 1 and isinstance(value, bytes):
            kind = _message(value, "TypeMeta")
        elif number == 2 and isinstance(value, bytes):
            raw = value
    if kind.get("kind") not in {"Secret", "ConfigMap", "DeleteOptions"}:
        raise ApiError(415, f"this server decodes no protobuf of {kind.get('kind', 'an unnamed kind')}: send JSON")
    return {**kind, **_message(raw, kind["kind"])}


def _message(data: bytes, name: str) -> JsonObject:
    document: JsonObject = {}
    fields = _MESSAGES[name]
    for number, value in _fields(data):
        if number not in fields:
            continue
        field, form = fields[number]
        if form.startswith("*"):
            document.setdefault(field, []).append(_value(value, form[1:]))
        elif form.startswith("%"):
            pair = dict(_fields(_bytes(value)))
            key = _bytes(pair.get(1, b"")).decode()
            document.setdefault(field, {})[key] = _value(pair.get(2, b""), form[1:])
        else:
            found = _value(value, form)
            if found not in {"", None} if not isinstance(found, dict) else True:
                document[field] = found
    return document


def _value(value: int | bytes, form: str) -> Any:  # noqa: ANN401 - JSON of any shape
    if form == "i":
        return int(value)
    if form == "?":
        return bool(value)
    data = _bytes(value)
    if form == "s":
        return data.decode()
    if form == "b":
        return base64.b64encode(data).decode()
    if form == "t":
        seconds = dict(_fields(data)).get(1)
        return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else None
    return _message(data, form)


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ApiError(400, "the protobuf body is damaged: a number stands where bytes must be")
    return value


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers and raw values of a message."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
            continue
        if wire == 2:
            size, at = _varint(data, at)
        elif wire in {1, 5}:
            size = 8 if wire == 1 else 4
        else:
            raise ApiError(400, f"the protobuf body is damaged: wire type {wire}")
        if at + size > len(data):
            raise ApiError(400, "the protobuf body is damaged: it ends too early")
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    raise ApiError(400, "the protobuf body is damaged: a number ends too early")
