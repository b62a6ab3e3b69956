"""The chart's two shapes: values of the Helm chart, and the ConfigMap with its Secret.

Helm values are the shape in which everything can be said, so reading them loses nothing and writing them loses only
what the add-on path alone knows. A value whose path no setting and no chart value has is kept under its own path: the
chart judges it, not the translation. The ConfigMap holds what the runtime reads; what only shapes manifests (image,
replicas, volumes) has no place in it.
"""

import base64
import binascii
import json
from collections.abc import Collection, Iterable

from ako_builder.addon.documents import Document, Value, WrongKey
from ako_builder.addon.shapes.intent import (
    Intent,
    Loss,
    canonical_name,
    flattened,
    is_addon_only,
    loss,
    put,
    typed,
)
from ako_runtime.errors import UserError
from ako_runtime.settings.catalogue import BY_KEY, BY_SECRET_KEY, BY_VALUES_PATH
from ako_runtime.settings.chart_values import CHART_VALUES

CONFIGMAP = "avi-k8s-config"
SECRET = "avi-secret"  # noqa: S105 - the name of the object
NAMESPACE = "avi-system"

_LEAVES = frozenset(item.path for item in CHART_VALUES if item.type == "object") | frozenset(BY_VALUES_PATH)
# An address with https:// means the same without: only another scheme is lost.
_SILENT = {"addon:controller.scheme": "https"}
_ADDON_REASON = "only the add-on path has it: no Helm value and no setting exists for it"
_NOTHING: tuple[Value, ...] = (None, "", [], {})
_MANIFEST_REASON = "it shapes the rendered manifests, the runtime never reads it"
_NODE_PORT_REASON = "the chart writes it only for L7Settings.serviceType NodePort"
_SECRET_REASON = "the chart makes a Secret of a user name with a password or token, and none beside an existing one"  # noqa: S105


def intent_of_helm(values: Document, *, where: str) -> Intent:
    """What a values file means."""
    flat = flattened(values, leaves=_LEAVES)
    found: dict[str, Value] = {}
    for path in sorted(flat, key=lambda item: canonical_name(item) == item):
        if flat[path] is not None:
            # The current spelling is read last, so it wins over an older one.
            found[canonical_name(path)] = typed(flat[path], name=canonical_name(path), where=where)
    return Intent(values={name: found[name] for path in flat if (name := canonical_name(path)) in found})


def helm_of(intent: Intent) -> tuple[Document, tuple[Loss, ...]]:
    """Values of the chart that say what an intent means."""
    document: Document = {}
    losses: list[Loss] = []
    for name, value in intent.values.items():
        if is_addon_only(name):
            if _SILENT.get(name) != value:
                losses.append(loss(name.partition(":")[2], value, _ADDON_REASON))
        else:
            put(document, name, value)
    return document, tuple(losses)


def intent_of_configmap(documents: Iterable[Document], *, where: str) -> Intent:
    """What a ConfigMap `avi-k8s-config` and, if given, a Secret `avi-secret` mean."""
    found: dict[str, Value] = {}
    for document in documents:
        kind, data = document.get("kind", "ConfigMap"), dict(document.get("data") or {})
        if kind == "Secret":
            found.update(_from_secret(data, document.get("stringData") or {}, where=where))
        elif kind == "ConfigMap":
            found.update(_from_configmap(data, where=where))
        else:
            raise UserError(f"{where}: kind {kind}: expected the ConfigMap {CONFIGMAP} and the Secret {SECRET}")
    return Intent(values=found)


def _from_configmap(data: Document, *, where: str) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for key, text in data.items():
        setting = BY_KEY.get(key)
        if setting is None or setting.helm is None:
            raise WrongKey(where, f"data.{key}", "this key is not known here: check its spelling")
        if text != "" or setting.type == "string":
            found[setting.helm] = typed(text, name=setting.helm, where=where, key=f"data.{key}")
    return found


def _from_secret(data: Document, plain: Document, *, where: str) -> dict[str, Value]:
    found: dict[str, Value] = {}
    for key, text in {**data, **plain}.items():
        setting = BY_SECRET_KEY.get(key)
        if setting is None or setting.helm is None:
            raise WrongKey(where, f"data.{key}", "this key of the Secret is not known here: check its spelling")
        found[setting.helm] = text if key in plain else decoded_text(text, where=f"{where}: data.{key}")
    return found


def decoded_text(text: str, *, where: str) -> str:
    """The text that a Secret holds in base64."""
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, TypeError):
        raise UserError(f"{where}: not base64 text: plain values go under stringData") from None


def configmap_of(intent: Intent) -> tuple[tuple[Document, ...], tuple[Loss, ...]]:
    """The ConfigMap and, if there are credentials, the Secret that say what an intent means."""
    data: dict[str, str] = {}
    secret: dict[str, str] = {}
    losses: list[Loss] = []
    for name, value in intent.values.items():
        setting = BY_VALUES_PATH.get(name)
        if is_addon_only(name):
            if _SILENT.get(name) != value:
                losses.append(loss(name.partition(":")[2], value, _ADDON_REASON))
        elif setting is None:
            losses.append(loss(name, value, _MANIFEST_REASON))
        elif setting.secret:
            secret[setting.name] = base64.b64encode(str(value).encode()).decode()
        else:
            data[setting.name] = wire_text(value)
    documents = [_object("ConfigMap", CONFIGMAP, data)]
    if secret:
        documents.append({**_object("Secret", SECRET, secret), "type": "Opaque"})
    return tuple(documents), tuple(losses)


def beside_configmap(values: Document, *, rendered: Collection[str]) -> tuple[Loss, ...]:
    """What values say that is not among the rendered keys of ConfigMap and Secret."""
    said = {path: value for path, value in flattened(values, leaves=_LEAVES).items() if value not in _NOTHING}
    losses: list[Loss] = []
    for path, value in said.items():
        setting = BY_VALUES_PATH.get(path)
        if setting is None:
            losses.append(loss(path, value, _MANIFEST_REASON))
        elif setting.name not in rendered:
            losses.append(loss(path, value, _SECRET_REASON if setting.secret else _NODE_PORT_REASON))
    return tuple(losses)


def _object(kind: str, name: str, data: dict[str, str]) -> Document:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, "data": data}


def wire_text(value: Value) -> str:
    """A value as a ConfigMap holds it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
