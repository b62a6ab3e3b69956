"""What is remembered from pass to pass gives the answers of a translation without memory, whatever changes."""

import functools

import msgspec
import pytest
from golden_cases import context_of, snapshot_of, watched_as
from hypothesis import given, settings
from hypothesis import strategies as st
from ingress_objects import backend, client_secret, ingress, ingress_class, sso_rule, tls_secret

from ako_runtime.translate.dispatch import all_keys, keys_touched_by, outcome_for
from ako_runtime.translate.recall import Recall

HOSTS = ("a.example.com", "b.example.com", "*.example.com", "c.other.org", "")
SETTINGS = (
    {"enableEVH": "true", "shardVSSize": "SMALL"},
    {"enableEVH": "false", "shardVSSize": "SMALL"},
    {"enableEVH": "false", "shardVSSize": "DEDICATED"},
    {"enableEVH": "true", "vipPerNamespace": "true"},
    {"enableEVH": "false", "shardVSSize": "MEDIUM", "serviceType": "NodePort"},
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
        "metadata": {"name": "default", "annotations": {f"ako.vmware.com/{k}": v for k, v in annotations.items()}},
    }


def host_rule(host, redirect):
    return {
        "apiVersion": "ako.vmware.com/v1beta1",
        "kind": "HostRule",
        "metadata": {"name": "rule", "namespace": "default"},
        "spec": {"virtualhost": {"fqdn": host, "fqdnType": "Exact", "applicationRootPath": redirect}},
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
    st.sampled_from([namespace(), namespace(aviinfrasetting="infra")]),
    st.builds(host_rule, st.sampled_from(HOSTS[:2]), st.sampled_from(["/start", "/first"])),
    st.builds(infra, st.sampled_from(["SMALL", "DEDICATED"])),
    st.builds(sso_rule, st.sampled_from(["first", "second"]), st.sampled_from(HOSTS[:3])),
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


@settings(max_examples=150, deadline=None)
@given(changes=CHANGES, chosen=st.sampled_from(SETTINGS))
def test_memory_changes_no_answer(changes, chosen):
    start = [ingress_class(), backend("web"), endpoint_slice("web", "10.1.0.1"), tls_secret("tls", "a.example.com")]
    snapshot = snapshot_of([*start, ingress("one", {"a.example.com": {"/": "web"}}, tls="tls")])
    context = context_of(chosen, snapshot)
    for gone, document in changes:
        resource, old, new, snapshot = changed(snapshot, document, gone=gone)
        keys = all_keys(snapshot) | keys_touched_by(
            resource, old=old, new=new, snapshot=snapshot, settings=context.settings
        )
        for key in sorted(keys):
            fresh = msgspec.structs.replace(context, recall=Recall())
            assert outcome_for(snapshot, key, context) == outcome_for(snapshot, key, fresh), key


@pytest.mark.parametrize("chosen", SETTINGS[:2], ids=["evh", "sni"])
def test_what_does_not_change_is_the_very_same_object(chosen):
    hosts = [f"h{at}.example.com" for at in range(4)]
    objects = [ingress(f"i{at}", {host: {"/": "web"}}) for at, host in enumerate(hosts)]
    snapshot = snapshot_of([ingress_class(), backend("web"), *objects])
    context = context_of(chosen, snapshot)
    (key,) = (key for key in all_keys(snapshot) if str(key) == "shard/SMALL-0")
    before = outcome_for(snapshot, key, context).stack.objects
    _, _, _, later = changed(snapshot, ingress("i1", {hosts[1]: {"/": "web", "/v2": "web"}}), gone=False)
    after = outcome_for(later, key, context).stack.objects
    pools = [ref for ref in before if ref.kind == "pool"]
    assert len(pools) == len(hosts)
    assert [ref for ref in pools if after[ref] is not before[ref]] == [
        ref for ref in pools if before[ref].service_metadata.count("h1.example.com")
    ]


def test_what_is_gone_is_forgotten():
    snapshot = snapshot_of([ingress_class(), backend("web"), ingress("one", {"a.example.com": {"/": "web"}})])
    context = context_of(SETTINGS[0], snapshot)
    keys = all_keys(snapshot)
    for key in keys:
        outcome_for(snapshot, key, context)
    assert context.recall.keys
    empty = snapshot.without_object("ingresses", ("default", "one"))
    for key in keys:
        outcome_for(empty, key, context)
    assert not context.recall.keys
