import pytest

from ako_runtime.avi.endpoint import host_and_port
from ako_runtime.avi.workers import Throttle


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_overload_halves_the_bound_and_calm_raises_it():
    clock = Clock()
    throttle = Throttle(size=32, clock=clock)
    throttle.enter()
    throttle.leave(overloaded=True)
    assert throttle.limit == 16
    throttle.enter()
    throttle.leave(overloaded=True)
    assert throttle.limit == 8
    clock.now = 3.0
    throttle.enter()
    throttle.leave(overloaded=False)
    assert throttle.limit == 11
    clock.now = 1000.0
    throttle.enter()
    assert throttle.limit == 32


def test_the_bound_never_reaches_zero():
    throttle = Throttle(size=1, clock=Clock())
    throttle.enter()
    throttle.leave(overloaded=True)
    assert throttle.limit == 1


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("192.0.2.1", ("192.0.2.1", 443)),
        ("avi.example.com:8443", ("avi.example.com", 8443)),
        ("[2001:db8::1]:8443", ("[2001:db8::1]", 8443)),
        ("2001:db8::1", ("[2001:db8::1]", 443)),
    ],
)
def test_every_spelling_of_a_host(text, wanted):
    assert host_and_port(text) == wanted
