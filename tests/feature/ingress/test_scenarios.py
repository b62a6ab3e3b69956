"""What clients see, scenario by scenario: hosts, paths, classes, default backends, members (after the features of the
public conformance suite for Ingress controllers, in our own words), in every mode.

Requests are answered by the objects on the controller (`tests/support/ingress/requests.py`). Where an insecure host
in SNI mode differs (decision 89), the scenario says so.
"""

import pytest
from support.ingress.objects import backend, ingress_class, tls_secret
from support.ingress.requests import Requests
from support.runtime.faults import QUICK
from support.runtime.lab import endpoints, runtime_lab

DOMAIN = "lab.example.com"
SERVICES = {name: f"10.244.1.{at}" for at, name in enumerate(("one", "two", "three", "four", "rest"), 1)}
MODES = {
    "evh": {"enableEVH": "true", "shardVSSize": "SMALL"},
    "evh-tls": {"enableEVH": "true", "shardVSSize": "LARGE"},
    "sni": {"enableEVH": "false", "shardVSSize": "SMALL"},
    "sni-tls": {"enableEVH": "false", "shardVSSize": "LARGE"},
    "dedicated": {"enableEVH": "false", "shardVSSize": "DEDICATED"},
    "dedicated-evh-tls": {"enableEVH": "true", "shardVSSize": "DEDICATED"},
    "namespace": {"enableEVH": "true", "vipPerNamespace": "true"},
}
WITH_TLS = [mode for mode in MODES if mode.endswith("tls")]
PLAIN = [mode for mode in MODES if mode not in WITH_TLS]
UNKNOWN, NOT_FOUND = "unknown host", 404


@pytest.fixture(params=MODES)
def lab(request, tmp_path):
    with runtime_lab(tmp_path, **MODES[request.param]) as lab:
        lab.mode = request.param
        lab.kube.apply(ingress_class())
        lab.kube.apply(ingress_class("elsewhere", controller="example.com/other"))
        for name, address in SERVICES.items():
            lab.kube.apply(backend(name))
            lab.kube.apply(endpoints(name, address))
        yield lab


def rule(host, *paths):
    """A rule of an Ingress: paths are text, type and Service."""
    found = [
        {"path": text, "pathType": kind, "backend": {"service": {"name": service, "port": {"number": 80}}}}
        for text, kind, service in paths
    ]
    return ({"host": host} if host else {}) | {"http": {"paths": found}}


def applied(lab, name, *rules, default=None, class_name="avi-lb"):
    """Apply an Ingress; with TLS for all of its hosts where the mode says so."""
    spec = {"ingressClassName": class_name, "rules": list(rules)}
    hosts = [one["host"] for one in rules if "host" in one]
    if lab.mode.endswith("tls") and hosts:
        lab.kube.apply(tls_secret(name, hosts[0]))
        spec["tls"] = [{"hosts": hosts, "secretName": name}]
    if default is not None:
        spec["defaultBackend"] = {"service": {"name": default, "port": {"number": 80}}}
    lab.kube.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "Ingress",
            "metadata": {"name": name, "namespace": "default"},
            "spec": spec,
        }
    )


def seen(lab, host, path):
    """What a client gets: the Service, a status, or that nobody knows the host."""
    requests = Requests(lab.avi)
    kind, what = requests.answer(host, path, port=443 if lab.mode.endswith("tls") else 80)
    if kind == "to":
        return "+".join(name for name, address in SERVICES.items() if address in what)
    return what if kind == "refused" else kind


def until_seen(lab, expected):
    """Wait until every request is answered as it should; the table of what is seen tells what is not."""
    lab.until(lambda lab: all(seen(lab, *request) == answer for request, answer in expected.items()))


def expect(lab, *ingresses, then, sni=None):
    """Apply Ingresses and hold what clients see against the table; `sni` is for insecure hosts of that mode."""
    table = then | ((sni or {}) if lab.mode == "sni" else {})
    with lab.running(pace=QUICK) as app:
        for one in ingresses:
            one(lab)
        lab.kube.wait_for(lambda _kube: app.ready and app.idle)
        assert {request: seen(lab, *request) for request in table} == table


H = f"h.{DOMAIN}"


def test_a_host_has_its_own_backend(lab):
    other = f"other.{DOMAIN}"
    expect(
        lab,
        lambda lab: applied(lab, "a", rule(H, ("/", "Prefix", "one")), rule(other, ("/", "Prefix", "two"))),
        then={(H, "/"): "one", (H, "/any"): "one", (other, "/"): "two", (f"no.{DOMAIN}", "/"): UNKNOWN},
    )


def test_a_wildcard_stands_for_one_label(lab):
    wild = f"*.wild.{DOMAIN}"
    expect(
        lab,
        lambda lab: applied(lab, "a", rule(wild, ("/", "Prefix", "one"))),
        then={
            (f"any.wild.{DOMAIN}", "/"): "one",
            (f"wild.{DOMAIN}", "/"): UNKNOWN,
            (f"two.labels.wild.{DOMAIN}", "/"): UNKNOWN,
        },
    )


def test_an_exact_host_wins_over_a_wildcard(lab):
    expect(
        lab,
        lambda lab: applied(
            lab,
            "a",
            rule(f"*.wild.{DOMAIN}", ("/", "Prefix", "one")),
            rule(f"own.wild.{DOMAIN}", ("/", "Prefix", "two")),
        ),
        then={(f"own.wild.{DOMAIN}", "/"): "two", (f"any.wild.{DOMAIN}", "/"): "one"},
    )


def test_an_exact_path_is_that_path_alone(lab):
    expect(
        lab,
        lambda lab: applied(lab, "a", rule(H, ("/foo", "Exact", "one"))),
        then={(H, "/foo"): "one", (H, "/foo/"): 404, (H, "/foobar"): 404, (H, "/FOO"): 404, (H, "/"): 404},
        sni={(H, "/foo/"): "one", (H, "/foobar"): "one", (H, "/FOO"): "one"},
    )


def test_a_prefix_goes_by_segments(lab):
    expect(
        lab,
        lambda lab: applied(lab, "a", rule(H, ("/foo", "Prefix", "one"), ("/aaa/bbb", "Prefix", "two"))),
        then={
            (H, "/foo"): "one",
            (H, "/foo/"): "one",
            (H, "/foo/bar"): "one",
            (H, "/foobar"): 404,
            (H, "/FOO"): 404,
            (H, "/aaa/bbb"): "two",
            (H, "/aaa/bbb/ccc"): "two",
            (H, "/aaa/bbbxyz"): 404,
            (H, "/aaa"): 404,
        },
        sni={(H, "/foobar"): "one", (H, "/FOO"): "one", (H, "/aaa/bbbxyz"): "two"},
    )


def test_a_slash_at_the_end_of_a_prefix_changes_nothing(lab):
    expect(
        lab,
        lambda lab: applied(lab, "a", rule(H, ("/aaa/bbb/", "Prefix", "one"))),
        then={(H, "/aaa/bbb/"): "one", (H, "/aaa/bbb"): "one", (H, "/aaa/bbb/ccc"): "one", (H, "/aaa"): 404},
        sni={(H, "/aaa/bbb"): 404},
    )


def test_the_longest_path_wins_whatever_the_order(lab):
    expect(
        lab,
        lambda lab: applied(
            lab, "a", rule(H, ("/", "Prefix", "rest"), ("/aaa", "Prefix", "one"), ("/aaa/bbb", "Prefix", "two"))
        ),
        then={(H, "/aaa/bbb/c"): "two", (H, "/aaa/b"): "one", (H, "/ccc"): "rest", (H, "/"): "rest"},
    )


def test_exact_wins_over_prefix(lab):
    expect(
        lab,
        lambda lab: applied(lab, "a", rule(H, ("/foo", "Prefix", "two"), ("/foo", "Exact", "one"))),
        then={(H, "/foo"): "one", (H, "/foo/"): "two", (H, "/foo/bar"): "two"},
        sni={(H, "/foo"): "two"},
    )


def test_the_controllers_own_type_compares_texts(lab):
    expect(
        lab,
        lambda lab: applied(lab, "a", rule(H, ("/foo", "ImplementationSpecific", "one"))),
        then={(H, "/foo"): "one", (H, "/foobar"): "one", (H, "/bar"): 404},
    )


def test_what_no_rule_takes_goes_to_the_default_backend(lab):
    expect(
        lab,
        lambda lab: applied(lab, "a", rule(H, ("/foo", "Prefix", "one")), default="rest"),
        then={(H, "/foo"): "one", (H, "/other"): "rest", (H, "/"): "rest"},
    )


@pytest.mark.parametrize("lab", PLAIN, indirect=True)  # such an Ingress names no host that could have a certificate
def test_an_ingress_without_rules_has_a_host_of_its_own(lab):
    """Any host would need a name in DNS for all; the controller registers names one by one."""
    expect(
        lab,
        lambda lab: applied(lab, "alone", default="rest"),
        then={(f"alone.default.{DOMAIN}", "/"): "rest", (f"alone.default.{DOMAIN}", "/any"): "rest"},
    )


def test_a_class_of_somebody_else_serves_nothing(lab):
    expect(
        lab,
        lambda lab: applied(lab, "a", rule(H, ("/", "Prefix", "one")), class_name="elsewhere"),
        lambda lab: applied(lab, "b", rule(f"b.{DOMAIN}", ("/", "Prefix", "one")), class_name="nobody"),
        then={(H, "/"): UNKNOWN, (f"b.{DOMAIN}", "/"): UNKNOWN},
    )


def test_the_default_class_takes_those_that_name_none(lab):
    lab.kube.apply(ingress_class("main", default=True))
    expect(
        lab,
        lambda lab: applied(lab, "a", rule(H, ("/", "Prefix", "one")), class_name=None),
        then={(H, "/"): "one"},
    )


def test_two_ingresses_share_a_host(lab):
    expect(
        lab,
        lambda lab: applied(lab, "a", rule(H, ("/", "Prefix", "one"))),
        lambda lab: applied(lab, "b", rule(H, ("/more", "Prefix", "two"))),
        then={(H, "/"): "one", (H, "/more"): "two", (H, "/more/x"): "two"},
    )


def test_every_member_is_used_and_none_that_is_not_ready(lab):
    document = endpoints("one", "10.244.9.1", "10.244.9.2", "10.244.9.3")
    document["endpoints"][2]["conditions"]["ready"] = False
    lab.kube.apply(document)
    with lab.running(pace=QUICK):
        applied(lab, "a", rule(H, ("/", "Prefix", "one")))
        port = 443 if lab.mode.endswith("tls") else 80
        members = frozenset({"10.244.9.1", "10.244.9.2"})
        lab.until(lambda lab: Requests(lab.avi).answer(H, "/", port=port) == ("to", members))


def test_a_missing_service_is_answered_with_503_and_others_serve(lab):
    expect(
        lab,
        lambda lab: applied(lab, "a", rule(H, ("/", "Prefix", "one"), ("/gone", "Prefix", "nobody"))),
        then={(H, "/"): "one", (H, "/gone"): 503, (H, "/gone/deep"): 503},
    )


@pytest.mark.parametrize("lab", WITH_TLS, indirect=True)
def test_clients_without_tls_are_led_to_it(lab):
    with lab.running(pace=QUICK):
        applied(lab, "a", rule(H, ("/", "Prefix", "one")))
        until_seen(lab, {(H, "/"): "one"})
        assert Requests(lab.avi).answer(H, "/any") == ("redirect", 443)
