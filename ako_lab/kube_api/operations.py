"""From a request to an answer: verbs, patches, scale, tables; still without sockets.

`Operations.answer` takes a parsed request and returns status, body and warnings. Watches are not here (`watches`),
since they answer more than once.
"""

from collections.abc import Callable, Mapping

import msgspec

from ako_lab.kube_api.api import DEFINITIONS, Api, DeleteOptions, WriteOptions, shown
from ako_lab.kube_api.catalog import Resource
from ako_lab.kube_api.definitions import cel_warning
from ako_lab.kube_api.documents import decoded_body
from ako_lab.kube_api.errors import ApiError, JsonObject
from ako_lab.kube_api.listing import Page
from ako_lab.kube_api.patches import (
    built_in_keys,
    json_patched,
    merge_patched,
    relinquished,
    schema_keys,
    strategic_merged,
)
from ako_lab.kube_api.requests import Place, query_of
from ako_lab.kube_api.scale import scale_of, scaled
from ako_lab.kube_api.store import Stored
from ako_lab.kube_api.table import table
from ako_lab.kube_api.writes import Target, not_found

_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_JSON_PATCH = "application/json-patch+json"
_STRATEGIC = "application/strategic-merge-patch+json"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request, parsed."""

    verb: str
    place: Place
    target: Target
    parameters: Mapping[str, str]
    accept: str = ""
    content_type: str = ""
    body: bytes = b""

    @property
    def tabular(self) -> bool:
        """Whether the client wants a table."""
        return "as=Table" in self.accept


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What goes back to the client."""

    status: int
    body: bytes
    warnings: tuple[str, ...] = ()
    content_type: str = "application/json"


class Operations:
    """Answers every request that is answered once."""

    def __init__(self, *, api: Api) -> None:
        self._api = api
        self._verbs: Mapping[str, Callable[[Request], Answer]] = {
            "get": self._read,
            "list": self._list,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_collection,
        }

    def answer(self, request: Request) -> Answer:
        """Do what a request asks for."""
        answer, warning = self._verbs[request.verb](request), request.target.resource.deprecation
        return msgspec.structs.replace(answer, warnings=(warning, *answer.warnings)) if warning else answer

    def _read(self, request: Request) -> Answer:
        stored = self._api.read(request.target)
        if request.target.subresource == "scale":
            return self._scale(request.target, stored)
        if request.tabular:
            return _json(table(request.target.resource, [shown(request.target.resource, stored)], {}, whole=False))
        return _object(200, request.target.resource, stored)

    def _list(self, request: Request) -> Answer:
        query = query_of(request.parameters, request.place)
        page = self._api.page(request.target, query)
        resource = request.target.resource
        metadata: JsonObject = {"resourceVersion": str(page.version)}
        if page.token:
            metadata["continue"] = page.token
        if page.remaining is not None:
            metadata["remainingItemCount"] = page.remaining
        if request.tabular:
            whole = request.parameters.get("includeObject") == "Object"
            rows = (shown(resource, stored) for stored in page.items)
            return _json(table(resource, rows, metadata, whole=whole))
        return Answer(status=200, body=_list_body(resource, page, metadata))

    def _create(self, request: Request) -> Answer:
        body = decoded_body(request.body, request.content_type)
        stored = self._api.create(request.target, body, _write_options(request))
        return _written(201, request.target.resource, stored)

    def _update(self, request: Request) -> Answer:
        body, target = decoded_body(request.body, request.content_type), request.target
        scale = target.resource.scale
        if target.subresource == "scale" and scale:
            plain = msgspec.structs.replace(target, subresource="")
            stored = self._api.change(plain, lambda old: scaled(scale, old, body), _write_options(request))
            return self._scale(target, stored)
        if target.subresource == "finalize":
            return _object(200, target.resource, self._api.read(target))
        return _written(200, target.resource, self._api.update(target, body, _write_options(request)))

    def _patch(self, request: Request) -> Answer:
        target, resource = request.target, request.target.resource
        if request.content_type == _APPLY:
            return self._apply(request)
        patch = _patch_of(request)
        options = _write_options(request)
        if target.subresource == "scale" and resource.scale:
            scale = resource.scale
            plain = msgspec.structs.replace(target, subresource="")
            stored = self._api.change(plain, lambda old: scaled(scale, old, patch(scale_of(scale, old))), options)
            return self._scale(target, stored)
        return _written(200, resource, self._api.change(target, patch, options))

    def _apply(self, request: Request) -> Answer:
        """Server-side apply as a merge; what this manager applied last and no longer mentions goes."""
        target, resource = request.target, request.target.resource
        manager = request.parameters.get("fieldManager")
        if not manager:
            raise ApiError(422, "PatchOptions is invalid: fieldManager: Required value: is required for apply patch")
        body = decoded_body(request.body, "application/yaml")
        if body.get("metadata", {}).get("managedFields"):
            raise ApiError(400, "metadata.managedFields must be nil")
        keys = schema_keys(resource.schema) if resource.custom and resource.schema else built_in_keys
        options = _write_options(request)
        with self._api.lock:
            try:
                last = self._api.last_applied(target, manager)
                merge = lambda old: strategic_merged(relinquished(old, last=last, new=body, keys=keys), body, keys)  # noqa: E731
                status, stored = 200, self._api.change(target, merge, options)
            except ApiError as error:
                if error.code != 404 or target.subresource or error.details != not_found(target).details:
                    raise
                status, stored = 201, self._api.create(target, body, options)
            if not options.dry_run:
                self._api.remember_applied(target, manager, body)
        return _written(status, resource, stored)

    def _delete(self, request: Request) -> Answer:
        resource = request.target.resource
        stored, gone = self._api.delete(request.target, _delete_options(request))
        if not gone:
            return _object(200, resource, stored)
        details = {"name": request.target.name, "kind": resource.plural, "uid": stored.document["metadata"]["uid"]}
        if resource.group:
            details["group"] = resource.group
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        return _json(status)

    def _delete_collection(self, request: Request) -> Answer:
        query = query_of(request.parameters, request.place)
        found = self._api.delete_collection(request.target, query, _delete_options(request))
        page = Page(items=found, version=self._api.store.version)
        return Answer(
            status=200, body=_list_body(request.target.resource, page, {"resourceVersion": str(page.version)})
        )

    def _scale(self, target: Target, stored: Stored) -> Answer:
        if target.resource.scale is None:
            raise not_found(target)
        return _json(scale_of(target.resource.scale, stored.document))


def _patch_of(request: Request) -> Callable[[JsonObject], JsonObject]:
    """The function from old to new object that a patch is."""
    kind = request.content_type
    if kind not in {_MERGE, _JSON_PATCH, _STRATEGIC} or (kind == _STRATEGIC and request.target.resource.custom):
        supported = f"{_JSON_PATCH}, {_MERGE}, {_APPLY}"
        raise ApiError(
            415, f"the body of the request was in an unknown format - accepted media types include: {supported}"
        )
    try:
        patch = msgspec.json.decode(request.body)
    except msgspec.DecodeError as error:
        raise ApiError(400, f"the patch is not JSON: {error}") from error
    if kind == _JSON_PATCH:
        return lambda old: json_patched(old, patch)
    if not isinstance(patch, dict):
        raise ApiError(400, "a merge patch must be an object")
    if kind == _MERGE:
        return lambda old: merge_patched(old, patch)
    return lambda old: strategic_merged(old, patch)


def _write_options(request: Request) -> WriteOptions:
    return WriteOptions(dry_run=_dry_run(request), strict=request.parameters.get("fieldValidation") == "Strict")


def _dry_run(request: Request) -> bool:
    value = request.parameters.get("dryRun", "")
    if value not in {"", "All"}:
        raise ApiError(422, f'dryRun: Unsupported value: "{value}": supported values: "All"')
    return value == "All"


def _delete_options(request: Request) -> DeleteOptions:
    body = decoded_body(request.body, request.content_type) if request.body.strip() else {}
    preconditions = body.get("preconditions") or {}
    policy = request.parameters.get("propagationPolicy") or body.get("propagationPolicy")
    return DeleteOptions(
        uid=preconditions.get("uid"),
        version=preconditions.get("resourceVersion"),
        orphan=policy == "Orphan" or bool(body.get("orphanDependents")),
        dry_run=_dry_run(request) or "All" in (body.get("dryRun") or ()),
    )


def encoded(resource: Resource, stored: Stored) -> bytes:
    """A stored object as JSON in the version asked for; the stored version's bytes are made once."""
    if stored.document["apiVersion"] == resource.group_version:
        return stored.encoded
    return msgspec.json.encode(shown(resource, stored))


def _object(status: int, resource: Resource, stored: Stored) -> Answer:
    return Answer(status=status, body=encoded(resource, stored))


def _written(status: int, resource: Resource, stored: Stored) -> Answer:
    """The answer to a write, which says what of the object this server will not do."""
    warning = None
    if resource.storage == DEFINITIONS:
        warning = cel_warning(stored.document)
    elif resource.group == "admissionregistration.k8s.io":
        warning = "admission policies are stored, but this embedded API does not evaluate them"
    return Answer(status=status, body=encoded(resource, stored), warnings=(warning,) if warning else ())


def _json(document: JsonObject) -> Answer:
    return Answer(status=200, body=msgspec.json.encode(document))


def _list_body(resource: Resource, page: Page, metadata: JsonObject) -> bytes:
    head = {"kind": f"{resource.kind}List", "apiVersion": resource.group_version, "metadata": metadata}
    items = b",".join(encoded(resource, stored) for stored in page.items)
    return msgspec.json.encode(head)[:-1] + b',"items":[' + items + b"]}"
