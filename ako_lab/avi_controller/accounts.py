"""Who may do what: passwords, sessions, tokens, and the rights that users have through roles in tenants.

A session is a pair of cookies. It ends after idle time or after its maximum time; the first is what clients meet as
419, and a cookie that was never given out is 401. Rights are read from the `user` and `role` objects at the time of the
question, so a change of a role counts at once, as in the product. Time and chance come from outside.

Refused log-ins in a row lock an account for everybody, as its `UserAccountProfile` says: after how many, and for how
many minutes. A locked account is refused in the words of a wrong password. A log-in that succeeds begins the count
anew.
"""

import hmac
import random
import string
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from ako_lab.avi_controller import errors
from ako_lab.avi_controller.store import Record, Store, target_key, target_uuid
from ako_lab.avi_controller.values import Document

REMEMBERED_SESSIONS = 4096
DEFAULT_PROFILE = "Default-User-Account-Profile"
_LETTERS = string.ascii_lowercase + string.digits
# Types whose permission is not called like the type.
_PERMISSIONS = {
    "vsvip": "PERMISSION_VIRTUALSERVICE",
    "ssopolicy": "PERMISSION_SSOPOLICY",
    "icapprofile": "PERMISSION_ICAP",
    "cluster": "PERMISSION_CONTROLLER",
    "autoscalelaunchconfig": "PERMISSION_AUTOSCALE",
    "serverautoscalepolicy": "PERMISSION_AUTOSCALE",
    "fileobject": "PERMISSION_FILE_OBJECT",
    "cloudconnectoruser": "PERMISSION_USER_CREDENTIAL",
    "useraccountprofile": "PERMISSION_USER",
    # What a cloud found in its infrastructure.
    "availabilityzone": "PERMISSION_CLOUD",
    "vcenterserver": "PERMISSION_CLOUD",
    "vimgrclusterruntime": "PERMISSION_CLOUD",
    "vimgrhostruntime": "PERMISSION_CLOUD",
    "vimgrnwruntime": "PERMISSION_NETWORK",
    "vimgrvmruntime": "PERMISSION_CLOUD",
    # Parts of a policy that have no permission of their own.
    "botconfigconsolidator": "PERMISSION_BOTDETECTIONPOLICY",
    "botipreputationtypemapping": "PERMISSION_BOTDETECTIONPOLICY",
    "botmapping": "PERMISSION_BOTDETECTIONPOLICY",
    "wafapplicationsignatureprovider": "PERMISSION_WAFPOLICY",
}


class Session(msgspec.Struct, kw_only=True):
    """A session; `used` moves with every request."""

    identifier: str
    csrf: str
    user: str
    started: float
    used: float


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """An API token of a user."""

    uuid: str
    token: str
    user: str
    expires: float


class _Failures(msgspec.Struct, kw_only=True):
    """Refused log-ins of a user in a row, and until when the account is locked."""

    count: int = 0
    locked_until: float = 0.0


class Accounts:
    """Passwords, sessions and tokens, and what users may do."""

    def __init__(
        self,
        *,
        store: Store,
        passwords: dict[str, str],
        clock: Callable[[], float],
        chance: random.Random,
        idle: float,
        maximum: float,
    ) -> None:
        """`passwords` is shared with who writes users: by the key of a user."""
        self._store = store
        self._passwords = passwords
        self._clock = clock
        self._chance = chance
        self._idle = idle
        self._maximum = maximum
        self.tokens: dict[str, Token] = {}
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._expired: OrderedDict[str, None] = OrderedDict()
        # By the key of the user.
        self._failures: dict[str, _Failures] = {}

    def login(self, *, user: str, password: str, token: str) -> Session:
        """A new session for a password or a token."""
        record = self.record(user)
        if record is None:
            raise errors.invalid_credentials()
        failures = self._failures.setdefault(record.key, _Failures())
        if self._clock() < failures.locked_until:
            raise errors.invalid_credentials()
        if not (self.password_is(user, password) or (token and self._token_valid(user, token))):
            self._note_failure(record, failures)
            raise errors.invalid_credentials()
        if not self._is_active(user):
            raise errors.invalid_credentials()
        failures.count = 0
        now = self._clock()
        session = Session(identifier=self.secret(), csrf=self.secret(), user=user, started=now, used=now)
        self._sessions[session.identifier] = session
        if len(self._sessions) > REMEMBERED_SESSIONS:
            self._end(next(iter(self._sessions)))
        return session

    def locked(self, user: str) -> bool:
        """Whether the account of a user is locked now."""
        record = self.record(user)
        failures = self._failures.get(record.key) if record else None
        return failures is not None and self._clock() < failures.locked_until

    def _note_failure(self, record: Record, failures: _Failures) -> None:
        profile = self._profile(record)
        limit, minutes = profile.get("max_login_failure_count", 0), profile.get("account_lock_timeout", 0)
        failures.count += 1
        if isinstance(limit, int) and isinstance(minutes, int | float) and 0 < limit <= failures.count:
            failures.count = 0
            failures.locked_until = self._clock() + 60 * minutes

    def _profile(self, record: Record) -> Document:
        """The profile of a user: its own, or that of all."""
        own = self._store.records.get(target_key(record.document().get("user_profile_ref", "")))
        found = own or self._store.named("useraccountprofile", DEFAULT_PROFILE, tenant="admin")
        return found.document() if found else {}

    def password_is(self, user: str, password: str) -> bool:
        """Whether this is the password of a user of this name."""
        record = self.record(user)
        known = self._passwords.get(record.key) if record else None
        return bool(password) and known is not None and hmac.compare_digest(known.encode(), password.encode())

    def password_of(self, user: str) -> str:
        """The password of a user, empty for none: a lab tells its own user how to log in."""
        record = self.record(user)
        return self._passwords.get(record.key, "") if record else ""

    def set_password(self, user: str, password: str) -> None:
        """Give a user another password."""
        record = self.record(user)
        if record is not None:
            self._passwords[record.key] = password

    def session(self, identifier: str) -> Session:
        """The session of a cookie, or a refusal."""
        session = self._sessions.get(identifier)
        if session is None:
            raise errors.session_expired() if identifier in self._expired else errors.not_authenticated()
        now = self._clock()
        if now - session.used > self._idle or now - session.started > self._maximum:
            self._end(identifier)
            raise errors.session_expired()
        if not self._is_active(session.user):
            self.logout(identifier)
            raise errors.not_authenticated()
        session.used = now
        return session

    def _is_active(self, user: str) -> bool:
        """Whether a user is there and may be: the sessions of one that goes end with it."""
        record = self.record(user)
        return record is not None and bool(record.document().get("is_active", True))

    def logout(self, identifier: str) -> None:
        """End a session at its user's wish."""
        self._sessions.pop(identifier, None)

    def purge(self) -> None:
        """End every session, as a controller does that starts again."""
        for identifier in list(self._sessions):
            self._end(identifier)

    def _end(self, identifier: str) -> None:
        del self._sessions[identifier]
        self._expired[identifier] = None
        if len(self._expired) > REMEMBERED_SESSIONS:
            self._expired.popitem(last=False)

    def _token_valid(self, user: str, token: str) -> bool:
        return any(
            known.user == user
            and known.expires > self._clock()
            and hmac.compare_digest(known.token.encode(), token.encode())
            for known in self.tokens.values()
        )

    def secret(self) -> str:
        """A new random text for cookies and tokens."""
        return "".join(self._chance.choices(_LETTERS, k=32))

    def record(self, user: str) -> Record | None:
        """The user object of a login name, which is mostly its name, too."""
        found = self._store.named("user", user, tenant="")
        if found is not None:
            return found
        users = self._store.tables["user"].records.values()
        return next((record for record in users if record.document().get("username") == user), None)

    def tenants(self, user: str) -> frozenset[str] | None:
        """The tenants that a user may see; None for all."""
        grants = self._grants(user)
        if grants is None or "*" in grants:
            return None
        return frozenset(grants)

    def check(self, user: str, kind: str, *, write: bool, tenant: str | None) -> None:
        """Refuse what a user may not do with objects of a type in a tenant (None: in any of its tenants)."""
        grants = self._grants(user)
        if grants is None:
            return
        permission = _permission(kind)
        roles = [
            *grants.get("*", ()),
            *(grants.get(tenant, ()) if tenant else (r for rs in grants.values() for r in rs)),
        ]
        if not any(self._allows(role, permission, write=write) for role in roles):
            verb = "write" if write else "read"
            raise errors.not_authorized(user, verb, resource=permission, tenant=self._tenant_name(tenant))

    def allowing(self, user: str, kind: str, *, write: bool) -> frozenset[str] | None:
        """The tenants in which a user may do something with objects of a type; None for all."""
        grants = self._grants(user)
        permission = _permission(kind)
        if grants is None or any(self._allows(role, permission, write=write) for role in grants.get("*", ())):
            return None
        return frozenset(
            tenant
            for tenant, roles in grants.items()
            if any(self._allows(role, permission, write=write) for role in roles)
        )

    def _tenant_name(self, tenant: str | None) -> str:
        record = self._store.records.get(f"tenant/{tenant}")
        return record.name if record else "*"

    def _allows(self, role: str, permission: str, *, write: bool) -> bool:
        record = self._store.records.get(role)
        privileges = record.document().get("privileges", ()) if record else ()
        wanted = ("WRITE_ACCESS",) if write else ("WRITE_ACCESS", "READ_ACCESS")
        return any(item["resource"] == permission and item["type"] in wanted for item in privileges)

    def _grants(self, user: str) -> dict[str, list[str]] | None:
        """Role keys by tenant uuid (`*` for all); None for a superuser."""
        record = self.record(user)
        document = record.document() if record else {}
        if document.get("is_superuser"):
            return None
        grants: dict[str, list[str]] = {}
        for access in document.get("access", ()):
            tenant = "*" if access.get("all_tenants") else target_uuid(access.get("tenant_ref", ""))
            grants.setdefault(tenant, []).append(target_key(access.get("role_ref", "")))
        return grants


def _permission(kind: str) -> str:
    return _PERMISSIONS.get(kind, f"PERMISSION_{kind.upper()}")
