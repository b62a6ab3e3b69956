"""EndpointSlices that follow Pods one by one are the ones that a Service would get anew."""

from hypothesis import given, settings
from hypothesis import strategies as st

from ako_lab.kube_api.addresses import ServiceAddresses
from ako_lab.kube_api.api import Api
from ako_lab.kube_api.listing import Query

SERVICE = {
    "metadata": {"name": "web"},
    "spec": {
        "selector": {"app": "web"},
        "ipFamilyPolicy": "RequireDualStack",
        "ipFamilies": ["IPv4", "IPv6"],
        "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
    },
}


def api():
    addresses = ServiceAddresses(cidr="10.96.0.0/16", cidr_v6="fd00:10:96::/112", node_ports=(30000, 32767))
    return Api(addresses=addresses, retained=1000)


def place(found, plural, name):
    return found.target(plural, namespace="default", name=name)


def add_pod(found, name, app, number, *, six=True):
    container = {"name": "c", "image": "i", "ports": [{"name": "http", "containerPort": 8080}]}
    found.create(
        place(found, "pods", name),
        {"metadata": {"name": name, "labels": {"app": app}}, "spec": {"containers": [container]}},
    )
    addresses = [f"10.0.{number // 250}.{number % 250}", *([f"fd00::{number + 1:x}"] if six else [])]
    status = {"podIPs": [{"ip": address} for address in addresses], "podIP": addresses[0], "phase": "Running"}
    door = found.target("pods", namespace="default", name=name)
    found.change(
        type(door)(resource=door.resource, namespace="default", name=name, subresource="status"),
        lambda old: {**old, "status": status},
    )


def slices(found):
    page = found.page(found.target("endpointslices", namespace="default"), Query())
    return [stored.document for stored in page.items]


def told(found):
    """Family, address and Pod of every endpoint; each slice is as it may be."""
    for one in slices(found):
        names = [item["targetRef"]["name"] for item in one["endpoints"]]
        assert len(names) <= 100
        assert names == sorted(names)
        assert [port["port"] for port in one["ports"]] == ([8080] if names else [])
    rows = [
        (one["addressType"], *item["addresses"], item["targetRef"]["name"])
        for one in slices(found)
        for item in one["endpoints"]
    ]
    assert len(rows) == len(set(rows))
    return sorted(rows)


def anew(found):
    """What a Service that is written now says of the same Pods."""
    found.delete(place(found, "services", "web"))
    assert slices(found) == []
    found.create(place(found, "services", "web"), SERVICE)
    return told(found)


STEPS = st.tuples(st.sampled_from(["add", "six-less", "delete", "leave", "join"]), st.integers(0, 7))


@settings(deadline=None, max_examples=30)
@given(st.lists(STEPS, max_size=25))
def test_one_by_one_is_as_good_as_anew(steps):
    found, there = api(), set()
    found.create(place(found, "services", "web"), SERVICE)
    for action, number in steps:
        name = f"p{number}"
        if action in {"add", "six-less"} and name not in there:
            there.add(name)
            add_pod(found, name, "web", number, six=action == "add")
        elif action == "delete" and name in there:
            there.remove(name)
            found.delete(place(found, "pods", name))
        elif action in {"leave", "join"} and name in there:
            labels = {"app": "web" if action == "join" else "other"}
            found.change(
                place(found, "pods", name),
                lambda old, labels=labels: {**old, "metadata": {**old["metadata"], "labels": labels}},
            )
    assert told(found) == anew(found)


def test_more_pods_than_one_slice_holds():
    found = api()
    found.create(place(found, "services", "web"), SERVICE)
    for number in range(230):
        add_pod(found, f"p{number}", "web", number)
    assert sorted(len(one["endpoints"]) for one in slices(found)) == [30, 30, 100, 100, 100, 100]
    for number in range(100):
        found.delete(place(found, "pods", f"p{number}"))
    # An emptied slice goes, others keep what they have: whoever watches them is not told what did not change.
    assert sorted(len(one["endpoints"]) for one in slices(found)) == [30, 30, 100, 100]
    add_pod(found, "new", "web", 240)
    assert sorted(len(one["endpoints"]) for one in slices(found)) == [31, 31, 100, 100]
    assert len(told(found)) == 262
    assert told(found) == anew(found)
