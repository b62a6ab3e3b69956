"""`/api/macro`: one request writes an object together with the objects that its references describe in full.

Nested objects are created or updated from the inside out, each with the rights and the checks of a request of its own.
Either all of them are written or none.
"""

from collections.abc import Callable
from functools import partial

from ako_lab.avi_controller import errors
from ako_lab.avi_controller.call import Call, Reply
from ako_lab.avi_controller.rendering import SINGLETON_TYPES, View
from ako_lab.avi_controller.store import Record
from ako_lab.avi_controller.system import System
from ako_lab.avi_controller.values import Document, Json

MAXIMUM_NESTING = 8


def macro(controller: System, call: Call) -> Reply:
    """POST /api/macro: create or update an object together with the objects that its references describe."""
    sent = call.document()
    model, data = sent.get("model_name"), sent.get("data")
    if not isinstance(model, str) or not isinstance(data, dict):
        raise errors.bad_request("model_name and data are required")
    kind = controller.schema.type_name(model.lower())
    if kind is None:
        raise errors.bad_request(f"Unknown model_name {model[:80]!r}")
    with controller.objects.all_or_nothing():
        record = _upserted(controller, kind, data, call=call, depth=0)
    if kind == "systemconfiguration":
        controller.settings_changed()
    view = View(base=call.base, version=call.version, parameters={}, written=True)
    return Reply(201, controller.objects.renderer.rendered(record, view))


def _upserted(controller: System, kind: str, data: Document, *, call: Call, depth: int) -> Record:
    if depth > MAXIMUM_NESTING:
        raise errors.bad_request("macro is nested too deep")
    flat = _flattened(controller, controller.schema.types[kind].model, data, call=call, depth=depth)
    tenant, cloud = controller.objects.place(kind, flat, call)
    global_type = controller.schema.types[kind].scope == "global"
    controller.accounts.check(call.user, kind, write=True, tenant=call.tenant if global_type else tenant)
    known = _known(controller, kind, flat.get("name"), tenant=tenant, cloud=cloud)
    if known is None:
        return controller.objects.create(kind, flat, call)
    return controller.objects.update(known, flat, version=call.version)


def _known(controller: System, kind: str, name: Json, *, tenant: str, cloud: str) -> Record | None:
    """The object of this name where a new one would be, if there is one."""
    if kind in SINGLETON_TYPES:
        return next(iter(controller.store.tables[kind].records.values()))
    return controller.store.named(kind, name, tenant=tenant, cloud=cloud) if isinstance(name, str) else None


def _flattened(controller: System, model: str, data: Document, *, call: Call, depth: int) -> Document:
    """The data with an address in place of each object that stands where a reference is expected."""
    schema = controller.schema
    flat: Document = {}
    for name, value in data.items():
        field = schema.messages[model].fields.get(name)
        inner = schema.type_name((field.reference or "").lower()) if field is not None else None
        if inner is not None:
            flat[name] = _mapped(value, partial(_address, controller, inner, call=call, depth=depth))
        elif field is not None and field.type in schema.messages:
            flat[name] = _mapped(value, partial(_flattened, controller, field.type, call=call, depth=depth))
        else:
            flat[name] = value
    return flat


def _address(controller: System, kind: str, data: Document, *, call: Call, depth: int) -> str:
    return f"/api/{_upserted(controller, kind, data, call=call, depth=depth + 1).key}"


def _mapped(value: Json, convert: Callable[[Document], Json]) -> Json:
    """The value with every object in it, alone or in a list, converted."""
    if isinstance(value, list):
        return [convert(item) if isinstance(item, dict) else item for item in value]
    return convert(value) if isinstance(value, dict) else value
