"""What the process says of itself over HTTP, and what it never says anywhere."""

import json
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from support.ingress.objects import backend, ingress, ingress_class, tls_secret
from support.runtime.faults import QUICK, World, ours
from support.runtime.lab import endpoints, runtime_lab, service, worked_off
from support.skips import Missing, skip_without

from ako_lab.avi_controller.faults import Fault
from ako_runtime.observe.logs import LogLevel, configure_logs
from ako_runtime.observe.metrics import Metrics

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


def asked(app, path, address="127.0.0.1"):
    """Status and body of an answer."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{address}:{app.http_port}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_readiness_follows_the_work(lab):
    lab.avi.faults.add(Fault(kind="reset"))
    with lab.running(pace=QUICK) as app:
        lab.until(lambda lab: lab.avi.faults.struck.get("reset", 0) > 1)
        assert asked(app, "/healthz") == (200, "ok\n")
        code, reason = asked(app, "/readyz")
        assert code == 503
        assert reason.startswith("waiting for the controller: ")
        lab.avi.faults.clear()
        World(lab).until_settled()
        lab.kube.wait_for(lambda _kube: asked(app, "/readyz") == (200, "ok\n"))
        assert asked(app, "/elsewhere")[0] == 404


def test_status_answers_as_the_official_one(lab):
    world = World(lab)
    with lab.running(pace=QUICK) as app:
        world.put("web", "10.244.1.5")
        world.until_settled()
        code, body = asked(app, "/api/status")
        assert code == 200
        assert json.loads(body) == {"avicontroller": {"status": "CONNECTED", "errors": []}}


def test_metrics_tell_what_happened(lab):
    world = World(lab)
    with lab.running(pace=QUICK) as app:
        world.put("web", "10.244.1.5")
        world.until_settled()
        # Something that comes back (our own status, a slice) may be looked at just now.
        lab.kube.wait_for(lambda _kube: worked_off(app) and "ako_queue_depth 0.0" in asked(app, "/metrics")[1])
        values = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(asked(app, "/metrics")[1])
            for sample in family.samples
        }
    assert values[("ako_leader", ())] == 1
    assert values[("ako_avi_requests_total", (("code", "201"), ("method", "POST"), ("type", "pool")))] == 1
    assert values[("ako_owned_objects", (("type", "virtualservice"),))] == 1
    assert values[("ako_reconcile_seconds_count", (("stack", "service"), ("verdict", "done")))] >= 1
    assert values[("ako_kube_writes_total", (("code", "200"), ("resource", "services")))] >= 1


def test_owned_objects_that_are_gone_are_counted_as_none(lab):
    world = World(lab)
    with lab.running(pace=QUICK) as app:
        world.put("web", "10.244.1.5")
        world.until_settled()
        assert 'ako_owned_objects{type="pool"} 1.0' in asked(app, "/metrics")[1]
        world.drop("web")
        lab.until(world.settled)
        lab.kube.wait_for(lambda _kube: app.idle)
        assert 'ako_owned_objects{type="pool"} 0.0' in asked(app, "/metrics")[1]


def test_the_reference_names_every_metric_with_its_labels():
    text = PAGE.read_text()
    for collector in Metrics().registry.collect():
        name = f"{collector.name}_total" if collector.type == "counter" else collector.name
        assert f"| `{name}` | {collector.type} |" in text, name
        assert collector.documentation in text, name


def test_a_stack_can_be_looked_at(lab):
    world = World(lab)
    with lab.running(pace=QUICK) as app:
        world.put("web", "10.244.1.5")
        world.until_settled()
        lab.kube.wait_for(lambda _kube: app.idle)
        code, body = asked(app, "/debug/stack/service/default/web")
        assert code == 200
        shown = json.loads(body)
        assert shown["desired"].keys() == shown["observed"].keys()
        assert len(shown["desired"]) == 4
        (pool,) = [one for ref, one in shown["observed"].items() if ref.startswith("pool")]
        assert pool["uuid"] == ours(lab, "pool")[0]["uuid"]
        assert [server["ip"]["addr"] for server in pool["content"]["servers"]] == ["10.244.1.5"]
        assert shown["plan"] == []
        assert shown["last_error"] == ""
        assert asked(app, "/debug/stack/nonsense")[0] == 404
        lab.avi.faults.add(Fault(status=500, method="POST", path="/api/vsvip"))
        lab.kube.apply(service("broken"))
        lab.until(lambda lab: lab.avi.faults.struck.get("status", 0) > 1)
        shown = json.loads(asked(app, "/debug/stack/service/default/broken")[1])
        assert (shown["plan"][0]["verb"], shown["plan"][0]["kind"]) == ("create", "vsvip")
        assert "500" in shown["last_error"]


def test_a_private_key_is_not_shown(lab):
    host = "sec.lab.example.com"
    lab.configure(shardVSSize="DEDICATED")
    for document in (ingress_class(), backend("web"), endpoints("web", "10.244.1.5"), tls_secret("tls", host)):
        lab.kube.apply(document)
    lab.kube.apply(ingress("secure", {host: {"/": "web"}}, tls="tls"))
    with lab.running(pace=QUICK) as app:
        lab.until(lambda lab: lab.names("sslkeyandcertificate"))
        lab.kube.wait_for(lambda _kube: worked_off(app))
        body = asked(app, f"/debug/stack/host/{host}")[1]
    assert "BEGIN CERTIFICATE" in body
    assert "redacted" in body
    assert "PRIVATE KEY" not in body


def test_the_port_is_open_for_both_families(lab):
    if not socket.has_dualstack_ipv6():
        skip_without(Missing.KERNEL, "no IPv6")
    with lab.running(pace=QUICK) as app:
        for address in ("127.0.0.1", "[::1]"):
            assert asked(app, "/healthz", address=address) == (200, "ok\n")
            assert "no such stack" in asked(app, "/debug/stack/nonsense", address=address)[1]


def test_a_stack_is_shown_to_nobody_outside(lab, monkeypatch):
    outside = []
    monkeypatch.setattr("ako_runtime.observe.http.is_loopback", outside.append)
    with lab.running(pace=QUICK) as app:
        World(lab).put("web", "10.244.1.5")
        lab.until_address("web")
        assert asked(app, "/debug/stack/service/default/web") == (404, "not found\n")
    assert [address.rpartition(":")[2] for address in outside] == ["127.0.0.1"]


@pytest.fixture
def log(capfd):
    """What is logged, by a configuration that ends with the test."""
    yield capfd
    structlog.reset_defaults()


def test_secrets_are_never_logged(lab, log):
    world = World(lab)
    with lab.running(pace=QUICK) as app:
        configure_logs(LogLevel("DEBUG"), readable=False)
        world.put("web", "10.244.1.5")
        world.until_settled()
        for fault in (Fault(kind="reset", count=3), Fault(status=401, count=3), Fault(kind="truncated-body", count=2)):
            lab.avi.faults.add(fault)
        app.workers.perform = _surprise_once(app.workers.perform)
        world.put("other", "10.244.1.6")
        world.until_settled()
        shown = asked(app, "/api/status")[1] + asked(app, "/metrics")[1]
    logged = log.readouterr().err + shown
    assert "surprise" in logged
    secrets = [lab.kube.token, '"admin"}', "sessionid", "csrftoken", "Bearer"]
    assert not [secret for secret in secrets if secret in logged]


def _surprise_once(perform):
    surprises = iter([RuntimeError("surprise")])

    def performed(operation):
        for surprise in surprises:
            raise surprise
        return perform(operation)

    return performed
