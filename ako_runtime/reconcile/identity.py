"""Which Kubernetes cluster a cluster name stands for, and whether a start may delete what it does not know.

Everything of ours on the controller is found by the cluster name, whose default is one word for everybody. Two clusters
of one name would delete each other's objects. So the name belongs to one cluster, known by the UID of its namespace
`kube-system`: a record on the controller says which. It is a string group, because every role that the official
controller needs may write one, and nothing of it is a mark that the official controller looks for (decision 101).
Whoever finds the record of another cluster writes and deletes nothing.

Without a record (the objects are of the official controller, or of an older release) nobody knows whose they are. A
start then that would delete more than half of the virtual services, and at least three, asks first.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from ako_runtime.avi.records import Record, Records
from ako_runtime.avi.workers import AviWorkers
from ako_runtime.errors import AkoError, Refused, RetryLater
from ako_runtime.kube.connection import KubeConnection
from ako_runtime.model.ownership import Ownership
from ako_runtime.observe.metrics import Metrics
from ako_runtime.settings import Settings

NAME_TAKEN: Final = "ClusterNameTaken"
DELETIONS_HELD: Final = "DeletionsHeld"
CONFIRM: Final = "ako.vmware.com/confirm-deletions"
TAKE_OVER: Final = "ako.vmware.com/take-over-cluster"
FEW: Final = 3
"""So many deletions of virtual services at least are asked about."""

_log = structlog.get_logger("ako.identity")


class _Meta(Struct, frozen=True, kw_only=True):
    uid: str = ""
    annotations: Mapping[str, str] = {}


class _Object(Struct, frozen=True, kw_only=True):
    metadata: _Meta


def holds_back(*, goes: int, all_of_them: int) -> bool:
    """Whether so many deletions of virtual services are too many to be made without asking."""
    return goes >= FEW and 2 * goes > all_of_them


class Identity:
    """The record of our cluster, and what follows from it; safe to use from any thread."""

    def __init__(
        self,
        *,
        connection: KubeConnection,
        config_map: str,
        cluster: str,
        records: Callable[[], AbstractContextManager[Records]],
        metrics: Metrics,
        tell: Callable[[str, str], None],
    ) -> None:
        """`config_map`: path of the ConfigMap whose annotations answer; `tell(reason, message)`: tells people."""
        self._connection = connection
        self._config_map = config_map
        self._cluster = cluster
        self._records = records
        self._metrics = metrics
        self._tell = tell
        self._lock = threading.Lock()
        self._uid = ""
        self._record: Record | None = None
        self._refusal = ""
        # Whether the name is known to be ours; nothing is written before.
        self._claimed = False
        # Deletions that wait for an answer, and the number that was confirmed.
        self._held = 0
        self._confirmed = 0

    @property
    def refusal(self) -> str:
        """Why nothing may be written; empty if it may."""
        return self._refusal

    @property
    def asks(self) -> bool:
        """Whether something waits that people may have answered meanwhile."""
        return bool(self._refusal or self._held or not self._claimed)

    def require(self) -> None:
        """Raise Refused where the name belongs to another cluster, RetryLater while that is not known."""
        if self._refusal:
            raise Refused(self._refusal, reason=NAME_TAKEN)
        if not self._claimed:
            raise RetryLater("the record of the cluster on the controller is not written yet", reason="NotLeading")

    def check(self, *, write: bool) -> bool:
        """Read the record, and make it if there is none and we are to `write`; whether that allows more than before.

        Raises what keeps it from being known; then nothing may be written.
        """
        with self._lock, self._records() as records:
            before, claimed = self._refusal, self._claimed
            found = _read(records)
            others = [one for one in found if one.uid != self._own_uid()]
            mine = next((one for one in found if one.uid == self._own_uid()), None)
            if others and self._annotation(TAKE_OVER) == others[0].uid and write:
                mine = records.hand_over(others[0], self._own_uid())
                _log.warning("cluster name taken over", cluster=self._cluster, before=others[0].uid)
                others = others[1:]
            if not others and mine is None and write:
                mine = self._made(records)
                # In another tenant somebody may have been as quick.
                others = [one for one in _read(records) if one.uid != self._own_uid()]
            self._record = mine
            self._claimed = claimed or write
            self._refusal = self._sentence(others[0]) if others else ""
            self._metrics.name_taken.set(bool(others))
            if self._refusal and not before:
                self._tell(NAME_TAKEN, self._refusal)
            return not self._refusal and (bool(before) or self._claimed != claimed)

    def holds(self, goes: int, all_of_them: int) -> bool:
        """Whether the deletion of so many virtual services that nobody wants must wait for an answer."""
        if self._refusal:
            # There is but one question then.
            return True
        settled = self._record is not None and self._record.settled
        held = not settled and holds_back(goes=goes, all_of_them=all_of_them) and self._confirmed != goes
        before, self._held = self._held, goes if held else 0
        self._metrics.held_deletions.set(self._held)
        if held and before != goes:
            self._tell(DELETIONS_HELD, held_sentence(goes=goes, all_of_them=all_of_them, cluster=self._cluster))
        return held

    def answered(self) -> bool:
        """Look whether people have answered what `asks`; whether that allows more than before."""
        if self._refusal or not self._claimed:
            return self.check(write=True)
        if self._held != self._confirmed and self.confirms(self._held):
            self._confirmed = self._held
            return True
        return False

    def confirms(self, goes: int) -> bool:
        """Whether people have confirmed the deletion of so many virtual services."""
        return self._annotation(CONFIRM) == str(goes)

    def settle(self) -> None:
        """What nobody wanted is gone: from now on what is there is ours, and deletions need no answer."""
        with self._lock:
            if self._record is None or self._record.settled or self._held:
                return
            try:
                with self._records() as records:
                    self._record = records.settled(self._record)
            except AkoError as error:
                _log.warning("record of the cluster not written", error=str(error))

    def release(self) -> None:
        """Everything of ours is gone: the name is free."""
        with self._lock:
            record, self._record = self._record, None
            try:
                if record is not None:
                    with self._records() as records:
                        records.remove(record)
            except AkoError as error:
                _log.warning("record of the cluster not deleted", error=str(error))

    def _made(self, records: Records) -> Record | None:
        try:
            return records.make(self._own_uid())
        except Refused as error:
            # A role without string groups: what is done without a record is done with care.
            _log.warning("the controller takes no record of the cluster", error=str(error))
            return None

    def _own_uid(self) -> str:
        if not self._uid:
            answer = self._connection.checked("GET", "/api/v1/namespaces/kube-system")
            self._uid = _object(answer, what="namespace kube-system").metadata.uid
            if not self._uid:
                raise RetryLater("namespace kube-system has no uid", reason="UnclearAnswer")
        return self._uid

    def _annotation(self, name: str) -> str:
        answer = self._connection.checked("GET", self._config_map)
        return _object(answer, what="the ConfigMap").metadata.annotations.get(name, "").strip()

    def _sentence(self, other: Record) -> str:
        return (
            f"two clusters are called '{self._cluster}': on the controller the name belongs to the cluster whose "
            f"namespace kube-system has the UID {other.uid}, ours has {self._uid}; nothing is written or deleted: set "
            f"another clusterName, or, if this cluster takes the place of that one, annotate the ConfigMap with "
            f"{TAKE_OVER}={other.uid}"
        )


def _read(records: Records) -> tuple[Record, ...]:
    """The records; none where our role may not read any."""
    try:
        return records.read()
    except Refused as error:
        _log.warning("records of clusters not read", error=str(error))
        return ()


@contextmanager
def records_of(workers: AviWorkers, ownership: Ownership, settings: Settings) -> Iterator[Records]:
    """The records of our cluster name, over one session."""
    with workers.client() as client:
        yield Records(
            client,
            ownership,
            cloud=settings.cloud_name,
            tenant=settings.tenant_name,
            everywhere=not settings.dedicated_tenant_mode,
        )


def held_sentence(*, goes: int, all_of_them: int, cluster: str) -> str:
    """What is asked before most of what is there is deleted."""
    return (
        f"{goes} of {all_of_them} virtual services of '{cluster}' belong to nothing in this cluster, and no record "
        f"says that they are ours; their deletion waits: look at them with 'ako plan', then set another clusterName "
        f"if they are another cluster's, or confirm with the annotation {CONFIRM}={goes} at the ConfigMap"
    )


def _object(answer: bytes, *, what: str) -> _Object:
    try:
        return msgspec.json.decode(answer, type=_Object)
    except (ValueError, RecursionError) as error:
        raise RetryLater(f"{what}: the answer is another thing ({error})", reason="UnclearAnswer") from error
