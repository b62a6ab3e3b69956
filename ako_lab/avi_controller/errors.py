"""Refusals: every error text of the simulator, in one table.

Clients decide by status and by fragments of the text, so both are the compatibility surface: a body is a JSON object
with the key `error` (the Go client prints the parsed object and searches that print), a refused deletion has
`obj_name` beside it. Texts marked R were recorded from a controller 20.1.1; those marked C are what public client code
searches for; the rest is ours and says what is wrong and where.
"""


class Refusal(Exception):  # noqa: N818 - a verdict of the controller, not a mishap of ours
    """The controller says no: an HTTP status and the fields of the JSON body."""

    def __init__(self, status: int, error: str, **fields: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.fields = fields
        self.headers: dict[str, str] = {}
        self.path: list[str] = []

    def under(self, name: str) -> "Refusal":
        """The same refusal, one level further out in the document that it is about."""
        self.path.insert(0, name)
        return self

    @property
    def body(self) -> dict[str, str]:
        """The JSON object to answer with."""
        where = ".".join(self.path).replace(".[", "[")
        return {"error": f"{self.error} (field {where})" if where else self.error, **self.fields}


def bad_request(error: str) -> Refusal:
    """400 with a sentence of ours."""
    return Refusal(400, error)


def not_found(model: str) -> Refusal:
    """404 for an object (C)."""
    return Refusal(404, f"{model} object not found!")


def reference_not_found(model: str, wanted: str) -> Refusal:
    """400 for a reference to nothing (C); the name stands beside it so that a person can see which."""
    return Refusal(400, f"{model} object not found!", detail=f"no {model} {wanted!r}")


def no_such_path(path: str) -> Refusal:
    """404 for an address that the API does not have."""
    return Refusal(404, f"The requested resource {path[:200]} was not found on this controller.")


def already_exists(model: str, *, cloud: bool) -> Refusal:
    """409 for a second object of one name (C)."""
    scope = "Name, Tenant ref and Cloud ref" if cloud else "Name, Tenant ref"
    return Refusal(409, f"{model} with this {scope} already exists.")


def stale(model: str) -> Refusal:
    """412 for an update of an older version (C)."""
    return Refusal(412, f"Need to reload object data {model}")


def still_referred(name: str, referrers: list[str], *, status: int) -> Refusal:
    """403 or 400 for a deletion of something in use (C)."""
    shown = ",".join(f"'{referrer}'" for referrer in referrers)
    return Refusal(status, f"Cannot delete, object is referred by: [{shown}]", obj_name=name)


def invalid_credentials() -> Refusal:
    """401 at login (C)."""
    return Refusal(401, "Invalid credentials")


def not_authenticated() -> Refusal:
    """401 without a session."""
    return Refusal(401, "Authentication credentials were not provided.")


def csrf_missing() -> Refusal:
    """401 for an unsafe method without the token (R); the recorded body is this bare phrase."""
    return Refusal(401, "CSRF token missing or incorrect.")


def session_expired() -> Refusal:
    """419, on which clients collect new cookies (C)."""
    return Refusal(419, "Session has expired, please login again.")


def unknown_tenant(name: str) -> Refusal:
    """403 for a tenant header that names nothing (R)."""
    return Refusal(403, f"Tenant '{name[:200]}' does not exist!")


def not_authorized(user: str, verb: str, *, resource: str, tenant: str) -> Refusal:
    """403 for a missing privilege (C)."""
    return Refusal(403, f"User '{user}' is not authorized to {verb} on resource {resource} in tenant {tenant}")


def upgrading() -> Refusal:
    """403 for writes while the controller is upgraded (C)."""
    return Refusal(403, "Configuration is disallowed during upgrade")


def newer_field(version: str, field: str, introduced: str) -> Refusal:
    """400 for a field that the requested version does not have (R)."""
    return bad_request(f"request (v{version}) has field ({field}) introduced in later versions(v{introduced})")


def invalid_version(version: str, *, oldest: str, newest: str) -> Refusal:
    """400 for a version header that makes no sense (C)."""
    return bad_request(f"Invalid version {version[:60]!r}: this controller speaks {oldest} to {newest}")


def no_free_address(where: str) -> Refusal:
    """400 when a subnet is used up (C)."""
    return Refusal(400, "No available free IPs", detail=f"no free address in {where}")


def vip_id_changed(vip_id: str) -> Refusal:
    """400 for another identifier on an existing VIP (C)."""
    return Refusal(400, "Changing an existing VIP's vip_id is not supported", detail=f"vip_id {vip_id}")


def preferred_address_changed(vip_id: str) -> Refusal:
    """400 for another address on an existing VIP (C)."""
    return Refusal(
        400,
        "Changing the IP of an existing VIP is not supported. If a new preferred IP is needed, please recreate the VIP",
        detail=f"vip_id {vip_id}",
    )


def fixed_field(model: str, field: str) -> Refusal:
    """400 for a change of a field that a lab was told to keep (our words: no recording has one)."""
    return bad_request(f"Changing {field} of a {model} is not supported")


def foreign_tenant(model: str, tenant: str) -> Refusal:
    """400 for a change of a shared object from another tenant (C)."""
    return bad_request(f"Cannot modify {model} from tenant {tenant}: it belongs to another tenant")


def import_error(reason: str, *, common_name: str, status: int) -> Refusal:
    """A certificate or key that cannot be imported (C: clients look for `Import error` and `common_name`)."""
    return Refusal(status, f"Import error: {reason}; common_name: {common_name}")


def bad_message(model: str, missing: str) -> Refusal:
    """400 for a message without its required fields (C: `Bad pb`; the product says 500 to some of them)."""
    return bad_request(f"Bad pb: {model} is missing required field: {missing}")
