"""CustomResourceDefinitions: checked, completed, and turned into served kinds.

A definition is accepted at once: its status carries NamesAccepted and Established in the answer to the write. Each
served version becomes a `Resource` with its schema, printer columns and subresources. CEL rules
(`x-kubernetes-validations`) are kept but not evaluated; `cel_warning` is what the server answers to say so.
"""

from typing import Any

from ako_lab.kube_api.catalog import Column, Resource, Scale, stability
from ako_lab.kube_api.errors import ApiError, FieldError, JsonObject, invalid
from ako_lab.kube_api.schema import completed, faults

_KIND, _GROUP = "CustomResourceDefinition", "apiextensions.k8s.io"


def check_definition(document: JsonObject) -> None:
    """Refuse a definition that a real server would refuse for its names or versions."""
    spec, name = document.get("spec") or {}, document["metadata"]["name"]
    names, versions = spec.get("names") or {}, spec.get("versions") or []
    errors = [
        FieldError(field=f"spec.{field}", reason="FieldValueRequired", message="Required value")
        for field, value in (
            ("group", spec.get("group")),
            ("names.plural", names.get("plural")),
            ("names.kind", names.get("kind")),
            ("scope", spec.get("scope")),
            ("versions", versions),
        )
        if not value
    ]
    wanted = f"{names.get('plural')}.{spec.get('group')}"
    if not errors and name != wanted:
        message = f'Invalid value: "{name}": must be spec.names.plural+"."+spec.group'
        errors.append(FieldError(field="metadata.name", reason="FieldValueInvalid", message=message))
    if not errors and sum(bool(version.get("storage")) for version in versions) != 1:
        message = "Invalid value: must have exactly one version marked as storage version"
        errors.append(FieldError(field="spec.versions", reason="FieldValueInvalid", message=message))
    if errors:
        raise invalid(_KIND, _GROUP, name, errors)


def completed_definition(document: JsonObject, *, now: str) -> JsonObject:
    """The definition with default names and a status that says it is served."""
    spec = document["spec"]
    names = {"singular": spec["names"]["kind"].lower(), "listKind": f"{spec['names']['kind']}List", **spec["names"]}
    status = document.get("status") or {}
    storage = next(version["name"] for version in spec["versions"] if version.get("storage"))
    kept = status.get("storedVersions") or []
    conditions = status.get("conditions") or [
        _condition("NamesAccepted", "NoConflicts", "no conflicts found", now),
        _condition("Established", "InitialNamesAccepted", "the initial names have been accepted", now),
    ]
    return {
        **document,
        "spec": {**spec, "names": names, "conversion": spec.get("conversion") or {"strategy": "None"}},
        "status": {
            "conditions": conditions,
            "acceptedNames": names,
            "storedVersions": kept if storage in kept else [*kept, storage],
        },
    }


def _condition(kind: str, reason: str, message: str, now: str) -> JsonObject:
    return {"type": kind, "status": "True", "lastTransitionTime": now, "reason": reason, "message": message}


def served_resources(document: JsonObject) -> tuple[Resource, ...]:
    """The kinds, one a served version, that a definition adds to the catalogue."""
    spec = document["spec"]
    versions = [version for version in spec["versions"] if version.get("served")]
    return tuple(_resource(spec, version) for version in sorted(versions, key=lambda item: stability(item["name"])))


def _resource(spec: JsonObject, version: JsonObject) -> Resource:
    names, subresources = spec["names"], version.get("subresources") or {}
    scale = subresources.get("scale")
    selectable = version.get("selectableFields") or ()
    columns = tuple(
        Column(
            name=item["name"],
            path=item["jsonPath"],
            type=item.get("type", "string"),
            description=item.get("description", ""),
            priority=item.get("priority", 0),
        )
        for item in version.get("additionalPrinterColumns") or ()
    )
    return Resource(
        group=spec["group"],
        version=version["name"],
        plural=names["plural"],
        kind=names["kind"],
        singular=names.get("singular", ""),
        short=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        namespaced=spec["scope"] == "Namespaced",
        status="status" in subresources,
        scale=None
        if scale is None
        else Scale(
            spec_replicas=scale["specReplicasPath"],
            status_replicas=scale["statusReplicasPath"],
            selector=scale.get("labelSelectorPath"),
        ),
        fields=tuple(item["jsonPath"].lstrip(".") for item in selectable),
        columns=columns,
        custom=True,
        schema=(version.get("schema") or {}).get("openAPIV3Schema"),
        deprecation=_deprecation(spec, version) if version.get("deprecated") else None,
    )


def _deprecation(spec: JsonObject, version: JsonObject) -> str:
    """What a deprecated version says of itself, or else which better one there is."""
    name, group, kind = version["name"], spec["group"], spec["names"]["kind"]
    text = f"{group}/{name} {kind} is deprecated"
    good = [item["name"] for item in spec["versions"] if item.get("served") and not item.get("deprecated")]
    better = min((item for item in good if stability(item) < stability(name)), key=stability, default=None)
    return str(version.get("deprecationWarning") or (f"{text}; use {group}/{better} {kind}" if better else text))


def custom_completed(resource: Resource, name: str, document: JsonObject, *, strict: bool) -> JsonObject:
    """A custom object pruned, defaulted and found valid; in strict mode an unknown field is refused."""
    if resource.schema is None:
        return document
    dropped: list[str] = []
    result: JsonObject = completed(document, resource.schema, "", dropped)
    if strict and dropped:
        unknown = ", ".join(f'unknown field "{path}"' for path in dropped)
        version = f'{resource.kind} in version "{resource.version}" cannot be handled as a {resource.kind}'
        raise ApiError(400, f"{version}: strict decoding error: {unknown}")
    errors = list(faults(result, resource.schema))
    if errors:
        raise invalid(resource.kind, resource.group, name, errors)
    return result


def cel_warning(document: JsonObject) -> str | None:
    """The sentence that tells which rules of a definition will not be evaluated, if it has any."""
    count = sum(_rules(version.get("schema") or {}) for version in document["spec"].get("versions") or ())
    if not count:
        return None
    name = document["metadata"].get("name", "")
    return (
        f"{name}: {count} CEL rules (x-kubernetes-validations) are stored, but this embedded API does not evaluate them"
    )


def _rules(node: Any) -> int:  # noqa: ANN401 - JSON of any shape
    if isinstance(node, dict):
        own = (
            len(node.get("x-kubernetes-validations") or ())
            if isinstance(node.get("x-kubernetes-validations"), list)
            else 0
        )
        return own + sum(_rules(value) for value in node.values())
    return sum(map(_rules, node)) if isinstance(node, list) else 0
