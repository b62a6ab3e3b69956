"""A controller that is only read: the face of this package for programs beside the runtime.

Whatever reaches the controller with this reaches it as the runtime would: the same log-in, the same transport, the same
limits, the same verdicts. A session speaks the newest version that the controller has, because a kind that came late is
served only to who speaks the version that brought it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import msgspec

from ako_runtime.avi.client import AviClient
from ako_runtime.avi.credentials import Credentials
from ako_runtime.avi.endpoint import Access, Endpoint, connection_pool, host_and_port
from ako_runtime.avi.facts import controller_version
from ako_runtime.avi.refusals import INVALID_CREDENTIALS
from ako_runtime.avi.session import AviSession

__all__ = ["INVALID_CREDENTIALS", "Credentials", "Reading", "host_and_port", "opened"]

_TIMEOUT: Final = 30.0
# Every controller speaks the versions before its own; none of those in question is older than this.
_OLDEST: Final = "18.2.6"
_NOT_SERVED: Final = (400, 404)


class Reading:
    """One session with a controller, for reading."""

    def __init__(self, session: AviSession, *, version: str) -> None:
        """`version`: what the controller says of itself."""
        self.version = version
        self._session = session
        self._client = AviClient(session=session, interned={})

    def objects(self, kind: str, *, fields: str = "") -> Iterator[dict[str, object]]:
        """All objects of a kind in all tenants that the user may see; `fields` leaves out the others."""
        for page in self._client.pages(kind, {"fields": fields} if fields else {}, tenant="*"):
            yield msgspec.json.decode(page, type=dict[str, object])

    def serves(self, kind: str) -> bool:
        """Whether this controller has a kind at all."""
        return self._session.request("GET", f"/api/{kind}").status not in _NOT_SERVED

    def singleton(self, path: str) -> Mapping[str, object]:
        """An object that exists once."""
        return self._client.singleton(path)


@contextmanager
def opened(host: str, credentials: Credentials) -> Iterator[Reading]:
    """Log in to a controller (`host`, `host:port`); raises AkoError of the runtime's classes where that fails."""
    with _session(host, credentials, api_version=_OLDEST) as session:
        version = controller_version(AviClient(session=session, interned={}))
    with _session(host, credentials, api_version=version.partition("-")[0]) as session:
        yield Reading(session, version=version)


@contextmanager
def _session(host: str, credentials: Credentials, *, api_version: str) -> Iterator[AviSession]:
    endpoint = Endpoint(host=host, api_version=api_version, timeout=_TIMEOUT)
    pool = connection_pool(endpoint, credentials, size=1)
    try:
        yield AviSession(access=Access(endpoint=endpoint, credentials=lambda: credentials), pool=pool)
    finally:
        pool.close()
