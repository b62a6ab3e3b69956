"""Leader election by a Lease: at most one replica writes.

The rules of the official clients: a candidate that sees the lease unchanged for its whole duration, by its own clock,
takes it with a guarded write; the holder renews; whoever has not managed to renew within the deadline stops writing at
once, before another one may begin. Clocks of different machines are never compared. The decisions are pure
(`candidacy.py`); this module asks the API server and keeps the present value. `on_change` says that a term began or
ended; whoever is told looks at `term` and decides for itself.

`term` is asked before every single write. It ends by itself when the deadline passes, even if the thread that renews
hangs in a request. `write_seconds` is how long a write that begins now may take at most: it ends before the lease does,
so no other replica meets it. Our own requests about the lease are short, so that one that hangs leaves time for
another.

An answer counts only if it is a Lease: `{}`, a page of a proxy or a Lease without a version would otherwise be taken
for a lease that nobody holds, and be overwritten. A replica that is not `fit` does not renew, so that another takes
over.
"""

import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import structlog
from msgspec import Struct

from ako_runtime.errors import AkoError, RetryLater
from ako_runtime.kube.candidacy import (
    NO_TERM,
    Candidacy,
    Holder,
    LeaseTimes,
    after_reading,
    after_renewal,
    given_up,
    held_term,
    write_seconds,
)
from ako_runtime.kube.connection import KubeConnection
from ako_runtime.observe.threads import LastingThread

_log = structlog.get_logger("ako.lease")

_KIND = "Lease"


class LeaseName(Struct, frozen=True, kw_only=True):
    """Which Lease, and who asks for it."""

    namespace: str
    name: str
    identity: str


class _Meta(Struct, kw_only=True, rename="camel"):
    resource_version: str = ""


class _Spec(Struct, kw_only=True, rename="camel"):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class _Lease(Struct, kw_only=True):
    kind: str = ""
    metadata: _Meta = msgspec.field(default_factory=_Meta)
    spec: _Spec | None = None


class LeaderElection:
    """Competes for a Lease in a thread of its own."""

    def __init__(
        self,
        *,
        connection: KubeConnection,
        lease: LeaseName,
        on_change: Callable[[], None],
        times: LeaseTimes | None = None,
        clock: Callable[[], float] = time.monotonic,
        fit: Callable[[], bool] = lambda: True,
    ) -> None:
        self._connection = connection
        self._lease = lease
        self._on_change = on_change
        self._times = times or LeaseTimes()
        self._clock = clock
        self._fit = fit
        self._stop = threading.Event()
        # Replaced as a whole, by the thread of the lease alone.
        self._candidacy = Candidacy()
        self._told = NO_TERM
        self.thread = LastingThread(name="lease", work=self._run, stop=self._stop)

    @property
    def term(self) -> int:
        """The number of the term in which this replica holds the lease at this moment; `NO_TERM` if it does not."""
        return held_term(self._candidacy, now=self._clock(), times=self._times)

    @property
    def write_seconds(self) -> float:
        """How long a write that begins now may take; 0 if none may begin."""
        return write_seconds(self._candidacy, now=self._clock(), times=self._times)

    def start(self) -> None:
        """Begin to compete."""
        self.thread.start()

    def stop(self) -> None:
        """Stop competing and give the lease up, so that another replica need not wait for it to expire."""
        self._stop.set()
        self.thread.join(self._times.renew_deadline)
        if self.term:
            self._candidacy = given_up(self._candidacy)
            try:
                self._release()
            except AkoError as error:
                _log.warning("lease not released", error=str(error))

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._compete()
            except AkoError as error:
                _log.warning("lease not reached", error=str(error))
            finally:
                self._tell()
            self._stop.wait(self._times.retry_period * random.uniform(0.9, 1.1))  # noqa: S311 - jitter

    def _compete(self) -> None:
        """One attempt to take or to renew the lease; raises RetryLater if the API server does not help."""
        if not self._fit():
            raise RetryLater("this replica does not work off its keys; it leaves the lease to another one")
        asked_at = self._clock()
        if self._acquired_or_renewed():
            self._candidacy = after_renewal(self._candidacy, asked_at=asked_at, now=self._clock(), times=self._times)

    def _tell(self) -> None:
        """Say that a term began or ended."""
        term = self.term
        if term == self._told:
            return
        self._told = term
        if term:
            _log.info("leading", identity=self._lease.identity, term=term)
        else:
            _log.warning("lost the lease", identity=self._lease.identity)
        self._on_change()

    def _acquired_or_renewed(self) -> bool:
        found = self._read()
        if found is None:
            return self._write(_Lease(), taking=True, method="POST")
        holder = _holder_of(found)
        self._candidacy, free = after_reading(
            self._candidacy, holder, identity=self._lease.identity, now=self._clock(), times=self._times
        )
        taking = holder is None or holder.identity != self._lease.identity
        return free and self._write(found, taking=taking, method="PUT")

    def _read(self) -> _Lease | None:
        answer = self._connection.request("GET", f"{self._collection}/{self._lease.name}", timeout=self._times.request)
        if answer.status == 404:
            return None
        if answer.status != 200:
            raise RetryLater(f"lease: {answer.status}: {answer.message}")
        return _decoded(answer.body)

    def _write(self, found: _Lease, *, taking: bool, method: str) -> bool:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = found.spec or _Spec()
        spec.holder_identity = self._lease.identity
        spec.lease_duration_seconds = int(self._times.duration)
        spec.renew_time = now
        if taking:
            spec.acquire_time = now
            spec.lease_transitions = (spec.lease_transitions or 0) + (1 if method == "PUT" else 0)
        return self._send(found.metadata.resource_version, spec, method)

    def _release(self) -> None:
        found = self._read()
        if found is not None and found.spec is not None and found.spec.holder_identity == self._lease.identity:
            found.spec.holder_identity = ""
            found.spec.lease_duration_seconds = 1
            self._send(found.metadata.resource_version, found.spec, "PUT")

    def _send(self, version: str, spec: _Spec, method: str) -> bool:
        """Write the Lease; False if somebody else was quicker. Only an answer that shows what was written counts."""
        metadata: dict[str, str] = {"name": self._lease.name, "namespace": self._lease.namespace}
        path = self._collection
        if method == "PUT":
            metadata["resourceVersion"] = version
            path = f"{path}/{self._lease.name}"
        shown = {name: value for name, value in msgspec.to_builtins(spec).items() if value is not None}
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": _KIND, "metadata": metadata, "spec": shown}
        answer = self._connection.request(method, path, body=body, timeout=self._times.request)
        if answer.status == 409:
            return False
        if answer.status not in (200, 201):
            raise RetryLater(f"lease: {answer.status}: {answer.message}")
        written = _decoded(answer.body)
        if written.spec is None or (written.spec.holder_identity or "") != spec.holder_identity:
            raise RetryLater("lease: the API server's answer to our write shows another holder")
        return True

    @property
    def _collection(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self._lease.namespace}/leases"


def _holder_of(lease: _Lease) -> Holder | None:
    spec = lease.spec
    if spec is None or not spec.holder_identity:
        return None
    return Holder(
        identity=spec.holder_identity,
        renew_time=spec.renew_time or "",
        duration=float(spec.lease_duration_seconds or 0),
    )


def _decoded(body: bytes) -> _Lease:
    """The Lease in an answer; raises RetryLater if there is none."""
    try:
        lease = msgspec.json.decode(body, type=_Lease)
    except (ValueError, RecursionError) as error:
        raise RetryLater(f"lease: the API server's answer is no Lease: {error}") from error
    if lease.kind != _KIND or not lease.metadata.resource_version:
        raise RetryLater(f"lease: the API server's answer is no Lease but of kind '{lease.kind[:40]}'")
    return lease
