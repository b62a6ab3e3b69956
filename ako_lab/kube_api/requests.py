"""Request paths and queries as values: what a request is about, before anything is done.

`/api/v1/...` is the core group, `/apis/GROUP/VERSION/...` the others; `namespaces/NAME/` in front of a plural is a
namespace, except where the namespace itself is the object. Query parameters are read as Go reads them: `watch=1`,
`watch=True` and a bare `watch` all mean yes.
"""

from collections.abc import Mapping

import msgspec

from ako_lab.kube_api.catalog import Catalog
from ako_lab.kube_api.errors import ApiError
from ako_lab.kube_api.listing import Query
from ako_lab.kube_api.writes import Target

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "GET": "get", "HEAD": "get"}
_NAMESPACE_DOORS = frozenset({"status", "finalize"})


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a resource path."""

    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""


def place_of(path: str) -> Place | None:
    """The parts of a resource path, or None for any other path (discovery, health)."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) >= 3:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) >= 4:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) >= 3 and rest[2] not in _NAMESPACE_DOORS:
        namespace, rest = rest[1], rest[2:]
    if len(rest) > 3:
        return None
    plural, name, subresource = (*rest, "", "")[:3]
    return Place(group=group, version=version, plural=plural, namespace=namespace, name=name, subresource=subresource)


def target_of(catalog: Catalog, place: Place) -> Target:
    """The target of a path, or the 404 of a path that is not served."""
    resource = catalog.find(place.group, place.version, place.plural)
    if resource is None or (place.namespace and not resource.namespaced):
        raise ApiError(404, "the server could not find the requested resource")
    served = {"", *(("status",) if resource.status else ()), *(("scale",) if resource.scale else ())}
    if place.plural == "namespaces":
        served.add("finalize")
    if place.subresource not in served:
        raise ApiError(404, f"the server could not find the subresource {place.subresource!r}")
    if place.name and resource.namespaced and not place.namespace:
        raise ApiError(404, "the server could not find the requested resource: a namespace is needed")
    return Target(resource=resource, namespace=place.namespace, name=place.name, subresource=place.subresource)


def verb_of(method: str, place: Place, parameters: Mapping[str, str]) -> str:
    """The API's word for what a request does."""
    verb = _VERBS.get(method, "")
    if not verb or (verb == "create" and place.name) or (verb in {"update", "patch"} and not place.name):
        raise ApiError(405, "the server does not allow this method on the requested resource")
    if verb == "get" and flag(parameters, "watch"):
        return "watch"
    if not place.name:
        return {"get": "list", "delete": "deletecollection"}.get(verb, verb)
    return verb


def flag(parameters: Mapping[str, str], name: str) -> bool:
    """A boolean query parameter, read as Go's conversion reads it."""
    return name in parameters and parameters[name].lower() not in {"false", "0"}


def query_of(parameters: Mapping[str, str], place: Place) -> Query:
    """The query of a list, a watch or a deletecollection."""
    fields = parameters.get("fieldSelector", "")
    if place.name:
        fields = ",".join(filter(None, (fields, f"metadata.name={place.name}")))
    try:
        limit = int(parameters.get("limit") or 0)
        timeout = float(parameters["timeoutSeconds"]) if parameters.get("timeoutSeconds") else None
    except ValueError as error:
        raise ApiError(400, f"limit and timeoutSeconds must be numbers: {error}") from error
    return Query(
        labels=parameters.get("labelSelector", ""),
        fields=fields,
        limit=limit,
        token=parameters.get("continue", ""),
        version=parameters.get("resourceVersion", ""),
        bookmarks=flag(parameters, "allowWatchBookmarks"),
        initial_events=flag(parameters, "sendInitialEvents"),
        timeout=timeout,
    )
