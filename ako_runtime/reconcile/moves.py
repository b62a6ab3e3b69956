"""Hosts that move to another VsVip: the new place is built before the old one lets go.

The controller takes an FQDN once. So the new place is first built without the names that the old VsVip still registers
(`early`); then the old key lets go, and the names follow. Until the new place has *arrived*, the key of the old one
puts its pass off, which would take the host away. Not where waiting cannot help: for a place that is *blocked*
because it needs objects of the same names, of which the controller has one only; nor where places wait for each other
(hosts that change places: the first of them, by name, lets go first); nor longer than `PATIENCE` while its other hosts
want changes.
"""

import threading
import time
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Final

import msgspec
import structlog
from msgspec import UNSET, UnsetType

from ako_runtime.model.avi import VirtualService, VsVip
from ako_runtime.model.observed import Observed
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Stack, StackKey
from ako_runtime.reconcile.inventory import Inventory, fqdns
from ako_runtime.reconcile.keys import KeyQueue
from ako_runtime.translate.ingress.modes import CHILD

ORPHANS: Final = StackKey(kind="orphans", namespace="", name="")
"""The key of everything of ours that no key wants."""

PAUSE: Final = 0.2
PATIENCE: Final = 30.0
"""Seconds for which the other hosts of a key are held up by one that cannot be built at its new place."""

_log = structlog.get_logger("ako.reconciler")

PlaceOf = Callable[[str], StackKey | None]
"""The key that a host has now; None if nobody serves it."""


class Moves:
    """Moves under way; safe to use from any thread."""

    def __init__(self, *, inventory: Inventory, queue: KeyQueue, place_of: PlaceOf) -> None:
        self._inventory = inventory
        self._queue = queue
        self._place_of = place_of
        self._lock = threading.Lock()
        self._arrived: set[tuple[str, StackKey]] = set()
        # What keys lack that others hold, and what keys that are putting off would let go.
        self._blocked: dict[StackKey, frozenset[Ref]] = {}
        self._offered: dict[StackKey, frozenset[Ref]] = {}
        # Places that keys which are putting off wait for.
        self._awaited: dict[StackKey, frozenset[StackKey]] = {}
        self._since: dict[StackKey, float] = {}

    def claim(self, key: StackKey, stack: Stack, taken: frozenset[Ref]) -> bool:
        """Whether the key has all of its objects, given what others offer; if not it comes back after those.

        `taken` is what of its stack others own. While it lacks that it offers what it does not want itself: two keys
        may each want what the other one has.
        """
        owners = {owner for ref in taken if (owner := self._inventory.owner_of(ref)) is not None}
        with self._lock:
            # It may want again what it offered; if not, this pass offers it anew.
            self._offered.pop(key, None)
            offered = frozenset().union(*(self._offered.get(owner, frozenset()) for owner in owners))
            if taken <= offered:
                self._blocked.pop(key, None)
                self._inventory.transfer(taken, key)
                return True
            self._blocked[key] = taken
            surplus = self._inventory.surplus(key, stack)
            self._offered[key] = _offer(stack, surplus, self._inventory.view(surplus))
        _log.info("waiting for another key", key=str(key), owners=sorted(map(str, owners)))
        self._come_back(key, owners, pause=PAUSE)
        return False

    def puts_off(
        self,
        key: StackKey,
        stack: Stack,
        observed: Mapping[Ref, Observed],
        *,
        surplus: frozenset[Ref],
        idle: Container[Ref] = (),
    ) -> bool:
        """Whether the key must wait for the new places of hosts that it would let go; it comes back after them.

        What it does not want is offered to them: a policy set or certificate of the same name goes over as it is, and
        serves at both places meanwhile; a child is led from parent to parent. VsVips, and what stands on one, only if
        the key wants nothing any more but addresses that are `idle`, as when the number of shards changes and the first
        of them is there before and after.
        """
        leaving = names_leaving(stack, observed)
        places = {(name, place) for name in leaving if (place := self._place_of(name)) not in (None, key)}
        serving = Stack(objects={ref: one for ref, one in stack.objects.items() if ref not in idle})
        offered = _offer(serving, surplus, observed)
        with self._lock:
            awaited = {
                place
                for name, place in places
                if place is not None
                and self._lacks_of(key, place) <= offered
                and (name, place) not in self._arrived
                and not self._goes_first(key, place)
            }
            waited = time.monotonic() - self._since.setdefault(key, time.monotonic())
            if not awaited or (waited >= PATIENCE and (serving.objects or key == ORPHANS)):
                self._since.pop(key, None)
                self._offered.pop(key, None)
                self._awaited.pop(key, None)
                return False
            self._offered[key], self._awaited[key] = offered, frozenset(awaited)
        _log.info("waiting for a new place", key=str(key), places=sorted(map(str, awaited)))
        self._come_back(key, awaited)
        return True

    def early(self, key: StackKey, stack: Stack) -> Mapping[str, Ref]:
        """Names of hosts that come here from other VsVips of ours, which still register them."""
        held = self._inventory.registered_elsewhere(stack)
        return {name: ref for name, ref in held.items() if self._place_of(name) == key}

    def arrive(self, key: StackKey, early: Mapping[str, Ref]) -> None:
        """The hosts are served here, without their names: now the old places may let go."""
        with self._lock:
            self._arrived |= {(name, key) for name in early}
        for ref in early.values():
            owner = self._inventory.owner_of(ref)
            if owner is not None:
                self._queue.add(owner)
        self._queue.retry(key)

    def settle(self, key: StackKey) -> None:
        """The key has everything that it wants."""
        with self._lock:
            self._arrived = {one for one in self._arrived if one[1] != key}

    def waits_for_name(self, key: StackKey, stack: Stack) -> bool:
        """Whether a name that the controller refused is still registered by a VsVip of ours; its key is queued."""
        held = self._inventory.registered_elsewhere(stack)
        for ref in held.values():
            owner = self._inventory.owner_of(ref)
            if owner is not None and owner != key:
                self._queue.add(owner)
        return bool(held)

    def are_at_work(self, key: StackKey, stack: Stack) -> bool:
        """Whether another key that holds a name which the stack wants is queued or being worked on: it may let go."""
        held = self._inventory.registered_elsewhere(stack)
        owners = {self._inventory.owner_of(ref) for ref in held.values()} - {None, key}
        return any(self._queue.knows(owner) for owner in owners if owner is not None)

    def _lacks_of(self, key: StackKey, place: StackKey) -> frozenset[Ref]:
        """What the place lacks and the key has; what others have is theirs to give."""
        lacks = self._blocked.get(place, frozenset())
        return frozenset(ref for ref in lacks if self._inventory.owner_of(ref) == key)

    def _goes_first(self, key: StackKey, place: StackKey) -> bool:
        """Whether the place waits for the key, by whatever way round, and of all on that way the key is the first."""
        behind = self._behind(place)
        return key in behind and key == min({one for one in behind if key in self._behind(one)} | {key})

    def _behind(self, key: StackKey) -> set[StackKey]:
        """The key, what it waits for, and what that waits for."""
        found: set[StackKey] = set()
        open_ends = [key]
        while open_ends:
            one = open_ends.pop()
            if one not in found:
                found.add(one)
                open_ends += self._awaited.get(one, ())
        return found

    def _come_back(self, key: StackKey, after: Iterable[StackKey], *, pause: float | None = None) -> None:
        for one in after:
            self._queue.add(one)
        self._queue.retry(key, after=pause)


def _offer(stack: Stack, surplus: frozenset[Ref], observed: Mapping[Ref, Observed]) -> frozenset[Ref]:
    if not stack.objects:
        return surplus
    return frozenset(ref for ref in surplus if _goes_over(ref, observed.get(ref)))


def _goes_over(ref: Ref, held: Observed | None) -> bool:
    """Whether the object can be at another place under its name: not a VsVip, nor a virtual service that has one."""
    if ref.kind != "virtualservice":
        return ref.kind != "vsvip"
    content = held.content if held is not None else None
    return isinstance(content, VirtualService) and content.type == CHILD


def names_leaving(stack: Stack, observed: Mapping[Ref, Observed]) -> frozenset[str]:
    """Names in DNS that VsVips have and that the stack does not want any more."""
    wanted = {name for one in stack.objects.values() if isinstance(one, VsVip) for name in fqdns(one)}
    held = {name for one in observed.values() if isinstance(one.content, VsVip) for name in fqdns(one.content)}
    return frozenset(held - wanted)


def without_names(stack: Stack, names: Iterable[str]) -> Stack:
    """The stack whose VsVips do not ask for these names yet."""
    taken = frozenset(names)
    objects = dict(stack.objects)
    for ref, one in stack.objects.items():
        if isinstance(one, VsVip) and not isinstance(one.dns_info, UnsetType):
            left = tuple(entry for entry in one.dns_info if entry.fqdn not in taken)
            objects[ref] = msgspec.structs.replace(one, dns_info=left or UNSET)
    return Stack(objects=objects)
