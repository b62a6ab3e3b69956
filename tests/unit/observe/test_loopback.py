import pytest

from ako_runtime.observe.http import is_loopback


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_the_machine_itself(address):
    assert is_loopback(address)


@pytest.mark.parametrize("address", ["10.244.1.5", "::ffff:10.244.1.5", "fd00::5", "fe80::1%eth0", "::"])
def test_everybody_else(address):
    assert not is_loopback(address)
