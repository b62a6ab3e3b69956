"""The scale subresource: one small object that shows and changes how many replicas a workload wants."""

from ako_lab.kube_api.catalog import Scale
from ako_lab.kube_api.cells import selector as selector_text
from ako_lab.kube_api.errors import ApiError, JsonObject
from ako_lab.kube_api.jsonpath import found


def scale_of(scale: Scale, document: JsonObject) -> JsonObject:
    """The `Scale` of an object."""
    metadata = document["metadata"]
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    status: JsonObject = {"replicas": next(iter(found(document, scale.status_replicas)), 0)}
    selector = next(iter(found(document, scale.selector)), None) if scale.selector else None
    if selector:
        status["selector"] = selector if isinstance(selector, str) else selector_text(selector)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: metadata[name] for name in kept if name in metadata},
        "spec": {"replicas": next(iter(found(document, scale.spec_replicas)), 0)},
        "status": status,
    }


def scaled(scale: Scale, document: JsonObject, wanted: JsonObject) -> JsonObject:
    """The object with the replicas that a written `Scale` asks for."""
    replicas = (wanted.get("spec") or {}).get("replicas", 0)
    if isinstance(replicas, bool) or not isinstance(replicas, int) or replicas < 0:
        raise ApiError(422, f"spec.replicas: Invalid value: {replicas}: must be an integer of at least 0")
    version = (wanted.get("metadata") or {}).get("resourceVersion") or document["metadata"]["resourceVersion"]
    result: JsonObject = {**document, "metadata": {**document["metadata"], "resourceVersion": version}}
    place = result
    *parents, last = scale.spec_replicas.strip(".").split(".")
    for name in parents:
        place[name] = dict(place.get(name) or {})
        place = place[name]
    place[last] = replicas
    return result
