"""Hosts that move to another address: the new place is built, the old one lets go, the name follows."""

import contextlib

import pytest
from support.ingress.objects import backend, definitions, ingress, ingress_class, tls_secret
from support.runtime.faults import QUICK
from support.runtime.lab import WRITES, endpoints, runtime_lab

from ako_lab.avi_controller.faults import Fault

PROBLEM = "ako.vmware.com/ingress-problem"
HOST, OTHER = "foo.lab.example.com", "bar.lab.example.com"


@pytest.fixture(params=["true", "false"], ids=["evh", "sni"])
def lab(request, tmp_path):
    with runtime_lab(tmp_path, enableEVH=request.param, shardVSSize="SMALL") as lab:
        for manifest in (*definitions(), ingress_class()):
            lab.kube.apply(manifest)
        lab.kube.apply(backend("web"))
        lab.kube.apply(endpoints("web", "10.244.1.5"))
        lab.evh = request.param
        yield lab


def registered(lab):
    return {
        one["fqdn"]: document["name"] for document in lab.avi.objects("vsvip") for one in document.get("dns_info", ())
    }


def virtualservices(lab):
    return {document["name"] for document in lab.avi.objects("virtualservice")}


def until_registered(lab, *hosts):
    lab.until(lambda lab: set(hosts) <= set(registered(lab)))


def test_a_changed_size_moves_every_host(lab):
    with lab.running():
        lab.kube.apply(ingress("a", {HOST: {"/": "web"}}))
        lab.kube.apply(ingress("b", {OTHER: {"/": "web"}}))
        until_registered(lab, HOST, OTHER)
        # The record of the cluster says that all is ours; else the next start asks before it deletes so much.
        lab.until(lambda lab: "PUT stringgroup" in lab.writes(records=True))
        before = registered(lab)[HOST]
    lab.configure(enableEVH=lab.evh, shardVSSize="DEDICATED")
    with lab.running(pod="ako-1"):
        lab.until(lambda lab: registered(lab).get(HOST, before) != before)
        until_registered(lab, HOST, OTHER)
        lab.until(lambda lab: before not in virtualservices(lab))


def test_a_changed_size_leads_children_to_another_parent(lab):
    """A start finds the children of the last process; their name says nothing of the parent."""
    lab.configure(enableEVH=lab.evh, shardVSSize="LARGE")
    lab.kube.apply(tls_secret("tls", HOST))
    with lab.running():
        lab.kube.apply(ingress("a", {HOST: {"/": "web"}}, tls="tls"))
        until_registered(lab, HOST)
        lab.until(lambda lab: len(virtualservices(lab)) == 2)
        before = registered(lab)[HOST]
        (child,) = virtualservices(lab) - {before}
    mark = lab.mark()
    lab.configure(enableEVH=lab.evh, shardVSSize="SMALL")
    with lab.running(pod="ako-1"):
        lab.until(lambda lab: registered(lab).get(HOST, before) != before)
        lab.until(lambda lab: before not in virtualservices(lab))
        assert virtualservices(lab) == {child, registered(lab)[HOST]}
        assert lab.writes(since=mark).count("POST virtualservice") == 1
        assert lab.writes(since=mark).count("DELETE virtualservice") == 1


def infra(name, size):
    return {
        "apiVersion": "ako.vmware.com/v1beta1",
        "kind": "AviInfraSetting",
        "metadata": {"name": name},
        "spec": {"l7Settings": {"shardSize": size}},
    }


def class_of_infra(name):
    document = ingress_class(name)
    document["spec"]["parameters"] = {"apiGroup": "ako.vmware.com", "kind": "AviInfraSetting", "name": name}
    return document


def let_through(enabled):
    return {"passthrough.ako.vmware.com/enabled": enabled}


MOVES = {
    "passthrough": ({}, let_through("true")),
    "ended": (let_through("true"), let_through("false")),
    "class": ({}, {"class_name": "other"}),
    "dedicated-class": ({"class_name": "one"}, {"class_name": "two"}),
}


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("tls", [None, "tls"], ids=["plain", "secure"])
def test_a_host_is_served_at_its_new_place_before_the_old_one_lets_go(lab, move, tls):
    """Nothing of the old place is touched before the new one is whole, and nothing is tried that is refused."""
    before, after = MOVES[move]
    lab.kube.apply(tls_secret("tls", HOST))
    for name, size in (("other", "SMALL"), ("one", "DEDICATED"), ("two", "DEDICATED")):
        lab.kube.apply(infra(name, size))
        lab.kube.apply(class_of_infra(name))
    with lab.running() as app:
        lab.kube.apply(ingress("stays", {OTHER: {"/": "web"}}))
        lab.kube.apply(ingress("moves", {HOST: {"/": "web"}}, tls=tls, **before))
        until_registered(lab, HOST, OTHER)
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        held, mark = registered(lab)[HOST], lab.mark()
        lab.kube.apply(ingress("moves", {HOST: {"/": "web"}}, tls=tls, **after))
        lab.until(lambda lab: registered(lab).get(HOST, held) != held)
        # Nothing may be queued for a moment while what the status shows is still on its way.
        lab.kube.wait_for(lambda _kube: shown(lab, "moves") == addresses_of(lab, registered(lab)[HOST]))
        lab.kube.wait_for(lambda _kube: app.idle)
        assert not [one for one in lab.avi.requests(since=mark) if one.method in WRITES and one.status >= 400]
        writes = lab.writes(since=mark)
        assert last(writes, "POST virtualservice") < first(writes, "DELETE")
        assert last(writes, "POST virtualservice") < first(writes, "PUT vsvip")
        assert shown(lab, "moves") == addresses_of(lab, registered(lab)[HOST])


def shown(lab, name):
    """Addresses in the status of an Ingress."""
    status = lab.kube.read("ingresses", name, "default").get("status", {})
    return [one["ip"] for one in status.get("loadBalancer", {}).get("ingress", [])]


@pytest.mark.parametrize("sizes", [("SMALL", "DEDICATED"), ("DEDICATED", "SMALL")], ids="-".join)
@pytest.mark.parametrize("tls", [None, "tls"], ids=["plain", "secure"])
def test_another_sharding_takes_over_what_has_the_same_name(lab, sizes, tls):
    """Policy set and certificate are the same objects before and after: they go over while both places serve."""
    before, after = sizes
    lab.kube.apply(tls_secret("tls", HOST))
    lab.kube.apply(infra("other", before))
    lab.kube.apply(class_of_infra("other"))
    with lab.running() as app:
        lab.kube.apply(ingress("moves", {HOST: {"/": "web"}}, tls=tls, class_name="other"))
        until_registered(lab, HOST)
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        held, mark = registered(lab)[HOST], lab.mark()
        lab.kube.apply(infra("other", after))
        lab.until(lambda lab: registered(lab).get(HOST, held) != held)
        lab.kube.wait_for(lambda _kube: app.idle)
        writes = lab.writes(since=mark)
        assert last(writes, "POST virtualservice") < first(writes, "DELETE virtualservice")
        assert last(writes, "POST virtualservice") < first(writes, "PUT vsvip")
        assert {"DELETE sslkeyandcertificate", "POST sslkeyandcertificate"}.isdisjoint(writes)
        assert held not in virtualservices(lab)


@pytest.mark.parametrize("sizes", [("SMALL", "LARGE"), ("LARGE", "SMALL"), ("SMALL", "MEDIUM")], ids="-".join)
@pytest.mark.parametrize("tls", [None, "tls"], ids=["plain", "secure"])
def test_another_number_of_shared_virtual_services_leads_the_children_over(lab, sizes, tls):
    """A child has the same name below each parent: it goes from key to key as it is, and is never gone."""
    before, after = sizes
    # One is served by the first of however many, whose name is that of the only one; the others are not.
    hosts = [OTHER, HOST, "moon.lab.example.com"]
    lab.kube.apply(tls_secret("tls", "*.lab.example.com"))
    lab.kube.apply(infra("other", before))
    lab.kube.apply(class_of_infra("other"))
    with lab.running() as app:
        lab.kube.apply(ingress("moves", {host: {"/": "web"} for host in hosts}, tls=tls, class_name="other"))
        until_registered(lab, *hosts)
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        held, mark = dict(registered(lab)), lab.mark()
        parents = {held[host] for host in hosts}
        children = virtualservices(lab) - parents
        lab.kube.apply(infra("other", after))
        for host in hosts[1:]:
            lab.until(lambda lab, host=host: registered(lab).get(host, held[host]) != held[host])
        lab.kube.wait_for(lambda _kube: app.idle)
        now = registered(lab)
        places = {now[host] for host in hosts}
        assert now[OTHER] == held[OTHER]
        assert virtualservices(lab) == children | places
        assert not [one for one in lab.avi.requests(since=mark) if one.method in WRITES and one.status >= 400]
        writes = lab.writes(since=mark)
        assert writes.count("DELETE virtualservice") == len(parents - places)
        assert writes.count("POST virtualservice") == len(places - parents)
        kept = {"sslkeyandcertificate", "httppolicyset"} if lab.evh == "true" else {"sslkeyandcertificate"}
        assert {f"{verb} {kind}" for verb in ("DELETE", "POST") for kind in kept}.isdisjoint(writes)


@contextlib.contextmanager
def resized(lab, *faults):
    """One secure host is served, then there are faults, and its place is another one; its old place, and its child."""
    lab.kube.apply(tls_secret("tls", HOST))
    lab.kube.apply(infra("other", "SMALL"))
    lab.kube.apply(class_of_infra("other"))
    with lab.running() as app:
        lab.kube.apply(ingress("moves", {HOST: {"/": "web"}}, tls="tls", class_name="other"))
        until_registered(lab, HOST)
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        held, mark = registered(lab)[HOST], lab.mark()
        (child,) = virtualservices(lab) - {held}
        for fault in faults:
            lab.avi.faults.add(fault)
        lab.kube.apply(infra("other", "LARGE"))
        yield app, held, child, mark


def test_a_child_is_made_anew_where_the_controller_refuses_another_parent(lab):
    with resized(lab, Fault(status=400, method="PUT", path="/api/virtualservice/.*", count=1)) as (
        app,
        held,
        child,
        mark,
    ):
        lab.until(lambda lab: registered(lab).get(HOST, held) != held)
        lab.kube.wait_for(lambda _kube: app.idle)
        assert virtualservices(lab) == {child, registered(lab)[HOST]}
        # Refused with the new parent, taken with the one before: it is the parent that is refused.
        found = [
            (one.method, one.status)
            for one in lab.avi.requests(since=mark)
            if one.method in WRITES and one.path.startswith("/api/virtualservice")
        ]
        asked = [("POST", 201), ("PUT", 400), ("PUT", 200)]
        # The new child is made beside the old one, and gets its name when that is gone.
        assert found == [*asked, ("POST", 201), ("DELETE", 204), ("PUT", 200), ("DELETE", 204)]


def test_a_child_is_not_given_up_where_the_controller_refuses_something_else(lab):
    with resized(lab, Fault(status=400, method="PUT", path="/api/virtualservice/.*")) as (_app, held, child, mark):
        lab.until(lambda lab: lab.writes(since=mark).count("PUT virtualservice") >= 2)
        assert registered(lab)[HOST] == held
        assert {child, held} < virtualservices(lab)
        assert "DELETE virtualservice" not in lab.writes(since=mark)


@pytest.mark.parametrize("tls", [None, "tls"], ids=["plain", "secure"])
def test_two_hosts_change_places(lab, tls):
    """Each place wants what the other one has: neither may wait for the other for ever."""
    lab.kube.apply(tls_secret("tls", "*.lab.example.com"))
    for name in ("one", "two"):
        lab.kube.apply(infra(name, "SMALL"))
        lab.kube.apply(class_of_infra(name))
    with lab.running() as app:
        lab.kube.apply(ingress("a", {HOST: {"/": "web"}}, tls=tls, class_name="one"))
        lab.kube.apply(ingress("b", {OTHER: {"/": "web"}}, tls=tls, class_name="two"))
        until_registered(lab, HOST, OTHER)
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        held, mark = dict(registered(lab)), lab.mark()
        # One change for both, so that both places see them at the same time.
        one, two = class_of_infra("one"), class_of_infra("two")
        one["spec"]["parameters"]["name"], two["spec"]["parameters"]["name"] = "two", "one"
        lab.kube.apply(one)
        lab.kube.apply(two)
        lab.until(lambda lab: (registered(lab).get(HOST), registered(lab).get(OTHER)) == (held[OTHER], held[HOST]))
        lab.kube.wait_for(lambda _kube: app.idle)
        assert not [one for one in lab.avi.requests(since=mark) if one.method in WRITES and one.status >= 400]


def host_rule(*aliases, name="names", host=HOST):
    return {
        "apiVersion": "ako.vmware.com/v1beta1",
        "kind": "HostRule",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"virtualhost": {"fqdn": host, "aliases": list(aliases)}},
    }


@pytest.mark.parametrize("move", MOVES)
def test_aliases_move_with_their_host(lab, move):
    """Another VsVip may register them no sooner than the name of the host itself."""
    before, after = MOVES[move]
    alias = f"www.{HOST}"
    lab.kube.apply(tls_secret("tls", HOST))
    lab.kube.apply(host_rule(alias))
    for name, size in (("other", "SMALL"), ("one", "DEDICATED"), ("two", "DEDICATED")):
        lab.kube.apply(infra(name, size))
        lab.kube.apply(class_of_infra(name))
    with lab.running(pace=QUICK) as app:
        lab.kube.apply(ingress("moves", {HOST: {"/": "web"}}, tls="tls", **before))
        until_registered(lab, HOST)
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        held, mark = registered(lab)[HOST], lab.mark()
        lab.kube.apply(ingress("moves", {HOST: {"/": "web"}}, tls="tls", **after))
        lab.until(lambda lab: registered(lab).get(HOST, held) != held)
        # Nothing may be queued for a moment while what the status shows is still on its way.
        lab.kube.wait_for(lambda _kube: shown(lab, "moves") == addresses_of(lab, registered(lab)[HOST]))
        lab.kube.wait_for(lambda _kube: app.idle)
        assert not [one for one in lab.avi.requests(since=mark) if one.method in WRITES and one.status >= 400]
        writes = lab.writes(since=mark)
        assert last(writes, "POST virtualservice") < first(writes, "DELETE")
        # Where TLS goes through there are no rules, hence no aliases.
        assert registered(lab).get(alias) == (registered(lab)[HOST] if move != "passthrough" else None)


def test_an_alias_goes_from_host_to_host(lab):
    """It has no virtual service of its own that could be missing: nothing is deleted, and nothing tried in vain."""
    alias = f"www.{HOST}"
    for name in ("one", "two"):
        lab.kube.apply(infra(name, "DEDICATED"))
        lab.kube.apply(class_of_infra(name))
    lab.kube.apply(tls_secret("tls", HOST))
    lab.kube.apply(tls_secret("other", OTHER))
    lab.kube.apply(host_rule(alias, name="first"))
    lab.kube.apply(host_rule(f"ftp.{OTHER}", name="second", host=OTHER))
    with lab.running(pace=QUICK) as app:
        lab.kube.apply(ingress("a", {HOST: {"/": "web"}}, tls="tls", class_name="one"))
        lab.kube.apply(ingress("b", {OTHER: {"/": "web"}}, tls="other", class_name="two"))
        until_registered(lab, HOST, OTHER, alias)
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        mark = lab.mark()
        lab.kube.apply(host_rule(f"ftp.{HOST}", name="first"))
        lab.kube.apply(host_rule(alias, name="second", host=OTHER))
        lab.until(lambda lab: registered(lab).get(alias) == registered(lab)[OTHER])
        lab.kube.wait_for(lambda _kube: app.idle)
        assert set(registered(lab)) >= {HOST, OTHER, alias, f"ftp.{HOST}"}
        assert f"ftp.{OTHER}" not in registered(lab)
        assert not [one for one in lab.writes(since=mark) if not one.startswith("PUT")]


def first(writes, start):
    return next((at for at, one in enumerate(writes) if one.startswith(start)), len(writes))


def last(writes, start):
    return max((at for at, one in enumerate(writes) if one.startswith(start)), default=-1)


def addresses_of(lab, vsvip):
    (found,) = [one for one in lab.avi.objects("vsvip") if one["name"] == vsvip]
    return [vip["ip_address"]["addr"] for vip in found["vip"]]


def test_a_host_stays_where_it_is_while_its_new_place_is_refused(lab):
    lab.kube.apply(infra("other", "SMALL"))
    lab.kube.apply(class_of_infra("other"))
    with lab.running() as app:
        lab.kube.apply(ingress("moves", {HOST: {"/": "web"}}))
        until_registered(lab, HOST)
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        held, mark = registered(lab)[HOST], lab.mark()
        lab.avi.faults.add(
            Fault(status=400, method="POST", path="/api/virtualservice/?", error="no Service Engine has room")
        )
        lab.kube.apply(ingress("moves", {HOST: {"/": "web"}}, class_name="other"))
        lab.until(lambda lab: "POST virtualservice" in lab.writes(since=mark))
        lab.kube.wait_for(
            lambda kube: (
                "no Service Engine has room"
                in kube.read("ingresses", "moves", "default")["metadata"]["annotations"].get(PROBLEM, "")
            )
        )
        assert registered(lab)[HOST] == held
        assert held in virtualservices(lab)
        assert not [one for one in lab.writes(since=mark) if one.startswith("DELETE")]


def test_a_renamed_ingress_leaves_the_virtual_service_of_its_host_alone(lab):
    with lab.running():
        lab.kube.apply(ingress("old", {HOST: {"/": "web"}}))
        until_registered(lab, HOST)
        lab.kube.apply(ingress("new", {HOST: {"/": "web"}}))
        lab.kube.wait_for(
            lambda kube: (
                kube.read("ingresses", "new", "default").get("status", {}).get("loadBalancer", {}).get("ingress")
            )
        )
        mark = lab.mark()
        lab.kube.delete("ingresses", "old", "default")
        lab.until(lambda lab: "DELETE pool" in lab.writes(since=mark))
        lab.kube.apply(ingress("last", {OTHER: {"/": "web"}}))
        until_registered(lab, HOST, OTHER)
        assert "DELETE virtualservice" not in lab.writes(since=mark)
        assert "DELETE vsvip" not in lab.writes(since=mark)


def test_tls_is_added_and_removed_new_before_old(lab):
    lab.kube.apply(tls_secret("tls", HOST))
    with lab.running():
        lab.kube.apply(ingress("a", {HOST: {"/": "web"}}))
        until_registered(lab, HOST)
        lab.until(lambda lab: virtualservices(lab) & lab.names("virtualservice"))
        mark = lab.mark()
        lab.kube.apply(ingress("a", {HOST: {"/": "web"}}, tls="tls"))
        lab.until(lambda lab: lab.names("sslkeyandcertificate") and settled(lab, mark))
        writes = lab.writes(since=mark)
        assert not {"DELETE virtualservice", "DELETE vsvip"} & set(writes)
        if "DELETE pool" in writes:
            assert writes.index("POST virtualservice") < writes.index("DELETE pool")


def settled(lab, mark):
    """In SNI mode the pool of the insecure host goes last; in EVH mode the child is changed in place."""
    last = "PUT virtualservice" if lab.evh == "true" else "DELETE pool"
    return last in lab.writes(since=mark)
