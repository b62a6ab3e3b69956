"""A wrong password costs one log-in a pause, whatever there is to do and however often the process starts."""

import json

import msgspec
import pytest
from support.runtime.faults import QUICK, World
from support.runtime.lab import NAMESPACE, runtime_lab

from ako_lab.avi_controller.faults import Fault
from ako_runtime.reconcile.refused_logins import ANNOTATION, NAME

PATIENT = msgspec.structs.replace(QUICK, log_in=(60.0, 900.0))


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


def log_ins(lab, since=0):
    return [one.status for one in lab.avi.requests(since=since) if one.path == "/login"]


def use_password(lab, password):
    lab.kube.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "avi-secret", "namespace": NAMESPACE},
            "stringData": {"username": lab.avi.username, "password": password},
        }
    )


def test_a_wrong_password_at_a_start_is_tried_once_over_all_restarts(lab):
    use_password(lab, "wrong")
    for pod in ("ako-0", "ako-0", "ako-1"):
        with lab.running(pace=PATIENT, pod=pod) as app:
            lab.kube.wait_for(
                lambda _kube, app=app: any("refused" in one for one in app.status()["avicontroller"]["errors"])
            )
    assert log_ins(lab) == [401]
    note = json.loads(lab.kube.read("leases", NAME, NAMESPACE)["metadata"]["annotations"][ANNOTATION])
    assert note["tries"] == 1
    assert "wrong" not in json.dumps(note)
    with lab.running(pace=PATIENT) as app:
        use_password(lab, lab.avi.password)
        lab.kube.wait_for(lambda _kube: app.ready and app.may_write)
    assert log_ins(lab)[-1] == 200
    assert ANNOTATION not in lab.kube.read("leases", NAME, NAMESPACE)["metadata"].get("annotations", {})


def test_many_services_make_no_more_log_ins_and_all_come_when_the_secret_changes(lab):
    world = World(lab)
    with lab.running(pace=PATIENT) as app:
        world.put("stays", "10.244.1.5")
        world.until_settled()
        mark = lab.mark()
        use_password(lab, "wrong")
        lab.kube.wait_for(lambda _kube: app.settings.password.reveal() == "wrong")
        for turn in range(6):
            world.put(f"comes-{turn}", "10.244.1.6")
        lab.until(lambda _lab: app.status()["avicontroller"]["status"] == "DISCONNECTED")
        lab.kube.wait_for(
            lambda kube: all(
                "tried again in" in json.dumps(kube.read("services", f"comes-{turn}", "default").get("status", {}))
                for turn in range(6)
            )
        )
        assert log_ins(lab, since=mark) == [401]
        use_password(lab, lab.avi.password)
        world.until_settled()
        assert log_ins(lab, since=mark) == [401, 200]


def test_a_locked_account_is_waited_for(lab):
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("stays", "10.244.1.5")
        world.until_settled()
        lab.avi.faults.add(Fault(kind="account-lock", count=3))
        lab.avi.expire_sessions()
        world.put("comes", "10.244.1.6")
        world.until_settled()


def test_a_wrong_password_that_is_tried_twice_locks_nobody_out(lab):
    """The account takes two refused log-ins, as by default; the right password then works at once."""
    world = World(lab)
    use_password(lab, "wrong")
    with lab.running(pace=msgspec.structs.replace(QUICK, log_in=(0.1, 900.0))):
        world.put("one", "10.244.1.5")
        lab.until(lambda lab: len(log_ins(lab)) == 2)
        use_password(lab, lab.avi.password)
        world.until_settled()
    assert log_ins(lab)[:2] == [401, 401]
    assert [status for status in log_ins(lab)[2:] if status != 200] == []
