r"""Protobuf request bodies: what typed Go clients send (`kubectl create`, Helm's release storage).

The frame is `k8s\0` followed by a `runtime.Unknown` message (1: TypeMeta, 2: raw bytes of the object). Such clients
read JSON answers without complaint, so only decoding is needed. `protobuf.json` holds the field numbers of every
message that the served kinds reach, written by `scripts/protobuf-tables` from Kubernetes' own descriptions: field
number to name and type. Types: s text, b bytes as base64, i integer, ? boolean, t and m times, o integer or text, q
quantity, or a message's name; a leading * means repeated, % a map from text. Unknown fields are skipped, as protobuf
demands. A kind without a table (custom kinds have no protobuf at all) is a 415.
"""

import base64
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from ako_lab.kube_api.errors import ApiError, JsonObject

_MAGIC = b"k8s\x00"
# Messages that Go embeds: their fields stand in JSON beside those of the message around them.
_EMBEDDED = frozenset({"ephemeralContainerCommon", "handler", "localObjectReference", "volumeSource"})
# Numbers that Go writes although nobody set them, and that JSON leaves out.
_UNSET_ZERO = frozenset({"generation", "healthCheckNodePort", "nodePort", "observedGeneration"})


class _Tables(msgspec.Struct, frozen=True, kw_only=True):
    kinds: Mapping[str, str]
    messages: Mapping[str, Mapping[str, tuple[str, str]]]


@lru_cache(maxsize=1)
def _tables() -> _Tables:
    return msgspec.json.decode(Path(__file__).with_name("protobuf.json").read_bytes(), type=_Tables)


def decoded_object(body: bytes) -> JsonObject:
    """The object in a framed protobuf body."""
    if not body.startswith(_MAGIC):
        raise ApiError(400, "the body is not a Kubernetes protobuf object: it lacks the k8s prefix")
    version = kind = ""
    raw = b""
    for number, value in _fields(body[len(_MAGIC) :]):
        if number == 1:
            pair = dict(_fields(_bytes(value)))
            version, kind = _bytes(pair.get(1, b"")).decode(), _bytes(pair.get(2, b"")).decode()
        elif number == 2:
            raw = _bytes(value)
    tables = _tables()
    message = tables.kinds.get(f"{version} {kind}") or tables.kinds.get(f"v1 {kind}")
    if message is None:
        raise ApiError(415, f"this server decodes no protobuf of {kind or 'an unnamed kind'}: send JSON")
    return {"apiVersion": version, "kind": kind, **_message(raw, message)}


def _message(data: bytes, name: str) -> JsonObject:
    document: JsonObject = {}
    fields = _tables().messages[name]
    for number, value in _fields(data):
        field, form = fields.get(str(number), ("", ""))
        if not form:
            continue
        if form.startswith("*"):
            document.setdefault(field, []).append(_value(value, form[1:]))
        elif form.startswith("%"):
            pair = dict(_fields(_bytes(value)))
            key = _bytes(pair.get(1, b"")).decode()
            document.setdefault(field, {})[key] = _value(pair.get(2, b""), form[1:])
        elif field in _EMBEDDED:
            document.update(_value(value, form))
        else:
            found = _value(value, form)
            if found is not None and found != "" and not (found == 0 and field in _UNSET_ZERO):
                document[field] = found
    return document


def _value(value: int | bytes, form: str) -> Any:  # noqa: ANN401 - JSON of any shape
    if form == "i":
        number = int(value)
        return number - (1 << 64) if number >> 63 else number
    if form == "?":
        return bool(value)
    data = _bytes(value)
    if form == "s":
        return data.decode()
    if form == "b":
        return base64.b64encode(data).decode()
    if form in {"t", "m", "o", "q"}:
        return _special(dict(_fields(data)), form)
    return _message(data, form)


def _special(fields: Mapping[int, int | bytes], form: str) -> str | int | None:
    """Messages that JSON writes as one scalar."""
    if form == "q":
        return _bytes(fields.get(1, b"")).decode()
    if form == "o":
        is_text = fields.get(1, 0) == 1
        return _bytes(fields.get(3, b"")).decode() if is_text else int(fields.get(2, 0))
    seconds = int(fields.get(1, 0))
    if not seconds:
        return None
    moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{int(fields.get(2, 0)) // 1000:06}Z" if form == "m" else f"{moment}Z"


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
