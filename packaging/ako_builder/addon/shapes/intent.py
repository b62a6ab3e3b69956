"""Settings without a spelling: what a document means, whichever path it was written for.

An `Intent` maps the names of `ako_builder.addon.shapes.keys` (Helm paths, or `addon:` names for what only the add-on
path can say) to typed values: booleans are booleans, lists are lists. Readers turn a document into an intent, writers
an intent into a document and a list of `Loss`es: settings that the target cannot say, each with the reason. What is
absent stays absent; `with_defaults` writes out what the add-on path would assume, because the two paths assume
different things.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from ako_builder.addon.documents import Document, Value, WrongKey
from ako_builder.addon.shapes.keys import ADDON_PREFIX, KEYS, Key
from ako_builder.chart.extras import EXTRAS
from ako_runtime.settings.catalogue import BY_VALUES_PATH, SETTINGS
from ako_runtime.settings.chart_values import CHART_VALUES

CLUSTER_NAME: Final = "AKOSettings.clusterName"
_CHART_TYPES: Final = {item.path: item.type for item in CHART_VALUES}
_CHART_DEFAULTS: Final[Mapping[str, Value]] = {item.path: item.default for item in CHART_VALUES} | {
    item.path: item.default for item in EXTRAS
}
_ENCODED_TYPES: Final = {"boolean": "boolean", "boolean text": "boolean", "integer": "integer", "text": "string"}
_ADDON_TYPES: Final = {key.name: _ENCODED_TYPES[key.encoding] for key in KEYS if key.encoding in _ENCODED_TYPES}


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """The cluster for which values are made."""

    name: str
    namespace: str = "default"
    role: str = "workload"

    @property
    def avi_name(self) -> str:
        """The name that ako-operator gives it on the Avi Controller."""
        return f"{self.namespace}-{self.name}"


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """A setting that the target cannot express."""

    path: str
    value: str
    reason: str


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """Typed values by name, and the remarks of whoever read them."""

    values: dict[str, Value]
    losses: tuple[Loss, ...] = ()
    notes: tuple[str, ...] = ()

    def text(self, name: str) -> str:
        """A value as text, empty if absent."""
        return str(self.values.get(name, ""))


def type_of(name: str) -> str:
    """The type of a name: that of the setting or chart value, else that of the add-on's own key, else free."""
    setting = BY_VALUES_PATH.get(name)
    if setting is not None:
        return setting.type
    return _CHART_TYPES.get(name) or _ADDON_TYPES.get(name, "object")


def canonical_name(path: str) -> str:
    """The Helm path that a values path stands for: older spellings have the name of today's."""
    setting = BY_VALUES_PATH.get(path)
    return setting.helm if setting is not None and setting.helm else path


def typed(value: Value, *, name: str, where: str, key: str | None = None) -> Value:
    """A value in the type of its name; WrongKey says what was expected at `key`, which is the name if not given."""
    kind = type_of(name)
    try:
        return _TYPED[kind](value)
    except (ValueError, TypeError):
        raise WrongKey(where, key or name, f"expected {_EXPECTED[kind]}, found {_shown(value)}") from None


def _boolean(value: Value) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return bool(value == "true")
    raise ValueError


def _integer(value: Value) -> int:
    if isinstance(value, bool):
        raise TypeError
    return int(value)


def _string(value: Value) -> str:
    if isinstance(value, bool | list | dict):
        raise TypeError
    return str(value)


def _list(value: Value) -> list[Value]:
    if isinstance(value, str):
        value = json.loads(value) if value else []
    if not isinstance(value, list | tuple):
        raise TypeError
    return list(value)


_TYPED: Final[Mapping[str, Callable[[Value], Value]]] = {
    "boolean": _boolean,
    "integer": _integer,
    "string": _string,
    "list": _list,
    "object-list": _list,
    "object": lambda value: value,
}
_EXPECTED: Final = {
    "boolean": "true or false",
    "integer": "a whole number",
    "string": "text",
    "list": "a list",
    "object-list": "a list of mappings",
    "object": "a mapping",
}


def with_defaults(intent: Intent, keys: Iterable[Key]) -> Intent:
    """The intent with what the add-on path assumes written out."""
    assumed = {key.name: typed_default(key) for key in keys if key.default is not None}
    return msgspec.structs.replace(intent, values={**assumed, **intent.values})


def typed_default(key: Key) -> Value:
    """What the add-on path assumes for a key, in the sense of the Helm path."""
    if key.negated:
        return not key.default
    return typed(key.default, name=key.name, where="defaults")


def has_place_in_chart(name: str) -> bool:
    """Whether a name is a setting or a value of the chart."""
    return name in BY_VALUES_PATH or name in _CHART_DEFAULTS


def chart_default(name: str) -> Value:
    """What the chart assumes for a name where nothing is written; None if the chart has no such value."""
    setting = BY_VALUES_PATH.get(name)
    default = setting.default if setting is not None else _CHART_DEFAULTS.get(name)
    return list(default) if isinstance(default, tuple) else default


def different_defaults() -> dict[str, tuple[Value, Value]]:
    """The names that the add-on path and the chart know with unlike defaults: what each assumes, in that order."""
    both = {
        key.helm: (typed_default(key), chart_default(key.helm)) for key in KEYS if key.helm and key.default is not None
    }
    return {name: values for name, values in both.items() if values[0] != values[1]}


def written_out(intent: Intent, *, cluster: Cluster) -> Intent:
    """The intent of a values file with every setting in it, so that no path fills a gap with a default of its own."""
    defaults: dict[str, Value] = {
        setting.helm: list(setting.default) if isinstance(setting.default, tuple) else setting.default
        for setting in SETTINGS
        if setting.helm and setting.place == "configmap" and setting.default not in ("", ())
    }
    defaults |= {
        key.helm: chart_default(key.helm) for key in KEYS if key.helm in _CHART_DEFAULTS and key.default is not None
    }
    defaults[CLUSTER_NAME] = cluster.avi_name
    return msgspec.structs.replace(intent, values={**defaults, **intent.values})


def loss(path: str, value: Value, reason: str) -> Loss:
    """A loss, with secrets not shown."""
    return Loss(path=path, value="(secret)" if is_secret(path) else _shown(value), reason=reason)


def is_secret(name: str) -> bool:
    """Whether the value of a name must not be printed."""
    setting = BY_VALUES_PATH.get(name)
    return setting is not None and setting.secret


def _shown(value: Value) -> str:
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else f"'{value}'"


def value_at(document: Mapping[str, Value], path: str) -> Value:
    """The value at a dotted path, or None."""
    node: Value = document
    for part in path.split("."):
        if not isinstance(node, Mapping) or part not in node:
            return None
        node = node[part]
    return node


def put(document: Document, path: str, value: Value) -> None:
    """Set the value at a dotted path, making the mappings on the way."""
    *parents, last = path.split(".")
    for part in parents:
        document = document.setdefault(part, {})
    document[last] = value


def flattened(document: Mapping[str, Value], *, leaves: frozenset[str], prefix: str = "") -> dict[str, Value]:
    """Dotted paths to values; a path in `leaves` or anything else than a mapping is a value, an empty mapping none."""
    flat: dict[str, Value] = {}
    for key, value in document.items():
        path = f"{prefix}{key}"
        if isinstance(value, Mapping) and path not in leaves:
            flat.update(flattened(value, leaves=leaves, prefix=f"{path}."))
        else:
            flat[path] = value
    return flat


def is_addon_only(name: str) -> bool:
    """Whether only the add-on path can say this."""
    return name.startswith(ADDON_PREFIX)
