"""The end point for Service Engines: who may ask, what is told, what is taken."""

import base64
import threading

import pytest
from support.avi_lab.client import Client

from ako_lab.avi_controller import AviLab, LabConfig
from ako_lab.avi_controller.certificates import self_made_certificate
from ako_lab.avi_controller.config import UserSeed

PATH = "/lab/service-engine"


@pytest.fixture(scope="module")
def lab():
    with AviLab(LabConfig(users=(UserSeed(name="reader", password="reader"),))) as lab:
        yield lab


@pytest.fixture
def client(lab):
    with Client(lab) as client:
        yield client


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def changes(client, since=None, wait=0):
    path = PATH if since is None else f"{PATH}?since={since}&wait={wait}"
    answer = client.request("GET", path, Authorization=basic("admin", "admin"))
    assert answer.status == 200, answer.body
    return answer.json


@pytest.mark.parametrize("authorization", ["", "Basic nonsense", basic("admin", "wrong"), basic("reader", "reader")])
def test_only_a_superuser_is_told_anything(client, authorization):
    answer = client.request("GET", PATH, Authorization=authorization)
    assert answer.status in (401, 403)
    assert b"objects" not in answer.body


def test_what_was_written_since_is_told_and_what_is_gone(client):
    start = changes(client)["sequence"]
    made = client.created("pool", {"name": "told"})
    told = changes(client, start)
    assert list(told["objects"]) == [f"pool/{made['uuid']}"]
    assert told["objects"][f"pool/{made['uuid']}"]["tenant_ref"].startswith("tenant/")
    client.delete(f"/api/pool/{made['uuid']}")
    assert changes(client, told["sequence"])["objects"] == {f"pool/{made['uuid']}": None}


def test_an_answer_waits_for_news(lab, client):
    start = changes(client)["sequence"]
    found = []

    def ask():
        with Client(lab) as other:
            found.append(changes(other, start, wait=30))

    thread = threading.Thread(target=ask)
    thread.start()
    made = client.created("pool", {"name": "news"})
    thread.join(20)
    assert [list(one["objects"]) for one in found] == [[f"pool/{made['uuid']}"]]


def test_private_keys_are_told_here_and_nowhere_else(lab, client):
    certificate, key = self_made_certificate("keys.example.com", now=_now())
    start = changes(client)["sequence"]
    body = {"name": "keys", "certificate": {"certificate": certificate}, "key": key}
    made = client.created("sslkeyandcertificate", body)
    told = changes(client, start)["objects"][f"sslkeyandcertificate/{made['uuid']}"]
    assert told["key"] == key
    assert "PRIVATE" not in str(lab.objects("sslkeyandcertificate"))
    assert "PRIVATE KEY" not in str(lab.snapshot())


def test_people_are_not_told_of(client):
    kinds = {key.partition("/")[0] for key in changes(client)["objects"]}
    assert not kinds & {"user", "role", "systemconfiguration"}


def test_what_an_engine_sees_is_what_the_controller_says(lab, client):
    servers = [{"ip": {"addr": address, "type": "V4"}, "port": 80} for address in ("10.1.0.1", "10.1.0.2")]
    made = client.created("pool", {"name": "seen", "servers": servers})
    key = f"pool/{made['uuid']}"
    report = {
        "servers": {key: [{"address": "10.1.0.1", "port": 80, "state": "OPER_DOWN"}]},
        "states": {key: ["OPER_DOWN", "seen so"]},
        "alerts": [{"object": key, "text": "something"}],
    }
    answer = client.request("PUT", PATH, report, Authorization=basic("admin", "admin"))
    assert answer.status == 204
    runtime = client.get(f"/api/pool/{made['uuid']}/runtime").json
    assert runtime["oper_status"]["state"] == "OPER_DOWN"
    assert runtime["oper_status"]["reason"] == ["seen so"]
    assert runtime["num_servers_up"] == 1
    detail = client.get(f"/api/pool/{made['uuid']}/runtime/server").json
    assert [one["oper_status"]["state"] for one in detail] == ["OPER_DOWN", "OPER_UP"]
    assert [alert.text for alert in lab.alerts] == ["something"]


def test_a_report_that_is_none_is_refused(client):
    answer = client.request("PUT", PATH, {"servers": "all"}, Authorization=basic("admin", "admin"))
    assert answer.status == 400


def _now():
    import datetime as dt

    return dt.datetime.now(tz=dt.UTC)
