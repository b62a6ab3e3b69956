"""More endpoints than a pool may have."""

import json
from pathlib import Path

import msgspec
import pytest

import ako_lab.avi_controller
from ako_runtime.resources.core import EndpointSlice, Service
from ako_runtime.translate import backends
from ako_runtime.translate.backends import POOL_SERVERS, members_for

PORT = 80


class Slices:
    """A snapshot that knows slices only."""

    def __init__(self, count, unready=()):
        self.found = [
            msgspec.convert(
                {
                    "metadata": {"name": f"web-{first}", "namespace": "default"},
                    "addressType": "IPv4",
                    "endpoints": [
                        {
                            "addresses": [f"10.{at // 62500}.{at // 250 % 250}.{at % 250 + 1}"],
                            "conditions": {"ready": at not in unready},
                        }
                        for at in range(first, min(count, first + 1000))
                    ],
                    "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
                },
                EndpointSlice,
            )
            for first in range(0, count, 1000)
        ]

    def slices(self, _namespace, _name):
        return self.found


@pytest.fixture
def members(monkeypatch):
    service = msgspec.convert(
        {
            "metadata": {"name": "web", "namespace": "default"},
            "spec": {"type": "LoadBalancer", "ports": [{"name": "http", "port": PORT, "protocol": "TCP"}]},
        },
        Service,
    )
    monkeypatch.setattr(backends, "backend_families", lambda _context: frozenset({"V4"}))

    class Context:
        class settings:  # noqa: N801 - an attribute
            service_type = "ClusterIP"

    def found(count, unready=()):
        return members_for(service, service.spec.ports[0], snapshot=Slices(count, unready), context=Context)

    return found


def addresses(found):
    return [one.ip.addr for one in found.servers]


def test_the_limit_is_that_of_the_controllers_schema():
    schema = next(Path(ako_lab.avi_controller.__file__).parent.glob("schema*.json")).read_text()
    at = schema.index('"servers":{"l":1,"mx":')
    assert json.loads(schema[at + len('"servers":') :].partition("}")[0] + "}")["mx"] == POOL_SERVERS


def test_as_many_as_fit_are_no_problem(members):
    found = members(POOL_SERVERS)
    assert (len(found.servers), found.problem) == (POOL_SERVERS, "")


def test_too_many_are_cut_and_told(members):
    found = members(10_000)
    assert len(found.servers) == POOL_SERVERS
    assert addresses(found) == sorted(addresses(found))
    assert "10000 endpoints" in found.problem
    assert found.reason == "TooManyEndpoints"


def test_pods_that_die_leave_the_pool_and_the_others_stay(members):
    before = members(10_000)
    gone = before.servers[17].ip.addr
    at = next(at for at in range(10_000) if gone == f"10.{at // 62500}.{at // 250 % 250}.{at % 250 + 1}")
    after = members(10_000, unready={at})
    assert gone not in {one.ip.addr for one in after.servers if one.enabled}
    assert len(set(addresses(before)) - set(addresses(after))) <= 1


def test_those_that_take_connections_come_first(members):
    found = members(10_000, unready=set(range(6000)))
    assert sum(one.enabled for one in found.servers) == 4000
