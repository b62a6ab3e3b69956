"""Fake nodes: the book of places, full nodes, a second run over the same cluster, a server that fails."""

import ipaddress
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ako_lab.control_plane.nodes import FakeNodes
from ako_lab.control_plane.places import NODES_READY, PODS_PER_NODE, Places
from ako_lab.kube_api import Fault, KubeLab
from ako_runtime.errors import UserError

SUBNETS = {f"n{at}": ipaddress.IPv4Network(f"10.244.{at}.0/24") for at in range(3)}


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.sampled_from([None, *SUBNETS]), st.booleans()),
        min_size=1,
        max_size=60,
    )
)
def test_no_address_is_given_twice(steps):
    places, here = Places(SUBNETS), {}
    for uid, node, goes in steps:
        if goes:
            places.release(uid)
            here.pop(uid, None)
            continue
        place = here[uid] = places.given(uid, node)
        assert node in {None, place.node}
        assert ipaddress.ip_address(place.address) in SUBNETS[place.node]
        assert places.given(uid) == place
        assert len({place.address for place in here.values()}) == len(here)


def test_nodes_take_turns_until_they_are_full():
    places = Places(SUBNETS)
    found = [places.given(str(number)) for number in range(3 * PODS_PER_NODE)]
    assert [place.node for place in found[:4]] == ["n0", "n1", "n2", "n0"]
    assert len({place.address for place in found}) == 3 * PODS_PER_NODE
    assert places.given("one more") is None
    assert places.given("one more", "n1") is None
    places.release("4")
    assert places.given("one more") == found[4]


def test_an_address_that_a_pod_has_already_is_kept():
    places = Places(SUBNETS)
    assert places.given("old", "n2", "10.244.2.77").address == "10.244.2.77"
    assert places.given("other", "n2", "10.244.2.77") is None
    assert places.given("stranger", "not-ours") is None


@pytest.fixture
def lab():
    with KubeLab() as found:
        yield found


@pytest.fixture
def kubeconfig(lab, tmp_path):
    return lab.write_kubeconfig(tmp_path / "kubeconfig")


def make(lab, *names):
    for name in names:
        spec = {"containers": [{"name": "c", "image": "registry.local/c:1"}]}
        lab.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec})


def addresses(lab):
    """Address by name of the Pods that are Ready."""
    pods = lab.objects("pods")
    ready = [pod for pod in pods if {"Ready"} <= {item["type"] for item in pod["status"].get("conditions", ())}]
    return {pod["metadata"]["name"]: pod["status"]["podIP"] for pod in ready}


def test_a_pod_waits_for_room(lab, kubeconfig):
    names = [f"p{number}" for number in range(PODS_PER_NODE + 1)]
    with FakeNodes(kubeconfig=kubeconfig, count=1):
        make(lab, *names)
        lab.wait_for(lambda lab: len(addresses(lab)) == PODS_PER_NODE, 120)
        assert len(set(addresses(lab).values())) == PODS_PER_NODE
        (waiting,) = set(names) - addresses(lab).keys()
        lab.delete("pods", "p0" if waiting != "p0" else "p1", "default")
        lab.wait_for(lambda lab: waiting in addresses(lab), 120)


def test_a_second_run_takes_over_what_the_first_left(lab, kubeconfig):
    with FakeNodes(kubeconfig=kubeconfig, count=2):
        make(lab, "y", "z")
        lab.wait_for(lambda lab: len(addresses(lab)) == 2)
    before = addresses(lab)
    versions = {pod["metadata"]["name"]: pod["metadata"]["resourceVersion"] for pod in lab.objects("pods")}
    # Listed before those that have an address already.
    make(lab, "a", "b")
    with FakeNodes(kubeconfig=kubeconfig, count=2):
        make(lab, "c", "d")
        lab.wait_for(lambda lab: len(addresses(lab)) == 6)
    after = addresses(lab)
    assert before.items() <= after.items()
    assert len(set(after.values())) == 6
    assert {name: lab.read("pods", name)["metadata"]["resourceVersion"] for name in versions} == versions


def test_a_server_that_fails_for_a_while_only_delays(lab, kubeconfig):
    lab.faults.add(Fault(action="answer", verb="patch", resource="pods", status=500, times=4))
    with FakeNodes(kubeconfig=kubeconfig, count=1):
        make(lab, "late")
        lab.wait_for(addresses)
        lab.interrupt_watches("gone", resource="pods")
        make(lab, "later")
        lab.wait_for(lambda lab: len(addresses(lab)) == 2)


def test_each_pod_is_written_once(lab, kubeconfig):
    names = [f"p{number}" for number in range(40)]
    with FakeNodes(kubeconfig=kubeconfig, count=3):
        make(lab, *names)
        lab.wait_for(lambda lab: len(addresses(lab)) == len(names))
        # By now every writer has seen the events that its own writes made.
        make(lab, "last")
        lab.wait_for(lambda lab: "last" in addresses(lab))
    written = [item.name for item in lab.requests() if (item.resource, item.subresource) == ("pods", "status")]
    assert sorted(written) == sorted([*names, "last"])
    assert all(len(pod["status"]["podIPs"]) == 1 for pod in lab.objects("pods"))


def test_more_nodes_than_addresses_is_one_sentence(kubeconfig):
    with pytest.raises(UserError, match="no room for 9 nodes of a /24 each: take fewer nodes"):
        FakeNodes(kubeconfig=kubeconfig, count=9, pod_cidr="10.244.0.0/21")


def test_nodes_as_a_process(lab, kubeconfig):
    command = [sys.executable, "-m", "ako_lab.control_plane.cli", "nodes", "--count", "2", "--kubeconfig"]
    with subprocess.Popen([*command, str(kubeconfig)], stderr=subprocess.PIPE, text=True) as process:
        guard = threading.Timer(60, process.kill)
        guard.start()
        assert process.stderr.readline() == f"2 {NODES_READY}: fake-0 to fake-1\n"
        make(lab, "alive")
        lab.wait_for(addresses)
        process.terminate()
        assert process.wait() == 0
        guard.cancel()


def test_nodes_of_a_cluster_that_is_away_are_one_sentence(tmp_path):
    with KubeLab() as gone:
        kubeconfig = gone.write_kubeconfig(tmp_path / "kubeconfig")
    command = [sys.executable, "-m", "ako_lab.control_plane.cli", "nodes", "--kubeconfig", str(kubeconfig)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "cannot be reached" in done.stderr
