"""Whether this replica works off keys: one value with one owner, and the pure function that says what comes next.

The value belongs to the main thread. It does not follow messages about the lease, which could be missed or arrive in
another order; each look compares the term for which the keys were let out with the term that the lease has now. So an
interruption that is over before anyone looks is noticed by its number, and a lease that is held while nobody works is
noticed by the next look, whatever happened before.

    following --term begins--> preparing --inventory read--> listing --lists known, or patience over--> leading

From each of the others the way leads back to `following` when the term has ended, and to `preparing` when another one
has begun: somebody else may have written in between.
"""

from enum import Enum

from msgspec import Struct


class Stage(Enum):
    """How far this replica is on the way to working off keys."""

    FOLLOWING = "following"
    PREPARING = "preparing"
    LISTING = "listing"
    LEADING = "leading"


class Effect(Enum):
    """What the owner has to do after a step, in the order in which they are named."""

    KEEP_KEYS_IN = "keep keys in"
    READ_INVENTORY = "read inventory"
    LET_KEYS_OUT = "let keys out"
    LET_KEYS_OUT_WITHOUT_ALL_LISTS = "let keys out without all lists"


class Leading(Struct, frozen=True, kw_only=True):
    """The state; `term` is the one that it was reached in."""

    stage: Stage = Stage.FOLLOWING
    term: int = 0
    # While preparing: when the inventory is read next; while listing: until when lists are waited for.
    due: float = 0.0

    def writes_in(self, term: int) -> bool:
        """Whether keys were let out in this term of the lease: only then may anything be written."""
        return self.stage is Stage.LEADING and term == self.term != 0


class Looked(Struct, frozen=True, kw_only=True):
    """A look at the world: the time, the term that the lease has (0: not held), whether every list is complete."""

    now: float
    term: int
    listed: bool


class Read(Struct, frozen=True, kw_only=True):
    """The inventory was read; `patience` is how many seconds lists may still take."""

    now: float
    patience: float


class NotRead(Struct, frozen=True, kw_only=True):
    """The inventory could not be read; it is tried again at `again_at`."""

    again_at: float


Event = Looked | Read | NotRead
Step = tuple[Leading, tuple[Effect, ...]]


def step(state: Leading, event: Event) -> Step:
    """The next state and what has to be done for it."""
    match event:
        case Looked():
            return _looked(state, event)
        case Read(now=now, patience=patience):
            if state.stage is Stage.PREPARING:
                return (Leading(stage=Stage.LISTING, term=state.term, due=now + patience), ())
        case NotRead(again_at=again_at):
            if state.stage is Stage.PREPARING:
                return (Leading(stage=Stage.PREPARING, term=state.term, due=again_at), ())
    return (state, ())


def _looked(state: Leading, seen: Looked) -> Step:
    inwards = (Effect.KEEP_KEYS_IN,) if state.stage is Stage.LEADING else ()
    if not seen.term:
        return (state if state.stage is Stage.FOLLOWING else Leading(), inwards)
    if state.stage is Stage.FOLLOWING or seen.term != state.term:
        # Due at once: should the reading end without a word, the next look begins another.
        return (Leading(stage=Stage.PREPARING, term=seen.term, due=seen.now), (*inwards, Effect.READ_INVENTORY))
    if state.stage is Stage.PREPARING and seen.now >= state.due:
        return (state, (Effect.READ_INVENTORY,))
    if state.stage is Stage.LISTING and (seen.listed or seen.now >= state.due):
        out = Effect.LET_KEYS_OUT if seen.listed else Effect.LET_KEYS_OUT_WITHOUT_ALL_LISTS
        return (Leading(stage=Stage.LEADING, term=state.term), (out,))
    return (state, ())


def hurried(state: Leading, now: float) -> Leading:
    """What kept the inventory from being read may be over: it is read at the next look."""
    if state.stage is Stage.PREPARING and state.due > now:
        return Leading(stage=Stage.PREPARING, term=state.term, due=now)
    return state
