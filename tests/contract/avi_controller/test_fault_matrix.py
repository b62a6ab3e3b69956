"""Every fault, as the official Python SDK sees it, one that no test causes would be missed."""

import ast
import threading
import time
from pathlib import Path
from typing import get_args

import pytest
import requests
from avi.sdk.avi_api import APIError
from support.avi_lab.client import Client
from support.avi_lab.sdk import Sdk, said, trusting  # noqa: F401 - a fixture

from ako_lab.avi_controller import AviLab, Fault, LabConfig
from ako_lab.avi_controller.faults import Kind


def test_every_kind_of_fault_is_met_by_a_test():
    texts = {node.value for node in ast.walk(ast.parse(Path(__file__).read_text())) if isinstance(node, ast.Constant)}
    assert set(get_args(Kind)) - texts - {"status"} == set()


@pytest.fixture
def lab():
    with AviLab() as running:
        yield running


@pytest.fixture
def sdk(lab, tmp_path, trusting):  # noqa: F811 - the fixture
    opener = Sdk(lab, tmp_path)
    yield opener
    opener.close()


@pytest.fixture
def client(lab):
    with Client(lab) as connected:
        yield connected


@pytest.mark.parametrize(
    ("status", "fragment"),
    [
        (400, "failure"), (403, "disallowed during upgrade"), (404, "not found"), (409, "already exists"),
        (412, "Need to reload"), (429, "Too many"), (500, "failure"), (502, "failure"), (503, "failure"),
        (504, "failure"),
    ],
)  # fmt: skip
def test_a_status_reaches_the_sdk(sdk, status, fragment):
    api = sdk()
    sdk.lab.faults.add(Fault(method="GET", path="/api/pool", status=status, count=1))
    answer = api.get("pool")
    assert answer.status_code == status
    assert fragment in said(answer)["error"]
    assert api.get("pool").status_code == 200


@pytest.mark.parametrize("status", [401, 419])
def test_the_sdk_logs_in_again(sdk, status):
    api = sdk()
    sdk.lab.faults.add(Fault(path="/api/pool", status=status, count=2))
    assert api.get("pool").status_code == 200
    assert [entry.status for entry in sdk.lab.requests() if entry.path == "/api/pool"] == [status, status, 200]


def test_the_sdk_gives_up_after_its_retries(sdk):
    api = sdk()
    sdk.lab.faults.add(Fault(path="/api/pool", status=401))
    with pytest.raises(APIError):
        api.get("pool")


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after(sdk, status):
    api = sdk()
    sdk.lab.faults.add(Fault(path="/api/pool", status=status, retry_after=7, count=1))
    answer = api.get("pool")
    assert (answer.status_code, answer.headers["Retry-After"]) == (status, "7")
    assert "Retry-After" not in api.get("pool").headers


def test_a_reset_connection_is_retried_by_the_sdk(sdk):
    api = sdk()
    sdk.lab.faults.add(Fault(kind="reset", path="/api/pool", count=1))
    assert api.get("pool").status_code == 200


def test_a_lost_answer_leaves_the_object(sdk):
    api = sdk()
    api.retry_conxn_errors = False
    sdk.lab.faults.add(Fault(kind="reset", method="POST", path="/api/pool", count=1, applied=True))
    with pytest.raises(requests.exceptions.ConnectionError):
        api.post("pool", data={"name": "p"})
    assert api.post("pool", data={"name": "p"}).status_code == 409


def test_a_refused_request_leaves_nothing(sdk):
    api = sdk()
    sdk.lab.faults.add(Fault(method="POST", path="/api/pool", status=503, count=1))
    assert api.post("pool", data={"name": "p"}).status_code == 503
    assert not sdk.lab.objects("pool")
    sdk.lab.faults.add(Fault(method="POST", path="/api/pool", status=503, count=1, applied=True))
    assert api.post("pool", data={"name": "p"}).status_code == 503
    assert len(sdk.lab.objects("pool")) == 1


def test_a_truncated_body(sdk):
    api = sdk()
    sdk.lab.faults.add(Fault(kind="truncated-body", path="/api/network", count=1))
    # The SDK asks once more after a connection that broke.
    assert api.get("network").count() == 2
    assert [entry.fault for entry in sdk.lab.requests() if entry.path == "/api/network"] == ["truncated-body", ""]
    api.retry_conxn_errors = False
    sdk.lab.faults.add(Fault(kind="truncated-body", path="/api/network", count=1))
    with pytest.raises(requests.exceptions.RequestException):
        api.get("network")


def test_a_slow_body_times_out(lab, sdk):
    api = sdk()
    api.retry_conxn_errors = False
    lab.faults.add(Fault(kind="slow-body", path="/api/network", delay=600.0, count=1))
    with pytest.raises(requests.exceptions.RequestException, match="Read timed out"):
        api.get("network", timeout=(30.0, 0.2))
    lab.wait_for(lambda seen: seen.counters.get("GET network 200"))
    assert lab.faults.struck == {"slow-body": 1}


def test_a_slow_body_arrives_whole(sdk):
    api = sdk()
    sdk.lab.faults.add(Fault(kind="slow-body", path="/api/network", delay=0.1, count=1))
    assert api.get("network").count() == 2


@pytest.mark.parametrize("distribution", ["fixed", "uniform", "exponential"])
def test_latency(sdk, distribution):
    api = sdk()
    fault = Fault(kind="delay", path="/api/pool", delay=0.1, delay_maximum=0.2, distribution=distribution, count=1)
    sdk.lab.faults.add(fault)
    started = time.monotonic()
    assert api.get("pool").status_code == 200
    passed = time.monotonic() - started
    assert sdk.lab.faults.struck == {"delay": 1}
    if distribution != "exponential":
        assert passed >= 0.1


def test_upgrade_refuses_writes_only(sdk):
    api = sdk()
    sdk.lab.faults.add(Fault(kind="upgrade"))
    assert api.get("pool").status_code == 200
    refused = api.post("pool", data={"name": "p"})
    assert refused.status_code == 403
    assert said(refused) == {"error": "Configuration is disallowed during upgrade"}
    sdk.lab.faults.clear()
    assert api.post("pool", data={"name": "p"}).status_code == 201
    # Reads do not use up an upgrade that refuses one write, nor do writes elsewhere.
    sdk.lab.faults.add(Fault(kind="upgrade", path="/api/vsvip", count=1))
    assert api.get("vsvip").status_code == 200
    assert api.post("pool", data={"name": "q"}).status_code == 201
    assert [api.post("vsvip", data={"name": "v"}).status_code for _ in range(2)] == [403, 201]
    assert sdk.lab.faults.struck == {"upgrade": 2}


def test_leader_change(sdk):
    api = sdk()
    before = api.get("cluster/runtime").json()
    sdk.lab.faults.add(Fault(kind="leader-change", path="/api/pool", count=1))
    assert api.get("pool").status_code == 200
    after = api.get("cluster/runtime").json()
    assert leader(before)["name"] != leader(after)["name"]
    assert [entry.status for entry in sdk.lab.requests() if entry.path == "/api/pool"] == [419, 200]


def leader(runtime):
    return next(node for node in runtime["node_states"] if node["role"] == "CLUSTER_LEADER")


def test_session_purge(sdk):
    api = sdk()
    sdk.lab.faults.add(Fault(kind="session-purge", path="/api/pool", count=1))
    assert api.get("pool").status_code == 200
    assert [entry.path for entry in sdk.lab.requests()].count("/login") == 2


def test_exhausted_addresses(sdk):
    api = sdk()
    vip = {"name": "v", "vip": [{"vip_id": "0", "auto_allocate_ip": True}]}
    sdk.lab.faults.add(Fault(kind="ipam-exhausted", count=1))
    refused = api.post("vsvip", data=vip)
    assert refused.status_code == 400
    assert "No available free IPs" in said(refused)["error"]
    assert api.post("vsvip", data=vip).status_code == 201
    # Elsewhere there are addresses.
    sdk.lab.faults.add(Fault(kind="ipam-exhausted", tenant="blue"))
    assert api.post("vsvip", data={**vip, "name": "w"}).status_code == 201


def test_a_locked_account(sdk):
    sdk.lab.faults.add(Fault(kind="account-lock", count=1))
    with pytest.raises(APIError, match="Invalid credentials"):
        sdk()
    assert sdk().get("pool").status_code == 200


def test_counting_and_chance_are_repeatable():
    def statuses():
        with (
            AviLab(LabConfig(seed=5, faults=(Fault(path="/api/pool", probability=0.5, after=2),))) as lab,
            Client(lab) as client,
        ):
            return [client.get("/api/pool").status for _ in range(20)]

    first = statuses()
    assert first == statuses()
    assert first[:2] == [200, 200]
    assert {200, 503} == set(first)


def test_the_control_api_sets_and_clears_faults(client, lab):
    added = client.post("/lab/faults", {"path": "/api/pool", "status": 502})
    assert added.status == 201
    assert client.get("/api/pool").status == 502
    assert client.get("/lab/faults").json[0]["status"] == 502
    assert client.post("/lab/faults", {"kind": "earthquake"}).status == 400
    assert client.post("/lab/faults", {"path": "("}).status == 400
    assert client.delete("/lab/faults").status == 204
    assert client.get("/api/pool").status == 200
    assert client.get("/lab/counters").json["faults"] == {"status": 1}


def test_wait_for_sees_what_happens_in_another_thread(lab):
    def work():
        with Client(lab) as client:
            client.created("pool", {"name": "late"})

    thread = threading.Thread(target=work)
    thread.start()
    lab.wait_for(lambda seen: seen.objects("pool"))
    thread.join()
    with pytest.raises(TimeoutError, match=r"not true within .* objects: .*'pool': 1.* POST /api/pool 201"):
        lab.wait_for(lambda _: False, timeout=0.05)
