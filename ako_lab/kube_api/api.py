"""The operations of the API on documents: what each verb means, without HTTP.

`Api` joins the store, the catalogue and the helpers. Every operation runs under one lock and either happens whole or
raises `ApiError` and leaves nothing behind. The order of a write is always the same: resolve the target, check the
namespace, make the next version (`writes`), complete it (defaults, schema, addresses), and only then store it; after
that come its consequences: a CRD's kind is served, a Service gets its EndpointSlices, the dependents of what is deleted
go too.

A dry run goes the whole way up to storing. A write that changes nothing stores nothing, so no watcher wakes up.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeAlias
from uuid import uuid4

import msgspec

from ako_lab.kube_api.addresses import ServiceAddresses
from ako_lab.kube_api.catalog import Catalog, Resource
from ako_lab.kube_api.defaults import filled
from ako_lab.kube_api.definitions import check_definition, completed_definition, custom_completed, served_resources
from ako_lab.kube_api.documents import copied
from ako_lab.kube_api.endpoints import ServiceEndpoints
from ako_lab.kube_api.errors import ApiError, FieldError, JsonObject
from ako_lab.kube_api.events import core_form, events_form
from ako_lab.kube_api.kinds import BUILT_IN
from ako_lab.kube_api.listing import Page, Query, Snapshots
from ako_lab.kube_api.ownership import Dependents
from ako_lab.kube_api.store import Gone, Key, Store, Stored
from ako_lab.kube_api.writes import (
    Target,
    check_name,
    check_type,
    conflict,
    counted,
    first_version,
    generated_name,
    next_version,
    not_found,
    refused,
)

NAMESPACES = "namespaces."
DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
_SEEDED = ("default", "kube-node-lease", "kube-public", "kube-system")

Change = Callable[[JsonObject], JsonObject]


Later: TypeAlias = Callable[[Callable[[], None]], None]


class DeleteOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a delete request, as far as it is obeyed."""

    uid: str | None = None
    version: str | None = None
    orphan: bool = False
    dry_run: bool = False


class WriteOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the query of a write asks for besides the write."""

    dry_run: bool = False
    strict: bool = False


_PLAIN_WRITE = WriteOptions()


class Api:
    """All objects and what may be done with them; `later` calls what is done to a deleted namespace after a while."""

    def __init__(self, *, addresses: ServiceAddresses, retained: int, later: Later | None = None) -> None:
        self.lock = threading.RLock()
        self.catalog = Catalog(BUILT_IN)
        self.store = Store(retained=retained)
        self._addresses = addresses
        self._later = later
        self._snapshots = Snapshots()
        self._dependents = Dependents()
        self._endpoints = ServiceEndpoints(self)
        self._applied: dict[str, dict[str, JsonObject]] = {}
        for name in _SEEDED:
            self.create(self.target("namespaces", name=name), {"metadata": {"name": name}})

    def target(self, kind: str, *, name: str = "", namespace: str = "", group: str | None = None) -> Target:
        """The target of a kind by any of its names."""
        resource = self.catalog.named(kind, group=group)
        if resource is None:
            raise ApiError(404, f"the server doesn't have a resource type {kind!r}")
        return Target(resource=resource, namespace=namespace if resource.namespaced else "", name=name)

    def read(self, target: Target) -> Stored:
        """One object."""
        with self.lock:
            stored = self.store.collection(target.resource.storage).get((target.namespace, target.name))
        if stored is None:
            raise not_found(target)
        return stored

    def create(self, target: Target, body: JsonObject, options: WriteOptions = _PLAIN_WRITE) -> Stored:
        """A new object."""
        with self.lock:
            check_type(target.resource, body)
            target = self._named(target, body)
            self._check_namespace(target)
            document = first_version(target, body, now=now(), uid=str(uuid4()))
            document = self._completed(target, document, None, options)
            if options.dry_run:
                return Stored(document, 0)
            stored = self._stored(target, document)
            self._react(target, None, stored.document)
            return stored

    def update(self, target: Target, body: JsonObject, options: WriteOptions = _PLAIN_WRITE) -> Stored:
        """Replace an object, or its status."""
        check_type(target.resource, body)
        locked = bool((body.get("metadata") or {}).get("resourceVersion"))
        if not locked and (target.resource.custom or not target.resource.blind_update):
            message = "Invalid value: 0: must be specified for an update"
            fault = FieldError(field="metadata.resourceVersion", reason="FieldValueInvalid", message=message)
            raise refused(target, fault)
        return self.change(target, lambda _: body, options)

    def change(self, target: Target, change: Change, options: WriteOptions = _PLAIN_WRITE) -> Stored:
        """Replace an object by a function of its present form (in the form of the target's version)."""
        with self.lock:
            stored = self.read(target)
            old = shown(target.resource, stored)
            body = change(old)
            check_type(target.resource, body)
            document = next_version(target, old, body)
            document = self._completed(target, document, old, options)
            document = counted(target.resource, old, document)
            if document == old:
                return stored
            if options.dry_run:
                return Stored(document, stored.version)
            metadata = document["metadata"]
            if "deletionTimestamp" in metadata and not metadata.get("finalizers"):
                return self._removed(target, document)
            stored = self._stored(target, document)
            self._react(target, old, stored.document)
            return stored

    def delete(self, target: Target, options: DeleteOptions | None = None) -> tuple[Stored, bool]:
        """Delete an object, or mark it while finalizers hold it; the flag says whether it is gone."""
        options = options or DeleteOptions()
        with self.lock:
            stored = self.read(target)
            document = stored.document
            metadata = document["metadata"]
            if options.uid not in {None, metadata["uid"]} or options.version not in {None, metadata["resourceVersion"]}:
                raise conflict(target, "the preconditions of the delete request do not hold")
            held = bool(metadata.get("finalizers")) or target.resource.storage == NAMESPACES
            if options.dry_run:
                return stored, not held
            if not held:
                return self._removed(target, document, orphan=options.orphan), True
            if "deletionTimestamp" not in metadata:
                stored = self._marked(target, document)
            if target.resource.storage == NAMESPACES and self._later is None:
                return self._emptied(target, stored)
            if target.resource.storage == NAMESPACES and self._later is not None:
                self._later(lambda: self._empty(target))
            if target.resource.storage == DEFINITIONS:
                self._delete_all(f"{document['spec']['names']['plural']}.{document['spec']['group']}", None)
            return stored, False

    def delete_collection(self, target: Target, query: Query, options: DeleteOptions) -> list[Stored]:
        """Delete every object that a query selects."""
        with self.lock:
            found = self.page(target, query).items
            for stored in found:
                self.delete(_target_of(target.resource, stored.document), options)
            return found

    def page(self, target: Target, query: Query) -> Page:
        """One page of a list."""
        with self.lock:
            self._check_version(query)
            if query.token:
                return self._snapshots.next_page(query)
            return self._snapshots.first_page(self._selected(target, query), query, version=self.store.version)

    def watch_from(self, target: Target, query: Query) -> tuple[list[Stored], int]:
        """The objects that a watch begins with, and its cursor; raises `Gone` for a version that is forgotten."""
        with self.lock:
            self._check_version(query)
            collection = self.store.collection(target.resource.storage)
            if query.version in {"", "0"} or query.initial_events:
                return self._selected(target, query), collection.cursor(self.store.version)
            return [], collection.cursor(int(query.version))

    def _check_version(self, query: Query) -> None:
        if query.version_ahead(self.store.version):
            raise ApiError(504, f"Too large resource version: {query.version}, current: {self.store.version}")

    def _selected(self, target: Target, query: Query) -> list[Stored]:
        test = query.predicate(target.resource)
        items = self.store.collection(target.resource.storage).items(target.namespace or None)
        return [stored for stored in items if test is None or test(shown(target.resource, stored))]

    def compact(self) -> None:
        """Forget all history: watches and pages of lists from older versions are answered 410."""
        with self.lock:
            self.store.compact()
            self._snapshots.expire()

    def last_applied(self, target: Target, manager: str) -> JsonObject:
        """What a manager applied last to an object that exists."""
        uid = self.read(target).document["metadata"]["uid"]
        return self._applied.get(uid, {}).get(f"{manager}/{target.subresource}", {})

    def remember_applied(self, target: Target, manager: str, body: JsonObject) -> None:
        """Keep what a manager applied, for as long as the object lives."""
        stored = self.store.collection(target.resource.storage).get((target.namespace, target.name))
        if stored is not None:
            uid = stored.document["metadata"]["uid"]
            self._applied.setdefault(uid, {})[f"{manager}/{target.subresource}"] = body

    # How a write is made

    def _named(self, target: Target, body: JsonObject) -> Target:
        metadata = body.get("metadata") or {}
        namespace = metadata.get("namespace") or target.namespace
        if target.resource.namespaced and namespace != target.namespace:
            raise ApiError(400, "the namespace of the provided object does not match the namespace sent on the request")
        name, prefix = metadata.get("name"), metadata.get("generateName")
        collection = self.store.collection(target.resource.storage)
        if not name and prefix:
            name = generated_name(prefix)
            while collection.get((target.namespace, name)):
                name = generated_name(prefix)
        target = msgspec.structs.replace(target, name=name or target.name)
        check_name(target)
        if collection.get((target.namespace, target.name)):
            raise ApiError(409, f"{target} already exists", reason="AlreadyExists", details=target.details)
        return target

    def _check_namespace(self, target: Target) -> None:
        if not target.resource.namespaced:
            return
        found = self.store.collection(NAMESPACES).get(("", target.namespace))
        if found is None:
            details = {"name": target.namespace, "kind": "namespaces"}
            raise ApiError(404, f'namespaces "{target.namespace}" not found', details=details)
        if "deletionTimestamp" in found.document["metadata"]:
            text = f"unable to create new content in namespace {target.namespace} because it is being terminated"
            raise ApiError(403, f"{target} is forbidden: {text}")

    def _completed(
        self, target: Target, document: JsonObject, old: JsonObject | None, options: WriteOptions
    ) -> JsonObject:
        """Defaults, schema and addresses: the last steps before an object is stored."""
        resource = target.resource
        if resource.custom:
            return custom_completed(resource, target.name, document, strict=options.strict)
        document = copied(document)
        if target.subresource != "status":
            filled(document, resource.plural)
        if resource.storage == DEFINITIONS:
            check_definition(document)
            return completed_definition(document, now=now())
        if resource.storage == "services." and target.subresource != "status":
            errors = self._addresses.assign(document, old)
            if errors:
                raise refused(target, *errors)
            if options.dry_run and old is None:
                self._addresses.release(f"{target.namespace}/{target.name}")
            elif options.dry_run and old is not None:
                self._addresses.restore(old)
        return document

    def _stored(self, target: Target, document: JsonObject) -> Stored:
        if target.resource.group == "events.k8s.io":
            document = core_form(document)
        key: Key = (target.namespace, target.name)
        self._dependents.remember(target.resource.storage, key, document)
        return self.store.write(target.resource.storage, key, document)

    def _react(self, target: Target, old: JsonObject | None, new: JsonObject | None) -> None:
        """What a write leads to: served kinds, EndpointSlices."""
        storage = target.resource.storage
        if storage == DEFINITIONS:
            spec = (new or old or {})["spec"]
            self.catalog.replace(spec["group"], spec["names"]["plural"], served_resources(new) if new else ())
        elif storage in {"services.", "pods."}:
            self._endpoints.follow(storage, old, new)

    # How an object goes

    def _marked(self, target: Target, document: JsonObject) -> Stored:
        metadata = {**document["metadata"], "deletionTimestamp": now(), "deletionGracePeriodSeconds": 0}
        marked = {**document, "metadata": metadata}
        if target.resource.storage == NAMESPACES:
            metadata.pop("deletionGracePeriodSeconds")
            marked["status"] = {**document.get("status", {}), "phase": "Terminating"}
        return self.store.write(target.resource.storage, (target.namespace, target.name), marked)

    def _removed(self, target: Target, document: JsonObject, *, orphan: bool = False) -> Stored:
        """Take an object out of the store and follow up."""
        resource = target.resource
        if resource.storage == DEFINITIONS:
            self._delete_all(f"{document['spec']['names']['plural']}.{document['spec']['group']}", None)
        last = self.store.remove(resource.storage, (target.namespace, target.name), document)
        self._applied.pop(document["metadata"]["uid"], None)
        if resource.storage == "services.":
            self._addresses.release(f"{target.namespace}/{target.name}")
        self._react(target, document, None)
        self._dependents.forget(resource.storage, (target.namespace, target.name), document)
        if not orphan:
            for storage, key in self._dependents.orphaned(document["metadata"]["uid"], self._lives):
                self._delete_key(storage, key)
        if resource.namespaced:
            self._finish_namespace(target.namespace)
        return last

    def _lives(self, storage: str, key: Key, uid: str) -> bool:
        """Whether a dependent has another owner that still exists."""
        stored = self.store.collection(storage).get(key)
        owners = (stored.document["metadata"].get("ownerReferences") or ()) if stored else ()
        return any(owner.get("uid") != uid and self._dependents.known(owner.get("uid", "")) for owner in owners)

    def _delete_all(self, storage: str, namespace: str | None) -> None:
        collection = self.store.collection(storage)
        for key in [key for key in collection.keys() if namespace in {None, key[0]}]:  # noqa: SIM118 - not a dict
            self._delete_key(storage, key)

    def _delete_key(self, storage: str, key: Key) -> None:
        stored = self.store.collection(storage).get(key)
        resource = next((item for item in self.catalog if item.storage == storage), None)
        if stored and resource:
            self.delete(_target_of(resource, stored.document))

    def _empty(self, target: Target) -> None:
        with self.lock:
            stored = self.store.collection(NAMESPACES).get(("", target.name))
            # Its objects may have been deleted one by one meanwhile, and a new namespace may have its name.
            if stored is not None and "deletionTimestamp" in stored.document["metadata"]:
                self._emptied(target, stored)

    def _emptied(self, target: Target, stored: Stored) -> tuple[Stored, bool]:
        for storage in self.store.storages():
            self._delete_all(storage, target.name)
        gone = self._finish_namespace(target.name)
        return (gone or stored), gone is not None or self.store.collection(NAMESPACES).get(("", target.name)) is None

    def _finish_namespace(self, name: str) -> Stored | None:
        """Remove a namespace that is being deleted once nothing is left in it."""
        stored = self.store.collection(NAMESPACES).get(("", name))
        if stored is None or "deletionTimestamp" not in stored.document["metadata"]:
            return None
        storages = self.store.storages()
        if any(next(self.store.collection(storage).items(name), None) for storage in storages if storage != NAMESPACES):
            return None
        return self.store.remove(NAMESPACES, ("", name), stored.document)


def now() -> str:
    """The time as the API writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def shown(resource: Resource, stored: Stored) -> JsonObject:
    """A stored object in the form of the version that was asked for."""
    document = stored.document
    if document["apiVersion"] == resource.group_version:
        return document
    if resource.group == "events.k8s.io":
        return events_form(document)
    return {**document, "apiVersion": resource.group_version}


def _target_of(resource: Resource, document: JsonObject) -> Target:
    metadata = document["metadata"]
    return Target(resource=resource, namespace=metadata.get("namespace", ""), name=metadata["name"])


__all__ = ["Api", "DeleteOptions", "Gone", "now", "shown"]
