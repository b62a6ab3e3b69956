"""Refused log-ins at the Avi Controller, remembered in an object of our own beside the Lease of the leader.

It is a Lease, because that is the one kind that a role in our namespace lets us make; an annotation says which version
of which Secret was refused, how often, and when it may be tried again. The version stands for the credentials: nothing
that they could be guessed from leaves the Secret. Another version is other credentials, and what is tried while the
Secret says something else already is remembered of neither.
"""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from ako_runtime.avi.credentials import Credentials
from ako_runtime.avi.refusals import Refusals, Refused
from ako_runtime.errors import AkoError
from ako_runtime.kube.connection import KubeConnection

NAME: Final = "ako-log-in"
ANNOTATION: Final = "ako.vmware.com/refused-log-ins"
_SECONDS: Final = 5.0

_log = structlog.get_logger("ako.login")


class _Meta(Struct, frozen=True, kw_only=True, rename="camel"):
    uid: str = ""
    resource_version: str = ""
    annotations: Mapping[str, str] = {}


class _Object(Struct, frozen=True, kw_only=True):
    metadata: _Meta
    # JSON carries base64; msgspec decodes it.
    data: Mapping[str, bytes] = {}


class _Lease(Struct, frozen=True, kw_only=True):
    metadata: _Meta


class _Note(Struct, frozen=True, kw_only=True):
    secret: str
    tries: int
    next_try: float


class RefusedLogins:
    """The memory of `avi.refusals`, in the cluster."""

    def __init__(self, *, connection: KubeConnection, namespace: str, secret: str) -> None:
        self._connection = connection
        self._secret = f"/api/v1/namespaces/{namespace}/secrets/{secret}"
        self._leases = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._namespace = namespace

    def load(self, credentials: Credentials) -> Refused | None:
        """What is known of these credentials; nothing where it cannot be read."""
        try:
            note = self._note()
            if note is None or note.secret != self._version(credentials):
                return None
        except (AkoError, ValueError) as error:
            _log.warning("refused log-ins not read", error=str(error))
            return None
        return Refused(tries=note.tries, next_try=note.next_try)

    def save(self, credentials: Credentials, refused: Refused | None) -> None:
        """Remember it of the present version of the Secret, if that holds these credentials."""
        try:
            text = None
            if refused is not None:
                version = self._version(credentials)
                if not version:
                    return
                note = _Note(secret=version, tries=refused.tries, next_try=refused.next_try)
                text = msgspec.json.encode(note).decode()
            self._write(text)
        except (AkoError, ValueError) as error:
            _log.warning("refused log-ins not remembered", error=str(error))

    def _note(self) -> _Note | None:
        answer = self._connection.request("GET", f"{self._leases}/{NAME}", timeout=_SECONDS)
        if answer.status != 200:
            return None
        text = msgspec.json.decode(answer.body, type=_Lease).metadata.annotations.get(ANNOTATION)
        return None if text is None else msgspec.json.decode(text, type=_Note)

    def _version(self, credentials: Credentials) -> str:
        """Version of the Secret, empty if it holds other credentials by now."""
        found = msgspec.json.decode(self._connection.checked("GET", self._secret), type=_Object)
        held = {key: value.decode(errors="replace").strip() for key, value in found.data.items()}
        tried = (credentials.username, credentials.password.reveal(), credentials.token.reveal())
        if tuple(held.get(key, "") for key in ("username", "password", "authtoken")) != tuple(map(str.strip, tried)):
            return ""
        return f"{found.metadata.uid}/{found.metadata.resource_version}"

    def _write(self, text: str | None) -> None:
        body = {"metadata": {"annotations": {ANNOTATION: text}}}
        kind = "application/merge-patch+json"
        answer = self._connection.request(
            "PATCH", f"{self._leases}/{NAME}", body=body, content_type=kind, timeout=_SECONDS
        )
        if answer.status == 404 and text is not None:
            metadata = {"name": NAME, "namespace": self._namespace, "annotations": {ANNOTATION: text}}
            lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": {}}
            answer = self._connection.request("POST", self._leases, body=lease, timeout=_SECONDS)
        if answer.status >= 400 and answer.status != 404:
            _log.warning("refused log-ins not remembered", status=answer.status, error=answer.message)


def refusals_in_cluster(
    connection: KubeConnection | None,
    *,
    namespace: str,
    secret: str,
    pauses: tuple[float, float],
    on_refused: Callable[[str], None],
) -> Refusals:
    """Refused log-ins with the Secret of that name; without a connection this process alone remembers them."""
    if connection is None:
        return Refusals(pauses=pauses, on_refused=on_refused)
    memory = RefusedLogins(connection=connection, namespace=namespace, secret=secret)
    return Refusals(memory=memory, pauses=pauses, on_refused=on_refused)
