"""What a failed pass means for its key: the time of the next try, what statuses say, what is read again."""

import pytest

from ako_runtime.errors import Bug, Refused, RetryLater, Stale
from ako_runtime.model.avi import Pool, VsVip
from ako_runtime.model.observed import Observed
from ako_runtime.model.operation import Operation
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import ObjectRef, Outcome, ServiceStatus, Stack, StackKey
from ako_runtime.reconcile.failures import SLOW_RETRY, TRIES_TO_DELETE, Failures
from ako_runtime.reconcile.inventory import Inventory
from ako_runtime.reconcile.moves import Moves
from ako_runtime.reconcile.passes import Pass

KEY = StackKey(kind="service", namespace="default", name="web")
POOL = Ref("pool", "cluster-a--web", tenant="admin")
VSVIP = Ref("vsvip", "cluster-a--web", tenant="admin")
GONE = Ref("pool", "cluster-a--old", tenant="admin")
STATUS = ServiceStatus(about=ObjectRef(resource="services", namespace="default", name="web"))
IN_USE = Stale("DELETE pool: it is referred by VirtualService 'x'", reason="StillReferenced")


class Queue:
    """Notes what is queued; nothing else is asked of it here."""

    def __init__(self, known=()):
        self.added, self.known_keys = [], set(known)

    def add(self, key):
        self.added.append(key)

    def retry(self, key, after=None):
        self.added.append((key, after))

    def knows(self, key):
        return key in self.known_keys


def made(*, refresh=lambda _ref: None, queue=None):
    inventory = Inventory()
    inventory.load([Observed(ref=GONE, uuid="pool-old", content=None)])
    moves = Moves(inventory=inventory, queue=queue or Queue(), place_of=lambda _name: None)
    return Failures(inventory=inventory, moves=moves, refresh=refresh, cluster=lambda: "cluster-a")


def passed(statuses=(STATUS,)):
    stack = Stack(objects={POOL: Pool(name=POOL.name), VSVIP: VsVip(name=VSVIP.name)})
    return Pass(key=KEY, outcome=Outcome(key=KEY, stack=stack, statuses=statuses), started=0.0)


CREATE_POOL = Operation(verb="create", ref=POOL, wish=Pool(name=POOL.name))
CREATE_VIP = Operation(verb="create", ref=VSVIP, wish=VsVip(name=VSVIP.name))
DELETE_OLD = Operation(verb="delete", ref=GONE, uuid="pool-old")


def judged(failures, error, operation=CREATE_POOL, *, given_up=frozenset(), one=None):
    return failures.judge(one or passed(), error, operation, given_up=given_up)


@pytest.mark.parametrize(
    ("error", "after"),
    [
        (RetryLater("busy"), None),
        (RetryLater("no address", after=30.0), 30.0),
        (Stale("changed", reason="Changed"), None),
        (Refused("no"), SLOW_RETRY),
        (Bug("never"), SLOW_RETRY),
    ],
)
def test_the_class_of_the_error_says_when_the_key_comes_back(error, after):
    assert judged(made(), error).after == after


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RetryLater("busy"), False),
        (RetryLater("no address", after=30.0, reason="NoFreeAddress"), True),
        (Stale("changed", reason="Changed"), False),
        (Refused("no", reason="RefusedByController"), True),
        (Bug("never"), False),
    ],
)
def test_statuses_tell_what_does_not_pass_by_itself(error, told):
    statuses = judged(made(), error).statuses
    assert [one.problem.reason for one in statuses] == ([error.reason] if told else [])


def test_a_refusal_that_no_status_can_show_is_announced():
    assert judged(made(), Refused("no"), one=passed(statuses=())).announced
    assert not judged(made(), Refused("no")).announced
    assert judged(made(), Refused("no"), DELETE_OLD, given_up=frozenset({GONE})).announced
    assert not judged(made(), RetryLater("busy"), one=passed(statuses=())).announced


def test_what_is_doubted_is_read_again():
    read = []
    judged(made(refresh=read.append), Stale("412", reason="Changed"))
    assert read == [POOL]
    read.clear()
    judged(made(refresh=read.append), Stale("404", reason="NotFound"))
    assert read == sorted([POOL, VSVIP])
    read.clear()
    judged(made(refresh=read.append), Refused("no"))
    assert read == []


def test_the_error_of_reading_again_decides():
    def foreign(ref):
        raise Refused("it is not ours", reason="NotOurs")

    failures = made(refresh=foreign)
    failure = judged(failures, Stale("409", reason="Conflict"))
    assert (failure.error.reason, failure.after) == ("NotOurs", SLOW_RETRY)
    assert failures.errors == {KEY: "it is not ours"}


def test_what_stays_in_use_becomes_a_refusal_that_names_the_user():
    failures = made()
    classes = [type(judged(failures, IN_USE, DELETE_OLD).error) for _ in range(TRIES_TO_DELETE)]
    assert classes == [*[Stale] * (TRIES_TO_DELETE - 1), Refused]
    assert "VirtualService 'x'; remove what refers to it" in failures.errors[KEY]
    failures.forget(KEY)
    assert failures.errors == {}
    assert isinstance(judged(failures, IN_USE, DELETE_OLD).error, Stale)


def test_other_failures_between_do_not_count_as_use():
    failures = made()
    for _ in range(TRIES_TO_DELETE * 2):
        assert isinstance(judged(failures, Stale("changed", reason="Changed"), DELETE_OLD).error, Stale)


def test_a_name_that_another_object_of_ours_still_registers_is_waited_for_in_silence():
    taken = Refused("'a.example.com' is used by VsVip 'cluster-a--old'", named=frozenset({"cluster-a--old"}))
    failures = made()
    failure = judged(failures, taken, CREATE_VIP)
    assert (failure.after, failure.statuses) == (None, ())
    # The second time it is told, and still tried soon.
    failure = judged(failures, taken, CREATE_VIP)
    assert failure.after is None
    assert [one.problem.message for one in failure.statuses] == [str(taken)]


def test_a_name_of_somebody_else_is_a_refusal():
    taken = Refused("'a.example.com' is used by VsVip 'theirs'", named=frozenset({"theirs"}))
    failure = judged(made(), taken, CREATE_VIP)
    assert failure.after == SLOW_RETRY
    assert len(failure.statuses) == 1


def test_a_creation_that_meets_something_of_ours_that_we_do_not_know_is_a_contradiction():
    unknown = Refused("used by 'cluster-a--unknown'", named=frozenset({"cluster-a--unknown"}))
    assert judged(made(), unknown).contradiction
    assert not judged(made(), unknown, DELETE_OLD).contradiction
    assert not judged(made(), Refused("used", named=frozenset({GONE.name}))).contradiction
    assert not judged(made(), RetryLater("busy")).contradiction
