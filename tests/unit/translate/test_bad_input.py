"""Whatever is wrong in an object: translation never raises, says which field it is, and leaves other stacks alone.

A valid scenario is taken, one value anywhere in one of its objects is replaced by something else (wrong text, another
type, nothing), and everything is translated again. A change that does not decode is refused by the reflector and not
seen here. That the scenario has every kind and field is a test of its own.
"""

import copy
from typing import get_args

import msgspec
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from support.golden_cases import BASE_ENVIRONMENT, context_of, references_of, snapshot_of
from support.l4_objects import BYSTANDERS, ENVIRONMENT, MODES, SCENARIO, case_of, settled_outcomes

from ako_runtime.kube.kinds import WATCHED
from ako_runtime.resources import index
from ako_runtime.resources.journal import Change
from ako_runtime.translate import annotations as notes
from ako_runtime.translate.dispatch import keys_touched_by
from ako_runtime.translate.keys import all_keys, outcome_for
from ako_runtime.translate.npl import ANNOTATION
from ako_runtime.translate.routes import OVN_SUBNETS

LAYER7 = {"Ingress", "IngressClass", "Secret", "HostRule", "HTTPRule", "L7Rule", "SSORule"}
KINDS = {kind.kind: kind.model for kind in WATCHED if kind.kind not in LAYER7}
# Written by us and read by no translation.
OWN_STATUS = {"Service", "Gateway", "AviInfraSetting", "L4Rule"}
# Said by Antrea when asked, and by us to ask; translation reads neither from a Service.
WRITTEN = {notes.NODE_PORT_LOCAL}
# Many values do not decode, and a list here replaces that of the profile.
PATIENT = [HealthCheck.filter_too_much, HealthCheck.too_slow]
TEXTS = st.one_of(
    st.sampled_from(
        ["", " ", "x", "-", "a/b/c", "10.0.0", "10.0.0.0/99", "::", "fd00::/64", "*", "true", "[]", "{", "0"]
    ),
    st.text(max_size=20),
)
VALUES = st.one_of(TEXTS, st.integers(-1, 70000), st.booleans(), st.just([]), st.just({}))


def fields_of(model, path=""):
    """Paths of all fields of a kind, lists not counted."""
    for field in msgspec.structs.fields(model):
        here = f"{path}.{field.encode_name}" if path else field.encode_name
        nested = struct_in(field.type)
        yield from fields_of(nested, here) if nested is not None else (here,)


def struct_in(annotation):
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return annotation
    return next((found for one in get_args(annotation) if (found := struct_in(one)) is not None), None)


def said_in(value, path=""):
    """Paths of all fields of a document, lists not counted."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from said_in(item, f"{path}.{key}" if path else key)
            yield f"{path}.{key}" if path else key
    elif isinstance(value, list):
        for item in value:
            yield from said_in(item, path)


@pytest.mark.parametrize("kind", KINDS)
def test_the_scenario_says_every_field_of_every_kind(kind):
    documents = [one for one in SCENARIO if one["kind"] == kind]
    skipped = ("metadata", "status") if kind in OWN_STATUS else ("metadata",)
    wanted = {path for path in fields_of(KINDS[kind]) if path.partition(".")[0] not in skipped}
    assert documents
    assert wanted - {path for one in documents for path in said_in(one)} == set()


def test_the_scenario_has_every_annotation_and_label():
    constants = [value for module in (notes, index) for value in vars(module).values()]
    known = {value for value in constants if isinstance(value, str) and "/" in value and "." in value.partition("/")[0]}
    known = {value for value in known if not value.endswith("/")} | {ANNOTATION, OVN_SUBNETS}
    said = {key for one in SCENARIO for field in ("annotations", "labels") for key in one["metadata"].get(field, ())}
    assert known - WRITTEN - said == set()


@pytest.mark.parametrize("mode", MODES)
def test_the_scenario_is_right_in_every_mode(mode):
    outcomes = settled_outcomes(case_of(SCENARIO, mode))
    assert {one.message for outcome in outcomes.values() for one in outcome.diagnostics} == set()
    assert not any(outcome.held or outcome.keeps_last_good for outcome in outcomes.values())


def places(value, path=()):
    """Every place in a document that may be mutated; identity and kind excepted."""
    if isinstance(value, dict):
        for key, item in value.items():
            if path == () and key in {"apiVersion", "kind"}:
                continue
            if path == ("metadata",) and key in {"name", "namespace", "creationTimestamp"}:
                continue
            if path:
                yield (*path, key)
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index_, item in enumerate(value):
            yield (*path, index_)
            yield from places(item, (*path, index_))


PLACES = [(at, path) for at, document in enumerate(SCENARIO) for path in places(document)]


def mutated(at, path, value):
    objects = copy.deepcopy(SCENARIO)
    holder = objects[at]
    for step in path[:-1]:
        holder = holder[step]
    if value is None:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    return objects


ASIDE = {
    *(f"service/red/{name}" for name in ("alone", "grouped", "behind")),
    "shared-vip/red/aside-vip",
    "gateway/red/aside",
    "infra/aside",
    "l4rule/red/aside",
}


def bystanders(outcomes, mutant, mode):
    """Who must not notice: everybody else, unless the change is one of the whole namespace or of a member of all."""
    if mutant["kind"] == "Namespace":
        wanted = {"service/green/elsewhere"}
    elif mutant["kind"] == "Node" and mode == "node-port":
        wanted = {"infra/aside", "l4rule/red/aside"}
    else:
        wanted = {"service/green/elsewhere", *ASIDE}
    return {key: outcomes.get(key) for key in wanted}


EXPECTED = {mode: settled_outcomes(case_of(SCENARIO, mode)) for mode in MODES}


@settings(max_examples=300, suppress_health_check=PATIENT)
@given(place=st.sampled_from(PLACES), value=st.one_of(st.none(), VALUES), mode=st.sampled_from(list(MODES)))
def test_one_wrong_value_raises_nothing_and_reaches_nobody_else(place, value, mode):
    at, path = place
    try:
        outcomes = settled_outcomes(case_of(mutated(at, path, value), mode))
    except msgspec.ValidationError:
        assume(False)
    mutant = SCENARIO[at]
    assert None not in bystanders(EXPECTED[mode], mutant, mode).values()
    assert bystanders(outcomes, mutant, mode) == bystanders(EXPECTED[mode], mutant, mode)
    for outcome in outcomes.values():
        assert not outcome.held
        for one in outcome.diagnostics:
            assert one.message
            assert one.field
            assert one.reason.isidentifier()
        if outcome.keeps_last_good:
            assert outcome.diagnostics
            assert not outcome.stack.objects


@settings(max_examples=80, suppress_health_check=PATIENT)
@given(place=st.sampled_from(PLACES), value=st.one_of(st.none(), VALUES), mode=st.sampled_from(list(MODES)))
def test_every_key_whose_outcome_changes_is_touched(place, value, mode):
    """A change of one object queues every key that comes out differently."""
    at, path = place
    case = case_of(SCENARIO, mode)
    try:
        old, new = (snapshot_with(case, objects) for objects in (SCENARIO, mutated(at, path, value)))
    except msgspec.ValidationError:
        assume(False)
    context = context_of(case["settings"], new)
    resource, before, now = changed(old, new)
    assume(resource is not None)
    outcomes = {key: outcome_for(old, key, context) for key in all_keys(old, context) | all_keys(new, context)}
    touched = keys_touched_by(Change(resource=resource, old=before, new=now), new, context)
    for key, outcome in outcomes.items():
        if outcome != outcome_for(new, key, context):
            assert key in touched, (str(key), path)


def snapshot_with(case, objects):
    return snapshot_of([*objects, *BYSTANDERS], BASE_ENVIRONMENT | ENVIRONMENT, references_of(case))


def changed(old, new):
    for resource, objects in new.objects.items():
        for identity, obj in objects.items():
            held = old.of(resource).get(identity)
            if held != obj:
                return resource, held, obj
    return None, None, None
