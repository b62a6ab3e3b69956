"""Which requests a fault meets, how often, how long it takes: decided by counting and by one seeded generator."""

import statistics

import pytest

from ako_lab.avi_controller.faults import Fault, Faults


def delays(fault: Fault, *, seed: int = 3, count: int = 2000) -> list[float]:
    faults = Faults(seed=seed, faults=(fault,))
    found = [faults.strike(method="GET", path="/api/pool", tenant="admin") for _ in range(count)]
    return [strike.delay if strike else 0.0 for strike in found]


def struck(faults: Faults, method: str = "GET", path: str = "/api/pool", tenant: str = "admin") -> bool:
    return faults.strike(method=method, path=path, tenant=tenant) is not None


def test_a_fixed_delay_is_the_same_each_time():
    assert set(delays(Fault(kind="delay", delay=0.25))) == {0.25}


def test_a_uniform_delay_lies_between_its_ends():
    drawn = delays(Fault(kind="delay", delay=0.1, delay_maximum=0.3, distribution="uniform"))
    assert min(drawn) >= 0.1
    assert max(drawn) <= 0.3
    assert statistics.fmean(drawn) == pytest.approx(0.2, abs=0.01)
    assert len(set(drawn)) > 1000


def test_an_exponential_delay_has_its_mean_and_its_cap():
    drawn = delays(Fault(kind="delay", delay=0.2, distribution="exponential"))
    assert statistics.fmean(drawn) == pytest.approx(0.2, rel=0.1)
    assert statistics.stdev(drawn) == pytest.approx(0.2, rel=0.2)
    capped = delays(Fault(kind="delay", delay=0.2, delay_maximum=0.5, distribution="exponential"))
    assert max(capped) == 0.5


@pytest.mark.parametrize("distribution", ["uniform", "exponential"])
def test_the_seed_decides(distribution):
    fault = Fault(kind="delay", delay=0.1, delay_maximum=0.9, distribution=distribution, probability=0.5)
    assert delays(fault, seed=7) == delays(fault, seed=7)
    assert delays(fault, seed=7) != delays(fault, seed=8)


def test_a_fault_is_for_its_method_path_and_tenant():
    faults = Faults(seed=1, faults=(Fault(method="post", path="/api/pool(/.*)?", tenant="blue"),))
    assert struck(faults, "POST", "/api/pool/pool-1", "blue")
    assert not struck(faults, "GET", "/api/pool", "blue")
    assert not struck(faults, "POST", "/api/poolgroup", "blue")
    assert not struck(faults, "POST", "/api/pool", "admin")


def test_a_fault_waits_and_ends():
    faults = Faults(seed=1, faults=(Fault(after=2, count=3),))
    assert [struck(faults) for _ in range(8)] == [False, False, True, True, True, False, False, False]
    assert faults.struck == {"status": 3}


def test_delays_add_up_and_the_first_that_decides_wins():
    faults = Faults(
        seed=1,
        faults=(
            Fault(kind="delay", delay=0.5),
            Fault(status=503, count=1),
            Fault(kind="delay", delay=0.25),
            Fault(kind="reset"),
        ),
    )
    first = faults.strike(method="GET", path="/api/pool", tenant="admin")
    second = faults.strike(method="GET", path="/api/pool", tenant="admin")
    assert (first.delay, first.fault.status, first.fault.kind) == (0.75, 503, "status")
    assert (second.delay, second.fault.kind) == (0.75, "reset")


def test_a_slow_body_begins_at_once():
    faults = Faults(seed=1, faults=(Fault(kind="slow-body", delay=600.0),))
    assert faults.strike(method="GET", path="/api/pool", tenant="admin").delay == 0.0


@pytest.mark.parametrize("kind", ["upgrade", "ipam-exhausted", "account-lock"])
def test_a_state_is_in_force_for_the_requests_that_it_names(kind):
    faults = Faults(seed=1, faults=(Fault(kind=kind, method="POST", path="/api/vsvip", tenant="blue", count=1),))
    ask = lambda **other: faults.active(kind, **{"method": "POST", "path": "/api/vsvip", "tenant": "blue"} | other)  # noqa: E731
    assert not ask(tenant="admin")
    assert not ask(path="/api/pool")
    assert not ask(method="PUT")
    assert ask()
    assert not ask()
    assert not struck(faults, "POST", "/api/vsvip", "blue")


@pytest.mark.parametrize(
    "wrong",
    [
        {"path": "("}, {"probability": 1.5}, {"status": 99}, {"delay": -1.0}, {"delay": 1e308}, {"delay_maximum": -1.0},
        {"after": -1}, {"count": -1}, {"retry_after": -1}, {"kind": "delay", "applied": True},
    ],
)  # fmt: skip
def test_what_cannot_happen_is_refused(wrong):
    with pytest.raises(ValueError, match=r"allowed|not a regular expression|applied is for"):
        Fault(**wrong)
