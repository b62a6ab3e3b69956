"""One written value to one typed value.

Values arrive as strings (ConfigMap, Secret, environment) or as YAML values (chart values), and both forms are accepted
everywhere: the official chart itself writes some booleans as "true". An empty string or null means "not set", so the
default applies. Nothing is guessed: what cannot be read exactly is a `Problem` that says what was expected. A float is
refused where text is expected, because YAML has already turned 22.10 into 22.1 by then.
"""

import ipaddress
import re
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from ako_runtime.settings.description import Setting
from ako_runtime.settings.problems import Problem
from ako_runtime.settings.values import NodeNetwork, SecretText, VipNetwork

Decoded: TypeAlias = (
    str | bool | int | SecretText | tuple[str, ...] | frozenset[str] | tuple[VipNetwork | NodeNetwork, ...]
)


class Given(Struct, frozen=True, kw_only=True):
    """A value as written, and the name that it was written under."""

    written: str
    value: object


class Undecodable(Exception):  # noqa: N818 - internal to this package; becomes a Problem
    """The value is not what the setting expects; the text is the problem's message."""


def decoded(setting: Setting, given: Given) -> Decoded | Problem:
    """The typed value of `setting`, or the problem with what was written."""
    try:
        return _decode(setting, given.value)
    except Undecodable as error:
        return Problem(name=given.written, message=str(error))


def without_unknown_fields(setting: Setting, given: Given) -> tuple[Given, list[Problem]]:
    """An object list without the fields that its objects do not have, and what was left out."""
    if setting.type != "object-list":
        return given, []
    try:
        items = _json(given.value)
    except Undecodable:
        return given, []
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return given, []
    known = [field.name for field in setting.fields]
    left_out = [
        Problem(
            name=given.written,
            message=f"unknown field '{name}' in entry {index}, without effect; known are {', '.join(known)}",
        )
        for index, item in enumerate(items, start=1)
        for name in item
        if name not in known
    ]
    kept = [{name: value for name, value in item.items() if name in known} for item in items]
    return (Given(written=given.written, value=kept), left_out) if left_out else (given, [])


def is_unset(value: object) -> bool:
    """True for null and the empty string: the default applies."""
    return value is None or (isinstance(value, str) and not value.strip())


def _decode(setting: Setting, value: object) -> Decoded:
    match setting.type:
        case "boolean":
            return _boolean(setting, value)
        case "integer":
            return _integer(setting, value)
        case "list":
            names = _names(setting, value)
            return frozenset(names) if setting.attribute == "blocked_namespaces" else names
        case "object-list":
            return _networks(setting, value)
        case "string":
            text = _string(setting, value)
            return SecretText(text) if setting.attribute in {"password", "auth_token"} else text


_TRUE: Final = frozenset({"true", "t", "1"})
_FALSE: Final = frozenset({"false", "f", "0"})


# What deletes everything is written out: the official AKO, too, knows this one by the word alone.
_WORD_ALONE: Final = frozenset({"deleteConfig"})


def _boolean(setting: Setting, value: object) -> bool:
    if isinstance(value, bool):
        return value
    text = str(value).strip().lower() if isinstance(value, str | int) else ""
    # As Go's ParseBool reads them, and any case of the words; the official chart makes a text of a number.
    if text in ({"true", "false"} if setting.name in _WORD_ALONE else _TRUE | _FALSE):
        return text in _TRUE
    raise Undecodable(f"expected true or false, not {_shown(value)}")


def _integer(setting: Setting, value: object) -> int:
    expected = f"expected {_range(setting)}, not {_shown(value)}"
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,18}", value.strip()):
        number = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    else:
        raise Undecodable(expected)
    if setting.minimum is not None and number < setting.minimum:
        raise Undecodable(expected)
    if setting.maximum is not None and number > setting.maximum:
        raise Undecodable(expected)
    return number


def _range(setting: Setting) -> str:
    unit = f" of {setting.unit}" if setting.unit else ""
    if setting.maximum is None:
        return f"a whole number{unit}, at least {setting.minimum}"
    return f"a whole number{unit} from {setting.minimum} to {setting.maximum}"


def _string(setting: Setting, value: object) -> str:
    if isinstance(value, float):
        raise Undecodable(f"expected text, not the number {value}: put it in quotes")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Undecodable(f"expected text, not {_shown(value)}")
    text = str(value)
    if setting.enum:
        # The case of a choice says nothing.
        near = next((choice for choice in setting.enum if choice.lower() == text.strip().lower()), None)
        if near is None:
            raise Undecodable(f"expected one of {', '.join(filter(None, setting.enum))}, not {_shown(value)}")
        return near
    if setting.pattern and not re.fullmatch(setting.pattern, text):
        shown = "something else" if setting.secret else _shown(value)
        raise Undecodable(f"expected {setting.expected}, not {shown}")
    return text


def _json(value: object) -> object:
    """Lists in the ConfigMap are JSON text; in a values file they are lists."""
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError as error:
        raise Undecodable(f"expected a JSON list, not {_shown(value)} ({error})") from error


def _names(setting: Setting, value: object) -> tuple[str, ...]:
    items = _json(value)
    if items is None:
        return ()
    if not isinstance(items, list | tuple):
        raise Undecodable(f"expected a list of names, not {_shown(value)}")
    wrong = [item for item in items if not isinstance(item, str) or not item.strip()]
    if wrong:
        raise Undecodable(f"expected a list of names; {_shown(wrong[0])} is not one")
    if setting.pattern:
        wrong = [item for item in items if not re.fullmatch(setting.pattern, item)]
        if wrong:
            raise Undecodable(f"expected {setting.expected}; {_shown(wrong[0])} is none")
    return tuple(dict.fromkeys(items))


def _networks(setting: Setting, value: object) -> tuple[VipNetwork | NodeNetwork, ...]:
    items = _json(value)
    if items is None:
        return ()
    networks: tuple[VipNetwork | NodeNetwork, ...]
    try:
        if setting.attribute == "vip_networks":
            networks = msgspec.convert(items, tuple[VipNetwork, ...])
        else:
            networks = msgspec.convert(items, tuple[NodeNetwork, ...])
    except msgspec.ValidationError as error:
        names = ", ".join(field.name for field in setting.fields)
        raise Undecodable(f"expected a list of objects with {names}: {_sentence(error)}") from error
    if setting.maximum is not None and len(networks) > setting.maximum:
        raise Undecodable(f"expected at most {setting.maximum} entries, not {len(networks)}")
    faults = [f"entry {index + 1} {fault}" for index, network in enumerate(networks) for fault in _faults(network)]
    if faults:
        raise Undecodable(", ".join(faults))
    return networks


def _faults(network: VipNetwork | NodeNetwork) -> list[str]:
    faults = [] if network.network_name or network.network_uuid else ["names neither networkName nor networkUUID"]
    if isinstance(network, NodeNetwork):
        return faults + [f"has {cidr!r} in cidrs, which is not a CIDR" for cidr in network.cidrs if not _is_cidr(cidr)]
    if network.cidr and not _is_cidr(network.cidr, version=4):
        faults.append(f"has cidr {network.cidr!r}, which is not an IPv4 CIDR")
    if network.v6cidr and not _is_cidr(network.v6cidr, version=6):
        faults.append(f"has v6cidr {network.v6cidr!r}, which is not an IPv6 CIDR")
    return faults


def _is_cidr(text: str, *, version: int | None = None) -> bool:
    if "/" not in text:
        return False
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return version is None or network.version == version


def _sentence(error: msgspec.ValidationError) -> str:
    """Msgspec's message with `$[0]` as `entry 1`."""
    text = re.sub(r" - at `\$`", "", str(error))
    text = re.sub(r" - at `\$\[(\d+)\]\.?([^`]*)`", lambda m: f" in entry {int(m[1]) + 1} {m[2]}".rstrip(), text)
    return text[:1].lower() + text[1:]


def _shown(value: object) -> str:
    """What was written, short enough for one line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
