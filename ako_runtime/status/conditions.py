"""Conditions: ours into a list that others write to as well.

A condition keeps the time of its last transition while its status stays. Conditions of other types stay as they are
and where they are.
"""

from collections.abc import Iterable

import msgspec

from ako_runtime.model.stack import Diagnostic
from ako_runtime.resources.meta import Condition

ACCEPTED = "ako.vmware.com/Accepted"


def accepted_condition(problem: Diagnostic | None) -> Condition:
    """Whether an object is accepted as it is written."""
    return Condition(
        type=ACCEPTED,
        status="True" if problem is None else "False",
        reason="Accepted" if problem is None else problem.reason,
        message="" if problem is None else problem.message,
    )


def conditions_with(held: tuple[Condition, ...], wanted: Iterable[Condition], *, now: str) -> tuple[Condition, ...]:
    """The list with the wanted conditions in it, each with the time of its transition."""
    result = list(held)
    places = {condition.type: at for at, condition in enumerate(held)}
    for condition in wanted:
        at = places.get(condition.type)
        if at is None:
            result.append(msgspec.structs.replace(condition, last_transition_time=now))
        elif not _says_same(held[at], condition):
            since = held[at].last_transition_time if held[at].status == condition.status else now
            result[at] = msgspec.structs.replace(condition, last_transition_time=since or now)
    return tuple(result)


def _says_same(one: Condition, other: Condition) -> bool:
    return (one.status, one.reason, one.message, one.observed_generation) == (
        other.status,
        other.reason,
        other.message,
        other.observed_generation,
    )


def condition_document(condition: Condition) -> dict[str, object]:
    """The condition as the API server takes it."""
    fields: dict[str, object] = {
        "type": condition.type,
        "status": condition.status,
        "reason": condition.reason,
        "message": condition.message,
        "lastTransitionTime": condition.last_transition_time,
    }
    if condition.observed_generation:
        fields["observedGeneration"] = condition.observed_generation
    return fields
