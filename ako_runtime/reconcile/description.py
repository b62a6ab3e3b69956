"""All that is known of one key, for `/debug/stack/<key>`: what it wants, what is there, what would be done, the error.

The same translation and planning as in a pass, computed on the side: looking changes nothing. Secrets are redacted.
"""

import msgspec

from ako_runtime.model.observed import Observed
from ako_runtime.model.stack import Outcome
from ako_runtime.model.wire import shown
from ako_runtime.plan.describe import described
from ako_runtime.plan.members import kept_plan
from ako_runtime.plan.operations import plan_for
from ako_runtime.reconcile.inventory import Inventory


def described_key(outcome: Outcome, inventory: Inventory, *, last_error: str) -> dict[str, object]:
    """The key as plain data; objects by `kind/tenant/name`."""
    stack = outcome.stack
    surplus = inventory.surplus(outcome.key, stack)
    observed = inventory.view((*stack.objects, *surplus))
    kept = outcome.keeps_last_good
    plan = kept_plan(outcome.members, observed) if kept else plan_for(stack, observed, surplus=surplus)
    return {
        "key": str(outcome.key),
        "desired": {str(ref): shown(wish) for ref, wish in stack.objects.items()},
        "observed": {str(ref): _observed(one) for ref, one in observed.items()},
        "plan": [described(operation) for operation in plan],
        "shared": [str(edit.ref) for edit in outcome.edits],
        "diagnostics": [msgspec.to_builtins(one) for one in outcome.diagnostics],
        "held": outcome.held,
        "last_error": last_error,
    }


def _observed(one: Observed) -> dict[str, object]:
    """What the controller holds, as we know it; no content where its answer did not have the shape of its kind."""
    content = None if one.content is None else shown(one.content)
    return {"uuid": one.uuid, "last_modified": one.last_modified, "content": content}
