"""The pool of workers that talk to the controller, each thread with a session of its own, all with one login.

`size` bounds the requests in flight. When the controller says that it is overloaded (429, 503), the bound halves; each
second without such an answer adds one again. Sessions are made when a thread first needs one.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import structlog
from prometheus_client import Counter

from ako_runtime.avi.client import AviClient
from ako_runtime.avi.endpoint import Access, connection_pool
from ako_runtime.avi.login import Logins
from ako_runtime.avi.replacement import lead_over, replace
from ako_runtime.avi.session import AviSession
from ako_runtime.errors import AkoError, Refused
from ako_runtime.model.environment import Reference
from ako_runtime.model.observed import Observed
from ako_runtime.model.operation import Operation
from ako_runtime.model.ownership import Ownership
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Edited, SharedEdit
from ako_runtime.model.wire import KINDS
from ako_runtime.observe.metrics import Metrics

_OVERLOADED = frozenset({429, 503})
_DISCONNECTED = frozenset({"ControllerUnreachable", "InvalidCredentials"})

_log = structlog.get_logger("ako.avi")


class Throttle:
    """Bounds requests in flight, lower while the controller is overloaded."""

    def __init__(self, *, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._size = size
        self._clock = clock
        self._limit = size
        self._in_flight = 0
        self._raised_at = clock()
        self._changed = threading.Condition()

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return self._limit

    def enter(self) -> None:
        """Wait for a place."""
        with self._changed:
            while self._in_flight >= self._present_limit():
                self._changed.wait(0.1)
            self._in_flight += 1

    def leave(self, *, overloaded: bool) -> None:
        """Give the place back; `overloaded` halves the bound."""
        with self._changed:
            self._in_flight -= 1
            if overloaded:
                self._limit = max(1, self._limit // 2)
                self._raised_at = self._clock()
            self._changed.notify()

    def _present_limit(self) -> int:
        if self._limit < self._size:
            steps = int(self._clock() - self._raised_at)
            if steps:
                self._limit = min(self._size, self._limit + steps)
                self._raised_at = self._clock()
        return self._limit


class AviWorkers:
    """Threads and their sessions."""

    def __init__(
        self,
        *,
        access: Access,
        size: int,
        ownership: Ownership,
        metrics: Metrics,
        inventory_record: Callable[[Ref, Observed | None], None],
        cloud: str,
    ) -> None:
        self._access = access
        self._cloud = cloud
        self._ownership = ownership
        self._metrics = metrics
        self._record = inventory_record
        self._size = size
        self._pool = connection_pool(access.endpoint, access.credentials(), size=size + 1)
        self._authority = access.credentials().certificate_authority
        self._logins = Logins(endpoint=access.endpoint, credentials=access.credentials, refusals=access.refusals)
        self._throttle = Throttle(size=size)
        self._local = threading.local()
        self._interned: dict[bytes, bytes] = {}
        # Looking a counter up by its labels costs more than counting.
        self._counters: dict[tuple[str, str, int], Counter] = {}
        # Why the last request did not reach the controller, or that it did not know us; empty if all was well.
        self.trouble = ""
        # Answers, and requests that ended without one: whoever waits for the controller goes on as long as it grows.
        self.attempts = 0
        self.executor = ThreadPoolExecutor(max_workers=size, thread_name_prefix="avi")

    def perform(self, operation: Operation) -> Observed | None:
        """Carry out one operation on this thread's session."""
        with self.client() as client:
            if operation.verb == "replace":
                return replace(client, operation, record=self._record)
            if operation.verb == "update" and "vh_parent_vs_ref" in operation.fields:
                return lead_over(client, operation, record=self._record)
            result = client.apply(operation)
            if operation.held is not None and operation.held.ref != operation.ref and result is not None:
                # It has got another name.
                self._record(operation.held.ref, None)
            return result

    def refresh(self, ref: Ref) -> None:
        """Read one object anew into the inventory; Refused if it exists and is not ours."""
        with self.client() as client:
            found = client.read(ref)
        if found is None:
            self._record(ref, None)
            return
        observed, document = found
        if not self._ownership.owns(ref.kind, document) and not self._ownership.may_adopt(ref.kind, document):
            raise Refused(
                f"{ref} exists on the controller and was not made by this cluster "
                f"(created_by is '{document.get('created_by', '')}'); rename or remove it",
                reason="NotOurs",
            )
        self._record(ref, observed)

    def look_up(self, ref: Ref) -> Reference:
        """What the controller knows of an object that a user names."""
        with self.client() as client:
            return client.reference(ref)

    def edit(self, edit: SharedEdit, *, write: bool) -> Edited:
        """Merge our part into a shared object, or only see what that would do. Stale if somebody else was quicker."""
        with self.client() as client:
            return client.edit(edit, write=write)

    def owned_objects(self, *, cloud: str, tenant: str, known: Collection[Observed] = ()) -> tuple[Observed, ...]:
        """Everything of ours, kinds side by side; of kinds that are `known` only what has changed is read whole."""
        held: dict[str, list[Observed]] = {}
        for one in known:
            held.setdefault(one.ref.kind, []).append(one)

        def owned(kind: str) -> tuple[Observed, ...]:
            with self.client() as client:
                if kind in held:
                    return client.caught_up(kind, held[kind], self._ownership, cloud=cloud, tenant=tenant)
                return client.owned(kind, self._ownership, cloud=cloud, tenant=tenant)

        return tuple(one for found in self.executor.map(owned, KINDS) for one in found)

    @contextmanager
    def client(self) -> Iterator[AviClient]:
        """A client on this thread's session, within the bound of requests in flight."""
        with self.session() as session:
            yield AviClient(session=session, interned=self._interned, cloud=self._cloud)

    @contextmanager
    def session(self) -> Iterator[AviSession]:
        """This thread's session, within the bound of requests in flight."""
        session: AviSession | None = getattr(self._local, "session", None)
        if session is None or self._local.pool is not self._pool:
            self._local.pool = self._pool
            session = self._local.session = AviSession(
                access=self._access,
                pool=self._pool,
                logins=self._logins,
                on_answer=self._count,
            )
        self._local.overloaded = False
        self._throttle.enter()
        self._metrics.in_flight.inc()
        try:
            yield session
        except AkoError as error:
            self.attempts += 1
            self.trouble = str(error) if error.reason in _DISCONNECTED else ""
            self._local.overloaded = self._local.overloaded or error.reason == "TooManyRequests"
            raise
        finally:
            self._metrics.in_flight.dec()
            self._throttle.leave(overloaded=self._local.overloaded)

    def renew_trust(self) -> None:
        """Use another certificate authority from now on, if the credentials name another one."""
        credentials = self._access.credentials()
        if credentials.certificate_authority != self._authority:
            self._authority = credentials.certificate_authority
            before, self._pool = self._pool, connection_pool(self._access.endpoint, credentials, size=self._size + 1)
            # What is under way ends first; its connection is not kept.
            before.close()

    def close(self) -> None:
        """Finish what is under way and drop the connections."""
        self.executor.shutdown(wait=True, cancel_futures=True)
        self._pool.close()

    def _count(self, method: str, path: str, status: int) -> None:
        self.attempts += 1
        self.trouble = ""
        kind = path.partition("/api/")[2].partition("/")[0].partition("?")[0]
        counter = self._counters.get((kind, method, status))
        if counter is None:
            counter = self._metrics.avi_requests.labels(type=kind, method=method, code=str(status))
            self._counters[kind, method, status] = counter
        counter.inc()
        if status in _OVERLOADED:
            self._local.overloaded = True
