"""What a reconciliation of everything would do, computed once and carried out never.

Used by `ako plan`. The same translation and planning as in the running controller; lists come from reflectors that are
stopped again, lookups that translation asks for are made, and the inventory is read whole.
"""

from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from ako_runtime.model.environment import Reference
from ako_runtime.model.operation import Operation
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import EMPTY_STACK, Diagnostic, Edited, Outcome, SharedEdit, StackKey
from ako_runtime.plan.members import kept_plan
from ako_runtime.plan.operations import plan_for
from ako_runtime.reconcile.inventory import Inventory
from ako_runtime.reconcile.moves import ORPHANS
from ako_runtime.reconcile.orphans import orphans_outcome
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.translate.keys import all_keys, outcome_for
from ako_runtime.translate.l4 import L4Context


class Rehearsal(Struct, frozen=True, kw_only=True):
    """Operations, edits of shared objects and diagnostics by key; keys without are left out."""

    operations: Mapping[StackKey, tuple[Operation, ...]]
    edits: Mapping[StackKey, tuple[Edited, ...]]
    diagnostics: Mapping[StackKey, tuple[Diagnostic, ...]]
    # How many virtual services of ours nobody wants, and how many there are.
    orphan_services: tuple[int, int] = (0, 0)

    @property
    def changes_nothing(self) -> bool:
        """Whether everything is right already."""
        return not self.operations and not self.edits


class Looks(Struct, frozen=True, kw_only=True):
    """How a rehearsal looks at the controller: for an object that a user names, at what an edit would change."""

    look_up: Callable[[Ref], Reference]
    see: Callable[[SharedEdit], Edited]


def rehearsal_of(
    snapshot: Snapshot,
    context: L4Context,
    inventory: Inventory,
    *,
    looks: Looks,
) -> Rehearsal:
    """Translate every key, claim, then plan; orphans last. With `deleteConfig` everything of ours goes."""
    outcomes: dict[StackKey, Outcome] = {}
    kept: dict[StackKey, frozenset[Ref]] = {}
    for key in sorted(all_keys(snapshot, context)):
        outcome = outcome_for(snapshot, key, context)
        # An answer may lead to the next question; a question that was answered once is not asked again.
        while not context.settings.delete_config and (unknown := outcome.needs.difference(snapshot.references)):
            found = {ref: looks.look_up(ref) for ref in unknown}
            snapshot = msgspec.structs.replace(snapshot, references=snapshot.references.update(found))
            outcome = outcome_for(snapshot, key, context)
        outcome = outcomes[key] = outcome.emptied() if context.settings.delete_config else outcome
        if outcome.keeps_last_good:
            kept[key] = inventory.claim_reachable(key, outcome.roots)
        else:
            inventory.claim(key, outcome.stack)
    orphan_services = inventory.orphan_services()
    inventory.adopt_orphans(ORPHANS)
    gone = context.settings.delete_config
    outcomes[ORPHANS] = Outcome(key=ORPHANS) if gone else orphans_outcome(inventory, snapshot, context)
    operations = {
        key: plan for key, one in outcomes.items() if (plan := _plan(one, inventory, kept.get(key, frozenset())))
    }
    edits, problems = _edits(outcomes, looks)
    remarks = {key: (*one.diagnostics, *problems.get(key, ())) for key, one in outcomes.items()}
    diagnostics = {key: told for key, told in remarks.items() if told}
    return Rehearsal(operations=operations, edits=edits, diagnostics=diagnostics, orphan_services=orphan_services)


def _edits(
    outcomes: Mapping[StackKey, Outcome], looks: Looks
) -> tuple[Mapping[StackKey, tuple[Edited, ...]], Mapping[StackKey, tuple[Diagnostic, ...]]]:
    """What the edits of each key would change, and what stands against them."""
    seen = {
        key: tuple(looks.see(edit) for edit in one.edits) for key, one in outcomes.items() if one.edits and not one.held
    }
    changing = {key: tuple(edited for edited in found if edited.after is not None) for key, found in seen.items()}
    problems = {key: tuple(problem for edited in found for problem in edited.problems) for key, found in seen.items()}
    return {key: found for key, found in changing.items() if found}, problems


def _plan(outcome: Outcome, inventory: Inventory, kept: frozenset[Ref]) -> tuple[Operation, ...]:
    if outcome.held:
        return ()
    if outcome.keeps_last_good:
        held = inventory.view(inventory.surplus(outcome.key, EMPTY_STACK) | kept)
        return kept_plan(outcome.members, held)
    surplus = inventory.surplus(outcome.key, outcome.stack)
    observed = inventory.view((*outcome.stack.objects, *surplus))
    return plan_for(outcome.stack, observed, surplus=surplus)
