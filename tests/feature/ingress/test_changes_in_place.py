"""Changes by which a host gets other objects: another mode or size, another Ingress, TLS. New before old in each."""

import pytest
from support.ingress.objects import backend, definitions, ingress, ingress_class, tls_secret
from support.runtime.faults import QUICK
from support.runtime.lab import WRITES, endpoints, runtime_lab, worked_off

HOST, OTHER = "foo.lab.example.com", "bar.lab.example.com"
MODES = {
    "evh": {"enableEVH": "true", "shardVSSize": "SMALL", "vipPerNamespace": "false"},
    "evh-large": {"enableEVH": "true", "shardVSSize": "LARGE", "vipPerNamespace": "false"},
    "sni": {"enableEVH": "false", "shardVSSize": "SMALL", "vipPerNamespace": "false"},
    "sni-large": {"enableEVH": "false", "shardVSSize": "LARGE", "vipPerNamespace": "false"},
    "dedicated-evh": {"enableEVH": "true", "shardVSSize": "DEDICATED", "vipPerNamespace": "false"},
    "dedicated-sni": {"enableEVH": "false", "shardVSSize": "DEDICATED", "vipPerNamespace": "false"},
    "namespace": {"enableEVH": "true", "shardVSSize": "SMALL", "vipPerNamespace": "true"},
}
CHANGES = (
    ("evh", "sni"),
    ("sni", "evh"),
    ("evh", "namespace"),
    ("namespace", "evh"),
    ("evh", "dedicated-evh"),
    ("dedicated-evh", "evh"),
    ("sni", "dedicated-sni"),
    ("dedicated-sni", "sni"),
    ("evh", "evh-large"),
    ("evh-large", "evh"),
    ("sni", "sni-large"),
    ("sni-large", "sni"),
)
KINDS = ("vsvip", "pool", "poolgroup", "httppolicyset", "sslkeyandcertificate", "vsdatascriptset", "virtualservice")


def prepare(lab):
    for manifest in (
        *definitions(),
        ingress_class(),
        backend("web"),
        endpoints("web", "10.244.1.5"),
        tls_secret("tls", HOST),
        tls_secret("other", OTHER),
    ):
        lab.kube.apply(manifest)


@pytest.fixture(params=["evh", "sni"])
def lab(request, tmp_path):
    with runtime_lab(tmp_path, **MODES[request.param]) as lab:
        lab.mode = request.param
        prepare(lab)
        yield lab


def registered(lab):
    return {
        one["fqdn"]: document["name"] for document in lab.avi.objects("vsvip") for one in document.get("dns_info", ())
    }


def ours(lab):
    return {(kind, name) for kind in KINDS for name in lab.names(kind)}


def first(writes, start):
    return next((at for at, one in enumerate(writes) if one.startswith(start)), len(writes))


def last(writes, start):
    return max((at for at, one in enumerate(writes) if one.startswith(start)), default=-1)


def nothing_refused(lab, mark):
    return not [one for one in lab.avi.requests(since=mark) if one.method in WRITES and one.status >= 400]


def served(lab, name):
    status = lab.kube.read("ingresses", name, "default").get("status", {})
    return [one["hostname"] for one in status.get("loadBalancer", {}).get("ingress") or ()]


@pytest.mark.parametrize("change", CHANGES, ids="-to-".join)
def test_another_mode_or_size_builds_every_host_before_it_lets_go(tmp_path, change):
    """Settings are read at start: the next process finds what the last one made."""
    before, after = change
    with runtime_lab(tmp_path, **MODES[after]) as lab:
        prepare(lab)
        apply_both(lab)
        with lab.running(pace=QUICK) as app:
            lab.until(lambda lab: {HOST, OTHER} <= registered(lab).keys())
            lab.kube.wait_for(lambda _kube: worked_off(app))
        wanted = ours(lab)
        lab.configure(**MODES[before])
        with lab.running(pod="ako-1", pace=QUICK) as app:
            lab.until(lambda lab: ours(lab) != wanted and {HOST, OTHER} <= registered(lab).keys())
            lab.kube.wait_for(lambda _kube: worked_off(app))
        mark = lab.mark()
        lab.configure(**MODES[after])
        with lab.running(pod="ako-2", pace=QUICK) as app:
            lab.until(lambda lab: ours(lab) == wanted and {HOST, OTHER} <= registered(lab).keys())
            lab.kube.wait_for(lambda _kube: worked_off(app))
        writes = lab.writes(since=mark)
        assert nothing_refused(lab, mark)
        assert last(writes, "POST virtualservice") < first(writes, "DELETE virtualservice")
        assert last(writes, "POST vsvip") < first(writes, "DELETE vsvip")


def apply_both(lab):
    lab.kube.apply(ingress("plain", {HOST: {"/": "web"}}))
    lab.kube.apply(ingress("secure", {OTHER: {"/": "web"}}, tls="other"))


@pytest.mark.parametrize("tls", [None, "tls"], ids=["plain", "secure"])
@pytest.mark.parametrize("order", ["joins-first", "leaves-first"])
def test_a_host_goes_from_ingress_to_ingress(lab, order, tls):
    """Whoever edits two Ingresses does so one after the other; between the two the host may be nobody's."""
    with lab.running(pace=QUICK) as app:
        lab.kube.apply(ingress("from", {OTHER: {"/": "web"}, HOST: {"/": "web"}}, tls=tls))
        lab.kube.apply(ingress("to", {"last.lab.example.com": {"/": "web"}}, tls=tls))
        lab.until(lambda lab: {HOST, OTHER, "last.lab.example.com"} <= registered(lab).keys())
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        mark = lab.mark()
        joins = ingress("to", {"last.lab.example.com": {"/": "web"}, HOST: {"/": "web"}}, tls=tls)
        leaves = ingress("from", {OTHER: {"/": "web"}}, tls=tls)
        lab.kube.apply(joins if order == "joins-first" else leaves)
        if order == "joins-first":
            lab.kube.wait_for(lambda _kube: HOST in served(lab, "to"))
        lab.kube.apply(leaves if order == "joins-first" else joins)
        lab.kube.wait_for(lambda _kube: HOST in served(lab, "to") and HOST not in served(lab, "from"))
        lab.kube.wait_for(lambda _kube: app.idle)
        assert nothing_refused(lab, mark)
        assert HOST in registered(lab)
        writes = lab.writes(since=mark)
        assert "DELETE vsvip" not in writes
        if order == "joins-first":
            assert "DELETE virtualservice" not in writes
            assert last(writes, "POST pool") < first(writes, "DELETE pool")


@pytest.mark.parametrize("tls", [None, "tls"], ids=["plain", "secure"])
def test_a_renamed_ingress_has_its_pools_before_the_old_ones_go(lab, tls):
    """As a package manager renames: what is new comes first, then what is no longer there goes."""
    with lab.running(pace=QUICK) as app:
        lab.kube.apply(ingress("old", {HOST: {"/": "web"}}, tls=tls))
        lab.kube.wait_for(lambda _kube: HOST in served(lab, "old"))
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        mark = lab.mark()
        lab.kube.apply(ingress("new", {HOST: {"/": "web"}}, tls=tls))
        lab.kube.wait_for(lambda _kube: HOST in served(lab, "new"))
        lab.kube.delete("ingresses", "old", "default")
        lab.until(lambda lab: "DELETE pool" in lab.writes(since=mark))
        lab.kube.wait_for(lambda _kube: app.idle)
        writes = lab.writes(since=mark)
        assert nothing_refused(lab, mark)
        assert not {"DELETE virtualservice", "DELETE vsvip", "DELETE sslkeyandcertificate"} & set(writes)
        assert last(writes, "POST pool") < first(writes, "DELETE pool")
        assert not [name for name in lab.names("pool") if name.endswith("-old")]


def test_tls_comes_and_goes_new_before_old(lab):
    with lab.running(pace=QUICK) as app:
        lab.kube.apply(ingress("stays", {OTHER: {"/": "web"}}, tls="other"))
        lab.kube.apply(ingress("a", {HOST: {"/": "web"}}))
        lab.until(lambda lab: {HOST, OTHER} <= registered(lab).keys())
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        plain, mark = ours(lab), lab.mark()
        lab.kube.apply(ingress("a", {HOST: {"/": "web"}}, tls="tls"))
        lab.until(lambda lab: len(lab.names("sslkeyandcertificate")) == 2)
        lab.kube.wait_for(lambda _kube: app.idle)
        writes = lab.writes(since=mark)
        assert nothing_refused(lab, mark)
        assert not {"DELETE virtualservice", "DELETE vsvip"} & set(writes)
        if lab.mode == "sni":
            # The child is there before its host is led to TLS and leaves the script.
            added = writes.index("POST virtualservice")
            assert added < first(writes, "DELETE pool")
            assert added < first(writes, "PUT httppolicyset")
            assert added < first(writes, "PUT poolgroup")
        mark = lab.mark()
        lab.kube.apply(ingress("a", {HOST: {"/": "web"}}))
        lab.until(lambda lab: ours(lab) == plain)
        lab.kube.wait_for(lambda _kube: app.idle)
        writes = lab.writes(since=mark)
        assert nothing_refused(lab, mark)
        assert "DELETE vsvip" not in writes
        if lab.mode == "sni":
            gone = writes.index("DELETE virtualservice")
            assert last(writes, "POST pool") < gone
            assert last(writes, "PUT poolgroup") < gone
            assert last(writes, "PUT httppolicyset") < gone
        else:
            assert "DELETE virtualservice" not in writes


def infra(size):
    return {
        "apiVersion": "ako.vmware.com/v1beta1",
        "kind": "AviInfraSetting",
        "metadata": {"name": "sizes"},
        "spec": {"l7Settings": {"shardSize": size}},
    }


@pytest.mark.parametrize("tls", [None, "tls"], ids=["plain", "secure"])
@pytest.mark.parametrize("sizes", [("SMALL", "LARGE"), ("LARGE", "SMALL")], ids="-".join)
def test_a_setting_with_another_size_moves_children_and_leaves_nothing(lab, sizes, tls):
    """The one move with a pause: a child has one name, and the controller one object of a name (ADR 87)."""
    before, after = sizes
    named = ingress_class("sizes")
    named["spec"]["parameters"] = {"apiGroup": "ako.vmware.com", "kind": "AviInfraSetting", "name": "sizes"}
    lab.kube.apply(named)
    lab.kube.apply(infra(before))
    with lab.running(pace=QUICK) as app:
        lab.kube.apply(ingress("a", {HOST: {"/": "web"}}, tls=tls, class_name="sizes"))
        lab.until(lambda lab: HOST in registered(lab))
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        held, whole, mark = registered(lab)[HOST], len(ours(lab)), lab.mark()
        lab.kube.apply(infra(after))
        lab.until(lambda lab: registered(lab).get(HOST, held) != held and len(ours(lab)) == whole)
        lab.kube.wait_for(lambda _kube: app.idle)
        assert nothing_refused(lab, mark)
        assert held not in lab.names("virtualservice")
        lab.kube.wait_for(lambda _kube: HOST in served(lab, "a"))
        if lab.mode == "sni" and tls is None:
            # A host without TLS is part of its parent, which has a name of its own.
            writes = lab.writes(since=mark)
            assert last(writes, "POST virtualservice") < first(writes, "DELETE virtualservice")
