"""TLS that goes through to the pods, on the lab: comes, moves, goes, and stays through a restart."""

import pytest
from support.ingress.objects import backend, ingress, ingress_class, tls_secret
from support.runtime.faults import QUICK
from support.runtime.lab import endpoints, runtime_lab, worked_off

HOST = "through.lab.example.com"
ANNOTATION = "passthrough.ako.vmware.com/enabled"
SHARED = "cluster-a--Shared-Passthrough-0"
KINDS = ("vsvip", "pool", "poolgroup", "httppolicyset", "vsdatascriptset", "virtualservice")


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path, enableEVH="true", shardVSSize="SMALL") as lab:
        lab.kube.apply(ingress_class())
        lab.kube.apply(backend("web"))
        lab.kube.apply(endpoints("web", "10.244.1.5"))
        lab.kube.apply(tls_secret("tls", HOST))
        yield lab


def through(name="through", host=HOST, *, enabled="true"):
    return ingress(name, {host: {"/": "web"}}, tls="tls", **{ANNOTATION: enabled})


def addresses(lab, name="through"):
    status = lab.kube.read("ingresses", name, "default").get("status", {})
    return [(one["ip"], one["hostname"]) for one in status.get("loadBalancer", {}).get("ingress") or ()]


def test_a_host_goes_through_and_leaves_nothing(lab):
    with lab.running(pace=QUICK):
        lab.kube.apply(through())
        lab.kube.wait_for(lambda _kube: addresses(lab))
        assert lab.names("virtualservice") == {SHARED, f"{SHARED}-insecure"}
        assert lab.members(f"cluster-a--{HOST}-web") == {"10.244.1.5:8080"}
        ((address, host),) = addresses(lab)
        assert host == HOST
        (vip,) = [one for one in lab.avi.objects("vsvip") if one["name"] == SHARED]
        assert vip["vip"][0]["ip_address"]["addr"] == address
        (script,) = [one for one in lab.avi.objects("vsdatascriptset") if one["name"] == SHARED]
        assert '"cluster-a--" .. string.lower(name)' in script["datascript"][0]["script"]
        lab.kube.apply(endpoints("web", "10.244.1.9"))
        lab.until(lambda lab: lab.members(f"cluster-a--{HOST}-web") == {"10.244.1.9:8080"})
        lab.kube.delete("ingresses", "through", "default")
        lab.until(lambda lab: not any(lab.names(kind) for kind in KINDS))


def test_a_host_moves_between_ending_tls_and_letting_it_through(lab):
    with lab.running(pace=QUICK):
        lab.kube.apply(through(enabled="false"))
        lab.kube.wait_for(lambda _kube: addresses(lab))
        assert not any("Passthrough" in name for name in lab.names("virtualservice"))
        lab.kube.apply(through())
        lab.until(lambda lab: lab.names("virtualservice") == {SHARED, f"{SHARED}-insecure"})
        lab.kube.wait_for(lambda _kube: [host for _, host in addresses(lab)] == [HOST])
        lab.kube.apply(through(enabled="false"))
        lab.until(lambda lab: not any("Passthrough" in name for name in lab.names("virtualservice")))
        lab.until(lambda lab: lab.names("virtualservice"))


def test_two_hosts_share_and_a_restart_writes_nothing(lab):
    with lab.running(pace=QUICK) as app:
        lab.kube.apply(through())
        lab.kube.apply(through("other", "other.lab.example.com"))
        lab.kube.wait_for(lambda _kube: addresses(lab) and addresses(lab, "other"))
        assert addresses(lab)[0][0] == addresses(lab, "other")[0][0]
        lab.kube.wait_for(lambda _kube: worked_off(app))
    mark = lab.mark()
    with lab.running(pod="ako-1", pace=QUICK) as app:
        lab.kube.wait_for(lambda _kube: worked_off(app))
    assert lab.writes(since=mark) == []
