"""Hosts whose tenant changes: built in the new one, then the old one lets go, then the name follows (ADR 87)."""

import pytest
from support.avi_lab.client import Client
from support.ingress.objects import MODES, backend, definitions, ingress, ingress_class, tls_secret
from support.runtime.faults import QUICK
from support.runtime.lab import WRITES, endpoints, runtime_lab, worked_off

HOST, OTHER, THROUGH = "foo.lab.example.com", "bar.lab.example.com", "passthrough.ako.vmware.com/enabled"
TENANT = "ako.vmware.com/tenant-name"
SHARED = ("cluster-a--Shared-L7-0", "cluster-a--Shared-L7-EVH-0")
KINDS = ("vsvip", "pool", "poolgroup", "httppolicyset", "sslkeyandcertificate", "vsdatascriptset", "virtualservice")


@pytest.fixture(params=MODES)
def lab(request, tmp_path):
    with runtime_lab(tmp_path, **MODES[request.param]) as lab:
        with Client(lab.avi) as administrator:
            for name in ("gold", "silver"):
                assert administrator.request("POST", "/api/tenant", {"name": name}).status == 201
        for manifest in (*definitions(), ingress_class(), namespace("green"), namespace("red")):
            lab.kube.apply(manifest)
        for name in ("green", "red"):
            lab.kube.apply(backend("web", name))
            lab.kube.apply(endpoints("web", "10.244.1.5", namespace=name))
            lab.kube.apply(tls_secret("tls", HOST, namespace=name))
        yield lab


def namespace(name, **annotations):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "annotations": annotations}}


def of_tenant(lab, tenant):
    """What we have in a tenant, as `kind name`."""
    return {
        f"{kind} {one['name']}"
        for kind in KINDS
        for one in lab.avi.objects(kind)
        if one["name"].startswith("cluster-a--") and one["tenant_ref"].rpartition("#")[2] == tenant
    }


def registered(lab):
    """Tenant of the VsVip that has each name."""
    return {
        one["fqdn"]: document["tenant_ref"].rpartition("#")[2]
        for document in lab.avi.objects("vsvip")
        for one in document.get("dns_info", ())
    }


def shown(lab, name, where):
    status = lab.kube.read("ingresses", name, where).get("status", {})
    return [one["ip"] for one in status.get("loadBalancer", {}).get("ingress") or ()]


def address_in(lab, tenant, host):
    (found,) = [
        one
        for one in lab.avi.objects("vsvip")
        if one["tenant_ref"].rpartition("#")[2] == tenant and host in {name["fqdn"] for name in one.get("dns_info", ())}
    ]
    return [vip["ip_address"]["addr"] for vip in found["vip"]]


def first(writes, start):
    return next((at for at, one in enumerate(writes) if one.startswith(start)), len(writes))


def last(writes, start):
    return max((at for at, one in enumerate(writes) if one.startswith(start)), default=-1)


@pytest.mark.parametrize("kind", ["plain", "secure", "through"])
def test_a_host_is_whole_in_its_new_tenant_before_the_old_one_lets_go(lab, kind):
    tls = "tls" if kind == "secure" else None
    wishes = {THROUGH: "true"} if kind == "through" else {}
    with lab.running(pace=QUICK) as app:
        lab.kube.apply(ingress("stays", {OTHER: {"/": "web"}}, namespace="green", **wishes))
        lab.until(lambda lab: OTHER in registered(lab))
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        rest = of_tenant(lab, "admin")
        lab.kube.apply(ingress("moves", {HOST: {"/": "web"}}, namespace="red", tls=tls, **wishes))
        lab.until(lambda lab: HOST in registered(lab))
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        mark = lab.mark()
        lab.kube.apply(namespace("red", **{TENANT: "gold"}))
        lab.until(lambda lab: registered(lab).get(HOST) == "gold")
        lab.kube.wait_for(lambda _kube: app.idle)
        assert not [one for one in lab.avi.requests(since=mark) if one.method in WRITES and one.status >= 400]
        writes = lab.writes(since=mark)
        assert last(writes, "POST virtualservice") < first(writes, "DELETE virtualservice")
        assert last(writes, "POST virtualservice") < first(writes, "PUT vsvip")
        lab.until(lambda lab: of_tenant(lab, "admin") <= rest)
        lab.kube.wait_for(lambda _kube: shown(lab, "moves", "red") == address_in(lab, "gold", HOST))
        assert shown(lab, "stays", "green") == address_in(lab, "admin", OTHER)


def rest_of(tenant, lab):
    """What a tenant is left with: the shared address of the one in the settings, which a host may come back to."""
    return of_tenant(lab, tenant) - ({f"vsvip {name}" for name in SHARED} if tenant == "admin" else set())


@pytest.mark.parametrize("tls", [None, "tls"], ids=["plain", "secure"])
def test_a_host_that_is_alone_leaves_nothing_of_its_own_in_its_old_tenant(lab, tls):
    """From tenant to tenant and back: what was left behind would be in the way of the way back."""
    with lab.running(pace=QUICK) as app:
        lab.kube.apply(ingress("moves", {HOST: {"/": "web"}}, namespace="red", tls=tls))
        lab.until(lambda lab: HOST in registered(lab))
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        whole = of_tenant(lab, "admin")
        for old, new in (("admin", "gold"), ("gold", "silver"), ("silver", "admin")):
            mark = lab.mark()
            lab.kube.apply(namespace("red", **{TENANT: new}))
            lab.until(lambda lab, old=old: not rest_of(old, lab))
            lab.until(lambda lab, new=new: registered(lab).get(HOST) == new)
            lab.kube.wait_for(lambda _kube: app.idle)
            writes = lab.writes(since=mark)
            assert last(writes, "POST virtualservice") < first(writes, "DELETE virtualservice")
            assert len(of_tenant(lab, new)) == len(whole)
            lab.kube.wait_for(lambda _kube, new=new: shown(lab, "moves", "red") == address_in(lab, new, HOST))


def test_a_tenant_that_changes_while_nobody_looks_is_a_move_as_well(lab):
    with lab.running(pace=QUICK) as app:
        lab.kube.apply(ingress("moves", {HOST: {"/": "web"}}, namespace="red", tls="tls"))
        lab.until(lambda lab: HOST in registered(lab))
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
    mark = lab.mark()
    lab.kube.apply(namespace("red", **{TENANT: "gold"}))
    with lab.running(pod="ako-1", pace=QUICK) as app:
        lab.until(lambda lab: registered(lab).get(HOST) == "gold")
        lab.kube.wait_for(lambda _kube: worked_off(app))
        lab.until(lambda lab: not rest_of("admin", lab))
        writes = lab.writes(since=mark)
        assert last(writes, "POST virtualservice") < first(writes, "DELETE virtualservice")
