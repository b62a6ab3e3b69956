"""Targets with stars, names of hosts, lists of names."""

import msgspec
import pytest

from ako_runtime.model.environment import Environment
from ako_runtime.model.ownership import Ownership
from ako_runtime.resources.rules import HostRule, HTTPRule, PathRule
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.settings import Settings
from ako_runtime.translate import annotations
from ako_runtime.translate.ingress.rule_admission import host_rule_admission, http_rule_admission
from ako_runtime.translate.ingress.rule_choice import ChosenPath, HostRules
from ako_runtime.translate.l4 import L4Context

CONTEXT = L4Context(
    settings=Settings(),
    environment=Environment(),
    ownership=Ownership(cluster="cluster-a", namespace="avi-system", primary=True),
)
META = {"name": "rule", "namespace": "default"}


def chosen(path, *targets):
    rules = tuple(ChosenPath(text=target, path=PathRule(target=target)) for target in targets)
    found = HostRules(http={"default": rules}).for_path("default", path)
    return found.text if found else None


@pytest.mark.parametrize(
    ("target", "covered", "not_covered"),
    [
        ("/*", ["/", "/a", "/a/b", ""], []),
        ("/api/*", ["/api", "/api/", "/api/v1", "/apix"], ["/", "/ap"]),
        ("/v1.0*", ["/v1.", "/v1.0", "/v1.00/x"], ["/v1x0", "/v2"]),
        ("/a*b", ["/b", "/ab", "/aab/c"], ["/ac"]),
        ("/a**", ["/", "/aa"], []),
        ("/(x)*", ["/(x", "/(x)"], ["/x"]),
        ("/plain", ["/plain", "/plainer"], ["/pla", "/"]),
    ],
)
def test_a_star_repeats_the_character_before_it(target, covered, not_covered):
    assert [chosen(path, target) for path in covered] == [target] * len(covered)
    assert [chosen(path, target) for path in not_covered] == [None] * len(not_covered)


def test_the_longer_target_wins_with_stars_too():
    assert chosen("/api/v1", "/*", "/api") == "/api"
    assert chosen("/web", "/*", "/api") == "/*"


def test_a_pattern_with_many_stars_is_refused():
    assert "more than 2 stars" in http_problem("shop.example.com", target="/a*a*a*b")
    assert http_problem("shop.example.com", target="/a*a*b") == ""
    assert chosen("/" + "a" * 2000, "/a*a*b") is None


def http_problem(host, target="/"):
    rule = msgspec.convert({"metadata": META, "spec": {"fqdn": host, "paths": [{"target": target}]}}, HTTPRule)
    return http_rule_admission(rule, Snapshot(), CONTEXT, tenant="admin").problem


def host_problem(host, kind="Exact"):
    spec = {"virtualhost": {"fqdn": host, "fqdnType": kind}}
    rule = msgspec.convert({"metadata": META, "spec": spec}, HostRule)
    return host_rule_admission(rule, Snapshot(), CONTEXT, tenant="admin").problem


@pytest.mark.parametrize(
    "host", ["https://shop.lab.example.com/", "shop example.com", "a/b", "shop.example.com:443", "-x"]
)
def test_what_is_no_host_name_is_rejected(host):
    assert "no host name" in host_problem(host)
    assert "no host name" in http_problem(host)


@pytest.mark.parametrize("host", ["shop.example.com", "Shop.Example.com", "*.example.com", "localhost"])
def test_host_names_are_accepted(host):
    assert host_problem(host) == http_problem(host) == ""


def test_parts_of_names_and_names_of_shared_virtual_services_are_accepted():
    assert host_problem("shop", "Contains") == host_problem("cluster-a--Shared-L7-0.admin.example.com") == ""
    assert "no part of a host name" in host_problem("https://", "Contains")
    assert "no host name" in host_problem("https://Shared-L7-0")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a.example.com,b.example.com", ("a.example.com", "b.example.com")),
        (" A.example.com. , b.example.com, a.example.com ", ("a.example.com", "b.example.com")),
        ("a.example.com,", ("a.example.com",)),
        ("", ()),
    ],
)
def test_a_list_of_names_means_each(text, names):
    assert annotations.hostnames({annotations.EXTERNAL_DNS: text}) == names


@pytest.mark.parametrize("text", ["a.example.com;b.example.com", "a.example.com,b c", ","])
def test_one_wrong_name_is_told(text):
    assert isinstance(annotations.hostnames({annotations.EXTERNAL_DNS: text}), annotations.Problem)
