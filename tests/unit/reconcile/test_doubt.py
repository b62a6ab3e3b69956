"""When the controller contradicts what we know of it."""

import pytest

from ako_runtime.errors import Refused, RetryLater, Stale
from ako_runtime.model.avi import Pool
from ako_runtime.model.observed import Observed
from ako_runtime.model.operation import Operation
from ako_runtime.model.refs import Ref
from ako_runtime.reconcile.doubt import contradicts
from ako_runtime.reconcile.inventory import Inventory

REF = Ref("pool", "cluster-a--web", tenant="admin")
OTHER = Ref("virtualservice", "cluster-a--other", tenant="admin")


def inventory(*refs):
    found = Inventory()
    found.load(Observed(ref=ref, uuid=f"uuid-{ref.name}", content=None) for ref in refs)
    return found


CREATE = Operation(verb="create", ref=REF, wish=Pool(name=REF.name))
DELETE = Operation(verb="delete", ref=REF, uuid="pool-1")
PORT = Refused("400: Port 80 is already used by VirtualService 'cluster-a--other'", named=frozenset({OTHER.name}))


@pytest.mark.parametrize(
    ("error", "operation", "known", "doubtful"),
    [
        (Stale("409", reason="Conflict"), CREATE, (), True),
        (Stale("409", reason="Conflict"), CREATE, (REF,), False),
        (Stale("412", reason="Changed"), CREATE, (), False),
        (PORT, CREATE, (), True),
        (PORT, CREATE, (OTHER,), False),
        (Refused("400", named=frozenset({"somebody"})), CREATE, (), False),
        (Refused("400", named=frozenset({"cluster-ab--x"})), CREATE, (), False),
        (Refused("400", named=frozenset({REF.name})), CREATE, (), False),
        (RetryLater("'cluster-a--other'"), CREATE, (), False),
        (PORT, DELETE, (), False),
    ],
)
def test_only_what_we_have_not_seen_and_the_controller_names_is_a_contradiction(error, operation, known, doubtful):
    assert contradicts(error, operation, inventory(*known), "cluster-a") is doubtful
