"""One go at one key, and what its end means for what statuses show."""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec import Struct

from ako_runtime.errors import AkoError
from ako_runtime.model.avi import AviObject
from ako_runtime.model.observed import Observed
from ako_runtime.model.operation import Operation
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Delta, Diagnostic, Outcome, Stack, StackKey, StatusIntent


class Pass(Struct, frozen=True, kw_only=True):
    """One go at one key."""

    key: StackKey
    outcome: Outcome
    started: float
    # Which reading of the inventory it compares with, and how it differs from what is in place, if that is known.
    reading: int = 0
    delta: Delta | None = None
    # Hosts that are built here before their names can come.
    early: Mapping[str, Ref] = {}
    withdrawn: frozenset[str] = frozenset()
    # The controller refused where the stack wants to stand: it is as it stands now.
    kept: bool = False


def content_of(held: Observed | None) -> AviObject | None:
    """What is managed of an object that may not be there."""
    return held.content if held is not None else None


def withdrawing(one: Pass, written: Mapping[Ref, Observed | None], observed: Mapping[Ref, Observed]) -> Pass:
    """The pass, knowing the addresses that went away with deleted VsVips."""
    gone = frozenset(
        address
        for ref, result in written.items()
        if result is None and ref in observed
        for address in (*observed[ref].addresses, *observed[ref].public_addresses)
    )
    return msgspec.structs.replace(one, withdrawn=gone) if gone else one


def with_problem(intent: StatusIntent, error: AkoError) -> StatusIntent:
    """The status, saying what failed."""
    problem = Diagnostic(object=intent.about, field="", reason=error.reason, message=str(error))
    return msgspec.structs.replace(intent, problem=problem)


def places_beside(operations: Iterable[Operation]) -> frozenset[Ref]:
    """Objects beside which the operations may make another one."""
    found: set[Ref] = set()
    for one in operations:
        if one.verb == "replace" or "vh_parent_vs_ref" in one.fields:
            found |= {one.ref, *(user.ref for user in one.users)}
    return frozenset(found)


def unserved(stack: Stack, given_up: frozenset[Ref]) -> frozenset[Ref]:
    """Objects of the stack that were given up, and what needs them."""
    users: dict[Ref, list[Ref]] = {}
    for ref in stack.objects if given_up else ():
        for needed in stack.dependencies(ref):
            users.setdefault(needed, []).append(ref)
    found: set[Ref] = set()
    open_ends = [ref for ref in given_up if ref in stack.objects]
    while open_ends:
        ref = open_ends.pop()
        if ref not in found:
            found.add(ref)
            open_ends += users.get(ref, ())
    return frozenset(found)


def told_of(outcome: Outcome, error: AkoError, given_up: frozenset[Ref]) -> tuple[StatusIntent, ...]:
    """The statuses after a refusal: with the problem where it concerns what serves the object."""
    lost = unserved(outcome.stack, given_up)
    return tuple(with_problem(one, error) if lost.intersection(one.sources) else one for one in outcome.statuses)
