"""What a write makes of an object, before it is stored: pure functions from old and new document to the next one.

The rules are those of the API's registry: metadata that the server owns (uid, creationTimestamp, generation,
deletionTimestamp) cannot be changed by a client; spec and status are written through different doors; an optimistic
lock is taken seriously; an object that is being deleted gains no finalizers. Names are checked as the kind demands.
"""

import random
import re
from collections.abc import Mapping

import msgspec

from ako_lab.kube_api.catalog import Resource
from ako_lab.kube_api.errors import ApiError, FieldError, JsonObject, invalid

_SERVER_OWNED = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation")
_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SERVICE_LABEL = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_SEGMENT = re.compile(r"(?!\.\.?$)[^/%]+")
_NAMES: Mapping[str, tuple[re.Pattern[str], int, str]] = {
    "namespaces": (_LABEL, 63, "a lowercase RFC 1123 label"),
    "services": (_SERVICE_LABEL, 63, "a DNS-1035 label"),
}


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What a request is about: a kind, and as far as they are given a namespace, a name and a subresource."""

    resource: Resource
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def details(self) -> JsonObject:
        """What a `Status` says of the object that it is about."""
        return {"name": self.name, "group": self.resource.group, "kind": self.resource.plural}

    def __str__(self) -> str:
        return f'{self.resource.qualified} "{self.name}"'


def not_found(target: Target) -> ApiError:
    """The 404 of an object."""
    return ApiError(404, f"{target} not found", details=target.details)


def conflict(target: Target, text: str) -> ApiError:
    """The 409 of a write that was made from an old version."""
    return ApiError(409, f"Operation cannot be fulfilled on {target}: {text}", details=target.details)


def refused(target: Target, *errors: FieldError) -> ApiError:
    """The 422 of an object that may not be as it is."""
    return invalid(target.resource.kind, target.resource.group, target.name, errors)


def generated_name(prefix: str) -> str:
    """A name from a `generateName` prefix."""
    return prefix[:58] + "".join(random.choices(_SUFFIX_LETTERS, k=5))  # noqa: S311 - a name, not a secret


def check_type(resource: Resource, body: JsonObject) -> None:
    """Refuse a body of another kind or version than the path says; fill in what is missing."""
    version, kind = body.get("apiVersion"), body.get("kind")
    if resource.custom and not (version and kind):
        missing = "Kind" if version else "apiVersion"
        raise ApiError(
            400, f"the object provided is unrecognized (must be of type {resource.kind}): {missing} is missing"
        )
    if version not in {None, "", resource.group_version} or kind not in {None, "", resource.kind}:
        sent, served = f"{version}, Kind={kind}", f"{resource.group_version}, Kind={resource.kind}"
        raise ApiError(400, f"the object provided is unrecognized: it is {sent}, this path takes {served}")
    if not isinstance(body.get("metadata", {}), dict):
        raise ApiError(400, "metadata must be an object")


def check_name(target: Target) -> None:
    """Refuse a name that this kind may not have."""
    resource, name = target.resource, target.name
    if not name:
        message = "Required value: name is required"
        raise refused(target, FieldError(field="metadata.name", reason="FieldValueRequired", message=message))
    pattern, length, rule = _NAMES.get(resource.qualified, (_SUBDOMAIN, 253, "a lowercase RFC 1123 subdomain"))
    if resource.group == "rbac.authorization.k8s.io":
        pattern, rule = _SEGMENT, "a path segment"
    if len(name) > length or not pattern.fullmatch(name):
        message = f'Invalid value: "{name}": must be {rule} of at most {length} characters'
        raise refused(target, FieldError(field="metadata.name", reason="FieldValueInvalid", message=message))


def first_version(target: Target, body: JsonObject, *, now: str, uid: str) -> JsonObject:
    """A new object: the server's metadata, and no status where the status has a door of its own."""
    resource = target.resource
    metadata = {key: value for key, value in (body.get("metadata") or {}).items() if key not in _SERVER_OWNED}
    metadata.pop("managedFields", None)
    if metadata.pop("resourceVersion", ""):
        raise ApiError(400, "resourceVersion should not be set on objects to be created")
    metadata["name"] = target.name
    if resource.namespaced:
        metadata["namespace"] = target.namespace
    else:
        metadata.pop("namespace", None)
    metadata |= {"uid": uid, "creationTimestamp": now}
    if resource.generation or resource.custom:
        metadata["generation"] = 1
    document = _typed(resource, {**body, "metadata": metadata})
    if resource.status:
        document.pop("status", None)
    return document


def next_version(target: Target, old: JsonObject, new: JsonObject) -> JsonObject:
    """The object after a replacement through the main door or through `/status`."""
    resource = target.resource
    _check_lock(target, old, new)
    if target.subresource == "status":
        document = {**old, "metadata": dict(old["metadata"])}
        document.pop("status", None)
        return {**document, "status": new["status"]} if "status" in new else document
    metadata = {key: value for key, value in (new.get("metadata") or {}).items() if key not in _SERVER_OWNED}
    metadata.pop("managedFields", None)
    metadata |= {key: old["metadata"][key] for key in _SERVER_OWNED if key in old["metadata"]}
    metadata["name"] = target.name
    metadata["resourceVersion"] = old["metadata"]["resourceVersion"]
    if resource.namespaced:
        metadata["namespace"] = target.namespace
    _check_finalizers(target, old["metadata"], metadata)
    document = _typed(resource, {**new, "metadata": metadata})
    if resource.status:
        document.pop("status", None)
        if "status" in old:
            document["status"] = old["status"]
    return document


def counted(resource: Resource, old: JsonObject, new: JsonObject) -> JsonObject:
    """`new` with the next generation if more than metadata and status changed."""
    if not (resource.generation or resource.custom):
        return new
    outside = {"metadata", "apiVersion", "kind"} | ({"status"} if resource.status else set())
    if all(old.get(key) == new.get(key) for key in {*old, *new} - outside):
        return new
    generation = old["metadata"].get("generation", 0) + 1
    return {**new, "metadata": {**new["metadata"], "generation": generation}}


def _typed(resource: Resource, document: JsonObject) -> JsonObject:
    rest = {key: value for key, value in document.items() if key not in {"apiVersion", "kind"}}
    return {"apiVersion": resource.group_version, "kind": resource.kind, **rest}


def _check_lock(target: Target, old: JsonObject, new: JsonObject) -> None:
    metadata = new.get("metadata") or {}
    name = metadata.get("name", target.name)
    if name != target.name:
        text = f"the name of the object ({name}) does not match the name on the URL ({target.name})"
        raise ApiError(400, text)
    if metadata.get("uid") not in {None, "", old["metadata"]["uid"]}:
        raise conflict(target, "Precondition failed: the UID in the request is not the UID of the stored object")
    version = metadata.get("resourceVersion")
    if version not in {None, "", old["metadata"]["resourceVersion"]}:
        text = "the object has been modified; please apply your changes to the latest version and try again"
        raise conflict(target, text)


def _check_finalizers(target: Target, old: JsonObject, new: JsonObject) -> None:
    added = set(new.get("finalizers") or ()) - set(old.get("finalizers") or ())
    if "deletionTimestamp" in old and added:
        message = f"Forbidden: no new finalizers can be added if the object is being deleted, found {sorted(added)}"
        raise refused(target, FieldError(field="metadata.finalizers", reason="FieldValueForbidden", message=message))
