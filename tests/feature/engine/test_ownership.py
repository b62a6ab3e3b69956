"""Objects of others: of the name that we want, and of another instance in the same cluster."""

import msgspec
import pytest
from support.avi_lab.client import Client
from support.runtime.faults import KINDS, QUICK, World
from support.runtime.lab import NAMESPACE, endpoints, runtime_lab, service

from ako_runtime.reconcile.keys import Backoff

RESYNCING = msgspec.structs.replace(QUICK, resync=0.2)
PREFIX = "cluster-a--default-web"
CLOUD = "/api/cloud?name=Default-Cloud"
OTHERS = [{"key": "clustername", "values": ["cluster-b"]}]
# Objects that stand where ours should be; a VsVip says by a marker whose it is.
IN_THE_WAY = {
    "pool": {"name": f"{PREFIX}-TCP-80", "created_by": "terraform", "cloud_ref": CLOUD},
    "l4policyset": {"name": PREFIX, "created_by": "terraform", "is_internal_policy": False},
    "vsvip": {
        "name": PREFIX,
        "cloud_ref": CLOUD,
        "markers": OTHERS,
        "vip": [{"vip_id": "0", "ip_address": {"addr": "10.10.0.77", "type": "V4"}}],
    },
}


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


def condition(lab, name="web"):
    status = lab.kube.read("services", name, "default").get("status", {})
    return " ".join(one["message"] for one in status.get("conditions") or () if one["status"] == "False")


@pytest.mark.parametrize("kind", IN_THE_WAY)
def test_an_object_of_others_that_has_our_name_is_reported_and_never_touched(lab, kind):
    with Client(lab.avi) as administrator:
        answer = administrator.post(f"/api/{kind}", IN_THE_WAY[kind])
        assert answer.status == 201, answer.body
        uuid = answer.json["uuid"]
        theirs = next(one for one in lab.avi.objects(kind) if one["uuid"] == uuid)
        mark = lab.mark()
        world = World(lab)
        with lab.running(pace=RESYNCING):
            world.put("web", "10.244.1.5")
            world.put("other", "10.244.1.6")
            lab.kube.wait_for(lambda _kube: kind in condition(lab) and lab.address("other"))
            assert "was not made by this cluster" in condition(lab)
            assert lab.address("web") == []
            # It is tried again, and refused again.
            tries = refused(lab, kind, mark)
            lab.until(lambda lab: refused(lab, kind, mark) > tries + 1)
            assert next(one for one in lab.avi.objects(kind) if one["uuid"] == uuid) == theirs
            assert not [one for one in touched(lab, mark) if uuid in one.path]
            answer = administrator.delete(f"/api/{kind}/{uuid}")
            assert answer.status == 204, answer.body
            world.until_settled()
            lab.kube.wait_for(lambda _kube: not condition(lab))


def refused(lab, kind, since):
    return sum(one.method == "POST" and one.path == f"/api/{kind}" and one.status == 409 for one in touched(lab, since))


def touched(lab, since):
    return [one for one in lab.avi.requests(since=since) if one.method in {"POST", "PUT", "PATCH", "DELETE"}]


class Instances:
    """Two instances in one cluster: the primary serves team red, the secondary team blue."""

    SECOND = "avi-second"

    def __init__(self, lab):
        self.lab = lab
        for namespace, team in (("red", "red"), ("blue", "blue")):
            lab.kube.apply(
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": {"team": team}}}
            )
        lab.configure(nsSyncLabelKey="team", nsSyncLabelValue="red")
        lab.configure(namespace=self.SECOND, nsSyncLabelKey="team", nsSyncLabelValue="blue", primaryInstance="false")

    def put(self, namespace, name):
        self.lab.kube.apply(service(name, namespace=namespace))
        self.lab.kube.apply(endpoints(name, "10.244.1.5", namespace=namespace))
        pool = f"cluster-a--{namespace}-{name}-TCP-80"
        self.lab.until(lambda lab: lab.members(pool) == {"10.244.1.5:8080"})
        return self.lab.until_address(name, namespace)

    def held(self, namespace):
        """Names of everything that is served for a namespace, by kind."""
        prefix = f"cluster-a--{namespace}-"
        return {
            kind: sorted(one["name"] for one in self.lab.avi.objects(kind) if one["name"].startswith(prefix))
            for kind in KINDS
        }


def test_two_instances_in_one_cluster_leave_each_other_alone(lab):
    instances = Instances(lab)
    with (
        lab.running(pod="first", pace=RESYNCING) as first,
        lab.running(pod="second", pace=RESYNCING, namespace=Instances.SECOND) as second,
    ):
        red, blue = instances.put("red", "web"), instances.put("blue", "web")
        assert red != blue
        makers = {one["name"]: one["created_by"] for one in lab.avi.objects("virtualservice")}
        assert makers == {
            "cluster-a--red-web": "ako-cluster-a",
            "cluster-a--blue-web": f"ako-cluster-a-{Instances.SECOND}",
        }
        lab.kube.wait_for(lambda _kube: first.may_write and second.may_write)
        both = {name: instances.held(name) for name in ("red", "blue")}
        mark = lab.mark()
        # Several resyncs of both, each with a look for orphans.
        reads = len(inventory_reads(lab, mark))
        lab.until(lambda lab: len(inventory_reads(lab, mark)) > reads + 12)
        assert {name: instances.held(name) for name in ("red", "blue")} == both
        assert lab.writes(since=mark, records=True) == []
        lab.kube.delete("services", "web", "blue")
        lab.until(lambda _lab: not any(instances.held("blue").values()))
        assert instances.held("red") == both["red"]


def inventory_reads(lab, since):
    return [one for one in lab.avi.requests(since=since) if one.method == "GET" and one.path == "/api/vsvip"]


@pytest.mark.parametrize(("leaves", "stays"), [("red", "blue"), ("blue", "red")])
def test_delete_config_of_one_instance_leaves_the_other_alone(lab, leaves, stays):
    instances = Instances(lab)
    namespaces = {"red": NAMESPACE, "blue": Instances.SECOND}
    with (
        lab.running(pod="first", pace=QUICK),
        lab.running(pod="second", pace=QUICK, namespace=Instances.SECOND),
    ):
        instances.put("red", "web")
        instances.put("blue", "web")
        kept = instances.held(stays)
        lab.kube.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "avi-k8s-config", "namespace": namespaces[leaves]},
                "data": {"deleteConfig": "true"},
            }
        )
        lab.until(lambda _lab: not any(instances.held(leaves).values()))
        assert instances.held(stays) == kept


def test_a_vsvip_without_marker_is_taken_over_by_the_instance_that_wants_its_name(lab):
    document = {name: value for name, value in IN_THE_WAY["vsvip"].items() if name != "markers"}
    with Client(lab.avi) as administrator:
        uuid = administrator.post("/api/vsvip", document).json["uuid"]
    world = World(lab)
    with lab.running(pace=msgspec.structs.replace(QUICK, keys=Backoff(first=0.02, last=0.2, named=0.2))):
        world.put("web", "10.244.1.5")
        world.until_settled()
    assert [one["uuid"] for one in lab.avi.objects("vsvip") if one["name"] == PREFIX] == [uuid]
