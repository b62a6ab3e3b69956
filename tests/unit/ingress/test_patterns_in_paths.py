"""Which paths look like patterns: what no URL has, and nothing that one may have."""

import pytest
from support.golden_cases import outcomes_of
from support.ingress.objects import backend, ingress, ingress_class


def reasons(path, *more, **annotations):
    one = ingress("one", {"foo.example.com": {path: "web"}})
    one["metadata"]["annotations"] = annotations
    outcomes = outcomes_of({"given": [ingress_class(), backend("web"), one, *more], "settings": {"enableEVH": "true"}})
    return [said.reason for outcome in outcomes.values() for said in outcome.diagnostics if "example" in said.message]


@pytest.mark.parametrize(
    "path",
    ["/(.*)", "/api(/|$)(.*)", "/v[0-9]/x", "/a.+", "/users/{id}", "/*", "/x$", "/^x", "/img/.*\\.png", "/a(b?)c"],
)
def test_a_path_that_looks_like_a_pattern_is_told(path):
    assert reasons(path) == ["PatternAsPath"]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api",
        "/a.b-c_d~e",
        "/Orders(1)/items",
        "/a+b",
        "/$metadata/x",
        "/a;b=c,d",
        "/a:b@c!d'e&f",
        "/%20",
        "/.well",
    ],
)
def test_a_path_that_a_url_may_have_is_not_told(path):
    assert reasons(path) == []


def test_a_path_is_a_pattern_where_a_rule_says_so():
    rule = {
        "apiVersion": "ako.vmware.com/v1beta1",
        "kind": "HostRule",
        "metadata": {"name": "foo", "namespace": "default"},
        "spec": {"virtualhost": {"fqdn": "foo.example.com", "useRegex": True}},
    }
    assert reasons("/(.*)", rule) == []
