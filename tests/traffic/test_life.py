"""The runtime, the controller, a Service Engine and Pods that run: what changes while requests come."""

import json

import pytest
from support.ingress.objects import MODES, definitions, ingress, ingress_class, tls_secret
from support.observed.documents import observed
from support.observed.lab import controller_of, give, plant
from support.runtime.faults import QUICK
from support.runtime.lab import runtime_lab, worked_off
from support.traffic.bed import TrafficBed, until

from ako_lab.pods.node import ProcessNodes

PROBE = {"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 1}


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path, **MODES["evh"]) as lab:
        for definition in definitions():
            lab.kube.apply(definition)
        lab.kube.apply(ingress_class())
        yield lab


@pytest.fixture
def bed(lab):
    with TrafficBed(lab.avi) as bed:
        yield bed


@pytest.fixture
def nodes(lab, bed, tmp_path):
    with ProcessNodes(kubeconfig=lab.kubeconfig, place=bed.place, folder=tmp_path) as nodes:
        yield nodes


def pod(name, app, *, grace=1.0, namespace="default", args=()):
    container = {
        "name": "echo",
        "image": "ako-lab/echo:1",
        "args": ["--http", "8080", "--udp", "8080", "--grace", str(grace), *args],
        "ports": [{"containerPort": 8080}],
        "readinessProbe": PROBE,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": app}},
        "spec": {"containers": [container]},
    }


def service(name, *ports, kind="LoadBalancer", **annotations):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default", "annotations": annotations},
        "spec": {
            "type": kind,
            "selector": {"app": name},
            "ports": [
                {"name": f"p{port}", "port": port, "targetPort": 8080, "protocol": proto} for port, proto in ports
            ],
        },
    }


def is_ready(lab, name):
    status = lab.kube.read("pods", name, "default").get("status", {})
    return any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", ()))


def until_answered(bed, *arguments, **more):
    """The answer, once there is a good one."""

    def ask():
        try:
            answer = bed.http(*arguments, **more)
        except Exception:
            return None
        return answer if answer.status < 400 else None

    return until(ask, what=f"an answer of {arguments}")


def test_a_pod_that_is_killed_costs_no_request(lab, bed, nodes):
    for name in ("web-1", "web-2"):
        lab.kube.apply(pod(name, "web"))
    lab.kube.apply(service("web", (80, "TCP"), (53, "UDP")))
    with lab.running(pace=QUICK):
        [address] = lab.until_address("web")
        until_answered(bed, address)
        until(lambda: is_ready(lab, "web-1") and is_ready(lab, "web-2"), what="both Pods are Ready")
        with bed.stream(address) as stream:
            stream.until(lambda: stream.pods() == {"web-1", "web-2"})
            assert "web-1 serves" in nodes.log("default", "web-1")
            lab.kube.delete("pods", "web-1", "default")
            stream.until(lambda: stream.pods() == {"web-2"})
            stream.more()
        assert stream.failures == []
        assert bed.udp(address, 53) == "web-2"
    assert bed.avi.alerts == ()


def test_a_pod_that_is_not_ready_gets_nothing_until_it_is(lab, bed, nodes):
    for name in ("web-1", "web-2"):
        lab.kube.apply(pod(name, "web"))
    lab.kube.apply(service("web", (80, "TCP")))
    with lab.running(pace=QUICK):
        [address] = lab.until_address("web")
        until_answered(bed, address)
        with bed.stream(address) as stream:
            stream.until(lambda: stream.pods() == {"web-1", "web-2"})
            own = lab.kube.read("pods", "web-1", "default")["status"]["podIP"]
            bed.http(own, 8080, "/health/503", method="POST")
            stream.until(lambda: stream.pods() == {"web-2"})
            assert not is_ready(lab, "web-1")
            bed.http(own, 8080, "/health/200", method="POST")
            stream.until(lambda: stream.pods() == {"web-1", "web-2"})
        assert stream.failures == []


def test_a_pod_that_ends_is_started_again_and_one_without_a_program_says_so(lab, bed, nodes):
    lab.kube.apply(pod("web-1", "web", args=["--no-such-option"]))
    until(lambda: "unrecognized arguments" in nodes.log("default", "web-1"), what="the Pod's own words in its log")
    until(lambda: nodes.log("default", "web-1").count("unrecognized") > 1, what="a second start")
    assert not is_ready(lab, "web-1")
    strange = pod("strange", "web")
    strange["spec"]["containers"][0]["image"] = "registry.example.com/unknown:1"
    lab.kube.apply(strange)
    until(lambda: lab.kube.read("pods", "strange", "default").get("status", {}).get("podIP"), what="its address")
    assert not is_ready(lab, "strange")


def test_a_certificate_that_rotates_costs_no_request(lab, bed, nodes):
    lab.kube.apply(pod("web-1", "web"))
    lab.kube.apply(service("web", (80, "TCP"), kind="ClusterIP"))
    lab.kube.apply(tls_secret("tls", "foo.lab.example.com", number=1))
    lab.kube.apply(ingress("a", {"foo.lab.example.com": {"/": "web"}}, tls="tls"))
    with lab.running(pace=QUICK):
        until(lambda: lab.avi.objects("vsvip"), what="the address of the shard")
        address = bed.address()
        until_answered(bed, address, 443, host="foo.lab.example.com", tls="foo.lab.example.com")
        with bed.stream(address, 443, host="foo.lab.example.com", tls="foo.lab.example.com") as stream:
            first = stream.answers[-1].certificate
            lab.kube.apply(tls_secret("tls", "foo.lab.example.com", number=2))
            stream.until(lambda: stream.answers[-1].certificate != first)
            stream.more()
        assert stream.failures == []


def test_the_runtime_may_stop_and_another_may_come_under_requests(lab, bed, nodes):
    lab.kube.apply(pod("web-1", "web"))
    lab.kube.apply(service("web", (80, "TCP")))
    with lab.running(pace=QUICK):
        [address] = lab.until_address("web")
        until_answered(bed, address)
    with bed.stream(address) as stream:
        stream.more()
        with lab.running("ako-1", pace=QUICK) as app:
            lab.kube.wait_for(lambda _kube: worked_off(app))
            stream.more()
        stream.more()
    assert stream.failures == []


@pytest.mark.parametrize("mode", sorted(MODES))
def test_a_host_is_served_in_every_mode(tmp_path, mode):
    with runtime_lab(tmp_path, **MODES[mode]) as lab, TrafficBed(lab.avi) as bed:
        for document in (*definitions(), ingress_class()):
            lab.kube.apply(document)
        with ProcessNodes(kubeconfig=lab.kubeconfig, place=bed.place, folder=tmp_path), lab.running(pace=QUICK):
            lab.kube.apply(pod("web-1", "web"))
            lab.kube.apply(service("web", (80, "TCP"), kind="ClusterIP"))
            lab.kube.apply(tls_secret("tls", "foo.lab.example.com"))
            lab.kube.apply(ingress("a", {"foo.lab.example.com": {"/": "web"}}, tls="tls"))
            lab.kube.apply(ingress("b", {"bar.lab.example.com": {"/": "web"}}))
            until(lambda: named(lab, "foo.lab.example.com") and named(lab, "bar.lab.example.com"), what="both hosts")
            secure, plain = (bed.address_of_host(host) for host in ("foo.lab.example.com", "bar.lab.example.com"))
            answer = until_answered(bed, secure, 443, host="foo.lab.example.com", tls="foo.lab.example.com")
            assert answer.pod == "web-1"
            assert until_answered(bed, plain, host="bar.lab.example.com").pod == "web-1"
            led = bed.http(secure, 80, "/x", host="foo.lab.example.com")
            assert (led.status, led.headers["location"]) == (302, "https://foo.lab.example.com/x")


def named(lab, host):
    return any(one["fqdn"] == host for vip in lab.avi.objects("vsvip") for one in vip.get("dns_info", ()))


@pytest.mark.parametrize("scenario", ["a2", "a9", "a11_evh"])
def test_a_take_over_and_a_stop_cost_no_request(tmp_path, scenario):
    """Objects as the official controller wrote them serve; ours takes over, and stops, under a stream of requests."""
    document = observed(scenario)
    with runtime_lab(tmp_path, controller=controller_of(document["avi_environment"])) as lab:
        plant(lab, document["avi_environment"]["extra_objects"])
        plant(lab, document["objects"])
        give(lab, document)
        with TrafficBed(lab.avi, before=serve_every_member) as bed:
            bed.settle()
            where = target(lab, json.dumps(document["given"]))
            until_answered(bed, *where[0], **where[1])
            with bed.stream(*where[0], **where[1]) as stream:
                stream.more()
                with lab.running(pace=QUICK) as app:
                    lab.kube.wait_for(lambda _kube: worked_off(app))
                    stream.more(100)
                stream.more()
            assert stream.failures == [], (len(stream.failures), len(stream.answers))


def serve_every_member(bed):
    """A server for every member of a pool; before the Service Engine looks, or it looks again after ten seconds."""
    pools = bed.avi.objects("pool")
    servers = {(one["ip"]["addr"], str(one["port"])) for pool in pools for one in pool.get("servers", ())}
    for number, (address, port) in enumerate(sorted(servers)):
        bed.start_echo("--address", address, "--http", port, "--udp", port, name=f"echo-{number}")


def target(lab, given):
    """Address, port and host of something that the objects of a scenario serve over TCP."""
    for vs in lab.avi.objects("virtualservice"):
        if vs.get("type") == "VS_TYPE_VH_CHILD":
            continue
        vip = next(one for one in lab.avi.objects("vsvip") if one["uuid"] in vs["vsvip_ref"])
        address = vip["vip"][0]["ip_address"]["addr"]
        plain = [one["port"] for one in vs["services"] if not one.get("override_network_profile_ref")]
        if vs.get("type") == "VS_TYPE_VH_PARENT":
            child = next(
                (one for one in lab.avi.objects("virtualservice") if vs["uuid"] in one.get("vh_parent_vs_ref", "")),
                None,
            )
            if child is None:
                continue
            host = (child.get("vh_domain_name") or [child["vh_matches"][0]["host"]])[0]
            secure = "tls" in given
            return (address, 443 if secure else 80), {"host": host, "tls": host} if secure else {"host": host}
        return (address, plain[0]), {}
    raise AssertionError("nothing to ask")
