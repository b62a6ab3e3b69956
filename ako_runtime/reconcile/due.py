"""Which statuses of a pass are due before it ends: those whose objects on the controller are all written.

A boot of a shared virtual service writes thousands of objects in one pass. What serves one Ingress is in place long
before the last of them, because a virtual service is made after everything that it refers to, and a child after its
parent. So a status whose virtual services are all made by the pass is due with the last object that it takes from.

Every other one is left to the end: where a virtual service is there already, nothing tells when what it leads to is
right, and a pass that changes one may change the parent after the new children.
"""

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Final

from ako_runtime.model.operation import Operation
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import ObjectRef, StatusIntent

_ADDRESSES: Final = "vsvip"
_SERVICE: Final = "virtualservice"


class Due:
    """Statuses of one pass, handed out as its objects are written; used by all threads that write.

    A few lanes work them off: the controller is written to meanwhile, and that comes first.
    """

    def __init__(self, intents: Iterable[StatusIntent], *, operations: Collection[Operation], lanes: int) -> None:
        self._lock = threading.Lock()
        self._open: dict[ObjectRef, set[Ref]] = {}
        self._waiting: dict[Ref, list[StatusIntent]] = {}
        written = {one.ref for one in operations}
        made = {one.ref for one in operations if one.verb == "create"}
        for intent in () if known_at_the_end(operations) else intents:
            services = {ref for ref in intent.sources if ref.kind == _SERVICE}
            if not services or not services <= made:
                continue
            self._open[intent.about] = {ref for ref in intent.sources if ref in written}
            for ref in self._open[intent.about]:
                self._waiting.setdefault(ref, []).append(intent)
        self._due: deque[StatusIntent] = deque()
        self._lanes_left = lanes
        self._lanes = lanes
        self._then: Callable[[], object] | None = None

    def after(self, ref: Ref) -> bool:
        """An object is written; True if a lane must begin, which takes what is due until nothing is."""
        with self._lock:
            for intent in self._waiting.pop(ref, ()):
                open_ends = self._open[intent.about]
                open_ends.discard(ref)
                if not open_ends:
                    self._due.append(intent)
            begins = bool(self._due) and self._lanes_left > 0 and self._then is None
            self._lanes_left -= begins
            return begins

    def take(self) -> StatusIntent | None:
        """What is due next; None ends the lane, and with the last one the pass that waits for it goes on."""
        with self._lock:
            if self._due and self._then is None:
                return self._due.popleft()
            self._lanes_left += 1
            then = self._then if self._lanes_left == self._lanes else None
        if then is not None:
            then()
        return None

    def give_up(self) -> None:
        """A status could not be written: the others are left to the end of the pass."""
        with self._lock:
            self._due.clear()
            self._waiting.clear()

    def close(self, then: Callable[[], object]) -> bool:
        """The pass ends: nothing more is due. False if a lane is under way; the last of them calls `then`."""
        with self._lock:
            self._then = then
            return self._lanes_left == self._lanes


def known_at_the_end(operations: Iterable[Operation]) -> bool:
    """Whether only the end of the pass tells what is right to show: addresses go away, or what serves is changed."""
    return any(
        (one.ref.kind == _ADDRESSES and one.verb in ("delete", "replace"))
        or (one.ref.kind == _SERVICE and one.verb in ("update", "replace"))
        for one in operations
    )
