"""One reflector a kind: list in pages, mark the kind listed, watch from that version, for ever.

A thread of its own. The watch asks for bookmarks, so that after a break it resumes without a new list as long as the
server remembers the version. `410 Gone`, as a status or as an event, relists quietly; so does a watch that is refused
again and again, because the server may have been set back to a time before our version. A stream that says nothing for
longer than the server may keep it open is taken for dead. Failures back off with jitter, never sooner than the server
asks for; what was known stays known.

Bytes decode straight into the kind's Struct. An object that does not decode becomes a diagnostic and the last version
that did decode stays; if it is part of a list it counts as present. A kind that the server does not serve (a CRD that
is not installed) is waited for: it counts as listed and empty until it appears, once discovery says so as well.

What is no list, an older list than before, or an event of an unknown type is not taken for news (`listing`).

While a big list decodes the cyclic garbage collector is off: nothing that is decoded has cycles, and walking the
growing heap costs several times the decoding.
"""

import gc
import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import msgspec
import structlog
from msgspec import Raw, Struct

from ako_runtime.errors import AkoError, RetryLater
from ako_runtime.kube.connection import LIST_SECONDS, TOO_LARGE, KubeAnswer, KubeConnection, KubeStream
from ako_runtime.kube.kinds import WatchedKind
from ako_runtime.kube.listing import RESTORED, Seen, decode_page, says_no_resource, says_unserved
from ako_runtime.observe.threads import LastingThread
from ako_runtime.resources.meta import ObjectMeta, Resource

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE: Final = 500
WATCH_SECONDS: Final = 300
SILENCE: Final = WATCH_SECONDS + 30.0
ABSENT_RETRY: Final = 15.0
ALWAYS_SERVED: Final = frozenset({"", "apps", "discovery.k8s.io", "networking.k8s.io"})
"""Groups that are no matter of CRDs."""
REFUSED_WATCHES: Final = 3
"""After so many refused watches in a row a list is tried instead."""
BUSY: Final = frozenset({429, 503})
MOST_PAGES: Final = 20_000
MOST_OBJECTS: Final = 1_000_000
"""Both bound a list that never ends."""
_CHANGES: Final = frozenset({"ADDED", "MODIFIED", "DELETED"})
LIVED: Final = 0.5
"""Seconds after which a watch without events counts as one that worked."""

_log = structlog.get_logger("ako.reflector")


class Sink(Protocol):
    """Where a reflector reports to: the store, or whoever watches single objects."""

    def put(self, resource: str, obj: Resource) -> None:
        """An object was added or changed."""

    def remove(self, resource: str, identity: tuple[str, str]) -> None:
        """An object is gone."""

    def replace(
        self,
        resource: str,
        objects: Mapping[tuple[str, str], Resource],
        *,
        keep: frozenset[tuple[str, str]],
        namespace: str = "",
    ) -> None:
        """A complete list, of one namespace if it is named; `keep` names objects that exist but did not decode."""


class _Event(Struct, frozen=True, kw_only=True):
    type: str
    object: Raw


class _OnlyMeta(Struct, frozen=True, kw_only=True):
    metadata: ObjectMeta


class _Expired(Exception):  # noqa: N818 - a signal between two methods
    """The version to watch from is forgotten."""


class Pauses(Struct, frozen=True, kw_only=True):
    """Seconds: first and longest pause after a failure, between two looks for a kind that is not served, and until an
    older list than before is believed.
    """

    backoff: tuple[float, float] = (0.2, 30.0)
    absent: float = ABSENT_RETRY
    restored: float = RESTORED


DEFAULT_PAUSES: Final = Pauses()


class Reflector:
    """Keeps one kind of the store equal to the API server."""

    def __init__(
        self,
        *,
        connection: KubeConnection,
        kind: WatchedKind,
        store: Sink,
        on_undecodable: Callable[[WatchedKind, str, str], None] = lambda _kind, _name, _error: None,
        on_older: Callable[[str], None] = lambda _message: None,
        pauses: Pauses = DEFAULT_PAUSES,
    ) -> None:
        """`on_older` is told that an older list than before is held back."""
        self._connection = connection
        self._kind = kind
        self._store = store
        self._on_undecodable = on_undecodable
        self._backoff = pauses.backoff
        self._absent = pauses.absent
        self._seen = Seen(patience=pauses.restored)
        self._on_older = on_older
        # How often in a row the server said that it does not serve the kind, and whether it ever did.
        self._refusals = 0
        self._served = False
        self._refused_watches = 0
        self._decoder = msgspec.json.Decoder(kind.model)
        self._stop = threading.Event()
        self._stream: KubeStream | None = None
        # Whether the present watch brought anything or stood for a while.
        self._lived = False
        # Objects of a page.
        self._page = PAGE
        # When the server last said something about the kind.
        self._heard_at = time.monotonic()
        # Where the next watch begins; empty before the first list and when the server has forgotten it.
        self._version = ""
        self.thread = LastingThread(name=f"reflector-{kind.resource}", work=self._run, stop=self._stop)

    def start(self) -> None:
        """Begin to list and watch."""
        self.thread.start()

    def stop(self) -> None:
        """End the stream and the thread."""
        self._stop.set()
        stream = self._stream
        if stream is not None:
            stream.close()

    def join(self, timeout: float) -> None:
        """Wait for the thread to end."""
        self.thread.join(timeout)

    @property
    def resource(self) -> str:
        """Key of the kind."""
        return self._kind.key

    @property
    def lag(self) -> float:
        """Seconds since the server last sent a list, an event or a bookmark: what we know may be that old."""
        return time.monotonic() - self._heard_at

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            self._lived = False
            try:
                if not self._version:
                    self._version = self._list()
                    self._heard_at = time.monotonic()
                if self._version:
                    self._watch()
                # A server that ends every watch at once must not be asked without a pause.
                failures = 0 if self._lived or not self._version else failures + 1
                if failures:
                    self._stop.wait(self._pause(failures))
            except _Expired:
                _log.info("relist", resource=self._kind.resource)
                self._version = ""
            except AkoError as error:
                # A watch that worked and broke off is no reason to wait longer each time.
                failures = 1 if self._lived else failures + 1
                _log.warning("api server trouble", resource=self._kind.resource, error=str(error), failures=failures)
                named = (error.after if isinstance(error, RetryLater) else None) or 0.0
                self._stop.wait(max(named, self._pause(failures)))
            except Exception:
                # The thread goes on after a pause; what was seen of the kind may be incomplete.
                self._version = ""
                raise

    def _pause(self, failures: int) -> float:
        first, ceiling = self._backoff
        longest: float = min(ceiling, first * 2.0 ** min(failures - 1, 16))
        return random.uniform(0.5, 1.0) * longest  # noqa: S311 - jitter

    def _list(self) -> str:
        """List everything into the store; the version to watch from, empty if the kind does not exist yet."""
        objects: dict[tuple[str, str], Resource] = {}
        undecodable: set[tuple[str, str]] = set()
        params = {"limit": str(self._page)}
        tokens: set[str] = set()
        if self._kind.field_selector:
            params["fieldSelector"] = self._kind.field_selector
        what = f"list {self._kind.resource}"
        with _collector_off():
            while True:
                answer = self._asked(params)
                if answer.status == 404:
                    self._wait_for_kind()
                    return ""
                if answer.status == 410:
                    raise _Expired
                if answer.status != 200:
                    raise RetryLater(f"{what}: {answer.status}: {answer.message}", after=answer.retry_after)
                page = decode_page(answer.body, what=what)
                for raw in page.items:
                    self._take(raw, objects, undecodable)
                if not page.continue_:
                    break
                if page.continue_ in tokens or len(tokens) > MOST_PAGES or len(objects) > MOST_OBJECTS:
                    raise RetryLater(f"{what}: its pages never end", reason="NoEnd")
                tokens.add(page.continue_)
                params["continue"] = page.continue_
        self._refuse_older(page.version)
        self._served, self._refusals = True, 0
        self._store.replace(self._kind.key, objects, keep=frozenset(undecodable), namespace=self._kind.namespace)
        _log.info("listed", resource=self._kind.resource, objects=len(objects))
        return page.version

    def _refuse_older(self, version: str) -> None:
        """Raise RetryLater for a list that is older than what was seen and has not been said twice."""
        held = self._seen.holds
        if self._seen.takes(version, now=time.monotonic()):
            return
        message = (
            "the API server answers with an older state than before, as after the restore of a backup: what is known "
            "stays in force until it says so again"
        )
        if not held:
            self._on_older(message)
        raise RetryLater(f"list {self._kind.resource} (version {version}): {message}", reason="OlderList")

    def _asked(self, params: dict[str, str]) -> KubeAnswer:
        """A page; one with too many bytes is asked for anew with fewer objects, as are all others from then on."""
        while True:
            try:
                return self._connection.request("GET", self._kind.path, params=params, timeout=LIST_SECONDS)
            except RetryLater as error:
                if error.reason != TOO_LARGE or self._page == 1:
                    raise
                self._page = max(1, self._page // 10)
                params["limit"] = str(self._page)

    def _wait_for_kind(self) -> None:
        """The server does not serve the kind: without its CRD it is empty, unless a server merely starts up.

        Kinds that every cluster has are never empty for that. Of the others discovery must say so too, and one that
        was served is believed to be gone only when the server says so again after a pause.
        """
        self._refusals += 1
        if self._kind.group in ALWAYS_SERVED:
            raise RetryLater(f"list {self._kind.resource}: 404: the API server does not serve it", reason="NotServed")
        if not self._is_unserved():
            raise RetryLater(f"list {self._kind.resource}: 404, though discovery does not say so", reason="NotServed")
        if not self._served or self._refusals > 1:
            self._store.replace(self._kind.key, {}, keep=frozenset(), namespace=self._kind.namespace)
        self._stop.wait(self._absent)

    def _is_unserved(self) -> bool:
        """Whether discovery says that the kind is not served; where we may not ask it, the 404 is all there is."""
        kind = self._kind
        groups = self._connection.request("GET", "/apis")
        if groups.status in (401, 403):
            return True
        unserved = says_unserved(groups.body, group=kind.group, version=kind.version) if groups.status == 200 else None
        if unserved is not False:
            return unserved is True
        resources = self._connection.request("GET", f"/apis/{kind.group}/{kind.version}")
        return resources.status == 200 and says_no_resource(resources.body, kind.resource) is True

    def _take(self, raw: Raw, objects: dict[tuple[str, str], Resource], undecodable: set[tuple[str, str]]) -> None:
        obj = self._decoded(raw)
        if obj is not None:
            objects[obj.identity] = obj
            return
        identity = _identity(raw)
        if identity is None:
            # It may be any of those that are known: without it the list is not complete.
            raise RetryLater(f"list {self._kind.resource}: one of its objects has no name", reason="NotAList")
        undecodable.add(identity)

    def _decoded(self, raw: Raw) -> Resource | None:
        try:
            return self._decoder.decode(raw)
        except (ValueError, RecursionError) as error:
            name = "/".join(_identity(raw) or ("?", "?"))
            _log.warning("object does not decode", resource=self._kind.resource, object=name, error=str(error))
            self._on_undecodable(self._kind, name, str(error))
            return None

    def _watch(self) -> None:
        """Follow events until the stream ends; the version moves on with each."""
        params = {
            "watch": "true",
            "resourceVersion": self._version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        if self._kind.field_selector:
            params["fieldSelector"] = self._kind.field_selector
        stream = self._stream = self._connection.stream(self._kind.path, params=params, silence=SILENCE)
        if self._stop.is_set():
            stream.close()
        if stream.status == 410:
            stream.text()
            raise _Expired
        if stream.status == 404:
            # The kind is not served any more; a list decides.
            self._version = ""
        if stream.status >= 400:
            # A server that is merely busy is not asked for more than a watch.
            self._refused_watches += stream.status not in BUSY
            if self._refused_watches >= REFUSED_WATCHES:
                self._refused_watches = 0
                self._version = ""
            raise RetryLater(
                f"watch {self._kind.resource}: {stream.status}: {stream.text()[:200]!r}", after=stream.retry_after
            )
        self._refused_watches = 0
        opened = time.monotonic()
        try:
            for line in stream.lines():
                self._follow(line)
                self._lived = True
                self._heard_at = time.monotonic()
        finally:
            self._lived = self._lived or time.monotonic() - opened > LIVED

    def _follow(self, line: bytes) -> None:
        """Act on one event and remember its version."""
        try:
            event = msgspec.json.decode(line, type=_Event)
        except (ValueError, RecursionError) as error:
            raise self._unfit(f"no event ({error})") from error
        if event.type == "ERROR":
            if _part(event.object, _Status, _Status()).code == 410:
                raise _Expired
            raise RetryLater(f"watch {self._kind.resource}: the server sent {bytes(event.object)[:200]!r}")
        if event.type == "BOOKMARK":
            self._note_version(_part(event.object, _Bookmark, _Bookmark()).metadata.resource_version)
            return
        if event.type not in _CHANGES:
            raise self._unfit(f"an event of type {event.type!r}")
        obj = self._decoded(event.object)
        if obj is None:
            if _identity(event.object) in (None, ("", "")):
                raise self._unfit(f"a {event.type} event about nothing")
            return
        if not obj.name:
            raise self._unfit(f"a {event.type} event about nothing")
        if event.type == "DELETED":
            self._store.remove(self._kind.key, obj.identity)
        else:
            self._store.put(self._kind.key, obj)
        self._note_version(obj.metadata.resource_version)

    def _note_version(self, version: str) -> None:
        if version:
            self._version = version
            self._seen.note(version)

    def _unfit(self, what: str) -> RetryLater:
        """The stream brings what no API server sends: what happened meanwhile is known by a new list only."""
        self._version = ""
        return RetryLater(f"watch {self._kind.resource}: the server sent {what}", reason="UnknownEvent")


class _BookmarkMeta(Struct, frozen=True, kw_only=True, rename="camel"):
    resource_version: str = ""


class _Bookmark(Struct, frozen=True, kw_only=True):
    metadata: _BookmarkMeta = _BookmarkMeta()


class _Status(Struct, frozen=True, kw_only=True):
    code: int = 0


_T = TypeVar("_T", _Bookmark, _Status)


def _part(raw: Raw, model: type[_T], otherwise: _T) -> _T:
    try:
        return msgspec.json.decode(raw, type=model)
    except (ValueError, RecursionError):
        return otherwise


def _identity(raw: Raw) -> tuple[str, str] | None:
    try:
        meta = msgspec.json.decode(raw, type=_OnlyMeta).metadata
    except (ValueError, RecursionError):
        return None
    return (meta.namespace, meta.name)


@contextmanager
def _collector_off() -> "Iterator[None]":
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
