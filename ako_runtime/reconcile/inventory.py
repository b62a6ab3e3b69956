"""What we own on the controller, and which key owns which object.

Loaded whole at start and on every resync, then kept up by the answers to our own writes. A key claims the references of
its desired stack when it is translated; an object that a key claimed and no longer wants is surplus of that key. What
nobody claims once every key has been translated is an orphan, for instance of a Service that was deleted while we were
down. A key that cannot be translated (bad input, something unknown) names the roots of its stack: everything reachable
from them stays claimed.
"""

import threading
from collections.abc import Iterable, Mapping

from msgspec import UnsetType

from ako_runtime.model.avi import VsVip
from ako_runtime.model.observed import Observed
from ako_runtime.model.refs import ASIDE, Ref, aside
from ako_runtime.model.stack import Stack, StackKey, links


class Inventory:
    """Observed objects and claims; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._observed: dict[Ref, Observed] = {}
        # VsVips by the names that they have in DNS: every pass asks, so it must not look through all of them.
        self._registered: dict[str, frozenset[Ref]] = {}
        # Objects that take the place of others and have not got their names yet: hardly ever any.
        self._aside: set[Ref] = set()
        # Tenants in which something of ours is or was.
        self._tenants: set[str] = set()
        self._owner: dict[Ref, StackKey] = {}
        self._claims: dict[StackKey, frozenset[Ref]] = {}
        # Claimed for want of a better owner (`claim_reachable`): whoever wants it in its stack has it.
        self._kept: set[Ref] = set()
        # Own writes while a reading is under way: they are newer than the reading.
        self._written: dict[Ref, Observed | None] | None = None
        self._readings = 0

    @property
    def readings(self) -> int:
        """How often everything was read: what was compared under another reading must be compared again."""
        return self._readings

    def __len__(self) -> int:
        return len(self._observed)

    def objects(self) -> tuple[Observed, ...]:
        """Everything that is known now."""
        with self._lock:
            return tuple(self._observed.values())

    def begin_reading(self) -> None:
        """A complete reading starts now; call `load` with its result."""
        with self._lock:
            self._written = {}

    def load(self, objects: Iterable[Observed]) -> frozenset[StackKey]:
        """Take a complete reading; the keys whose objects are not as they were (drift)."""
        fresh = {one.ref: one for one in objects}
        with self._lock:
            for ref, own in (self._written or {}).items():
                if own is None:
                    fresh.pop(ref, None)
                else:
                    fresh[ref] = own
            self._written = None
            self._readings += 1
            drifted = {
                self._owner[ref]
                for ref in fresh.keys() | self._observed.keys()
                if ref in self._owner and _differ(fresh.get(ref), self._observed.get(ref))
            }
            self._observed = fresh
            self._tenants = {ref.tenant for ref in fresh}
            self._aside = {ref for ref in fresh if ref.name.endswith(ASIDE)}
            self._registered = {}
            for ref, one in fresh.items():
                self._note_names(ref, before=(), after=_names_of(one))
        return frozenset(drifted)

    def record(self, ref: Ref, observed: Observed | None) -> None:
        """The object is now like this, or gone."""
        with self._lock:
            if self._written is not None:
                self._written[ref] = observed
            self._note_names(ref, before=_names_of(self._observed.get(ref)), after=_names_of(observed))
            self._aside.discard(ref)
            if observed is None:
                self._observed.pop(ref, None)
            else:
                if ref.name.endswith(ASIDE):
                    self._aside.add(ref)
                self._observed[ref] = observed
                self._tenants.add(ref.tenant)

    def claim(
        self, key: StackKey, stack: Stack, *, among: frozenset[Ref] | None = None, idle: Iterable[Ref] = ()
    ) -> frozenset[Ref]:
        """Claim the stack (of it `among`, if the rest is) for the key; what of it another key holds (and keeps).

        What is `idle` of it goes to whoever wants it.
        """
        with self._lock:
            wanted = frozenset(stack.objects) if among is None else among
            self._yield(self._kept & wanted, key)
            taken = frozenset(ref for ref in wanted if self._owner.get(ref, key) != key)
            if self._aside:
                wanted |= {place for ref in wanted - taken if (place := aside(ref)) in self._aside - self._owner.keys()}
            new = frozenset(ref for ref in wanted - taken if ref not in self._owner)
            if new:
                self._claims[key] = self._claims.get(key, frozenset()) | new
            self._owner |= dict.fromkeys(new, key)
            self._kept |= {ref for ref in idle if self._owner.get(ref) == key}
            return taken

    def held_by(self, key: StackKey, refs: Iterable[Ref]) -> Mapping[Ref, Observed]:
        """Those of `refs` that exist and that the key claims."""
        with self._lock:
            return {ref: self._observed[ref] for ref in refs if self._owner.get(ref) == key and ref in self._observed}

    @property
    def claimants(self) -> frozenset[StackKey]:
        """The keys that claim anything."""
        with self._lock:
            return frozenset(key for key, refs in self._claims.items() if refs)

    def claim_aside(self, key: StackKey, refs: Iterable[Ref]) -> None:
        """Claim what the key is about to make beside these, so that nobody takes it for an orphan."""
        with self._lock:
            new = frozenset(place for ref in refs if (place := aside(ref)) not in self._owner)
            self._claims[key] = self._claims.get(key, frozenset()) | new
            self._owner |= dict.fromkeys(new, key)

    def pass_on(self, ref: Ref, *, by: StackKey, to: StackKey) -> None:
        """Leave to a key what another one keeps, if that still does: whoever wants it has it."""
        with self._lock:
            if ref in self._kept and self._owner.get(ref) == by:
                self._claims[by] -= {ref}
                self._owner[ref] = to
                self._claims[to] = self._claims.get(to, frozenset()) | {ref}

    def transfer(self, refs: Iterable[Ref], key: StackKey) -> None:
        """What another key has let go of belongs to `key` from now on, as it is."""
        with self._lock:
            for ref in refs:
                owner = self._owner.get(ref)
                if owner is not None:
                    self._claims[owner] = self._claims.get(owner, frozenset()) - {ref}
                self._owner[ref] = key
                self._claims[key] = self._claims.get(key, frozenset()) | {ref}

    def _yield(self, refs: Iterable[Ref], key: StackKey) -> None:
        """What was only kept goes to the key that wants it."""
        for ref in refs:
            owner = self._owner.get(ref)
            if owner is not None and owner != key:
                self._claims[owner] = self._claims.get(owner, frozenset()) - {ref}
                del self._owner[ref]
            self._kept.discard(ref)

    def claim_reachable(self, key: StackKey, roots: Iterable[Ref]) -> frozenset[Ref]:
        """Claim what exists and is reachable from `roots`, for a key whose stack cannot be computed now.

        Roots are looked for in every tenant: which one a namespace belongs to may be just what is wrong. The answer is
        all that was found, also what others own: a host whose tenant is unknown hangs on the shard of its last one.
        """
        with self._lock:
            found: set[Ref] = set()
            everywhere = (root.within(tenant) for root in roots for tenant in self._tenants)
            open_ends = [ref for ref in everywhere if ref in self._observed]
            while open_ends:
                ref = open_ends.pop()
                found.add(ref)
                content = self._observed[ref].content
                for link in links(content) if content is not None else ():
                    target = link.within(ref.tenant)
                    if target in self._observed and target not in found:
                        open_ends.append(target)
            free = found - self._owner.keys()
            if free:
                self._kept |= free
                self._owner |= dict.fromkeys(free, key)
                self._claims[key] = self._claims.get(key, frozenset()) | free
            return frozenset(found)

    def surplus(self, key: StackKey, stack: Stack) -> frozenset[Ref]:
        """What the key claimed and no longer wants."""
        with self._lock:
            return self._claims.get(key, frozenset()) - frozenset(stack.objects)

    def release(self, key: StackKey, refs: Iterable[Ref]) -> None:
        """The key has no more to do with these."""
        gone = frozenset(refs)
        if not gone:
            return
        with self._lock:
            left = self._claims.get(key, frozenset()) - gone
            if left:
                self._claims[key] = left
            else:
                self._claims.pop(key, None)
            for ref in gone:
                if self._owner.get(ref) == key:
                    del self._owner[ref]
                    self._kept.discard(ref)

    def orphan_services(self) -> tuple[int, int]:
        """How many virtual services nobody claims, and how many there are."""
        with self._lock:
            every = [ref for ref in self._observed if ref.kind == "virtualservice"]
            return sum(ref not in self._owner for ref in every), len(every)

    def adopt_orphans(self, key: StackKey) -> None:
        """Claim for `key` everything that nobody claims."""
        with self._lock:
            orphans = frozenset(ref for ref in self._observed if ref not in self._owner)
            for ref in orphans:
                self._owner[ref] = key
            if orphans:
                self._claims[key] = self._claims.get(key, frozenset()) | orphans

    def view(self, refs: Iterable[Ref]) -> Mapping[Ref, Observed]:
        """Those of `refs` that exist."""
        with self._lock:
            return {ref: found for ref in refs if (found := self._observed.get(ref)) is not None}

    def owner_of(self, ref: Ref) -> StackKey | None:
        """The key that claims the reference."""
        with self._lock:
            return self._owner.get(ref)

    def places_of(self, name: str, *, kinds: Iterable[str]) -> tuple[Ref, ...]:
        """Objects of ours with that name, in any tenant."""
        with self._lock:
            refs = (Ref(kind, name, tenant=tenant) for kind in kinds for tenant in sorted(self._tenants))
            return tuple(ref for ref in refs if ref in self._observed)

    def registered_elsewhere(self, stack: Stack) -> Mapping[str, Ref]:
        """Names in DNS that a VsVip of the stack wants and a VsVip of ours outside of it has."""
        wanted = {name for wish in stack.objects.values() if isinstance(wish, VsVip) for name in fqdns(wish)}
        with self._lock:
            return {name: ref for name in wanted for ref in self._registered.get(name, ()) if ref not in stack.objects}

    def _note_names(self, ref: Ref, *, before: Iterable[str], after: Iterable[str]) -> None:
        for name in before:
            left = self._registered.get(name, frozenset()) - {ref}
            if left:
                self._registered[name] = left
            else:
                self._registered.pop(name, None)
        for name in after:
            self._registered[name] = self._registered.get(name, frozenset()) | {ref}

    def counts(self) -> Mapping[str, int]:
        """Number of objects of each kind."""
        with self._lock:
            found: dict[str, int] = {}
            for ref in self._observed:
                found[ref.kind] = found.get(ref.kind, 0) + 1
            return found


def fqdns(vsvip: VsVip) -> tuple[str, ...]:
    """Names in DNS that a VsVip asks for, or has."""
    return () if isinstance(vsvip.dns_info, UnsetType) else tuple(one.fqdn for one in vsvip.dns_info)


def _names_of(held: Observed | None) -> tuple[str, ...]:
    return fqdns(held.content) if held is not None and isinstance(held.content, VsVip) else ()


def _differ(fresh: Observed | None, held: Observed | None) -> bool:
    if fresh is None or held is None:
        return fresh is not held
    return fresh.last_modified != held.last_modified or fresh.uuid != held.uuid
