"""Wire form of model objects: JSON in, JSON out, references as strings.

Encoding is exact: what is `UNSET` is not written. Decoding takes an answer of the controller and keeps the fields that
the class manages; the rest is returned beside it (`foreign`), so that an update can send it back unchanged.

A secret (a private key) is revealed on the wire and nowhere else: what people are shown goes through `shown`.
"""

import functools
from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import UNSET

from ako_runtime.model.avi import (
    ApplicationPersistenceProfile,
    AviObject,
    L4PolicySet,
    NetworkSecurityPolicy,
    Pool,
    VirtualService,
    VsVip,
)
from ako_runtime.model.avi_l7 import (
    HTTPPolicySet,
    PKIProfile,
    PoolGroup,
    SSLKeyAndCertificate,
    StringGroup,
    VSDataScriptSet,
)
from ako_runtime.model.checksum import CHECKSUMS, Checksum, read_checksum
from ako_runtime.model.refs import Ref, parse_ref
from ako_runtime.settings.values import SecretText

KINDS: Mapping[str, type[AviObject]] = {
    cls.kind: cls
    for cls in (
        VsVip,
        SSLKeyAndCertificate,
        PKIProfile,
        ApplicationPersistenceProfile,
        Pool,
        PoolGroup,
        StringGroup,
        HTTPPolicySet,
        VSDataScriptSet,
        L4PolicySet,
        NetworkSecurityPolicy,
        VirtualService,
    )
}
"""Kind (the collection's name in a URL) to model class, in order of creation."""

T = TypeVar("T")

# Identity, concurrency and the official AKO's checksums: never compared, never sent back with other content.
BOOKKEEPING = frozenset({"url", "uuid", "_last_modified"}) | CHECKSUMS


def _to_wire(value: object) -> object:
    if isinstance(value, SecretText):
        return value.reveal()
    return _to_people(value)


def _to_people(value: object) -> object:
    if isinstance(value, Ref):
        return value.wire
    if isinstance(value, Checksum):
        return value.text
    if isinstance(value, SecretText):
        return str(value)
    raise NotImplementedError(type(value).__name__)


def _from_wire(kind: type[object], value: object) -> object:
    if kind is Ref and isinstance(value, str):
        return parse_ref(value)
    if kind is Checksum:
        return read_checksum(str(value))
    if kind is SecretText and isinstance(value, str):
        return SecretText(value)
    raise NotImplementedError(kind.__name__)


_encoder = msgspec.json.Encoder(enc_hook=_to_wire)
_redactor = msgspec.json.Encoder(enc_hook=_to_people)


def encoded(value: object) -> bytes:
    """JSON of a model object (or of plain values with references inside)."""
    return _encoder.encode(value)


def body_of(value: AviObject) -> dict[str, object]:
    """All that is sent of the object as plain dicts and lists, references in wire form, with its checksum."""
    document: dict[str, object] = msgspec.json.decode(_encoder.encode(value))
    return document


def builtins(value: AviObject) -> dict[str, object]:
    """What the object says, without its checksum, which says nothing to us."""
    return body_of(without_checksum(value))


def shown(value: AviObject) -> dict[str, object]:
    """The object for people: as `builtins`, secrets redacted."""
    document: dict[str, object] = msgspec.json.decode(_redactor.encode(without_checksum(value)))
    return document


def without_checksum(value: AviObject) -> AviObject:
    """The object with no checksum in it."""
    held = CHECKSUMS.intersection(value.__struct_fields__)
    return msgspec.structs.replace(value, **dict.fromkeys(held, UNSET)) if held else value


def plain(value: object) -> object:
    """Any part of a model object as plain data."""
    part: object = msgspec.json.decode(_encoder.encode(value))
    return part


def decoded(answer: bytes | msgspec.Raw, kind: type[T]) -> T:
    """The managed fields of an answer as `kind`; raises msgspec.ValidationError when the answer has another shape."""
    return msgspec.json.decode(answer, type=kind, strict=False, dec_hook=_from_wire)


@functools.cache
def managed_fields(kind: type[AviObject]) -> frozenset[str]:
    """Top-level fields that we decide about."""
    return frozenset(field.encode_name for field in msgspec.structs.fields(kind))
