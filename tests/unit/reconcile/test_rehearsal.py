"""`ako plan` looks up what rules and settings name, as the running controller does, and plans what it would write."""

import pytest
from immutables import Map
from support.golden_cases import case_files, context_of, loaded, references_of, snapshot_of, split

from ako_runtime.model.environment import Reference
from ako_runtime.model.stack import Edited
from ako_runtime.reconcile.inventory import Inventory
from ako_runtime.reconcile.rehearsal import Looks, rehearsal_of

NAMING = [path for path in case_files() if "\nreferences:" in split(path)[0]]


def rehearsed(case, *, known, look_up):
    snapshot = snapshot_of(case["given"], case.get("environment"), known)
    looks = Looks(look_up=look_up, see=lambda edit: Edited(ref=edit.ref))
    return rehearsal_of(snapshot, context_of(case.get("settings"), snapshot), Inventory(), looks=looks)


@pytest.mark.parametrize("path", NAMING, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_what_is_looked_up_leads_to_the_plan_of_a_controller_that_knows_it(path):
    case = loaded(split(path)[0])
    answers = references_of(case)
    asked = []

    def look_up(ref):
        asked.append(ref)
        return answers.get(ref, Reference(exists=False))

    blind = rehearsed(case, known=Map(), look_up=look_up)
    assert len(asked) == len(set(asked))
    knowing = rehearsed(case, known=answers, look_up=look_up)
    assert blind.operations == knowing.operations
    assert blind.diagnostics == knowing.diagnostics


def test_some_cases_name_what_must_be_looked_up():
    assert len(NAMING) > 20


def test_nothing_is_looked_up_when_everything_goes():
    case = loaded(split(NAMING[0])[0])
    case["settings"] = (case.get("settings") or {}) | {"deleteConfig": "true"}

    def look_up(ref):
        raise AssertionError(ref)

    assert rehearsed(case, known=Map(), look_up=look_up).operations == {}
