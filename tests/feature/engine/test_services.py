import pytest
from support.runtime.lab import endpoints, runtime_lab, service

KINDS = ("vsvip", "pool", "l4policyset", "virtualservice")


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


def nothing_left(lab):
    return not any(lab.names(kind) for kind in KINDS)


def test_a_service_gets_its_objects_and_its_address(lab):
    with lab.running():
        lab.kube.apply(service("web"))
        lab.kube.apply(endpoints("web", "10.244.1.5", "10.244.2.6"))
        (address,) = lab.until_address("web")
        assert address.startswith("10.10.0.")
        lab.until(lambda lab: len(lab.members("cluster-a--default-web-TCP-80")) == 2)
        assert lab.names("virtualservice") == {"cluster-a--default-web"}


def test_an_endpoint_change_is_one_put(lab):
    with lab.running():
        lab.kube.apply(service("web"))
        lab.kube.apply(endpoints("web", "10.244.1.5"))
        lab.until_address("web")
        lab.until(lambda lab: lab.members("cluster-a--default-web-TCP-80") == {"10.244.1.5:8080"})
        mark = lab.mark()
        lab.kube.apply(endpoints("web", "10.244.1.5", "10.244.1.6"))
        lab.until(lambda lab: len(lab.members("cluster-a--default-web-TCP-80")) == 2)
        assert lab.writes(since=mark) == ["PUT pool"]


def test_a_deleted_service_leaves_nothing(lab):
    with lab.running():
        lab.kube.apply(service("web", ports=(80, 443)))
        lab.until_address("web")
        lab.kube.delete("services", "web", "default")
        lab.until(nothing_left)


def test_a_restart_writes_nothing(lab):
    with lab.running():
        lab.kube.apply(service("web"))
        lab.kube.apply(endpoints("web", "10.244.1.5"))
        lab.until_address("web")
        lab.until(lambda lab: lab.members("cluster-a--default-web-TCP-80"))
    mark = lab.mark()
    with lab.running(pod="ako-1"):
        lab.kube.apply(service("other"))
        lab.until_address("other")
    assert sorted(lab.writes(since=mark)) == sorted(f"POST {kind}" for kind in KINDS)


def test_what_was_deleted_meanwhile_goes_at_the_next_start(lab):
    with lab.running():
        lab.kube.apply(service("web"))
        lab.kube.apply(service("stays"))
        lab.until_address("web")
        lab.until_address("stays")
    lab.kube.delete("services", "web", "default")
    with lab.running():
        lab.until(lambda lab: lab.names("virtualservice") == {"cluster-a--default-stays"})
        lab.until(lambda lab: all(len(lab.names(kind)) == 1 for kind in KINDS))


def test_a_wrong_annotation_is_refused_with_a_status_and_others_work(lab):
    with lab.running():
        lab.kube.apply(service("wrong", **{"ako.vmware.com/load-balancer-ip": "10.10.0.999"}))
        lab.kube.apply(service("right"))
        lab.until_address("right")
        lab.kube.wait_for(lambda _kube: conditions(lab, "wrong"))
        (condition,) = conditions(lab, "wrong")
        assert condition["status"] == "False"
        assert "10.10.0.999" in condition["message"]
        assert "cluster-a--default-wrong" not in lab.names("virtualservice")
        lab.kube.apply(service("wrong", **{"ako.vmware.com/load-balancer-ip": "10.10.0.99"}))
        lab.kube.wait_for(lambda _kube: lab.address("wrong") == ["10.10.0.99"])
        lab.kube.wait_for(lambda _kube: [one["status"] for one in conditions(lab, "wrong")] == ["True"])


def conditions(lab, name):
    return lab.kube.read("services", name, "default").get("status", {}).get("conditions") or []


def test_foreign_objects_are_not_touched(lab):
    # Two clusters may not register one name.
    lab.configure(autoFQDN="disabled")
    with lab.running():
        lab.kube.apply(service("web"))
        lab.until_address("web")
    foreign = {document["uuid"] for kind in KINDS for document in lab.avi.objects(kind)}
    lab.configure(clusterName="cluster-b", autoFQDN="disabled")
    lab.kube.delete("services", "web", "default")
    with lab.running():
        lab.kube.apply(service("web"))
        lab.until_address("web")
        lab.until(lambda lab: any(one["name"] == "cluster-b--default-web" for one in lab.avi.objects("virtualservice")))
    assert foreign <= {document["uuid"] for kind in KINDS for document in lab.avi.objects(kind)}
