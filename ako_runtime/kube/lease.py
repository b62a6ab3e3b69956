"""Leader election by a Lease: at most one replica writes.

The rules of the official clients: a candidate that sees the lease unchanged for its whole duration, by its own clock,
takes it with a guarded write; the holder renews; whoever has not managed to renew within the deadline stops writing at
once, before another one may begin. Clocks of different machines are never compared.

`may_write` is asked before every single write. It turns false by itself when the deadline passes, even if the thread
that renews hangs in a request. `write_seconds` is how long a write that begins now may take at most: it ends before the
lease does, so no other replica meets it. Our own requests about the lease are short, so that one that hangs leaves time
for another.
"""

import math
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import structlog
from msgspec import Struct

from ako_runtime.errors import AkoError, RetryLater
from ako_runtime.kube.connection import KubeConnection

_log = structlog.get_logger("ako.lease")


class LeaseTimes(Struct, frozen=True, kw_only=True):
    """Seconds: how long a lease holds, how long a holder may write without renewal, how often it is tried."""

    duration: float = 15.0
    renew_deadline: float = 10.0
    retry_period: float = 2.0

    @property
    def request(self) -> float:
        """How long one request about the lease may take."""
        return self.renew_deadline / 2

    @property
    def reserve(self) -> float:
        """How long before the end of the lease every write has ended."""
        return (self.duration - self.renew_deadline) / 5


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
    metadata: _Meta = msgspec.field(default_factory=_Meta)
    spec: _Spec = msgspec.field(default_factory=_Spec)


class LeaderElection:
    """Competes for a Lease in a thread of its own."""

    def __init__(
        self,
        *,
        connection: KubeConnection,
        lease: LeaseName,
        on_gain: Callable[[], None],
        on_loss: Callable[[], None],
        times: LeaseTimes | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = connection
        self._lease = lease
        self._on_gain = on_gain
        self._on_loss = on_loss
        self._times = times or LeaseTimes()
        self._clock = clock
        self._stop = threading.Event()
        self._renewed_at: float | None = None
        # What was last seen of another holder, and when by our clock.
        self._seen: tuple[str | None, str | None] | None = None
        self._seen_at = 0.0
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    @property
    def may_write(self) -> bool:
        """Whether this replica is the leader at this moment."""
        return self.write_seconds > 0

    @property
    def write_seconds(self) -> float:
        """How long a write that begins now may take; 0 if none may begin."""
        renewed_at = self._renewed_at
        age = math.inf if renewed_at is None else self._clock() - renewed_at
        return self._times.duration - self._times.reserve - age if age < self._times.renew_deadline else 0.0

    def start(self) -> None:
        """Begin to compete."""
        self._thread.start()

    def stop(self) -> None:
        """Stop competing and give the lease up, so that another replica need not wait for it to expire."""
        self._stop.set()
        self._thread.join(self._times.renew_deadline)
        if self.may_write:
            self._renewed_at = None
            try:
                self._release()
            except AkoError as error:
                _log.warning("lease not released", error=str(error))

    def _run(self) -> None:
        leading = False
        while not self._stop.is_set():
            asked_at = self._clock()
            try:
                if self._acquired_or_renewed():
                    self._renewed_at = asked_at
            except AkoError as error:
                _log.warning("lease not reached", error=str(error))
            if self.may_write and not leading:
                leading = True
                _log.info("leading", identity=self._lease.identity)
                self._on_gain()
            elif leading and not self.may_write:
                leading = False
                self._renewed_at = None
                _log.warning("lost the lease", identity=self._lease.identity)
                self._on_loss()
            self._stop.wait(self._times.retry_period * random.uniform(0.9, 1.1))  # noqa: S311 - jitter

    def _acquired_or_renewed(self) -> bool:
        found = self._read()
        if found is None:
            return self._write(_Lease(), taking=True, method="POST")
        holder = found.spec.holder_identity
        if holder != self._lease.identity and holder:
            seen = (holder, found.spec.renew_time)
            if seen != self._seen:
                self._seen, self._seen_at = seen, self._clock()
            duration = float(found.spec.lease_duration_seconds or self._times.duration)
            if self._clock() - self._seen_at < duration:
                # Another one holds it; should it have been ours, it is no more.
                self._renewed_at = None
                return False
        return self._write(found, taking=holder != self._lease.identity, method="PUT")

    def _read(self) -> _Lease | None:
        answer = self._connection.request("GET", f"{self._collection}/{self._lease.name}", timeout=self._times.request)
        if answer.status == 404:
            return None
        if answer.status >= 400:
            raise RetryLater(f"lease: {answer.status}: {answer.message}")
        return msgspec.json.decode(answer.body, type=_Lease)

    def _write(self, found: _Lease, *, taking: bool, method: str) -> bool:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = found.spec
        spec.holder_identity = self._lease.identity
        spec.lease_duration_seconds = int(self._times.duration)
        spec.renew_time = now
        if taking:
            spec.acquire_time = now
            spec.lease_transitions = (spec.lease_transitions or 0) + (1 if method == "PUT" else 0)
        return self._send(found, method)

    def _release(self) -> None:
        found = self._read()
        if found is not None and found.spec.holder_identity == self._lease.identity:
            found.spec.holder_identity = ""
            found.spec.lease_duration_seconds = 1
            self._send(found, "PUT")

    def _send(self, lease: _Lease, method: str) -> bool:
        metadata: dict[str, str] = {"name": self._lease.name, "namespace": self._lease.namespace}
        path = self._collection
        if method == "PUT":
            metadata["resourceVersion"] = lease.metadata.resource_version
            path = f"{path}/{self._lease.name}"
        spec = {name: value for name, value in msgspec.to_builtins(lease.spec).items() if value is not None}
        body = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
        answer = self._connection.request(method, path, body=body, timeout=self._times.request)
        if answer.status == 409:
            # Somebody else was quicker.
            return False
        if answer.status >= 400:
            raise RetryLater(f"lease: {answer.status}: {answer.message}")
        return True

    @property
    def _collection(self) -> str:
        return f"/apis/coordination.k8s.io/v1/namespaces/{self._lease.namespace}/leases"
