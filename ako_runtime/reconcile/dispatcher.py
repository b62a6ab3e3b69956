"""Queues the keys that a change touches, and knows which keys there are.

Changes are reported by the threads that watch, while another thread translates and notes what each key asks. A change
that comes between the snapshot of a pass and its notes would be seen by neither, so the pass asks afterwards whether it
was overtaken. Placements of Ingresses are computed where the change is reported, one at a time and from the newest
snapshot, so that of two the later one is noted.
"""

import threading
from collections.abc import Callable

from ako_runtime.kube.store import Store
from ako_runtime.model.stack import StackKey
from ako_runtime.reconcile.keys import KeyQueue
from ako_runtime.reconcile.moves import ORPHANS
from ako_runtime.resources.journal import Change
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.translate.dispatch import keys_touched_by
from ako_runtime.translate.keys import all_keys
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.readers import Reader


class Dispatcher:
    """From changes to keys; `left` answers keys that have or show something even if no object stands for them."""

    def __init__(
        self,
        *,
        store: Store,
        queue: KeyQueue,
        context: Callable[[], L4Context],
        left: Callable[[], frozenset[StackKey]],
    ) -> None:
        self._store = store
        self._queue = queue
        self._context = context
        self._left = left
        self._lock = threading.Lock()
        # Before the first round nothing has been translated, and then everything is.
        self._begun = False

    def known_keys(self) -> frozenset[StackKey]:
        """Keys of objects, and those that have or show something from before, or are under way. Dispatch begins."""
        self._begun = True
        with self._lock:
            keys = all_keys(self._store.snapshot, self._context())
        return (keys | self._queue.known() | self._left()) - {ORPHANS}

    def add_touched(self, change: Change) -> None:
        """Queue the keys that a change touches; the store holds it already."""
        if not self._begun:
            return
        with self._lock:
            keys = keys_touched_by(change, self._store.snapshot, self._context())
        for key in keys:
            self._queue.add(key)

    def add_if_overtaken(self, key: StackKey, snapshot: Snapshot) -> None:
        """Queue a key that was translated from `snapshot` again if something that it asked about has changed since."""
        now = self._store.snapshot
        if now is snapshot:
            return
        changes = now.journal.since(snapshot.journal.last)
        if changes is None or self._context().recall.readers.pieces(key, changes):
            self._queue.add(key)

    def forget_gone(self) -> None:
        """Once a round, by the thread that translates: nothing concerns keys that nobody has or wants any more."""
        known = self.known_keys()

        def wanted(reader: Reader) -> bool:
            return not isinstance(reader, StackKey) or reader in known

        self._context().recall.retain(wanted)
