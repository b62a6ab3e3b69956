"""Discovery documents: which groups, versions and kinds are served; `/version`; and the OpenAPI that kubectl asks for.

The OpenAPI v3 documents describe just enough: that PATCH knows `fieldValidation` and `dryRun` (so `kubectl apply`
validates on the server and needs no flag) and the schemas of custom kinds (so `kubectl explain` works for them).
Built-in kinds have no schema here; kubectl then uses its own types.
"""

import platform
from typing import Any

from ako_lab.kube_api.catalog import Catalog, Resource
from ako_lab.kube_api.errors import ApiError, JsonObject


def version_document(version: str) -> JsonObject:
    """The answer of `/version`."""
    major, minor, _ = version.split(".", 2)
    return {
        "major": major,
        "minor": minor,
        "gitVersion": f"v{version}",
        "gitCommit": "embedded",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": f"python{platform.python_version()}",
        "platform": "ako-lab",
    }


def discovery_document(catalog: Catalog, path: str) -> JsonObject | None:
    """The answer of a discovery path, or None when the path is none."""
    parts = path.strip("/").split("/")
    if parts == ["api"]:
        return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
    if parts == ["apis"]:
        groups = [_group(catalog, group) for group in catalog.groups()]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    if parts == ["api", "v1"]:
        return _resources(catalog, "", "v1")
    if parts[0] == "apis" and len(parts) == 2 and parts[1] in catalog.groups():
        return {"kind": "APIGroup", "apiVersion": "v1", **_group(catalog, parts[1])}
    if parts[0] == "apis" and len(parts) == 3 and parts[2] in catalog.versions(parts[1]):
        return _resources(catalog, parts[1], parts[2])
    return None


def _group(catalog: Catalog, group: str) -> JsonObject:
    versions = [{"groupVersion": f"{group}/{version}", "version": version} for version in catalog.versions(group)]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def _resources(catalog: Catalog, group: str, version: str) -> JsonObject:
    found = [item for item in catalog if (item.group, item.version) == (group, version)]
    entries = [entry for item in found for entry in item.discovery()]
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": entries}


def openapi_document(catalog: Catalog, path: str) -> JsonObject:
    """The answer of a path below `/openapi/v3`."""
    versions = dict.fromkeys((item.group, item.version) for item in catalog)
    roots = {f"apis/{group}/{version}" if group else f"api/{version}": (group, version) for group, version in versions}
    place = path.removeprefix("/openapi/v3").strip("/")
    if not place:
        return {"paths": {root: {"serverRelativeURL": f"/openapi/v3/{root}"} for root in roots}}
    if place not in roots:
        raise ApiError(404, f"there is no OpenAPI document {place!r}")
    found = [item for item in catalog if (item.group, item.version) == roots[place]]
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": {_item_path(item): _operations(item) for item in found},
        "components": {"schemas": {_schema_name(item): _schema(item) for item in found if item.custom}},
    }


def _item_path(resource: Resource) -> str:
    root = f"/apis/{resource.group_version}" if resource.group else f"/api/{resource.version}"
    namespace = "/namespaces/{namespace}" if resource.namespaced else ""
    return f"{root}{namespace}/{resource.plural}/{{name}}"


def _kind(resource: Resource) -> JsonObject:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}


def _operations(resource: Resource) -> JsonObject:
    parameters = [
        {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}}
        for name in ("dryRun", "fieldManager", "fieldValidation")
    ]
    answer: JsonObject = {"description": "OK"}
    if resource.custom:
        reference = {"$ref": f"#/components/schemas/{_schema_name(resource)}"}
        answer["content"] = {"application/json": {"schema": reference}}
    operation = {
        "parameters": parameters,
        "responses": {"200": answer},
        "x-kubernetes-group-version-kind": _kind(resource),
    }
    return {
        "get": {**operation, "x-kubernetes-action": "get"},
        "patch": {**operation, "x-kubernetes-action": "patch"},
        "put": {**operation, "x-kubernetes-action": "put"},
    }


def _schema_name(resource: Resource) -> str:
    reversed_group = ".".join(reversed(resource.group.split(".")))
    return f"{reversed_group}.{resource.version}.{resource.kind}"


def _schema(resource: Resource) -> dict[str, Any]:
    return {**(resource.schema or {"type": "object"}), "x-kubernetes-group-version-kind": [_kind(resource)]}
