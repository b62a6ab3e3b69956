"""Two users who want the same address, name or port: one is served, the other is told what it is, and whose."""

import pytest
from support.runtime.lab import endpoints, runtime_lab, service, worked_off

ADDRESS = "ako.vmware.com/load-balancer-ip"
HOSTNAME = "external-dns.alpha.kubernetes.io/hostname"
SHARED = "ako.vmware.com/enable-shared-vip"


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        yield lab


def problem(lab, name):
    conditions = lab.kube.read("services", name, "default").get("status", {}).get("conditions") or []
    return next((entry["message"] for entry in conditions if entry["status"] == "False"), "")


def outcome(lab):
    """Who is served, and what the others are told."""
    lab.kube.wait_for(
        lambda _kube: all(lab.address(name) or problem(lab, name) for name in ("one", "two")), timeout=30.0
    )
    served = [name for name in ("one", "two") if lab.address(name)]
    (refused,) = {"one", "two"} - set(served)
    return served, problem(lab, refused)


@pytest.mark.parametrize(
    ("key", "value"),
    [(ADDRESS, "10.10.0.77"), (HOSTNAME, "amf.lab.example.com")],
)
def test_both_are_there_at_the_start(lab, key, value):
    for name in ("one", "two"):
        lab.kube.apply(service(name, **{key: value}))
    with lab.running():
        (winner,), message = outcome(lab)
        assert value in message
        assert f"cluster-a--default-{winner}" in message
        assert f"belongs to Service default/{winner}" in message
        assert lab.names("virtualservice") == {f"cluster-a--default-{winner}"}


@pytest.mark.parametrize(
    ("key", "value"),
    [(ADDRESS, "10.10.0.77"), (HOSTNAME, "amf.lab.example.com")],
)
def test_who_is_served_stays_so_when_another_wants_the_same(lab, key, value):
    with lab.running():
        lab.kube.apply(service("one", **{key: value}))
        lab.kube.apply(service("two"))
        mine, theirs = lab.until_address("one"), lab.until_address("two")
        lab.kube.apply(service("two", **{key: value}))
        lab.kube.wait_for(lambda _kube: value in problem(lab, "two"), timeout=30.0)
        assert (lab.address("one"), lab.address("two")) == (mine, theirs)
        assert lab.names("vsvip") == {"cluster-a--default-one", "cluster-a--default-two"}


def test_an_address_of_a_shared_vip_names_it(lab):
    with lab.running():
        lab.kube.apply(service("one", **{SHARED: "sig", ADDRESS: "10.10.0.77"}))
        lab.until_address("one")
        lab.kube.apply(service("two", **{ADDRESS: "10.10.0.77"}))
        lab.kube.wait_for(lambda _kube: problem(lab, "two"), timeout=30.0)
        assert "belongs to the Services of the shared VIP default/sig" in problem(lab, "two")


def test_one_port_of_a_shared_address(lab):
    with lab.running():
        lab.kube.apply(service("one", **{SHARED: "sig"}))
        lab.until_address("one")
        lab.kube.apply(service("two", **{SHARED: "sig"}))
        (winner,), message = outcome(lab)
        assert "80/TCP" in message
        assert f"default/{winner}" in message


ROOT = "cluster-a--a-b-c"


def clashing(namespace, name, kind="LoadBalancer"):
    """A Service whose virtual service is called `ROOT`."""
    document = service(name, namespace=namespace)
    return document | {"spec": document["spec"] | {"type": kind}}


def refused(lab, namespace, name):
    conditions = lab.kube.read("services", name, namespace).get("status", {}).get("conditions") or []
    return next((entry["message"] for entry in conditions if entry["status"] == "False"), "")


def test_who_is_served_under_a_name_keeps_it_over_a_start(lab):
    for namespace in ("a", "a-b"):
        lab.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    # Older, and not ours yet.
    lab.kube.apply(clashing("a", "b-c", kind="ClusterIP"))
    lab.kube.apply(clashing("a-b", "c"))
    lab.kube.apply(endpoints("c", "10.1.0.1", namespace="a-b"))
    lab.kube.apply(endpoints("b-c", "10.1.0.2", namespace="a"))
    with lab.running():
        address = lab.until_address("c", "a-b")
        lab.until(lambda lab: lab.members(f"{ROOT}-TCP-80") == {"10.1.0.1:8080"})
    lab.kube.apply(clashing("a", "b-c"))
    mark = lab.mark()
    with lab.running() as app:
        lab.kube.wait_for(lambda _kube: refused(lab, "a", "b-c") and worked_off(app), timeout=30.0)
        assert "a-b/c, which it serves already" in refused(lab, "a", "b-c")
        assert lab.address("c", "a-b") == address
        assert lab.address("b-c", "a") == []
        assert lab.writes(since=mark) == []
        # The name is free when its owner goes.
        lab.kube.delete("services", "c", "a-b")
        lab.until_address("b-c", "a")
        lab.until(lambda lab: lab.members(f"{ROOT}-TCP-80") == {"10.1.0.2:8080"})
