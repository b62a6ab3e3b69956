"""Two instances share the Services of a cluster by namespace: neither writes to a Service of the other."""

import msgspec
import pytest
from support.runtime.faults import QUICK
from support.runtime.lab import agent_of, runtime_lab, service

SECOND = "avi-second"
RESYNCING = msgspec.structs.replace(QUICK, resync=0.2)
HOST_MAP = "ako.vmware.com/host-fqdn-vs-uuid-map"


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        for name in ("red", "blue"):
            lab.kube.apply(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": {"team": name}}}
            )
        lab.configure(nsSyncLabelKey="team", nsSyncLabelValue="red")
        lab.configure(namespace=SECOND, nsSyncLabelKey="team", nsSyncLabelValue="blue", primaryInstance="false")
        yield lab


def annotation(lab, name, namespace):
    return lab.kube.read("services", name, namespace)["metadata"].get("annotations", {}).get(HOST_MAP)


def reason(lab, name, namespace):
    conditions = lab.kube.read("services", name, namespace).get("status", {}).get("conditions") or []
    return next((entry["reason"] for entry in conditions if entry["status"] == "False"), "")


def writers(lab, namespace):
    """Who has written to Services of the namespace."""
    return {one.user_agent for one in lab.kube.requests() if one.method == "PATCH" and one.namespace == namespace}


def rounds(lab, since):
    found = [one for one in lab.avi.requests(since=since) if one.method == "GET" and one.path == "/api/vsvip"]
    return len(found)


def test_annotations_and_conditions_of_the_other_instance_stay(lab):
    with (
        lab.running(pod="first", pace=RESYNCING),
        lab.running(pod="second", pace=RESYNCING, namespace=SECOND),
    ):
        for namespace in ("red", "blue"):
            lab.kube.apply(service("web", namespace=namespace))
            wrong = service("wrong", namespace=namespace, **{"ako.vmware.com/load-balancer-ip": "10.10.0.300"})
            lab.kube.apply(wrong)
            lab.until_address("web", namespace)
            lab.kube.wait_for(lambda _kube, space=namespace: annotation(lab, "web", space))
            lab.kube.wait_for(lambda _kube, space=namespace: reason(lab, "wrong", space) == "InvalidValue")
        mark = lab.mark()
        # Several resyncs of both: every key runs again in each.
        lab.until(lambda lab: rounds(lab, mark) > 12)
        assert writers(lab, "red") == {agent_of("first")}
        assert writers(lab, "blue") == {agent_of("second")}
        for namespace in ("red", "blue"):
            assert annotation(lab, "web", namespace)
            assert reason(lab, "wrong", namespace) == "InvalidValue"


def test_a_namespace_that_is_handed_over_is_served_by_the_other(lab):
    with (
        lab.running(pod="first", pace=RESYNCING),
        lab.running(pod="second", pace=RESYNCING, namespace=SECOND),
    ):
        lab.kube.apply(service("web", namespace="red"))
        lab.until_address("web", "red")
        lab.kube.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "red", "labels": {"team": "blue"}}}
        )
        lab.until(lambda lab: makers(lab) == {f"ako-cluster-a-{SECOND}"})
        lab.kube.wait_for(lambda _kube: lab.address("web", "red") and annotation(lab, "web", "red"))


def makers(lab):
    return {one["created_by"] for one in lab.avi.objects("virtualservice")}
