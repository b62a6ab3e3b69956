"""Whatever an Ingress says, translation answers, and what is right beside it is served."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from support.golden_cases import outcomes_of
from support.ingress.objects import backend, ingress, ingress_class

from ako_runtime.resources.networking import Ingress

TEXT = st.one_of(st.sampled_from(["", "/", "*", "*.", "a/b", "foo.example.com", "é", "x" * 300]), st.text(max_size=20))
BACKEND = st.one_of(
    st.just({}),
    st.fixed_dictionaries(
        {
            "service": st.fixed_dictionaries(
                {"name": TEXT, "port": st.one_of(st.just({}), st.just({"number": 80}), st.builds(dict, name=TEXT))}
            )
        }
    ),
    st.fixed_dictionaries({"resource": st.fixed_dictionaries({"kind": TEXT, "name": TEXT})}),
)
PATH = st.fixed_dictionaries({"path": TEXT, "pathType": TEXT, "backend": BACKEND})
RULE = st.one_of(
    st.builds(dict, host=TEXT),
    st.fixed_dictionaries({"host": TEXT, "http": st.fixed_dictionaries({"paths": st.lists(PATH, max_size=3)})}),
)
SPEC = st.fixed_dictionaries(
    {"ingressClassName": st.just("avi-lb"), "rules": st.lists(RULE, max_size=3)},
    optional={
        "defaultBackend": BACKEND,
        "tls": st.lists(st.fixed_dictionaries({"hosts": st.lists(TEXT, max_size=2), "secretName": TEXT}), max_size=2),
    },
)
MODES = st.sampled_from(
    [{"enableEVH": evh, "shardVSSize": size} for evh in ("true", "false") for size in ("SMALL", "DEDICATED")]
    + [{"enableEVH": "true", "vipPerNamespace": "true"}]
)
GOOD = "good.example.com"


def served(outcomes):
    return {
        host.host
        for outcome in outcomes.values()
        for status in outcome.statuses
        for host in getattr(status, "hosts", ())
        if status.about.name == "good"
    }


@settings(max_examples=300, deadline=None)
@given(spec=SPEC, mode=MODES, weight=TEXT)
def test_nothing_raises_and_the_neighbour_is_served(spec, mode, weight):
    bad = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "bad", "namespace": "default", "annotations": {"ako.vmware.com/backend-weight": weight}},
        "spec": spec,
    }
    msgspec.convert(bad, Ingress)
    good = ingress("good", {GOOD: {"/": "web"}})
    outcomes = outcomes_of({"settings": mode, "given": [ingress_class(), backend("web"), good, bad]})
    assert served(outcomes) == {GOOD}
    assert not any(outcome.keeps_last_good for outcome in outcomes.values())


@settings(max_examples=100, deadline=None)
@given(spec=SPEC, mode=MODES)
def test_the_order_of_objects_has_no_meaning(spec, mode):
    bad = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "bad", "namespace": "default"},
        "spec": spec,
    }
    objects = [ingress_class(), backend("web"), ingress("good", {GOOD: {"/": "web"}}), bad]
    assert outcomes_of({"settings": mode, "given": objects}) == outcomes_of({"settings": mode, "given": objects[::-1]})


CLASS = st.fixed_dictionaries(
    {},
    optional={
        "controller": TEXT,
        "parameters": st.fixed_dictionaries({}, optional={"apiGroup": TEXT, "kind": TEXT, "name": TEXT}),
    },
)
SECRET = st.fixed_dictionaries({}, optional={"tls.crt": TEXT, "tls.key": TEXT, "alt.crt": TEXT, "other": TEXT})


@settings(max_examples=200, deadline=None)
@given(spec=CLASS, default=TEXT, data=SECRET, mode=MODES)
def test_a_strange_class_or_secret_harms_nobody_else(spec, default, data, mode):
    strange = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IngressClass",
        "metadata": {"name": "strange", "annotations": {"ingressclass.kubernetes.io/is-default-class": default}},
        "spec": spec,
    }
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/tls",
        "metadata": {"name": "tls", "namespace": "default"},
        "data": data,
    }
    good = ingress("good", {GOOD: {"/": "web"}})
    others = [
        ingress("of-strange", {"strange.example.com": {"/": "web"}}, class_name="strange"),
        ingress("without-key", {"bare.example.com": {"/": "web"}}, tls="tls"),
    ]
    objects = [ingress_class(), strange, secret, backend("web"), good, *others]
    assert served(outcomes_of({"settings": mode, "given": objects})) == {GOOD}
