"""A change names each key whose outcome differs: over all golden cases, every object removed, added, changed once."""

import msgspec
import pytest
from support.golden_cases import CASES, case_files, context_of, loaded, references_of, snapshot_of, split

from ako_runtime.kube.kinds import WATCHED
from ako_runtime.resources.journal import Change
from ako_runtime.translate.dispatch import keys_touched_by
from ako_runtime.translate.ingress.idle import idle_places
from ako_runtime.translate.keys import all_keys, outcome_for
from ako_runtime.translate.recall import Recall


def answers(keys, snapshot, context):
    """What each key comes out as, without the marks that tell one pass from another."""
    return {key: msgspec.structs.replace(outcome_for(snapshot, key, context), delta=None) for key in keys}


def vsvips_of(snapshot, context):
    """The VsVips of all keys, which may stay when the hosts go."""
    outcomes = answers(all_keys(snapshot, context), snapshot, context).values()
    return {ref for outcome in outcomes for ref in outcome.stack.objects if ref.kind == "vsvip"}


def relabelled(obj):
    """The object with another label and annotation: what a change that may matter to somebody looks like."""
    metadata = msgspec.structs.replace(
        obj.metadata, labels={**obj.metadata.labels, "changed": "yes"}, annotations={}, resource_version="changed"
    )
    return msgspec.structs.replace(obj, metadata=metadata)


def changes_of(snapshot):
    """Every object removed, added and changed: the snapshots before and after, and the change."""
    for kind in WATCHED:
        for identity, obj in snapshot.of(kind.key).items():
            without, other = snapshot.without_object(kind.key, identity), relabelled(obj)
            yield snapshot, without, Change(resource=kind.key, old=obj)
            yield without, snapshot, Change(resource=kind.key, new=obj)
            yield snapshot, snapshot.with_object(kind.key, other), Change(resource=kind.key, old=obj, new=other)


@pytest.mark.parametrize("path", case_files(), ids=lambda path: str(path.relative_to(CASES).with_suffix("")))
def test_every_key_that_comes_out_differently_is_touched(path):
    case = loaded(split(path)[0])
    whole = snapshot_of(case["given"], case.get("environment"), references_of(case))
    plain = context_of(case.get("settings"), whole)
    held = vsvips_of(whole, msgspec.structs.replace(plain, recall=Recall()))
    for before, after, change in changes_of(whole):
        context = msgspec.structs.replace(plain, recall=Recall())
        first = answers(all_keys(before, context) | idle_places(held, before, context).keys(), before, context)
        touched = keys_touched_by(change, after, context)
        fresh = msgspec.structs.replace(plain, recall=Recall())
        for key, outcome in answers(first.keys() | all_keys(after, fresh), after, fresh).items():
            assert key in touched or outcome == first.get(key), (str(key), change)
