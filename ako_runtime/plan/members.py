"""Members of pools that are kept: the one thing that changes while everything else stays as it is.

Somebody whose input is refused keeps the objects that were made from the last good one. Their pods are replaced all the
same; a pool that went on naming those of yesterday would turn a typing error into an outage with the next roll-out.
"""

from collections.abc import Mapping

import msgspec

from ako_runtime.model.avi import Pool, Server
from ako_runtime.model.observed import Observed
from ako_runtime.model.operation import Operation
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Stack
from ako_runtime.plan.operations import plan_for


def kept_plan(members: Mapping[str, tuple[Server, ...]], observed: Mapping[Ref, Observed]) -> tuple[Operation, ...]:
    """Operations that give the observed pools of one key these members, and change nothing else."""
    return plan_for(kept_stack(members, observed), observed, surplus=frozenset())


def kept_stack(members: Mapping[str, tuple[Server, ...]], observed: Mapping[Ref, Observed]) -> Stack:
    """Those observed pools whose members are known, as they are but with these members."""
    return Stack(
        objects={
            ref: msgspec.structs.replace(one.content, servers=members[ref.name])
            for ref, one in observed.items()
            if isinstance(one.content, Pool) and ref.name in members
        }
    )
