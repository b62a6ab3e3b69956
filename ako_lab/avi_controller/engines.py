"""What a Service Engine is told, and what it tells: the end points under `/lab/service-engine`.

A real controller speaks to its Service Engines over a channel of its own, in which private keys go to those that end
TLS. The lab has one HTTP end point for both directions. It is open to a superuser's name and password only, because
what it answers holds secrets that no other end point shows.

    GET  /lab/service-engine?since=N&wait=SECONDS   what was written after write N, private keys in the certificates;
                                                    without changes the answer comes when there is one, or after `wait`
    PUT  /lab/service-engine                        states of objects and servers, and alerts

Keys live in memory, by certificate. Whoever restores a state has to upload them again, and the Service Engine says so.
"""

import base64
import binascii
from collections.abc import Iterable

import msgspec

from ako_lab.avi_controller import errors
from ako_lab.avi_controller.accounts import Accounts
from ako_lab.avi_controller.call import Call, Reply, json_reply
from ako_lab.avi_controller.private_keys import PrivateKeys
from ako_lab.avi_controller.reports import Report, Reports
from ako_lab.avi_controller.store import Store
from ako_lab.avi_controller.values import MARK, Document, Json

PATH = "/lab/service-engine"
MOST_SECONDS = 60.0
# Types that no Service Engine needs: people, and what belongs to the controller itself.
_KEPT_BACK = frozenset({"user", "useraccountprofile", "role", "systemconfiguration", "cluster", "authprofile"})


class EngineLink:
    """The end of the channel that lies in the controller."""

    def __init__(self, *, store: Store, accounts: Accounts, keys: PrivateKeys, reports: Reports) -> None:
        self._store = store
        self._accounts = accounts
        self._keys = keys
        self._reports = reports

    def answer(self, call: Call) -> Reply:
        """The reply to a call; a refusal for whoever is no superuser."""
        self._admit(call)
        if call.method == "PUT":
            try:
                self._reports.latest = msgspec.convert(call.value(), Report)
            except msgspec.ValidationError as error:
                raise errors.bad_request(f"not a report of a Service Engine: {error}") from error
            return Reply(204)
        if call.method != "GET":
            raise errors.no_such_path(call.path)
        return json_reply(self._changes(_whole(call, "since", -1)))

    def is_behind(self, call: Call) -> bool:
        """Whether there is something that the asker does not know yet."""
        return call.method != "GET" or self._store.writes > _whole(call, "since", -1)

    def patience(self, call: Call) -> float:
        """How long an answer without content may be held back."""
        return min(MOST_SECONDS, float(_whole(call, "wait", 0)))

    def _admit(self, call: Call) -> None:
        scheme, _, coded = call.headers.get("Authorization", "").partition(" ")
        try:
            text = base64.b64decode(coded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError) as error:
            raise errors.invalid_credentials() from error
        user, _, password = text.partition(":")
        record = self._accounts.record(user)
        if scheme.lower() != "basic" or record is None or not self._accounts.password_is(user, password):
            raise errors.not_authenticated()
        if not record.document().get("is_superuser"):
            raise errors.not_authorized(user, "read", resource="service-engine", tenant="*")

    def _changes(self, since: int) -> Document:
        keys = self._store.written_since(since)
        return {"sequence": self._store.writes, "objects": dict(self._documents(keys))}

    def _documents(self, keys: Iterable[str]) -> Iterable[tuple[str, Json]]:
        """Each key with its object, None for one that is gone."""
        for key in keys:
            record = self._store.records.get(key)
            if key.partition("/")[0] not in _KEPT_BACK:
                yield key, None if record is None else _plain(self._with_key(record.document()))

    def _with_key(self, document: Document) -> Document:
        if document.get("key"):
            pem = (document.get("certificate") or {}).get("certificate", "")
            document["key"], document["key_passphrase"] = self._keys.of(pem) or ("", "")
        return document


def _whole(call: Call, name: str, default: int) -> int:
    text = call.parameters.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else default


def _plain(value: Json) -> Json:
    """A stored value in which a reference is the key of what it means."""
    if isinstance(value, str):
        return value.removeprefix(MARK)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
