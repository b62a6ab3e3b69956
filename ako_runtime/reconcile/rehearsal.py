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
from ako_runtime.model.stack import Diagnostic, Outcome, StackKey
from ako_runtime.plan.operations import plan_for
from ako_runtime.reconcile.inventory import Inventory
from ako_runtime.reconcile.moves import ORPHANS
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.translate.dispatch import all_keys, outcome_for
from ako_runtime.translate.l4 import L4Context


class Rehearsal(Struct, frozen=True, kw_only=True):
    """Operations and diagnostics by key; keys with neither are left out."""

    operations: Mapping[StackKey, tuple[Operation, ...]]
    diagnostics: Mapping[StackKey, tuple[Diagnostic, ...]]


def rehearsal_of(
    snapshot: Snapshot,
    context: L4Context,
    inventory: Inventory,
    *,
    look_up: Callable[[Ref], Reference],
) -> Rehearsal:
    """Translate every key, claim, then plan; orphans last."""
    outcomes: dict[StackKey, Outcome] = {}
    for key in sorted(all_keys(snapshot)):
        outcome = outcome_for(snapshot, key, context)
        while outcome.needs:
            found = {ref: look_up(ref) for ref in outcome.needs}
            snapshot = msgspec.structs.replace(snapshot, references=snapshot.references.update(found))
            outcome = outcome_for(snapshot, key, context)
        outcomes[key] = outcome
        if outcome.keeps_last_good:
            inventory.claim_reachable(key, outcome.roots)
        else:
            inventory.claim(key, outcome.stack)
    inventory.adopt_orphans(ORPHANS)
    outcomes[ORPHANS] = Outcome(key=ORPHANS)
    operations = {key: plan for key, one in outcomes.items() if (plan := _plan(one, inventory))}
    diagnostics = {key: one.diagnostics for key, one in outcomes.items() if one.diagnostics}
    return Rehearsal(operations=operations, diagnostics=diagnostics)


def _plan(outcome: Outcome, inventory: Inventory) -> tuple[Operation, ...]:
    if outcome.keeps_last_good or outcome.held:
        return ()
    surplus = inventory.surplus(outcome.key, outcome.stack)
    observed = inventory.view((*outcome.stack.objects, *surplus))
    return plan_for(outcome.stack, observed, surplus=surplus)
