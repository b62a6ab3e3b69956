"""Whatever a rule says: translation answers, refusals name their field, hosts that are not meant stay as they are."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from support.golden_cases import outcomes_of
from support.ingress.objects import backend, ingress, ingress_class

from ako_runtime.model.avi import VirtualService
from ako_runtime.model.stack import Outcome
from ako_runtime.resources.rules import HostRule, HTTPRule, L7Rule
from ako_runtime.resources.sso import SSORule

TEXT = st.one_of(
    st.sampled_from(
        ["", "/", "*.", "*.example.com", "bad.example.com", "good.example.com", "Shared-L7", "é", "x" * 300]
    ),
    st.text(max_size=12),
)
NAMES = st.lists(TEXT, max_size=3)
NUMBER = st.integers(-5, 70000)
CERTIFICATE = st.fixed_dictionaries({"name": TEXT, "type": st.sampled_from(["ref", "secret", "other"])})
HOST = st.fixed_dictionaries(
    {"fqdn": TEXT},
    optional={
        "fqdnType": st.sampled_from(["Exact", "Wildcard", "Contains", "exact"]),
        "enableVirtualHost": st.booleans(),
        "tls": st.fixed_dictionaries({"sslKeyCertificate": CERTIFICATE}, optional={"sslProfile": TEXT}),
        "httpPolicy": st.fixed_dictionaries({"policySets": NAMES, "overwrite": st.booleans()}),
        "wafPolicy": TEXT,
        "icapProfile": NAMES,
        "datascripts": NAMES,
        "l7Rule": st.sampled_from(["", "more", "none"]),
        "gslb": st.fixed_dictionaries({"fqdn": TEXT}),
        "analyticsPolicy": st.fixed_dictionaries({"fullClientLogs": st.fixed_dictionaries({"throttle": TEXT})}),
        "tcpSettings": st.fixed_dictionaries(
            {"listeners": st.lists(st.fixed_dictionaries({"port": NUMBER, "enableSSL": st.booleans()}), max_size=3)},
            optional={"loadBalancerIP": TEXT},
        ),
        "aliases": NAMES,
        "useRegex": st.booleans(),
        "applicationRootPath": TEXT,
    },
)
PATH = st.fixed_dictionaries(
    {"target": TEXT},
    optional={
        "loadBalancerPolicy": st.fixed_dictionaries({"algorithm": TEXT, "hash": TEXT, "hostHeader": TEXT}),
        "healthMonitors": NAMES,
        "tls": st.fixed_dictionaries({"type": TEXT}, optional={"pkiProfile": TEXT, "destinationCA": TEXT}),
        "enableHTTP2": st.booleans(),
    },
)
COUNT = st.one_of(st.none(), NUMBER)
OAUTH = st.fixed_dictionaries(
    {
        "oauthSettings": st.lists(
            st.fixed_dictionaries(
                {"authProfileRef": TEXT},
                optional={
                    "appSettings": st.fixed_dictionaries({"clientID": TEXT, "clientSecret": TEXT}),
                    "resourceServer": st.fixed_dictionaries(
                        {"accessType": st.one_of(TEXT, st.just("ACCESS_TOKEN_TYPE_JWT"))},
                        optional={
                            "introspectionDataTimeout": COUNT,
                            "jwtParams": st.fixed_dictionaries({"audience": TEXT}),
                            "opaqueTokenParams": st.fixed_dictionaries({"serverID": TEXT, "serverSecret": TEXT}),
                        },
                    ),
                },
            ),
            max_size=2,
        )
    },
    optional={"cookieTimeout": COUNT, "cookieName": TEXT},
)
SAML = st.fixed_dictionaries(
    {"authnReqAcsType": st.one_of(TEXT, st.just("SAML_AUTHN_REQ_ACS_TYPE_NONE")), "entityID": TEXT},
    optional={"singleSignonURL": TEXT, "acsIndex": COUNT, "cookieTimeout": COUNT},
)
SIGN_ON = st.fixed_dictionaries(
    {"fqdn": TEXT, "ssoPolicyRef": TEXT}, optional={"oauthVsConfig": OAUTH, "samlSpConfig": SAML}
)
MODES = st.sampled_from(
    [{"enableEVH": evh, "shardVSSize": size} for evh in ("true", "false") for size in ("SMALL", "DEDICATED")]
)
FIELDS = ("spec", "metadata.")


def custom(kind, version, name, spec):
    return {
        "apiVersion": f"ako.vmware.com/{version}",
        "kind": kind,
        "metadata": {"name": name, "namespace": "default", "creationTimestamp": "2025-01-01T00:00:00Z"},
        "spec": spec,
    }


def of_host(outcomes, host):
    """Objects that carry the host in their markers."""
    return {
        ref: obj
        for outcome in outcomes.values()
        for ref, obj in outcome.stack.objects.items()
        for marker in getattr(obj, "markers", None) or ()
        if marker.key == "Host" and host in marker.values
    }


@settings(max_examples=200, deadline=None)
@given(
    specs=st.tuples(HOST, st.fixed_dictionaries({"fqdn": TEXT, "paths": st.lists(PATH, max_size=3)}), COUNT, SIGN_ON),
    mode=MODES,
)
def test_nothing_raises_and_every_refusal_names_its_field(specs, mode):
    host, http, minimum, sign_on = specs
    rules = [
        custom("HostRule", "v1beta1", "host", {"virtualhost": host}),
        custom("HTTPRule", "v1beta1", "paths", http),
        custom("L7Rule", "v1alpha2", "more", {} if minimum is None else {"minPoolsUp": minimum}),
        custom("SSORule", "v1alpha2", "login", sign_on),
    ]
    for rule, model in zip(rules, (HostRule, HTTPRule, L7Rule, SSORule), strict=True):
        msgspec.convert(rule, model)
    objects = [
        ingress_class(),
        backend("web"),
        ingress("bad", {"bad.example.com": {"/": "web"}}),
        ingress("good", {"good.example.com": {"/": "web"}}),
    ]
    outcomes = outcomes_of({"settings": mode, "given": [*objects, *rules]})
    assert all(isinstance(one, Outcome) and not one.keeps_last_good for one in outcomes.values())
    for outcome in outcomes.values():
        for said in outcome.diagnostics:
            assert said.field.startswith(FIELDS), said
            assert said.message


@settings(max_examples=150, deadline=None)
@given(sign_on=SIGN_ON, mode=MODES)
def test_a_host_is_never_open_without_the_login_that_somebody_asked_for(sign_on, mode):
    rule = custom("SSORule", "v1alpha2", "login", {**sign_on, "fqdn": "bad.example.com"})
    objects = [ingress_class(), backend("web"), ingress("bad", {"bad.example.com": {"/": "web"}}), rule]
    outcomes = outcomes_of({"settings": mode, "given": objects})
    if mode["enableEVH"] == "false" or any(outcome.needs for outcome in outcomes.values()):
        return
    own = [one for one in of_host(outcomes, "bad.example.com").values() if isinstance(one, VirtualService)]
    assert own
    assert all(one.enabled is False or one.sso_policy_ref for one in own)


@settings(max_examples=100, deadline=None)
@given(host=HOST, mode=MODES)
def test_a_host_that_is_not_meant_is_untouched(host, mode):
    rule = custom(
        "HostRule", "v1beta1", "host", {"virtualhost": {**host, "fqdn": "bad.example.com", "fqdnType": "Exact"}}
    )
    objects = [
        ingress_class(),
        backend("web"),
        ingress("bad", {"bad.example.com": {"/": "web"}}),
        ingress("good", {"good.example.com": {"/": "web"}}),
    ]
    without = of_host(outcomes_of({"settings": mode, "given": objects}), "good.example.com")
    outcomes = outcomes_of({"settings": mode, "given": [*objects, rule]})
    if any(outcome.needs for outcome in outcomes.values()):
        return
    assert without
    assert of_host(outcomes, "good.example.com") == without
