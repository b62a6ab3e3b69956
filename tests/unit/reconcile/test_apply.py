import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ako_runtime.errors import Bug, Refused
from ako_runtime.model.observed import Observed
from ako_runtime.model.operation import Operation
from ako_runtime.model.refs import Ref
from ako_runtime.reconcile.apply import StackRun


def operation(name, *waits):
    return Operation(verb="create", ref=Ref("pool", name), waits_for=frozenset(Ref("pool", other) for other in waits))


@pytest.fixture
def executor():
    with ThreadPoolExecutor(4) as pool:
        yield pool


def run(executor, operations, perform):
    over = threading.Event()
    result = []

    def finished(written, error, failed):
        result.append((written, error, failed))
        over.set()

    StackRun(operations=operations, perform=perform, executor=executor, finished=finished).start()
    assert over.wait(10)
    return result


def test_everything_runs_in_an_order_that_respects_what_waits(executor):
    order = []

    def perform(one):
        order.append(one.ref.name)
        return Observed(ref=one.ref, uuid="u", content=None)

    ((written, error, _),) = run(
        executor, (operation("a"), operation("b"), operation("c", "a", "b"), operation("d", "c")), perform
    )
    assert error is None
    assert len(written) == 4
    assert order.index("c") > max(order.index("a"), order.index("b"))
    assert order[-1] == "d"


def test_independent_operations_run_side_by_side(executor):
    both = threading.Barrier(2, timeout=30)

    def perform(one):
        both.wait()
        return Observed(ref=one.ref, uuid="u", content=None)

    ((_, error, _),) = run(executor, (operation("a"), operation("b")), perform)
    assert error is None


def test_the_first_failure_stops_what_has_not_begun(executor):
    done = []

    def perform(one):
        done.append(one.ref.name)
        if one.ref.name == "a":
            raise Refused("no")
        return Observed(ref=one.ref, uuid="u", content=None)

    result = run(executor, (operation("a"), operation("b", "a"), operation("c", "b")), perform)
    assert len(result) == 1
    _, error, failed = result[0]
    assert isinstance(error, Refused)
    assert failed.ref.name == "a"
    assert done == ["a"]


def test_a_surprise_becomes_a_bug_with_its_words(executor):
    def perform(one):
        raise ZeroDivisionError("odd")

    ((_, error, _),) = run(executor, (operation("a"),), perform)
    assert isinstance(error, Bug)
    assert "odd" in str(error)
