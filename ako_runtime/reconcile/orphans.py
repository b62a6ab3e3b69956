"""What nobody wants once every key has been translated: adopted by one key, which deletes it.

VsVips of shared virtual services without hosts stay (`ako_runtime.translate.ingress.idle`). They are adopted like the
rest, so that a host that moves away is whole at its new place before the virtual service goes, and are then left to the
keys that keep them.
"""

from collections.abc import Callable

import msgspec

from ako_runtime.kube.store import Store
from ako_runtime.model.stack import EMPTY_STACK, Outcome
from ako_runtime.plan.idle import with_idle
from ako_runtime.reconcile.inventory import Inventory
from ako_runtime.reconcile.keys import KeyQueue
from ako_runtime.reconcile.moves import ORPHANS
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.translate.ingress.idle import idle_among, idle_places
from ako_runtime.translate.l4 import L4Context

_NOTHING = Outcome(key=ORPHANS)


class Orphans:
    """The orphans; asked by the thread that plans."""

    def __init__(
        self, *, store: Store, queue: KeyQueue, inventory: Inventory, context: Callable[[], L4Context]
    ) -> None:
        self._store = store
        self._queue = queue
        self._inventory = inventory
        self._context = context

    def adopted(self, *, deleting: bool) -> Outcome:
        """What their key wants: nothing but VsVips that stay; not even those while all is deleted."""
        self._inventory.adopt_orphans(ORPHANS)
        return _NOTHING if deleting else orphans_outcome(self._inventory, self._store.snapshot, self._context())

    def leave(self, outcome: Outcome) -> None:
        """Leave the VsVips that stay to the keys that keep them, which decide again when what they stay for changes."""
        if not outcome.idle:
            return
        for key, ref in idle_places(outcome.idle, self._store.snapshot, self._context()).items():
            self._inventory.pass_on(ref, by=ORPHANS, to=key)
            self._queue.add(key)


def orphans_outcome(inventory: Inventory, snapshot: Snapshot, context: L4Context) -> Outcome:
    """The outcome of the key of orphans, which has adopted them."""
    adopted = inventory.surplus(ORPHANS, EMPTY_STACK)
    outcome = msgspec.structs.replace(_NOTHING, idle=idle_among(adopted, snapshot, context))
    return with_idle(outcome, inventory.held_by(ORPHANS, outcome.idle))
