"""How fast the process tries again: every pause that is not a setting, in one value.

Operators have no reason to change these; tests have, because what takes half a minute in production is watched there in
a fraction of a second. All numbers are seconds.
"""

from msgspec import Struct

from ako_runtime.kube.candidacy import LeaseTimes
from ako_runtime.reconcile.keys import Backoff

HOUR = 3600.0


class Pace(Struct, frozen=True, kw_only=True):
    """The pauses of one process."""

    # Between two looks at what only time brings (resync due, deletion done).
    tick: float = 1.0
    # After this, whoever leads goes on without a list that keeps failing.
    list_patience: float = 20.0
    lease: LeaseTimes = LeaseTimes()
    keys: Backoff = Backoff()
    # First and longest pause of a reflector after a failure, and between two looks for a kind that is not served.
    reflector: tuple[float, float] = (0.2, 30.0)
    absent: float = 15.0
    # Until a list that is older than what was seen is believed, if the server answers so again.
    restored: float = 30.0
    # First and longest pause between two tries to reach the controller at start and for a resync.
    contact: tuple[float, float] = (0.5, 15.0)
    # Before the second try to log in with credentials that were refused, and the longest between two.
    log_in: tuple[float, float] = (60.0, 900.0)
    # Between two resyncs instead of the setting `fullSyncFrequency`.
    resync: float | None = None
    # Between two looks for what users name and the controller did not have.
    missing: float = 60.0
    # Between two looks whether people have answered what is asked (a cluster name that is taken, many deletions).
    answers: float = 5.0
    # Between two looks at the age of the token that we log in with.
    token: float = 12 * HOUR
