"""The life of the process: replicas, live configuration, rotation, drift, adoption of what is there."""

import base64
import contextlib
from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import structlog
from support.avi_lab.client import Client
from support.runtime.faults import KINDS, QUICK, TAKING_OVER, World, identities, ours
from support.runtime.lab import NAMESPACE, agent_of, runtime_lab, worked_off

from ako_lab.avi_controller.certificates import self_made_certificate
from ako_lab.avi_controller.faults import Fault as ControllerFault
from ako_lab.kube_api.faults import Fault

RESYNCING = msgspec.structs.replace(QUICK, resync=0.1)


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


def events(lab, reason):
    return [one for one in lab.kube.objects("events", NAMESPACE, group="events.k8s.io") if one["reason"] == reason]


def edit(lab, **settings):
    lab.kube.apply(
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "avi-k8s-config", "namespace": NAMESPACE},
            "data": settings,
        }
    )


def edit_secret(lab, **values):
    lab.kube.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "avi-secret", "namespace": NAMESPACE},
            "stringData": values,
        }
    )


def stateful_set(lab):
    lab.kube.apply(
        {
            "apiVersion": "apps/v1",
            "kind": "StatefulSet",
            "metadata": {"name": "ako", "namespace": NAMESPACE},
            "spec": {
                "serviceName": "ako",
                "selector": {"matchLabels": {"app": "ako"}},
                "template": {
                    "metadata": {"labels": {"app": "ako"}},
                    "spec": {"containers": [{"name": "ako", "image": "ako"}]},
                },
            },
        }
    )


def deletion_state(lab):
    found = lab.kube.read("statefulsets", "ako", NAMESPACE)["metadata"]
    return (found.get("annotations") or {}).get("AviObjectDeletionStatus")


def leader(lab):
    return lab.kube.read("leases", "ako-lease-lock", NAMESPACE)["spec"]["holderIdentity"]


def test_a_follower_takes_over_when_the_leader_leaves(lab):
    world = World(lab)
    with lab.running(pod="ako-0", pace=QUICK) as first:
        world.put("web", "10.244.1.5")
        world.until_settled()
        with lab.running(pod="ako-1", pace=QUICK) as second:
            lab.kube.wait_for(lambda _kube: second.ready)
            assert leader(lab) == "ako-0"
            first.stop()
            world.put("web", "10.244.1.5", "10.244.1.6")
            world.put("new", "10.244.1.7")
            lab.kube.wait_for(lambda _kube: leader(lab) == "ako-1")
            world.until_settled()


def test_replicas_come_and_go_at_will(lab):
    world = World(lab)
    with contextlib.ExitStack() as late:
        with contextlib.ExitStack() as early:
            apps = [early.enter_context(lab.running(pod="ako-0", pace=QUICK))]
            world.put("stays", "10.244.1.5")
            world.until_settled()
            kept = identities(lab, "stays")
            for number in (1, 2):
                apps.append(late.enter_context(lab.running(pod=f"ako-{number}", pace=QUICK)))
                world.put(f"web-{number}", "10.244.1.6")
                world.until_settled()
            lab.kube.wait_for(lambda _kube: all(app.ready for app in apps))
            world.put("stays", "10.244.1.7")
        world.put("web-1", "10.244.1.8")
        world.drop("web-2")
        world.until_settled()
        apps[1].stop()
        world.put("last", "10.244.1.9")
        world.until_settled()
        assert identities(lab, "stays") == kept


@pytest.mark.parametrize("action", ["drop", "silence"])
def test_a_leader_cut_off_from_the_api_server_does_not_write_beside_its_successor(lab, action):
    world = World(lab)
    writers = []
    with lab.running(pod="ako-0", pace=TAKING_OVER) as first, lab.running(pod="ako-1", pace=TAKING_OVER) as second:
        world.put("web", "10.244.1.5")
        world.until_settled()
        apps = {"ako-0": first, "ako-1": second}
        old = leader(lab)
        new = ({"ako-0", "ako-1"} - {old}).pop()
        for name, app in apps.items():
            perform = app.workers.perform

            def noted(operation, name=name, perform=perform):
                writers.append((name, [each for each, one in apps.items() if one.may_write]))
                return perform(operation)

            app.workers.perform = noted
        # Every request of the leader breaks or hangs from now on; what it had begun to watch falls silent.
        lab.kube.faults.add(Fault(action=action, user_agent=agent_of(old), times=None))
        lab.kube.wait_for(lambda _kube: leader(lab) == new, timeout=60)
        assert not apps[old].may_write
        world.put("web", "10.244.1.8")
        world.put("new", "10.244.1.7")
        world.until_settled()
        assert {name for name, _ in writers} == {new}
        assert all(len(allowed) <= 1 for _, allowed in writers)
        lab.kube.faults.clear()


def test_delete_config_removes_everything_and_brings_it_back(lab):
    stateful_set(lab)
    world = World(lab)
    with lab.running(pace=QUICK):
        for name in ("one", "two"):
            world.put(name, "10.244.1.5")
        world.until_settled()
        edit(lab, deleteConfig="true")
        lab.kube.wait_for(lambda _kube: deletion_state(lab) == "Done")
        assert not any(ours(lab, kind) for kind in KINDS)
        lab.kube.wait_for(lambda _kube: lab.address("one") == [])
        mark = lab.mark()
        lab.kube.wait_for(lambda _kube: events(lab, "AKODeleteConfigSet") and events(lab, "AKODeleteConfigDone"))
        world.put("three", "10.244.1.6")
        edit(lab, deleteConfig="false")
        world.until_settled()
        lab.kube.wait_for(lambda _kube: deletion_state(lab) is None and events(lab, "AKODeleteConfigUnset"))
        # Each object once. The pool of "three" may be filled by a write of its own: its slice is watched apart.
        beyond = Counter(lab.writes(since=mark))
        beyond.subtract({f"POST {kind}": 3 for kind in KINDS})
        assert {write: count for write, count in beyond.items() if count} in ({}, {"PUT pool": 1})


def test_a_deletion_is_not_done_before_what_was_under_way_is_gone_too(lab):
    """Whoever waits for Done takes the cluster away next: what comes later would stay on the controller for ever."""
    stateful_set(lab)
    lab.avi.faults.add(ControllerFault(kind="delay", method="POST", path="/api/.*", delay=3.0))
    with lab.running(pace=QUICK) as app:
        World(lab).put("one", "10.244.1.5")
        lab.kube.wait_for(lambda _kube: lab.avi.faults.struck.get("delay"))
        assert not any(ours(lab, kind) for kind in KINDS)
        edit(lab, deleteConfig="true")
        lab.kube.wait_for(lambda _kube: deletion_state(lab) == "Done")
        mark = lab.mark()
        assert not any(ours(lab, kind) for kind in KINDS)
        lab.kube.wait_for(lambda _kube: app.idle)
    assert lab.writes(since=mark, records=True) == []


def test_a_start_with_delete_config_deletes_what_an_earlier_one_made(lab):
    stateful_set(lab)
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("one", "10.244.1.5")
        world.until_settled()
    edit(lab, deleteConfig="true")
    with lab.running(pod="ako-1", pace=QUICK):
        lab.kube.wait_for(lambda _kube: deletion_state(lab) == "Done")
    assert not any(ours(lab, kind) for kind in KINDS)


def test_the_annotation_of_a_deletion_is_written_once_the_api_server_takes_it(lab):
    stateful_set(lab)
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("one", "10.244.1.5")
        world.until_settled()
        lab.kube.faults.add(Fault(action="answer", verb="patch", resource="statefulsets", status=500, times=4))
        edit(lab, deleteConfig="true")
        lab.kube.wait_for(lambda _kube: deletion_state(lab) == "Done")


def test_log_level_and_events_change_at_run_time(lab):
    world = World(lab)
    with lab.running(pace=QUICK) as app:
        edit(lab, logLevel="ERROR", enableEvents="false")
        lab.kube.wait_for(lambda _kube: not app.settings.enable_events and not logs(app, "warning"))
        world.put("quiet", "10.244.1.5")
        world.until_settled()
        lab.kube.wait_for(lambda _kube: app.idle)
        edit(lab, logLevel="DEBUG", enableEvents="true")
        lab.kube.wait_for(lambda _kube: app.settings.enable_events and logs(app, "debug"))
        world.put("loud", "10.244.1.5")
        world.until_settled()
        lab.kube.wait_for(lambda _kube: synced(lab))
        assert {one["regarding"]["name"] for one in synced(lab)} == {"loud"}


def logs(app, method):
    """Whether an event of that severity would be logged now."""
    try:
        return app.log_level.filtered(None, method, {}) == {}
    except structlog.DropEvent:
        return False


def synced(lab):
    return [one for one in lab.kube.objects("events", "default", group="events.k8s.io") if one["reason"] == "Synced"]


def test_a_setting_that_needs_a_restart_is_reported_once_and_not_taken(lab):
    with lab.running(pace=QUICK) as app:
        edit(lab, cloudName="Elsewhere")
        lab.kube.wait_for(lambda _kube: events(lab, "RestartNeeded"))
        edit(lab, logLevel="ERROR")
        lab.kube.wait_for(lambda _kube: app.settings.log_level == "ERROR")
        (found,) = events(lab, "RestartNeeded")
        assert "cloudName" in found["note"]
        assert app.settings.cloud_name == "Default-Cloud"
        assert "cloudName" in str(app.status())


def test_a_wrong_configuration_is_refused_and_the_last_one_stays(lab):
    world = World(lab)
    with lab.running(pace=QUICK) as app:
        edit(lab, vipNetworkList="[")
        lab.kube.wait_for(lambda _kube: events(lab, "InvalidConfiguration"))
        assert "vipNetworkList" in str(app.status())
        world.put("web", "10.244.1.5")
        world.until_settled()


def test_a_rotated_password_is_taken_from_the_secret_in_place(lab):
    world = World(lab)
    with lab.running(pace=QUICK) as app:
        world.put("web", "10.244.1.5")
        world.until_settled()
        with Client(lab.avi) as administrator:
            answer = administrator.request(
                "PUT", "/api/useraccount", {"username": "admin", "old_password": "admin", "password": "N3w-secret"}
            )
            assert answer.status == 200, answer.body
        lab.avi.expire_sessions()
        world.put("web", "10.244.1.5", "10.244.1.6")
        lab.until(lambda _lab: app.status()["avicontroller"]["status"] == "DISCONNECTED")
        edit_secret(lab, password="N3w-secret")
        world.until_settled()
        lab.kube.wait_for(lambda _kube: app.status()["avicontroller"]["status"] == "CONNECTED")


def test_an_authority_that_appears_in_the_secret_is_used_from_then_on(lab):
    world = World(lab)
    with lab.running(pace=QUICK) as app:
        world.put("web", "10.244.1.5")
        world.until_settled()
        elsewhere, _key = self_made_certificate("elsewhere", addresses=("127.0.0.9",), now=datetime.now(UTC))
        edit_secret(lab, certificateAuthorityData=elsewhere)
        lab.kube.wait_for(lambda _kube: app.settings.certificate_authority)
        world.put("other", "10.244.1.6")
        lab.kube.wait_for(lambda _kube: app.status()["avicontroller"]["status"] == "DISCONNECTED")
        lab.kube.wait_for(lambda _kube: "certificate" in str(app.status()).lower())
        edit_secret(lab, certificateAuthorityData=lab.avi.certificate_pem)
        world.until_settled()


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_changed_out_of_band_is_put_back(lab, kind):
    world = World(lab)
    with lab.running(pace=RESYNCING) as app:
        world.put("web", "10.244.1.5")
        world.until_settled()
        (found,) = ours(lab, kind)
        with Client(lab.avi) as administrator:
            document = administrator.get(f"/api/{kind}/{found['uuid']}").json
            for change in CHANGES[kind]:
                change(document)
            answer = administrator.put(f"/api/{kind}/{found['uuid']}", document)
            assert answer.status == 200, answer.body
        lab.until(lambda lab: without_stamp(ours(lab, kind)[0]) == without_stamp(found))
        lab.kube.wait_for(lambda _kube: app.metrics.registry.get_sample_value("ako_drift_total") >= 1)


CHANGES = {
    "vsvip": [lambda one: one.update(dns_info=[])],
    "pool": [lambda one: one.update(servers=[], lb_algorithm="LB_ALGORITHM_ROUND_ROBIN")],
    # An index alone would be no difference: each rule has ports of its own.
    "l4policyset": [lambda one: one["l4_connection_policy"]["rules"][0]["match"]["port"].update(ports=[81])],
    "virtualservice": [lambda one: one.update(enabled=False)],
}


def without_stamp(document):
    return {name: value for name, value in document.items() if name != "_last_modified"}


def test_objects_deleted_out_of_band_are_made_again(lab):
    world = World(lab)
    with lab.running(pace=RESYNCING):
        world.put("web", "10.244.1.5")
        world.until_settled()
        before = identities(lab, "web")
        # No look at the controller succeeds until all four are gone, so none is made again between two deletions.
        lab.avi.faults.add(ControllerFault(method="GET", path="/api/.*"))
        with Client(lab.avi) as administrator:
            for kind in ("virtualservice", "l4policyset", "pool", "vsvip"):
                (found,) = ours(lab, kind)
                assert administrator.delete(f"/api/{kind}/{found['uuid']}").status == 204
        lab.avi.faults.clear()
        lab.until(lambda lab: identities(lab, "web") and not identities(lab, "web") & before)
        world.until_settled()


def test_objects_deleted_out_of_band_are_made_again_before_a_resync_when_something_touches_them(lab):
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("web", "10.244.1.5")
        world.until_settled()
        with Client(lab.avi) as administrator:
            for kind in ("virtualservice", "l4policyset", "pool"):
                (found,) = ours(lab, kind)
                assert administrator.delete(f"/api/{kind}/{found['uuid']}").status == 204
        world.put("web", "10.244.1.6")
        world.until_settled()


def test_a_stop_ends_although_neither_server_answers(lab):
    world = World(lab)
    with lab.running(pace=TAKING_OVER):
        world.put("web", "10.244.1.5")
        world.until_settled()
        lab.avi.faults.add(ControllerFault(kind="delay", delay=600.0))
        world.put("hangs", "10.244.1.6")
        lab.kube.wait_for(lambda _kube: lab.avi.faults.struck.get("delay"))
        lab.kube.faults.add(Fault(action="silence", user_agent="ako-toolkit", times=None))
        # The end of the block waits for the process to end, for less than a pod is given.
    lab.kube.faults.clear()
    lab.avi.faults.clear()
    with lab.running(pod="ako-1", pace=TAKING_OVER):
        world.until_settled()


def test_a_restart_with_everything_right_writes_nothing_at_all(lab):
    world = World(lab)
    with lab.running(pace=QUICK):
        for name in ("one", "two"):
            world.put(name, "10.244.1.5")
        world.until_settled()
    mark, since = lab.mark(), lab.kube.requests()[-1].sequence
    with lab.running(pod="ako-1", pace=QUICK) as app:
        lab.kube.wait_for(lambda _kube: worked_off(app))
    assert lab.writes(since=mark, records=True) == []
    patched = [one.path for one in lab.kube.requests(since) if one.verb == "patch"]
    assert patched == []


def test_a_token_is_renewed_before_it_expires_and_written_back(lab):
    with Client(lab.avi) as administrator:
        token = administrator.post("/api/user-token", {"hours": 100}).json["token"]
    lab.kube.delete("secrets", "avi-secret", NAMESPACE)
    edit_secret(lab, username="admin", authtoken=token)
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("web", "10.244.1.5")
        lab.kube.wait_for(lambda _kube: stored_token(lab) != token)
        lab.until(lambda lab: [one["token"] for one in tokens(lab)] == [stored_token(lab)])
        lab.avi.expire_sessions()
        world.put("web", "10.244.1.6")
        world.until_settled()
    (found,) = tokens(lab)
    left = datetime.fromisoformat(found["expires_at"]) - datetime.now(UTC)
    assert left > timedelta(hours=239)


def test_a_token_that_cannot_be_kept_is_not_left_on_the_controller(lab):
    with Client(lab.avi) as administrator:
        token = administrator.post("/api/user-token", {"hours": 100}).json["token"]
    lab.kube.delete("secrets", "avi-secret", NAMESPACE)
    edit_secret(lab, username="admin", authtoken=token)
    lab.kube.faults.add(Fault(action="answer", verb="patch", resource="secrets", status=403, times=None))
    with lab.running(pace=QUICK) as app:
        lab.kube.wait_for(lambda _kube: "token not renewed" in str(app.status()))
    assert [one["token"] for one in tokens(lab)] == [token]
    assert stored_token(lab) == token


def tokens(lab):
    with Client(lab.avi) as administrator:
        return administrator.get("/api/user-token").json["results"]


def stored_token(lab):
    data = lab.kube.read("secrets", "avi-secret", NAMESPACE)["data"]
    return base64.b64decode(data["authtoken"]).decode()
