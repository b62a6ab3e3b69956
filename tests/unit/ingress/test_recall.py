"""What is remembered from pass to pass gives the answers of a translation without memory, whatever changes."""

import functools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.golden_cases import context_of, snapshot_of, watched_as
from support.ingress.objects import backend, client_secret, ingress, ingress_class, sso_rule, tls_secret

from ako_runtime.model.stack import ObjectRef
from ako_runtime.resources.index_l7 import INGRESSES_OF_HOST
from ako_runtime.resources.journal import Change
from ako_runtime.translate.dispatch import keys_touched_by
from ako_runtime.translate.ingress import hosts as hosts_module
from ako_runtime.translate.keys import all_keys, outcome_for
from ako_runtime.translate.recall import Recall

HOSTS = ("a.example.com", "b.example.com", "*.example.com", "c.other.org", "")
ALIAS = "alias.example.com"
SETTINGS = (
    {"enableEVH": "true", "shardVSSize": "SMALL"},
    {"enableEVH": "false", "shardVSSize": "SMALL"},
    {"enableEVH": "false", "shardVSSize": "DEDICATED"},
    {"enableEVH": "true", "vipPerNamespace": "true"},
    {"enableEVH": "false", "shardVSSize": "MEDIUM", "serviceType": "NodePort"},
    {"enableEVH": "true", "shardVSSize": "SMALL", "serviceType": "NodePortLocal", "cniPlugin": "antrea"},
)


def endpoint_slice(name, address):
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": f"{name}-1", "namespace": "default", "labels": {"kubernetes.io/service-name": name}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": "p80", "port": 8080}],
    }


def node(address):
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "node-1"},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}],
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def namespace(**annotations):
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "default", "annotations": annotations},
    }


def host_rule(host, redirect, aliases):
    return {
        "apiVersion": "ako.vmware.com/v1beta1",
        "kind": "HostRule",
        "metadata": {"name": "rule", "namespace": "default"},
        "spec": {
            "virtualhost": {"fqdn": host, "fqdnType": "Exact", "applicationRootPath": redirect, "aliases": aliases}
        },
    }


def infra(size):
    return {
        "apiVersion": "ako.vmware.com/v1beta1",
        "kind": "AviInfraSetting",
        "metadata": {"name": "infra"},
        "spec": {"l7Settings": {"shardSize": size}},
    }


INGRESSES = st.builds(
    lambda name, hosts, services, tls, passthrough: ingress(
        name,
        {host: {f"/{at}": service for at, service in enumerate(services)} for host in hosts},
        tls=tls,
        **{"passthrough.ako.vmware.com/enabled": passthrough},
    ),
    name=st.sampled_from(["one", "two", "three"]),
    hosts=st.lists(st.sampled_from(HOSTS), min_size=1, max_size=2, unique=True),
    services=st.lists(st.sampled_from(["web", "api", "gone"]), max_size=2),
    tls=st.sampled_from([None, None, "tls"]),
    passthrough=st.sampled_from(["false", "false", "false", "true"]),
)
OBJECTS = st.one_of(
    INGRESSES,
    INGRESSES,
    st.builds(backend, st.sampled_from(["web", "api"])),
    st.builds(endpoint_slice, st.sampled_from(["web", "api"]), st.sampled_from(["10.1.0.1", "10.1.0.2"])),
    st.builds(functools.partial(tls_secret, "tls", "a.example.com"), number=st.integers(1, 2)),
    st.builds(node, st.sampled_from(["10.2.0.1", "10.2.0.2"])),
    st.builds(
        ingress_class, controller=st.sampled_from(["ako.vmware.com/avi-lb", "ako.vmware.com/avi-lb", "example.com/x"])
    ),
    st.sampled_from([namespace(), namespace(**{"aviinfrasetting.ako.vmware.com/name": "infra"})]),
    st.builds(
        host_rule, st.sampled_from(HOSTS[:2]), st.sampled_from(["/start", "/first"]), st.sampled_from([[], [ALIAS]])
    ),
    # With the last one everything is kept as it is.
    st.builds(infra, st.sampled_from(["SMALL", "DEDICATED", "HUGE"])),
    st.builds(sso_rule, st.sampled_from(["first", "second"]), st.sampled_from([*HOSTS[:3], ALIAS])),
    st.builds(client_secret, st.just("app"), st.sampled_from(["one", "two", ""])),
)
CHANGES = st.lists(st.tuples(st.booleans(), OBJECTS), min_size=1, max_size=12)


def changed(snapshot, document, *, gone):
    kind = watched_as(document)
    obj = msgspec.json.decode(msgspec.json.encode(document), type=kind.model)
    old = snapshot.of(kind.key).get(obj.identity)
    if gone:
        return kind.key, old, None, snapshot.without_object(kind.key, obj.identity)
    return kind.key, old, obj, snapshot.with_object(kind.key, obj)


def said_by(outcome):
    """Everything that an outcome says, in no order."""
    return msgspec.structs.replace(
        outcome,
        statuses=tuple(sorted(outcome.statuses, key=lambda one: one.about)),
        diagnostics=tuple(sorted(outcome.diagnostics, key=str)),
    )


def shown_by(outcome):
    """Objects, and what Ingresses show; that an Ingress is nobody's any more is said by the keys that are touched."""
    return outcome.stack, {one for one in outcome.statuses if getattr(one, "hosts", ()) or one.problem}


def assert_difference_is_told(before, now):
    """A delta names every object and every status that is not as it was."""
    delta = now.delta
    if before is None or delta is None or delta.since is None:
        return False
    assert before.delta.token is delta.since
    held, wanted = before.stack.objects, now.stack.objects
    assert delta.changed == {ref for ref, obj in wanted.items() if held.get(ref) != obj}
    assert delta.gone == held.keys() - wanted.keys()
    shown = {one.about: one for one in before.statuses}
    assert {one for one in now.statuses if shown.get(one.about) != one} <= set(delta.statuses)
    return True


@settings(max_examples=200, deadline=None)
@given(changes=CHANGES, chosen=st.sampled_from(SETTINGS))
def test_memory_changes_no_answer(changes, chosen):
    """Touched keys are asked after each change, all of them after some: a key has one change to look at, or several."""
    start = [ingress_class(), backend("web"), endpoint_slice("web", "10.1.0.1"), tls_secret("tls", "a.example.com")]
    snapshot = snapshot_of([*start, ingress("one", {"a.example.com": {"/": "web"}}, tls="tls")])
    context = context_of(chosen, snapshot)
    last = {}
    for at, (gone, document) in enumerate(changes):
        resource, old, new, snapshot = changed(snapshot, document, gone=gone)
        touched = keys_touched_by(Change(resource=resource, old=old, new=new), snapshot, context)
        for key in sorted(touched if at % 3 else all_keys(snapshot, context) | touched | last.keys()):
            outcome = outcome_for(snapshot, key, context)
            fresh = outcome_for(snapshot, key, msgspec.structs.replace(context, recall=Recall()))
            assert said_by(outcome) == said_by(fresh), key
            if key not in touched and key in last:
                assert shown_by(outcome) == shown_by(last[key]), (key, "is not touched and yet changed")
            assert_difference_is_told(last.get(key), outcome)
            last[key] = outcome


@pytest.mark.parametrize("chosen", SETTINGS[:2], ids=["evh", "sni"])
def test_a_path_more_is_told_as_a_difference(chosen):
    hosts = [f"h{at}.example.com" for at in range(4)]
    objects = [ingress(f"i{at}", {host: {"/": "web"}}) for at, host in enumerate(hosts)]
    snapshot = snapshot_of([ingress_class(), backend("web"), *objects])
    context = context_of(chosen, snapshot)
    (key,) = (key for key in all_keys(snapshot, context) if str(key) == "shard/SMALL-0")
    before = outcome_for(snapshot, key, context)
    _, _, _, later = changed(snapshot, ingress("i1", {hosts[1]: {"/": "web", "/v2": "web"}}), gone=False)
    after = outcome_for(later, key, context)
    assert assert_difference_is_told(before, after)
    assert sorted(ref.kind for ref in after.delta.changed) == (
        ["httppolicyset", "pool", "poolgroup"] if chosen["enableEVH"] == "true" else ["pool", "poolgroup"]
    )
    assert [one.about.name for one in after.delta.statuses] == ["i1"]


def test_only_the_host_whose_paths_change_is_looked_at():
    hosts = [f"h{at}.example.com" for at in range(8)]
    one = ingress("one", {host: {"/": "web"} for host in hosts})
    snapshot = snapshot_of([ingress_class(), backend("web"), one])
    context = context_of({"shardVSSize": "LARGE"}, snapshot)
    more = ingress("one", {host: {"/": "web"} | ({"/v2": "web"} if host == hosts[3] else {}) for host in hosts})
    resource, old, new, later = changed(snapshot, more, gone=False)
    keys = keys_touched_by(Change(resource=resource, old=old, new=new), later, context)
    # Of the eight shards that of the host, and that of the first host, which speaks for the Ingress.
    assert len({key for key in keys if key.name.startswith("LARGE-")}) <= 2


@pytest.mark.parametrize("chosen", SETTINGS[:2], ids=["evh", "sni"])
def test_what_does_not_change_is_the_very_same_object(chosen):
    hosts = [f"h{at}.example.com" for at in range(4)]
    objects = [ingress(f"i{at}", {host: {"/": "web"}}) for at, host in enumerate(hosts)]
    snapshot = snapshot_of([ingress_class(), backend("web"), *objects])
    context = context_of(chosen, snapshot)
    (key,) = (key for key in all_keys(snapshot, context) if str(key) == "shard/SMALL-0")
    before = outcome_for(snapshot, key, context).stack.objects
    _, _, _, later = changed(snapshot, ingress("i1", {hosts[1]: {"/": "web", "/v2": "web"}}), gone=False)
    after = outcome_for(later, key, context).stack.objects
    pools = [ref for ref in before if ref.kind == "pool"]
    assert len(pools) == len(hosts)
    # The host with the new path included: its first pool means what it meant.
    assert [ref for ref in pools if after[ref] is not before[ref]] == []


def test_what_is_gone_is_forgotten():
    snapshot = snapshot_of([ingress_class(), backend("web"), ingress("one", {"a.example.com": {"/": "web"}})])
    context = context_of(SETTINGS[0], snapshot)
    keys = all_keys(snapshot, context)
    for key in keys:
        outcome_for(snapshot, key, context)
    assert context.recall.keys
    empty = snapshot.without_object("ingresses", ("default", "one"))
    for key in keys:
        outcome_for(empty, key, context)
    assert not context.recall.keys


def test_what_we_write_ourselves_concerns_the_key_that_speaks_alone():
    hosts = [f"h{at}.example.com" for at in range(8)]
    paths = {host: {"/": "web"} for host in hosts}
    snapshot = snapshot_of([ingress_class(), backend("web"), ingress("one", paths)])
    context = context_of({"shardVSSize": "LARGE"}, snapshot)
    marked = ingress("one", paths, **{"ako.vmware.com/host-fqdn-vs-uuid-map": "{}"})
    marked["status"] = {"loadBalancer": {"ingress": [{"ip": "10.0.0.1", "hostname": hosts[0]}]}}
    resource, old, new, later = changed(snapshot, marked, gone=False)
    keys = keys_touched_by(Change(resource=resource, old=old, new=new), later, context)
    assert len({key for key in keys if key.name.startswith("LARGE-")}) == 1
    resource, old, new, later = changed(
        snapshot, ingress("one", paths, **{"ako.vmware.com/enable-tls": "true"}), gone=False
    )
    keys = keys_touched_by(Change(resource=resource, old=old, new=new), later, context)
    assert len({key for key in keys if key.name.startswith("LARGE-")}) > 1


def test_what_controllers_write_into_an_ingress_is_no_change_for_translation():
    paths = {"a.example.com": {"/": "web"}}
    snapshot = snapshot_of([ingress_class(), backend("web"), ingress("one", paths)])
    context = context_of({"shardVSSize": "SMALL"}, snapshot)
    for key in all_keys(snapshot, context):
        outcome_for(snapshot, key, context)
    marked = ingress("one", paths, **{"ako.vmware.com/host-fqdn-vs-uuid-map": "{}"})
    marked["status"] = {"loadBalancer": {"ingress": [{"ip": "10.0.0.1", "hostname": "a.example.com"}]}}
    _, old, new, later = changed(snapshot, marked, gone=False)
    about = ObjectRef(resource="ingresses", namespace="default", name="one")
    assert later.of("ingresses")[old.identity] is old
    assert later.found(INGRESSES_OF_HOST, ("", "a.example.com"))[0] is old
    assert later.latest(about) == new
    assert later.journal.last is snapshot.journal.last
    # What its user changes afterwards is seen whole, and what is gone is gone.
    wider = ingress("one", {**paths, "b.example.com": {"/": "web"}})
    _, _, newest, last = changed(later, wider, gone=False)
    assert last.of("ingresses")[old.identity] == newest == last.latest(about)
    assert last.without_object("ingresses", old.identity).latest(about) is None


def test_who_serves_a_host_is_found_out_once_for_all_shards(monkeypatch):
    asked = []
    found_out = hosts_module._claim_on

    def counted(host, snapshot, *, context):
        asked.append(host)
        return found_out(host, snapshot, context=context)

    monkeypatch.setattr(hosts_module, "_claim_on", counted)
    names = [f"h{at}.example.com" for at in range(12)]
    snapshot = snapshot_of([ingress_class(), backend("web"), ingress("one", {name: {"/": "web"} for name in names})])
    context = context_of({"shardVSSize": "LARGE"}, snapshot)
    for key in all_keys(snapshot, context):
        outcome_for(snapshot, key, context)
    assert sorted(asked) == sorted(names)
    # Another Ingress takes a part in one of the hosts: every shard knows.
    _, _, _, later = changed(snapshot, ingress("two", {names[0]: {"/more": "web"}}), gone=False)
    asked.clear()
    for key in all_keys(later, context):
        outcome_for(later, key, context)
    assert asked == [names[0]]


def test_what_is_shared_of_hosts_that_are_gone_is_forgotten():
    context = None
    for turn in range(30):
        names = [f"h{turn}-{at}.example.com" for at in range(20)]
        snapshot = snapshot_of(
            [ingress_class(), backend("web"), ingress("one", {name: {"/": "web"} for name in names})]
        )
        fresh = context_of({"shardVSSize": "LARGE"}, snapshot)
        context = fresh if context is None else msgspec.structs.replace(fresh, recall=context.recall)
        for key in all_keys(snapshot, context):
            outcome_for(snapshot, key, context)
    assert len(context.recall._common[1]) < 400
