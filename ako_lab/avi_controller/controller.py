"""The simulated controller, free of any web framework: a call goes in, a reply comes out.

The order of the checks is the order in which the product lets a client find out what is wrong: version, session, CSRF
token, tenant, upgrade, rights, then the object. Sessions come from cookies, or from basic authentication where the
portal allows it. One lock serialises everything, because the Python interface of a lab is used from other threads.
"""

import base64
import binascii
from collections.abc import Callable

from ako_lab.avi_controller import endpoints, errors
from ako_lab.avi_controller.accounts import Session
from ako_lab.avi_controller.call import SAFE_METHODS, Call, Reply, page_reply, refusal_reply
from ako_lab.avi_controller.endpoints import EndPoint
from ako_lab.avi_controller.errors import Refusal
from ako_lab.avi_controller.query import ALL_TENANTS
from ako_lab.avi_controller.rendering import SINGLETON_TYPES, View
from ako_lab.avi_controller.runtime import INVENTORIES, inventory_entry, subresource
from ako_lab.avi_controller.schema import UNNAMED_VERSION, Version, parse_version
from ako_lab.avi_controller.store import ADMIN, Record
from ako_lab.avi_controller.system import System

_COOKIE_ATTRIBUTES = "HttpOnly; Max-Age=86400; Path=/; Secure"
_CSRF_ATTRIBUTES = "Max-Age=31449600; Path=/; Secure"


class Controller(System):
    """The simulated controller: its parts, and the way of a request through them."""

    def answer(self, call: Call) -> Reply:
        """The reply to a call; refusals become replies."""
        session: Session | None = None
        self.answering = call
        try:
            call.version = self._version(call)
            if call.path == "/login":
                reply, session = self._login(call)
            elif call.path == "/logout":
                reply = self._logout(call)
            else:
                session = self._identify(call)
                reply = self._authorized(call)
        except Refusal as refusal:
            reply = refusal_reply(refusal)
            if refusal.status in (401, 419):
                session = None
        if session is not None:
            cookie = f"{session.identifier}; {_COOKIE_ATTRIBUTES}"
            reply.cookies = (f"avi-sessionid={cookie}", f"sessionid={cookie}", *reply.cookies)
        # Echoed only when it was understood: what was not may hold anything.
        named = call.headers.get("X-Avi-Version") if call.version else None
        reply.headers["AVI_API_VERSION"] = named or UNNAMED_VERSION.replace(".", "_")
        return reply

    def _version(self, call: Call) -> Version:
        text = call.headers.get("X-Avi-Version") or UNNAMED_VERSION
        return parse_version(text, newest=self.config.version)

    def _login(self, call: Call) -> tuple[Reply, Session]:
        if call.method != "POST":
            raise _not_allowed(call)
        if self.in_force("account-lock"):
            raise errors.invalid_credentials()
        reply, session = endpoints.login(self, call)
        call.user = session.user
        reply.cookies = (f"csrftoken={session.csrf}; {_CSRF_ATTRIBUTES}",)
        return reply, session

    def _logout(self, call: Call) -> Reply:
        cookies = cookies_of(call.headers.get("Cookie", ""))
        self.accounts.logout(cookies.get("avi-sessionid") or cookies.get("sessionid", ""))
        return Reply(200)

    def _identify(self, call: Call) -> Session | None:
        """Find out who asks; None for what needs no session, and for basic authentication."""
        if len(call.segments) < 2 or call.segments[0] != "api":
            raise errors.no_such_path(call.path)
        authorization = call.headers.get("Authorization", "")
        if authorization[:6].lower() == "basic ":
            call.user = self._basic_user(authorization)
            return None
        cookies = cookies_of(call.headers.get("Cookie", ""))
        identifier = cookies.get("avi-sessionid") or cookies.get("sessionid")
        if not identifier:
            if call.segments[1] in endpoints.PUBLIC and call.method == "GET":
                return None
            raise errors.not_authenticated()
        session = self.accounts.session(identifier)
        if call.method not in SAFE_METHODS and call.headers.get("X-CSRFToken") != session.csrf:
            raise errors.csrf_missing()
        call.user = session.user
        return session

    def _basic_user(self, authorization: str) -> str:
        portal = self.store.records["systemconfiguration/default"].document().get("portal_configuration", {})
        if not portal.get("allow_basic_authentication"):
            raise errors.not_authenticated()
        try:
            text = base64.b64decode(authorization[6:], validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise errors.invalid_credentials() from error
        user, _, password = text.partition(":")
        if not self.accounts.password_is(user, password):
            raise errors.invalid_credentials()
        return user

    def _authorized(self, call: Call) -> Reply:
        if call.user:
            self._choose_tenant(call)
        first = call.segments[1]
        if call.method not in SAFE_METHODS and self.in_force("upgrade"):
            raise errors.upgrading()
        endpoint = endpoints.ENDPOINTS.get(first)
        if endpoint is not None:
            return self._end_point(endpoint, call)
        if first in INVENTORIES:
            return self._inventory(INVENTORIES[first], call)
        kind = self.schema.type_name(first)
        if kind is None:
            raise errors.no_such_path(call.path)
        self._check_rights(kind, call)
        return self._object(kind, call)

    def _end_point(self, endpoint: EndPoint, call: Call) -> Reply:
        if call.method not in endpoint.methods:
            raise _not_allowed(call)
        permission = endpoint.writes if call.method not in SAFE_METHODS else endpoint.reads
        if permission:
            self._check_rights(permission, call)
        return endpoint.answer(self, call)

    def _check_rights(self, kind: str, call: Call) -> None:
        """Refuse what the user may not do; of all tenants those stay in which it may."""
        write = call.method not in SAFE_METHODS
        self.accounts.check(call.user, kind, write=write, tenant=call.tenant)
        if call.tenant is None:
            allowing = self.accounts.allowing(call.user, kind, write=write)
            if allowing is not None:
                call.tenants = allowing if call.tenants is None else call.tenants & allowing

    def _choose_tenant(self, call: Call) -> None:
        """The tenant of the request: by name, by uuid, `*` for all that the user may see."""
        allowed = call.allowed = self.accounts.tenants(call.user)
        name, uuid = call.headers.get("X-Avi-Tenant"), call.headers.get("X-Avi-Tenant-UUID")
        if ALL_TENANTS in {name, uuid}:
            call.tenant, call.tenants = None, allowed
            return
        if uuid:
            record = self.store.records.get(f"tenant/{uuid}")
        else:
            record = self.store.named("tenant", name or ADMIN, tenant="")
        if record is None:
            raise errors.unknown_tenant(uuid or name or ADMIN)
        if allowed is not None and record.uuid not in allowed:
            raise errors.not_authorized(call.user, "access", resource="tenant", tenant=record.name)
        call.tenant, call.tenants = record.uuid, frozenset({record.uuid})

    def _object(self, kind: str, call: Call) -> Reply:
        rest = call.segments[2:]
        if kind in SINGLETON_TYPES and not rest:
            rest = (next(iter(self.store.tables[kind].records)),)
        if not rest:
            return self._collection(kind, call)
        if len(rest) > 1:
            return self._subresource(kind, rest[0], rest[1:], call)
        actions: dict[str, Callable[[str, str, Call], Reply]] = {
            "GET": self.objects.item,
            "HEAD": self.objects.item,
            "PUT": self.objects.replaced,
            "PATCH": self.objects.patched,
            "DELETE": self.objects.deleted,
        }
        action = actions.get(call.method)
        if action is None:
            raise _not_allowed(call)
        before = self.store.writes
        reply = action(kind, rest[0], call)
        if self.store.writes != before and kind == "systemconfiguration":
            self.settings_changed()
        return reply

    def _collection(self, kind: str, call: Call) -> Reply:
        if call.method in ("GET", "HEAD"):
            return self.objects.listed(kind, call)
        if call.method == "POST":
            return self.objects.created(kind, call)
        raise _not_allowed(call)

    def _subresource(self, kind: str, identifier: str, rest: tuple[str, ...], call: Call) -> Reply:
        record = self.objects.visible(kind, identifier, call)
        if call.method not in ("GET", "HEAD"):
            if call.method == "POST" and rest[0] in ("scaleout", "scalein", "migrate", "switchover", "resync"):
                return Reply(200)
            raise errors.no_such_path(call.path)
        found = subresource(self.store, record, list(rest), self.objects.states)
        if found is None:
            raise errors.no_such_path(call.path)
        return Reply(200, self.objects.renderer.addressed(found, self._view(call)))

    def _view(self, call: Call) -> View:
        return View(base=call.base, version=call.version, parameters=call.parameters)

    def _inventory(self, kind: str, call: Call) -> Reply:
        if call.method not in ("GET", "HEAD"):
            raise _not_allowed(call)
        self._check_rights(kind, call)
        if len(call.segments) > 2:
            record = self.objects.visible(kind, call.segments[2], call)
            return Reply(200, self._inventory_entry(record, call))
        selection = self.objects.selection(kind, call)
        return page_reply(call, selection, [self._inventory_entry(record, call) for record in selection.records])

    def _inventory_entry(self, record: Record, call: Call) -> bytes:
        entry = inventory_entry(self.store, record, self.objects.states)
        return self.objects.renderer.addressed(entry, self._view(call))


def _not_allowed(call: Call) -> Refusal:
    return Refusal(405, f"Method '{call.method[:20]}' not allowed.")


def cookies_of(header: str) -> dict[str, str]:
    """Names and values of a Cookie header; the last of several counts."""
    pairs = (part.partition("=") for part in header.split(";"))
    return {name.strip(): value.strip().strip('"') for name, _, value in pairs}
