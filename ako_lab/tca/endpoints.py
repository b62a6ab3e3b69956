"""The table of end points: method, path, what answers, how sure the path is and who says so.

Grades: A the vendor's documentation or code; B a client of somebody else that works; C derived from A and B; D guessed.
Those of grade D answer only where the guesses are switched on.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, TypeAlias

import msgspec
from aiohttp import web

from ako_lab.tca import instances, packages, policies
from ako_lab.tca.errors import Refused
from ako_lab.tca.requests import (
    ChangePackage,
    CreateInstance,
    CreatePackage,
    CreatePolicy,
    Heal,
    Instantiate,
    Login,
    Terminate,
    Upgrade,
    decoded,
)
from ako_lab.tca.site import Site
from ako_lab.tca.upload import take_content

Grade = Literal["A", "B", "C", "D"]
_Answer: TypeAlias = Callable[["Site", "Call"], "Awaitable[Reply] | Reply"]
TOKEN = "x-hm-authorization"  # noqa: S105 - the name of a header


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request; `id` is the identifier in its path. The body of an upload is not read but stays with `http`."""

    http: web.Request
    id: str
    body: bytes
    cut_after: int | None = None

    def document(self) -> dict[str, Any]:
        """The body as an object; 400 if it is none."""
        return decoded_object(self.body)


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """Status, body (None: none) and headers of an answer."""

    status: int = 200
    document: object = None
    headers: Mapping[str, str] = {}
    file: packages.Package | None = None


class EndPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table; `{id}` in the path is one segment."""

    method: str
    path: str
    grade: Grade
    source: str
    answer: Callable[[Site, Call], Any]
    open: bool = False


def decoded_object(body: bytes) -> dict[str, Any]:
    """A body that must be a JSON object."""
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(400, f"the body of the request is no JSON object: {error}") from error


def _login(site: Site, call: Call) -> Reply:
    login = decoded(call.body, Login)
    return Reply(document={}, headers={TOKEN: site.sessions.login(login.username, login.password)})


def _create_package(site: Site, call: Call) -> Reply:
    package = site.packages.create(decoded(call.body, CreatePackage).user_defined_data)
    return Reply(
        status=201,
        document=site.packages.document(package),
        headers={"Location": f"{packages.BASE}/{package.id}"},
    )


def _list_packages(site: Site, call: Call) -> Reply:
    found = site.packages.listed(call.http.query.get("filter"))
    return Reply(document=[site.packages.document(item) for item in found])


def _show_package(site: Site, call: Call) -> Reply:
    return Reply(document=site.packages.document(site.packages.get(call.id)))


def _change_package(site: Site, call: Call) -> Reply:
    package = site.packages.get(call.id)
    state = call.document().get("operationalState")
    if state not in {"ENABLED", "DISABLED"} or package.state != "ONBOARDED":
        raise Refused(409, f"operationalState of package {package.name} cannot become {state}")
    package.enabled = state == "ENABLED"
    return Reply(document={"operationalState": state})


def _delete_package(site: Site, call: Call) -> Reply:
    site.packages.remove(call.id)
    return Reply(status=204)


async def _upload(site: Site, call: Call) -> Reply:
    await take_content(site, call.http, call.id, cut=call.cut_after)
    return Reply(status=202)


def _content(site: Site, call: Call) -> Reply:
    package = site.packages.get(call.id)
    if package.state != "ONBOARDED":
        raise Refused(409, f"package {package.name} is in state {package.state}; it has no content to give")
    return Reply(file=package)


def _upgrades(site: Site, call: Call) -> Reply:
    found = site.packages.upgrades_of(site.packages.get(call.id))
    return Reply(document=[site.packages.document(item) for item in found])


def _list_extensions(site: Site, call: Call) -> Reply:
    del call
    return Reply(document={"extensions": [item.document() for item in site.extensions.values()]})


def _add_extension(site: Site, call: Call) -> Reply:
    return Reply(status=201, document=site.add_extension(call.document()).document())


def _query_repositories(site: Site, call: Call) -> Reply:
    vim = (call.document().get("filter") or {}).get("vimId")
    found = [item for item in site.extensions.values() if not item.vims or vim in item.vims]
    rows = [
        {"id": item.id, "name": item.name, "state": "ENABLED", "repos": [{"name": item.url, "type": "OCI"}]}
        for item in found
    ]
    return Reply(document={"items": rows})


def _list_policies(site: Site, call: Call) -> Reply:
    del call
    return Reply(document=[item.document() for item in site.policies.all()])


def _create_policy(site: Site, call: Call) -> Reply:
    return Reply(status=201, document=site.policies.create(decoded(call.body, CreatePolicy)).document())


def _finalize_policy(site: Site, call: Call) -> Reply:
    return Reply(document=site.policies.finalize(call.id).document())


def _list_vims(site: Site, call: Call) -> Reply:
    del call
    return Reply(document={"items": [{"vimId": name, "vimName": name} for name in site.config.clusters]})


def _create_instance(site: Site, call: Call) -> Reply:
    request = decoded(call.body, CreateInstance)
    instance = site.instances.create(request, package=site.packages.with_descriptor(request.vnfd_id))
    return Reply(status=201, document=instance.document(), headers={"Location": f"{instances.BASE}/{instance.id}"})


def _list_instances(site: Site, call: Call) -> Reply:
    del call
    return Reply(document=[item.document() for item in site.instances.all()])


def _show_instance(site: Site, call: Call) -> Reply:
    return Reply(document=site.instances.get(call.id).document())


def _delete_instance(site: Site, call: Call) -> Reply:
    site.instances.remove(call.id)
    return Reply(status=204)


def _inventory(site: Site, call: Call) -> Reply:
    return Reply(document=site.instances.get(call.id).inventory())


def _begun(operation: instances.Operation) -> Reply:
    return Reply(status=202, headers={"Location": f"{instances.OPERATIONS}/{operation.id}"})


def _instantiate(site: Site, call: Call) -> Reply:
    request, instance = decoded(call.body, Instantiate), site.instances.get(call.id)
    return _begun(site.operations.instantiate(instance, request, parameters=shown(call.document())))


def _terminate(site: Site, call: Call) -> Reply:
    request, instance = decoded(call.body, Terminate), site.instances.get(call.id)
    return _begun(site.operations.terminate(instance, request, parameters=shown(call.document())))


def _upgrade(site: Site, call: Call) -> Reply:
    if "cnf" not in site.config.upgrades:
        raise Refused(404, f"nothing is at {call.http.path}")
    request, instance = decoded(call.body, Upgrade), site.instances.get(call.id)
    package = _offered(site, instance, request.nfd_id)
    operation = site.operations.upgrade(instance, request, package=package, parameters=shown(call.document()))
    return Reply(document={"operationId": operation.id, "nfvJobId": operation.id, "requestId": operation.id})


def _change_package_of(site: Site, call: Call) -> Reply:
    if "change_vnfpkg" not in site.config.upgrades:
        raise Refused(404, f"nothing is at {call.http.path}")
    request, instance = decoded(call.body, ChangePackage), site.instances.get(call.id)
    package = _offered(site, instance, request.vnfd_id)
    silent = request.additional_params.disable_auto_rollback
    upgrade = Upgrade(nfd_id=request.vnfd_id, auto_rollback=not silent, additional_params=request.additional_params)
    return _begun(site.operations.upgrade(instance, upgrade, package=package, parameters=shown(call.document())))


def _offered(site: Site, instance: instances.Instance, vnfd_id: str) -> packages.Package:
    package = site.packages.with_descriptor(vnfd_id)
    if package not in site.packages.upgrades_of(instance.package):
        raise Refused(409, f"package {package.name} is not offered as an upgrade of {instance.package.name}")
    return package


def _heal(site: Site, call: Call) -> Reply:
    instance = site.instances.get(call.id)
    decoded(call.body, Heal)
    return _begun(site.operations.heal(instance, parameters=shown(call.document())))


def _list_operations(site: Site, call: Call) -> Reply:
    del call
    return Reply(document=[item.document() for item in site.instances.operations()])


def _show_operation(site: Site, call: Call) -> Reply:
    return Reply(document=site.instances.operation(call.id).document())


def _retry(site: Site, call: Call) -> Reply:
    site.operations.retry(site.instances.operation(call.id))
    return Reply(status=202)


def _rollback(site: Site, call: Call) -> Reply:
    site.operations.rollback(site.instances.operation(call.id))
    return Reply(status=202)


def _fail(site: Site, call: Call) -> Reply:
    operation = site.instances.operation(call.id)
    site.operations.fail(operation)
    return Reply(document=operation.document())


def _cancel(site: Site, call: Call) -> Reply:
    site.operations.cancel(site.instances.operation(call.id))
    return Reply(status=202)


_SECRET = frozenset({"password", "overrides"})


def shown(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """A request's parameters without what may be secret."""
    if isinstance(value, dict):
        return {key: "***" if key in _SECRET and item else shown(item) for key, item in value.items()}
    return [shown(item) for item in value] if isinstance(value, list) else value


_PACKAGE = f"{packages.BASE}/{{id}}"
_INSTANCE = f"{instances.BASE}/{{id}}"
_OPERATION = f"{instances.OPERATIONS}/{{id}}"
_SOL003 = "SOL003, life cycle"
_CATALOGUE = "network function catalogue API 2.2"

_ROWS: tuple[tuple[str, str, Grade, str, _Answer], ...] = (
    ("POST", "/hybridity/api/sessions", "A", "platform API, sessions", _login),
    ("POST", packages.BASE, "A", _CATALOGUE, _create_package),
    ("GET", packages.BASE, "A", "SOL005 package management 2.0.0", _list_packages),
    ("GET", _PACKAGE, "A", "SOL005 package management 2.0.0", _show_package),
    ("PATCH", _PACKAGE, "A", "SOL005 package management 2.0.0", _change_package),
    ("DELETE", _PACKAGE, "A", "SOL005 package management 2.0.0", _delete_package),
    ("PUT", f"{_PACKAGE}/package_content", "A", _CATALOGUE, _upload),
    ("GET", f"{_PACKAGE}/package_content", "A", "SOL005 package management 2.0.0", _content),
    ("GET", f"{_PACKAGE}/upgrades", "D", "what the upgrade list of the user interface shows", _upgrades),
    ("GET", "/hybridity/api/extensions", "B", "partner systems API exists; details of a client", _list_extensions),
    ("POST", "/hybridity/api/extensions", "B", "partner systems API exists; details of a client", _add_extension),
    ("POST", "/hybridity/api/repositories/query", "B", "a client", _query_repositories),
    ("GET", "/hybridity/api/vims", "D", "nobody", _list_vims),
    ("GET", policies.BASE, "D", "the operation exists (A), its place is guessed", _list_policies),
    ("POST", policies.BASE, "D", "the operation exists (A), its place is guessed", _create_policy),
    (
        "POST",
        f"{policies.BASE}/{{id}}/finalize",
        "D",
        "the operation exists (A), its place is guessed",
        _finalize_policy,
    ),
    ("POST", instances.BASE, "A", _SOL003, _create_instance),
    ("GET", instances.BASE, "A", _SOL003, _list_instances),
    ("GET", _INSTANCE, "A", _SOL003, _show_instance),
    ("DELETE", _INSTANCE, "A", _SOL003, _delete_instance),
    ("POST", f"{_INSTANCE}/instantiate", "A", "life cycle API", _instantiate),
    ("POST", f"{_INSTANCE}/terminate", "A", _SOL003, _terminate),
    ("POST", f"{_INSTANCE}/heal", "A", "SOL003, life cycle (what it does: D)", _heal),
    ("POST", f"{_INSTANCE}/change_vnfpkg", "A", _SOL003, _change_package_of),
    (
        "GET",
        "/hybridity/api/vnflcm/v1/cnf_instances/{id}/inventory",
        "A",
        "sample collector (its body: D)",
        _inventory,
    ),
    (
        "POST",
        "/hybridity/api/vnflcm/v1/cnf_instances/{id}/upgrade",
        "C",
        "CnfUpgradeRequest (A); prefix as of the inventory",
        _upgrade,
    ),
    ("GET", instances.OPERATIONS, "A", _SOL003, _list_operations),
    ("GET", _OPERATION, "A", _SOL003, _show_operation),
    ("POST", f"{_OPERATION}/retry", "A", _SOL003, _retry),
    ("POST", f"{_OPERATION}/rollback", "A", _SOL003, _rollback),
    ("POST", f"{_OPERATION}/fail", "A", _SOL003, _fail),
    ("POST", f"{_OPERATION}/cancel", "A", _SOL003, _cancel),
)

ENDPOINTS: tuple[EndPoint, ...] = tuple(
    EndPoint(method=method, path=path, grade=grade, source=source, answer=answer, open=answer is _login)
    for method, path, grade, source, answer in _ROWS
)
