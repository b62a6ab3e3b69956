"""What many hosts on one virtual service cannot all have is told, and what else their rules say applies."""

import msgspec
from support.golden_cases import outcomes_of
from support.ingress.objects import backend, client_secret, ingress, ingress_class

from ako_runtime.resources.sso import ClientSecret

MODE = {"enableEVH": "false", "shardVSSize": "SMALL"}


def with_alias(number):
    return {
        "apiVersion": "ako.vmware.com/v1beta1",
        "kind": "HostRule",
        "metadata": {"name": f"rule-{number}", "namespace": "default"},
        "spec": {"virtualhost": {"fqdn": f"h{number}.example.com", "aliases": [f"a{number}.example.com"]}},
    }


def test_a_parent_takes_sixteen_policy_sets_and_the_hosts_beyond_are_told():
    numbers = range(10, 28)
    hosts = [ingress(f"i{number}", {f"h{number}.example.com": {"/": "web"}}) for number in numbers]
    rules = [with_alias(number) for number in numbers]
    outcomes = outcomes_of({"settings": MODE, "given": [ingress_class(), backend("web"), *hosts, *rules]})
    outcome = outcomes["shard/SMALL-0"]
    sets = [ref.name for ref in outcome.stack.objects if ref.kind == "httppolicyset"]
    assert sets == [f"cluster-a--Shared-L7-0--host-hdr-re-write--h{number}.example.com" for number in range(10, 25)]
    (parent,) = [obj for ref, obj in outcome.stack.objects.items() if ref.kind == "virtualservice"]
    assert len(parent.http_policies) == len(sets)
    told = [one for one in outcome.diagnostics if one.reason == "RuleWithoutEffect"]
    assert [one.object.name for one in told] == ["i25", "i26", "i27"]
    assert len([ref for ref in outcome.stack.objects if ref.kind == "pool"]) == len(numbers)


def test_of_an_opaque_secret_nothing_but_the_two_keys_is_kept():
    document = client_secret("app", "hush")
    document["data"]["password"] = "c29tZWJvZHkgZWxzZSdz"
    kept = msgspec.json.decode(msgspec.json.encode(document), type=ClientSecret)
    assert set(msgspec.to_builtins(kept.data)) == {"clientSecret", "serverSecret"}
    assert "password" not in msgspec.json.encode(kept).decode()
    assert kept.data.client_secret not in repr(kept)
