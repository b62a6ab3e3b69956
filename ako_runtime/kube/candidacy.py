"""What a candidate for a Lease knows, and what each answer and each moment make of it; pure, no clock and no requests.

A *term* is one uninterrupted time in which this replica holds the lease. It ends when the renewal is older than the
deadline, and when the Lease names somebody else. The next successful renewal begins a new term with the next number, so
whoever compares numbers notices an interruption that nobody looked at while it lasted: another replica may have written
meanwhile.

Only the thread that asks for the lease makes new values of `Candidacy`; everybody may read the present one, because a
value never changes and the passing of time needs no writer (`held_term`).
"""

from msgspec import Struct

NO_TERM = 0
"""The number of no term: the lease is not held."""


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


class Holder(Struct, frozen=True, kw_only=True):
    """Whom the Lease names, when that one renewed it by its own clock, and for how many seconds."""

    identity: str
    renew_time: str
    duration: float


class Candidacy(Struct, frozen=True, kw_only=True):
    """What one candidate knows; times are those of its own clock."""

    term: int = NO_TERM
    # When the last successful renewal was asked for; None: the lease is not ours.
    renewed_at: float | None = None
    # What was last seen of another holder, and since when it has looked like that.
    seen: Holder | None = None
    seen_at: float = 0.0


def after_reading(
    candidacy: Candidacy, holder: Holder | None, *, identity: str, now: float, times: LeaseTimes
) -> tuple[Candidacy, bool]:
    """The Lease was read (None: nobody holds it); whether it may be taken or renewed by a guarded write."""
    if holder is None or holder.identity == identity:
        return (candidacy, True)
    if holder != candidacy.seen:
        candidacy = Candidacy(term=candidacy.term, renewed_at=candidacy.renewed_at, seen=holder, seen_at=now)
    if now - candidacy.seen_at >= (holder.duration or times.duration):
        return (candidacy, True)
    # Another one holds it; should it have been ours, it is no more.
    return (Candidacy(term=candidacy.term, seen=candidacy.seen, seen_at=candidacy.seen_at), False)


def after_renewal(candidacy: Candidacy, *, asked_at: float, now: float, times: LeaseTimes) -> Candidacy:
    """The guarded write was accepted; it was asked for at `asked_at` and its answer is read at `now`."""
    term = held_term(candidacy, now=now, times=times) or candidacy.term + 1
    return Candidacy(term=term, renewed_at=asked_at, seen=candidacy.seen, seen_at=candidacy.seen_at)


def given_up(candidacy: Candidacy) -> Candidacy:
    """The lease is not held any more, whatever the Lease says."""
    return Candidacy(term=candidacy.term, seen=candidacy.seen, seen_at=candidacy.seen_at)


def held_term(candidacy: Candidacy, *, now: float, times: LeaseTimes) -> int:
    """The number of the term that lasts at `now`; `NO_TERM` if the lease is not held."""
    return candidacy.term if _age(candidacy, now) < times.renew_deadline else NO_TERM


def write_seconds(candidacy: Candidacy, *, now: float, times: LeaseTimes) -> float:
    """How long a write that begins at `now` may take; 0 if none may begin."""
    age = _age(candidacy, now)
    return times.duration - times.reserve - age if age < times.renew_deadline else 0.0


def _age(candidacy: Candidacy, now: float) -> float:
    return float("inf") if candidacy.renewed_at is None else now - candidacy.renewed_at
