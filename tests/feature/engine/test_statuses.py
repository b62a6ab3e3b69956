"""Statuses that change behind the runtime: its own come back and cost nothing, those of others are looked at."""

import pytest
from support.runtime.faults import QUICK, World
from support.runtime.lab import runtime_lab

from ako_runtime.kube.connection import connect


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


def patch_status(lab, name, status):
    answer = connect(kubeconfig=str(lab.kubeconfig)).request(
        "PATCH",
        f"/api/v1/namespaces/default/services/{name}/status",
        body={"status": status},
        content_type="application/merge-patch+json",
    )
    assert answer.status == 200, answer.message


def passes(app):
    labels = {"stack": "service", "verdict": "done"}
    return app.metrics.registry.get_sample_value("ako_reconcile_seconds_count", labels) or 0.0


def test_an_address_that_somebody_changes_is_put_back(lab):
    world = World(lab)
    with lab.running(pace=QUICK):
        world.put("web", "10.244.1.5")
        world.until_settled()
        patch_status(lab, "web", {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}})
        lab.kube.wait_for(lambda _kube: lab.address("web") != ["192.0.2.1"])
        world.until_settled()


def test_a_condition_of_somebody_else_costs_no_pass(lab):
    world = World(lab)
    with lab.running(pace=QUICK) as app:
        world.put("web", "10.244.1.5")
        world.put("other", "10.244.1.6")
        world.until_settled()
        lab.kube.wait_for(lambda _kube: app.idle)
        before = passes(app)
        foreign = {"type": "example.com/Audited", "status": "True", "reason": "Seen", "message": ""}
        for turn in range(20):
            moment = f"2026-01-01T00:00:{turn:02}Z"
            patch_status(lab, "web", {"conditions": [{**foreign, "lastTransitionTime": moment}]})
        # A change that matters, after all the others in the same watch: when it is served, those were seen.
        world.put("other", "10.244.1.7")
        world.put("last", "10.244.1.8")
        world.until_settled()
        # One or two for the slice, and for each of the new Service and its slice: far from one for each condition.
        assert passes(app) - before < 20
