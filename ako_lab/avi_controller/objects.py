"""Create, read, update, patch and delete configuration objects.

Every change goes the same way: resolve tenant and cloud, convert with the schema, complete and check with the
semantics, check the name, allocate addresses and register names, then write. Nothing is written before the last check
has passed, and what the last steps take they give back when a later one refuses. What writes several objects in one
request is made inside `all_or_nothing`.
"""

import random
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from ako_lab.avi_controller import errors
from ako_lab.avi_controller.call import Call, Reply, page_reply
from ako_lab.avi_controller.dns import Dns
from ako_lab.avi_controller.errors import Refusal
from ako_lab.avi_controller.inline_vips import InlineVips
from ako_lab.avi_controller.ipam import Ipam
from ako_lab.avi_controller.patch import check_patch, patched
from ako_lab.avi_controller.query import Searcher, Selection
from ako_lab.avi_controller.rendering import SINGLETON_TYPES, Renderer, View
from ako_lab.avi_controller.runtime import States, subresource
from ako_lab.avi_controller.schema import Schema, Version, version_of
from ako_lab.avi_controller.semantics import DEFAULT_CLOUD, Semantics
from ako_lab.avi_controller.store import ADMIN, Record, Store, stored_reference, target_uuid
from ako_lab.avi_controller.validation import Intake, Validator
from ako_lab.avi_controller.values import MARK, Document

# Types whose objects in the admin tenant every tenant sees.
SHARED = frozenset(
    [
        "cloud",
        "network",
        "vrfcontext",
        "serviceenginegroup",
        "ipamdnsproviderprofile",
        "applicationprofile",
        "networkprofile",
        "healthmonitor",
        "sslprofile",
        "analyticsprofile",
        "applicationpersistenceprofile",
        "sslkeyandcertificate",
        "protocolparser",
        "wafpolicy",
        "wafprofile",
        "wafcrs",
        "errorpageprofile",
        "ssopolicy",
        "authprofile",
        "icapprofile",
        "botdetectionpolicy",
        "trafficcloneprofile",
        "role",
        "systemconfiguration",
        "cluster",
        "useraccountprofile",
        "serviceengine",
        "vcenterserver",
    ]
)
# Where the product compares versions of a change (others ignore what the client sends).
VERSIONED = frozenset({"vsvip", "vrfcontext", "serviceenginegroup"})
INFRASTRUCTURE = frozenset({"cloud", "network", "vrfcontext", "serviceenginegroup"})
_READ_ONLY = ("uuid", "url", "_last_modified")
_COMPILED_VALIDATORS = 16


class Objects:
    """The configuration objects and what can be done to them."""

    def __init__(  # noqa: PLR0913 - one collaborator a concern
        self,
        *,
        schema: Schema,
        store: Store,
        semantics: Semantics,
        ipam: Ipam,
        dns: Dns,
        clock: Callable[[], float],
        chance: random.Random,
        strict: bool,
        name_first: bool,
    ) -> None:
        self.schema = schema
        self.store = store
        self.renderer = Renderer(store=store)
        self.searcher = Searcher(store=store)
        self.semantics = semantics
        self.use_uuid_from_input = False
        self.fixed_fields: Mapping[str, tuple[str, ...]] = {}
        self._newest = version_of(schema.release)
        self.inline_vips = InlineVips(store=store, objects=self)
        self.states = States()
        # Passwords by the key of their user; no object shows them.
        self.passwords: dict[str, str] = {}
        self._ipam = ipam
        self._dns = dns
        self._clock = clock
        self._chance = chance
        self._strict = strict
        self._name_first = name_first
        # For documents that were stored before: they may come from a lenient lab.
        self.stored = Validator(schema=schema, version=self._newest, strict=False)
        self._validators: dict[tuple[Version, str], Validator] = {}
        self._last_stamp = 0

    # Reading

    def listed(self, kind: str, call: Call) -> Reply:
        """A page of a collection."""
        view = View(base=call.base, version=call.version, parameters=call.parameters)
        selection = self.selection(kind, call)
        return page_reply(call, selection, [self._shown(record, view, call) for record in selection.records])

    def selection(self, kind: str, call: Call) -> Selection:
        """The records of the page that a call asks for, of all tenants that it sees."""
        tenants = call.tenants
        if tenants is not None and kind in SHARED:
            tenants = tenants | {ADMIN}
        if self.schema.types[kind].scope == "global":
            tenants = call.allowed if kind == "tenant" else None
        return self.searcher.selection(kind, call.parameters, tenants=tenants)

    def _shown(self, record: Record, view: View, call: Call) -> bytes:
        body = self.renderer.rendered(record, view)
        joined = call.parameters.get("join_subresources", "")
        return body if not joined else self._joined(record, body, joined, view)

    def _joined(self, record: Record, body: bytes, joined: str, view: View) -> bytes:
        parts = []
        for name in joined.split(","):
            found = subresource(self.store, record, name.split("/"), self.states)
            if found is not None:
                parts.append(self.renderer.addressed({name: found}, view)[1:-1])
        return body[:-1] + b"".join(b"," + part for part in parts) + b"}"

    def item(self, kind: str, identifier: str, call: Call) -> Reply:
        """One object."""
        record = self.visible(kind, identifier, call)
        view = View(base=call.base, version=call.version, parameters=call.parameters)
        return Reply(200, self._shown(record, view, call))

    def visible(self, kind: str, identifier: str, call: Call) -> Record:
        """The object of a uuid, if the tenant of the call sees it."""
        record = self.store.records.get(f"{kind}/{identifier}")
        if record is None or not self._sees(record, call):
            raise errors.not_found(self.schema.types[kind].model)
        return record

    def _sees(self, record: Record, call: Call) -> bool:
        tenants = call.tenants
        if record.type == "tenant":
            return call.allowed is None or record.uuid in call.allowed
        if tenants is None or self.schema.types[record.type].scope == "global":
            return True
        return record.tenant in tenants or (record.type in SHARED and record.tenant == ADMIN)

    # Writing

    def created(self, kind: str, call: Call) -> Reply:
        """A new object."""
        if kind in SINGLETON_TYPES:
            raise Refusal(405, f"Method 'POST' not allowed on {kind}.")
        record = self.create(kind, call.document(), call)
        view = View(base=call.base, version=call.version, parameters=call.parameters, written=True)
        location = self.renderer.address(record.key, view)
        return Reply(201, self.renderer.rendered(record, view), headers={"Location": _header_text(location)})

    def create(self, kind: str, sent: Document, call: Call) -> Record:
        """Add an object from what a client sent."""
        tenant, cloud = self.place(kind, sent, call)
        if self._name_first:
            named: Document = {"name": str(sent.get("name", ""))}
            self._settle(kind, named, tenant=tenant, cloud=cloud)
            self._check_name(kind, "", named)
        document = self._converted(kind, sent, tenant=tenant, cloud=cloud, version=call.version)
        key = self._new_key(kind, call)
        self._settle(kind, document, tenant=tenant, cloud=cloud)
        if not self.inline_vips.brought(kind, document):
            return self._write(key, document, None)
        with self.all_or_nothing():
            self._check_name(kind, key, document)
            self.inline_vips.make(key, sent, document, call)
            return self._write(key, document, None)

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Several writes as one: what was written inside is taken back when a refusal leaves it."""
        owners, passwords = dict(self.inline_vips.owners), dict(self.passwords)
        try:
            with self.store.undoing():
                yield
        except BaseException:
            self.inline_vips.owners = owners
            self.passwords.clear()
            self.passwords.update(passwords)
            self._ipam.rebuild()
            self._dns.rebuild()
            raise

    def replaced(self, kind: str, identifier: str, call: Call) -> Reply:
        """An object after a PUT."""
        record = self._changeable(kind, identifier, call)
        # Recorded: a PUT of nothing answers with the object as it is.
        unchanged = not call.body and kind in SINGLETON_TYPES
        if unchanged:
            return self._answered(self.update(record, self.as_sent(record), version=self._newest), call)
        return self._answered(self.update(record, call.document(), version=call.version), call)

    def patched(self, kind: str, identifier: str, call: Call) -> Reply:
        """An object after a PATCH."""
        record = self._changeable(kind, identifier, call)
        model = self.schema.types[kind].model
        patch = call.document()
        check_patch(self.schema, model, patch, call.version)
        changed = patched(self.schema, model, self.as_sent(record), patch)
        return self._answered(self.update(record, changed, version=self._newest), call)

    def _answered(self, record: Record, call: Call) -> Reply:
        view = View(base=call.base, version=call.version, parameters=call.parameters, written=True)
        return Reply(200, self.renderer.rendered(record, view))

    def as_sent(self, record: Record) -> Document:
        """The stored document in the form in which a client would send it."""
        plain = View(base="", version=self._newest, parameters={})
        sent = self.renderer.document(record, plain)
        return {name: value for name, value in sent.items() if name not in _READ_ONLY}

    def update(self, record: Record, sent: Document, *, version: Version) -> Record:
        """Replace the content of an object by what a client sent."""
        own = self.inline_vips.own(record, sent)
        if own is None:
            return self._update(record, sent, version=version)
        with self.all_or_nothing():
            return self._update(record, self.inline_vips.change(own, sent, version=version), version=version)

    def _update(self, record: Record, sent: Document, *, version: Version) -> Record:
        kind = record.type
        stamp = sent.get("_last_modified")
        if kind in VERSIONED and stamp is not None and str(stamp) != record.modified:
            raise errors.stale(self.schema.types[kind].model)
        old = record.document()
        body = {**sent, "name": sent.get("name", record.name)} if kind not in SINGLETON_TYPES else sent
        document = self._converted(kind, body, tenant=record.tenant, cloud=record.cloud, version=version)
        for field in ("tenant_ref", "cloud_ref"):
            if field in old:
                if field == "cloud_ref" and document.get(field, old[field]) != old[field]:
                    raise errors.bad_request("cloud_ref of an object cannot be changed")
                document[field] = old[field]
        if "created_by" in old:
            document.setdefault("created_by", old["created_by"])
        for field in self.fixed_fields.get(kind, ()):
            if document.get(field) != old.get(field):
                raise errors.fixed_field(self.schema.types[kind].model, field)
        written = self._write(record.key, document, record)
        if kind == "virtualservice" and document.get("vsvip_ref") != old.get("vsvip_ref"):
            self.inline_vips.leave(record)
        return written

    def _changeable(self, kind: str, identifier: str, call: Call) -> Record:
        record = self.visible(kind, identifier, call)
        if call.tenants is not None and record.tenant not in call.tenants and self.schema.types[kind].scope != "global":
            raise errors.foreign_tenant(self.schema.types[kind].model, self._tenant_name(call.tenant or ADMIN))
        return record

    def _tenant_name(self, tenant: str) -> str:
        record = self.store.records.get(f"tenant/{tenant}")
        return record.name if record else tenant

    def deleted(self, kind: str, identifier: str, call: Call) -> Reply:
        """The answer to a DELETE."""
        if kind in SINGLETON_TYPES:
            raise Refusal(405, f"Method 'DELETE' not allowed on {kind}.")
        self.delete(self._changeable(kind, identifier, call))
        return Reply(204)

    def delete(self, record: Record) -> None:
        """Take an object away unless something refers to it."""
        if record.key in ("tenant/admin", "user/user-1"):
            raise errors.bad_request(f"{record.name} cannot be deleted")
        used_by = self._users(record)
        if used_by:
            status = 400 if record.type in INFRASTRUCTURE else 403
            raise errors.still_referred(record.name, used_by, status=status)
        self.store.remove(record)
        if record.type == "vsvip":
            self._ipam.release(record)
            self._dns.release(record)
        elif record.type == "network":
            self._ipam.network_gone(record)
        elif record.type == "virtualservice":
            self.inline_vips.leave(record)
        elif record.type == "user":
            self.passwords.pop(record.key, None)

    def _users(self, record: Record) -> list[str]:
        users = []
        for user in self.store.referrers(record.key):
            users.append(f"{self.schema.types[user.type].model} {user.name}")
            if len(users) == 20:
                break
        return users

    # Steps of a write

    def place(self, kind: str, sent: Document, call: Call) -> tuple[str, str]:
        """The uuids of tenant and cloud that a new object will have; no cloud for types that lie in none."""
        scope = self.schema.types[kind].scope
        tenant = call.tenant or ADMIN
        if scope == "global":
            return ADMIN, ""
        wanted = sent.get("tenant_ref")
        if isinstance(wanted, str) and wanted:
            tenant = self.store.resolved("Tenant", wanted, tenant=ADMIN, cloud="").partition("/")[2] or tenant
        if call.tenants is not None and tenant not in call.tenants:
            raise errors.bad_request(f"tenant_ref names another tenant than the request ({self._tenant_name(tenant)})")
        if scope != "cloud":
            return tenant, ""
        text = sent.get("cloud_ref")
        if isinstance(text, str) and text:
            key = self.store.resolved("Cloud", text, tenant=tenant, cloud="")
        else:
            default = self.store.named("cloud", DEFAULT_CLOUD, tenant=ADMIN)
            key = default.key if default else ""
        return tenant, key.partition("/")[2]

    def _converted(self, kind: str, sent: Document, *, tenant: str, cloud: str, version: Version) -> Document:
        def resolve(target: str, value: str) -> str:
            return self.store.resolved(target, value, tenant=tenant, cloud=_cloud_for(target, self.schema, cloud))

        model = self.schema.types[kind].model
        return self._validator(version).converted(model, _with_vip_ids(kind, sent), Intake(resolve=resolve))

    def _validator(self, version: Version) -> Validator:
        tier = self.semantics.tier
        found = self._validators.get((version, tier))
        if found is None:
            if len(self._validators) >= _COMPILED_VALIDATORS:
                self._validators.clear()
            found = Validator(schema=self.schema, version=version, tier=tier, strict=self._strict)
            self._validators[(version, tier)] = found
        return found

    def _new_key(self, kind: str, call: Call) -> str:
        forced = call.headers.get("Slug", "") if self.use_uuid_from_input else ""
        if forced:
            if not (forced.replace("-", "").replace("_", "").isalnum() and forced.isascii() and len(forced) <= 128):
                raise errors.bad_request("Slug must be a uuid: letters, digits and dashes")
            if f"{kind}/{forced}" in self.store.records:
                raise errors.already_exists(self.schema.types[kind].model, cloud=False)
            return f"{kind}/{forced}"
        return f"{kind}/{kind}-{uuid.UUID(int=self._chance.getrandbits(128), version=4)}"

    def _settle(self, kind: str, document: Document, *, tenant: str, cloud: str) -> None:
        if self.schema.types[kind].scope != "global":
            document["tenant_ref"] = stored_reference(f"tenant/{tenant}")
        if self.schema.types[kind].scope == "cloud" and cloud:
            document["cloud_ref"] = stored_reference(f"cloud/{cloud}")

    def _write(self, key: str, document: Document, old: Record | None) -> Record:
        kind, _, identifier = key.partition("/")
        before = old.document() if old else None
        password = document.pop("password", "") if kind == "user" else ""
        self.semantics.complete(key, document, before)
        self._check_name(kind, key, document)
        stamped: Document = {"url": MARK + key, "uuid": identifier}
        if "name" in document:
            stamped["name"] = document["name"]
        stamped["_last_modified"] = self._stamp()
        if kind == "vsvip":
            self._ipam.allocate(key, document, before)
            try:
                self._dns.register(key, document, before)
            except Refusal:
                self._ipam.undo(key, document, before)
                raise
        record = Record(key=key, document={**document, **stamped}, facts=self.semantics.facts(kind, document))
        self.store.put(record)
        if kind == "network":
            self._ipam.network_changed(record)
        if password:
            self.passwords[key] = password
        return record

    def _check_name(self, kind: str, key: str, document: Document) -> None:
        if kind in SINGLETON_TYPES:
            return
        name = document.get("name", "")
        if not name and self._strict:
            raise errors.bad_message(self.schema.types[kind].model, "name")
        tenant = target_uuid(document.get("tenant_ref", "")) or ADMIN
        found = self.store.named(kind, name, tenant=tenant, cloud=target_uuid(document.get("cloud_ref", "")))
        if found is not None and found.key != key:
            described = self.schema.types[kind]
            raise errors.already_exists(described.model, cloud=described.scope == "cloud")

    def _stamp(self) -> str:
        """Microseconds, never the same twice."""
        self._last_stamp = max(self._last_stamp + 1, int(self._clock() * 1_000_000))
        return str(self._last_stamp)


def _with_vip_ids(kind: str, sent: Document) -> Document:
    """Recorded: a VIP may come without `vip_id`, although the documents require one; it gets its number."""
    vips = sent.get("vip") if kind in ("vsvip", "virtualservice") else None
    if not isinstance(vips, list):
        return sent
    numbered = [{"vip_id": str(i), **vip} if isinstance(vip, dict) else vip for i, vip in enumerate(vips)]
    return {**sent, "vip": numbered}


def _cloud_for(target: str, schema: Schema, cloud: str) -> str:
    described = schema.types.get(target.lower())
    return cloud if described is not None and described.scope == "cloud" else ""


def _header_text(text: str) -> str:
    """A text that may stand in a header: names may hold anything."""
    return text.encode("ascii", "backslashreplace").decode().replace("\r", "").replace("\n", "")
