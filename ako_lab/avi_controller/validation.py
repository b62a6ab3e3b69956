"""From what a client sent to what is stored: types, enumerations, ranges, required fields, defaults, references.

Each message of the schema is compiled once, per API version and license tier, into a function that takes the client's
object and gives a new one. Compiling moves every decision that depends on the schema alone out of the request, which
is what makes a pool with a few hundred servers cheap. The functions unwind a `Refusal` through the levels of the
document, so that the error says where the wrong value stands, at no cost when nothing is wrong.

Rules that recordings show: unknown fields are dropped; `"true"` is accepted for a boolean (and so is `"80"` for a
number); `null` and an empty reference mean unset. Secrets (see `values`) are not kept. In lenient mode unknown
enumeration values, numbers out of range and missing required fields pass: some shipped clients send them.

References leave this module in stored form: a private-use character, the type and the uuid, e.g. `<U+E000>pool/pool-1`.
Text from clients never holds that character (it is refused), so stored references can be found again in the encoded
object without decoding it.
"""

import math
import socket
from collections.abc import Callable, Mapping
from typing import Protocol

from ako_lab.avi_controller import errors
from ako_lab.avi_controller.errors import Refusal
from ako_lab.avi_controller.schema import SMALL_TIERS, Field, Message, Schema, Version, exists_in, version_of
from ako_lab.avi_controller.values import MARK, MAXIMUM_DEPTH, REDACTED, SECRET_FIELDS, Document, Json

Converter = Callable[[Json, "Intake"], Json]
_INTEGERS = {
    "i32": (-(2**31), 2**31 - 1),
    "u32": (0, 2**32 - 1),
    "i64": (-(2**63), 2**63 - 1),
    "u64": (0, 2**64 - 1),
}


class Resolver(Protocol):
    """Finds the object that a client's reference means."""

    def __call__(self, target: str, value: str) -> str:
        """The key `type/uuid` of the object, or a refusal."""


class Intake:
    """What one conversion needs from outside: how to find the objects that references mean."""

    __slots__ = ("resolve",)

    def __init__(self, *, resolve: Resolver) -> None:
        self.resolve = resolve


class Validator:
    """Compiled converters for one API version, one license tier and one strictness."""

    def __init__(self, *, schema: Schema, version: Version, tier: str = "ENTERPRISE", strict: bool = True) -> None:
        self._schema = schema
        self._version = version
        self._shown = ".".join(str(part) for part in version)
        self._tier = tier if tier in SMALL_TIERS else ""
        self._strict = strict
        self._newest = version >= version_of(schema.release)
        self._compiled: dict[str, Converter] = {}

    def converted(self, model: str, document: object, intake: Intake) -> Document:
        """The stored form of a client's document of the named message."""
        result: Document = self._converter(model)(document, intake)
        return result

    def _converter(self, model: str) -> Converter:
        found = self._compiled.get(model)
        if found is None:
            found = self._compiled[model] = self._message(model, self._schema.messages[model])
        return found

    def _message(self, model: str, message: Message) -> Converter:
        fields = {name: self._field(name, field) for name, field in message.fields.items()}
        for name in _hidden_fields(model, message):
            fields[name] = _secret
        unknown = _kept if message.fields.keys() == _OPEN_FIELDS else None
        complete = self._completion(model, message)

        def convert(value: Json, intake: Intake) -> Document:
            if type(value) is not dict:
                raise errors.bad_request(f"{model} must be an object, not {_kind(value)}")
            result: Document = {}
            for name, item in value.items():
                field = fields.get(name, unknown)
                if item is None or field is None:
                    continue
                try:
                    converted = field(item, intake)
                except Refusal as refusal:
                    raise refusal.under(name) from None
                if converted is not None:
                    result[name] = converted
            complete(result)
            return result

        return convert

    def _completion(self, model: str, message: Message) -> Callable[[Document], None]:
        """Adds defaults to a message and checks what must be there."""
        newest = version_of(self._schema.release)
        present = {name: self._default(field) for name, field in message.fields.items() if exists_in(field, newest)}
        defaults = [(name, value) for name, value in present.items() if value is not None]
        required = message.required if self._strict else ()
        check = _CHECKS.get(model) if self._strict else None

        def complete(result: Document) -> None:
            for name, default in defaults:
                if name not in result:
                    result[name] = default
            for name in required:
                if name not in result:
                    raise errors.bad_message(model, name)
            if check is not None:
                check(result)

        return complete

    def _default(self, field: Field) -> bool | int | float | str | None:
        return field.tier_defaults.get(self._tier, field.default)

    def _field(self, name: str, field: Field) -> Converter:
        if not self._newest and not exists_in(field, self._version):
            return self._newer(name, field)
        scalar = self._scalar(field)
        if self._tier and field.tiers is not None:
            scalar = self._tiered(name, field, scalar)
        return self._list(field, scalar) if field.repeated else scalar

    def _newer(self, name: str, field: Field) -> Converter:
        def refuse(value: Json, intake: Intake) -> Json:
            del value, intake
            raise errors.newer_field(self._shown, name, field.introduced[0])

        return refuse

    def _tiered(self, name: str, field: Field, scalar: Converter) -> Converter:
        allowed = (field.tiers or {}).get(self._tier, ())
        tier = self._tier

        def convert(value: Json, intake: Intake) -> Json:
            result = scalar(value, intake)
            unset = result in (field.default, None)
            if allowed != "*" and not unset and str(result).lower() not in [text.lower() for text in allowed]:
                raise errors.bad_request(f"Field {name} with value {result!r} is not allowed in {tier} license tier")
            return result

        return convert

    def _list(self, field: Field, scalar: Converter) -> Converter:
        low, high = (field.minimum_items, field.maximum_items) if self._strict else (0, 0)

        def convert(value: Json, intake: Intake) -> list[Json] | None:
            if type(value) is not list:
                raise errors.bad_request(f"expected a list, not {_kind(value)}")
            if low and len(value) < low:
                raise errors.bad_request(f"at least {low} items are required, there are {len(value)}")
            if high and len(value) > high:
                raise errors.bad_request(f"at most {high} items are allowed, there are {len(value)}")
            try:
                result = [scalar(item, intake) for item in value]
            except Refusal as refusal:
                raise refusal.under("[]") from None
            return [item for item in result if item is not None] if None in result else result

        return convert

    def _scalar(self, field: Field) -> Converter:
        if field.type in self._schema.messages:
            return self._nested(field.type)
        if field.reference is not None:
            return _reference(field.reference)
        if field.enum:
            return self._enum(frozenset(field.enum))
        if field.type in _INTEGERS:
            return self._integer(field)
        if field.type == "f":
            return self._number(field)
        text = _text if self._strict else _lenient_text
        return _boolean if field.type == "b" else text

    def _nested(self, model: str) -> Converter:
        # Looked up at the first use: messages may contain themselves.
        def convert(value: Json, intake: Intake) -> Json:
            return self._converter(model)(value, intake)

        return convert

    def _enum(self, allowed: frozenset[str]) -> Converter:
        strict = self._strict

        def convert(value: Json, intake: Intake) -> Json:
            del intake
            if type(value) is str:
                if value in allowed or not strict:
                    return value
                shown = ", ".join(sorted(allowed)[:12])
                raise errors.bad_request(f"Invalid enum value {value[:80]!r}, expected one of {shown}")
            raise errors.bad_request(f"expected an enum value, not {_kind(value)}")

        return convert

    def _integer(self, field: Field) -> Converter:
        low, high = _INTEGERS[field.type]
        ranges = field.ranges if self._strict else ()

        def convert(value: Json, intake: Intake) -> int:
            number = value if type(value) is int else _integer_of(value)
            del intake
            if not low <= number <= high:
                raise errors.bad_request(
                    f"{number if abs(number) < 10**30 else 'the number'} does not fit {field.type}"
                )
            for first, last in ranges:
                if first <= number <= last:
                    return number
            if ranges:
                raise errors.bad_request(f"{number} is out of range, allowed: {_shown_ranges(ranges)}")
            return number

        return convert

    def _number(self, field: Field) -> Converter:
        ranges = field.ranges if self._strict else ()

        def convert(value: Json, intake: Intake) -> float:
            del intake
            try:
                number = float(value) if type(value) in (int, float, str) else None
            except (ValueError, OverflowError):
                number = None
            if number is None or not math.isfinite(number):
                raise errors.bad_request(f"expected a number, not {_kind(value)}")
            if ranges and not any(first <= number <= last for first, last in ranges):
                raise errors.bad_request(f"{number} is out of range, allowed: {_shown_ranges(ranges)}")
            return number

        return convert


def _check_address(value: Document) -> None:
    kind, text = value["type"], value["addr"]
    family = _FAMILIES.get(kind)
    if family is None:
        return
    try:
        socket.inet_pton(family, text)
    except (OSError, ValueError):
        raise errors.bad_request(f"{text[:80]!r} is not an address of type {kind}") from None


_FAMILIES: Mapping[str, socket.AddressFamily] = {"V4": socket.AF_INET, "V6": socket.AF_INET6}
# What the shape of a message does not say.
_CHECKS: Mapping[str, Callable[[Document], None]] = {"IpAddr": _check_address}
_OPEN_FIELDS = {"name", "uuid", "url", "_last_modified", "tenant_ref", "cloud_ref", "created_by"}


def _reference(target: str) -> Converter:
    def convert(value: Json, intake: Intake) -> str | None:
        if type(value) is not str:
            raise errors.bad_request(f"expected a reference, not {_kind(value)}")
        if not value:
            return None
        key = intake.resolve(target, value)
        if not key:
            return None
        return MARK + key

    return convert


def _boolean(value: Json, intake: Intake) -> bool:
    del intake
    if type(value) is bool:
        return value
    if type(value) is str and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise errors.bad_request(f"expected true or false, not {_kind(value)}")


def _text(value: Json, intake: Intake) -> str:
    del intake
    if type(value) is not str:
        raise errors.bad_request(f"expected a string, not {_kind(value)}")
    if MARK in value:
        raise errors.bad_request("the character U+E000 is not supported")
    return value


def _hidden_fields(model: str, message: Message) -> frozenset[str]:
    """Secrets that nobody needs after the write. Passwords of users and passphrases of keys are used up later on."""
    used = {"User": "password", "SSLKeyAndCertificate": "key_passphrase"}.get(model)
    named = (name for name, field in message.fields.items() if name in SECRET_FIELDS and field.type == "s")
    return frozenset(name for name in named if name != used)


def _secret(value: Json, intake: Intake) -> str:
    return REDACTED if _text(value, intake) else ""


def _lenient_text(value: Json, intake: Intake) -> str:
    if type(value) in (int, float, bool):
        return str(value)
    return _text(value, intake)


def _integer_of(value: Json) -> int:
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is str and value.isascii() and value.lstrip("-").isdigit() and len(value) <= 20:
        return int(value)
    raise errors.bad_request(f"expected an integer, not {_kind(value)}")


def _kept(value: Json, intake: Intake) -> Json:
    del intake
    return plain(value)


def plain(value: Json, depth: int = 0) -> Json:
    """A JSON value without anything that the store keeps for itself, and not absurdly deep."""
    if depth > MAXIMUM_DEPTH:
        raise errors.bad_request(f"nested deeper than {MAXIMUM_DEPTH} levels")
    if type(value) is str:
        return value.replace(MARK, "")
    if type(value) is dict:
        return {name.replace(MARK, ""): plain(item, depth + 1) for name, item in value.items()}
    if type(value) is list:
        return [plain(item, depth + 1) for item in value]
    return value


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", bool: "a boolean", int: "a number", float: "a number"}
    return names.get(type(value), f"{str(value)[:60]!r}" if value is not None else "null")


def _shown_ranges(ranges: tuple[tuple[float, float], ...]) -> str:
    return ", ".join(f"{low:g}" if low == high else f"{low:g}-{high:g}" for low, high in ranges)
