"""From stored objects to what a client reads.

The common answer, a whole object in the newest version, is made without decoding it: the stored references in its
encoded form are replaced by addresses, with `#name` behind them when the client asks for names. Everything that changes
the content (fewer fields, no defaults, an older API version, private keys) decodes first. Fields that follow from
others, such as the virtual services of a VsVip, are added at the end of the text.
"""

import re
from collections.abc import Mapping

import msgspec

from ako_lab.avi_controller.schema import Schema, Version, exists_in, version_of
from ako_lab.avi_controller.store import Record, Store
from ako_lab.avi_controller.values import MARK, Document, Json

ALWAYS_SHOWN = frozenset({"uuid", "name", "url"})
# Objects of which there is one, addressed without a uuid.
SINGLETONS: Mapping[str, str] = {"systemconfiguration/default": "systemconfiguration"}
SINGLETON_TYPES = frozenset({"systemconfiguration", "cluster"})
# What the recorded controller shows of a virtual service beside its described fields.
_INTERNAL: Mapping[str, Json] = {"marked_for_delete": False, "self_se_election": True, "version": "2"}
_PLACEMENT: Mapping[str, Json] = {"num_additional_se": 0, "requested_resource": {"num_se": 1, "num_standby_se": 0}}
_STORED_REFERENCE = re.compile(rb'"\xee\x80\x80([^"]*)"')


class View:
    """How one request wants objects to look."""

    __slots__ = ("base", "exclude", "fields", "include_name", "skip_default", "version", "written")

    def __init__(self, *, base: str, version: Version, parameters: Mapping[str, str], written: bool = False) -> None:
        """`written`: the answer to a write, which shows names always and leaves out what only reads show."""
        self.base = base
        self.version = version
        self.written = written
        self.include_name = written or parameters.get("include_name", "false").lower() in ("", "true", "1")
        self.skip_default = parameters.get("skip_default", "false").lower() in ("", "true", "1")
        self.fields = _list(parameters.get("fields", ""))
        self.exclude = _list(parameters.get("exclude", ""))


def _list(text: str) -> frozenset[str]:
    return frozenset(item.strip() for item in text.split(",") if item.strip())


class Renderer:
    """Renders records of a store."""

    def __init__(self, *, store: Store) -> None:
        self._store = store
        self._newest = version_of(store.schema.release)
        self._hidden: dict[tuple[str, Version], frozenset[str]] = {}

    def rendered(self, record: Record, view: View) -> bytes:
        """The JSON text of an object for a view."""
        body = record.body
        if self._changes(view) or (view.written and record.type == "sslkeyandcertificate"):
            body = msgspec.json.encode(self._shaped(record, view))
        else:
            extra = self._derived(record, view)
            if extra:
                body = body[:-1] + b"," + msgspec.json.encode(extra)[1:]
        return self._addressed(body, view)

    def document(self, record: Record, view: View) -> Document:
        """The decoded form of what `rendered` gives."""
        result: Document = msgspec.json.decode(self.rendered(record, view))
        return result

    def address(self, key: str, view: View) -> str:
        """The address of a key for a view."""
        return self._addressed(msgspec.json.encode(MARK + key), view)[1:-1].decode()

    def addressed(self, value: Json, view: View) -> bytes:
        """Json value with stored references, encoded for a view."""
        return self._addressed(msgspec.json.encode(value), view)

    def _changes(self, view: View) -> bool:
        return bool(view.fields or view.exclude or view.skip_default or view.version < self._newest)

    def _shaped(self, record: Record, view: View) -> Document:
        document = record.document()
        document.update(self._derived(record, view))
        if view.written and record.type == "sslkeyandcertificate":
            document = _as_written(document)
        model = self._store.schema.types[record.type].model
        if view.version < self._newest:
            document = self._gated(model, document, view.version)
        if view.skip_default:
            document = _without_defaults(self._store.schema, model, document)
        if view.fields:
            wanted = view.fields | ALWAYS_SHOWN
            document = {name: value for name, value in document.items() if name in wanted}
        if view.exclude:
            document = {name: value for name, value in document.items() if name not in view.exclude - ALWAYS_SHOWN}
        return document

    def _gated(self, model: str, document: Document, version: Version) -> Document:
        """The document without the fields that the version does not have."""
        key = (model, version)
        hidden = self._hidden.get(key)
        if hidden is None:
            fields = self._store.schema.messages[model].fields
            hidden = frozenset(name for name, field in fields.items() if not exists_in(field, version))
            if len(self._hidden) > 4096:
                self._hidden.clear()
            self._hidden[key] = hidden
        fields = self._store.schema.messages[model].fields
        result: Document = {}
        for name, value in document.items():
            if name in hidden:
                continue
            field = fields.get(name)
            if field is not None and field.type in self._store.schema.messages:
                result[name] = _mapped(value, lambda item, inner=field.type: self._gated(inner, item, version))
            else:
                result[name] = value
        return result

    def _derived(self, record: Record, view: View) -> Document:
        """Fields that follow from other objects, and those that only reads show (recorded)."""
        if record.type == "vsvip":
            users = [MARK + user.key for user in self._store.referrers(record.key, "virtualservice")]
            return {"vs_refs": users} if users else {}
        if record.type != "virtualservice":
            return {}
        derived: Document = {}
        if record.facts and record.facts[0] == "VS_TYPE_VH_PARENT":
            children = [r.uuid for r in self._store.referrers(record.key, "virtualservice")]
            derived = {"vh_child_vs_uuid": children} if children else {}
        if not view.written:
            derived.update(_INTERNAL)
            derived["vip_runtime"] = [{"vip_id": vip_id, **_PLACEMENT} for vip_id in vip_ids(self._store, record)]
        return derived

    def _addressed(self, body: bytes, view: View) -> bytes:
        prefix = b'"' + view.base.encode() + b"/api/"
        records = self._store.records
        names = view.include_name

        def address(match: re.Match[bytes]) -> bytes:
            key = match[1].decode()
            if key in SINGLETONS:
                return prefix + SINGLETONS[key].encode() + b'"'
            if names:
                record = records.get(key)
                if record is not None:
                    return prefix + match[1] + b"#" + msgspec.json.encode(record.name)[1:-1] + b'"'
            return prefix + match[1] + b'"'

        return _STORED_REFERENCE.sub(address, body)


def _mapped(value: Json, convert: Json) -> Json:
    if isinstance(value, list):
        return [convert(item) if isinstance(item, dict) else item for item in value]
    return convert(value) if isinstance(value, dict) else value


def _without_defaults(schema: Schema, model: str, document: Document) -> Document:
    fields = schema.messages[model].fields
    result: Document = {}
    for name, value in document.items():
        field = fields.get(name)
        if field is None:
            result[name] = value
        elif field.type in schema.messages:
            result[name] = _mapped(value, lambda item, inner=field.type: _without_defaults(schema, inner, item))
        elif field.default is None or field.default != value or field.repeated:
            result[name] = value
    return result


def vip_ids(store: Store, record: Record) -> list[str]:
    """Identifiers of the VIPs that a virtual service listens on."""
    vip = next((store.records[key] for key in record.references if key.startswith("vsvip/")), None)
    return [item["vip_id"] for item in vip.document().get("vip", ())] if vip else []


def _as_written(document: Document) -> Document:
    """Recorded: the answer to an upload shows what was understood of a certificate, not the certificate."""
    certificate = document.get("certificate") or {}
    kept = {name: value for name, value in certificate.items() if name not in ("certificate", "public_key", "text")}
    return {name: value for name, value in {**document, "certificate": kept}.items() if name != "key"}
