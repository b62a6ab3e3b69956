"""Objects on the controller that a custom resource names: looked up, of the right type, and not our own.

A rule may be wrong in itself or name something that the controller does not have (yet). The second is looked up through
`needs`; the answer is asked for anew with each resync, so a rule is accepted as soon as what it names exists.
"""

from collections.abc import Iterable, Mapping

from ako_runtime.model.environment import Reference
from ako_runtime.model.refs import Ref
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.translate import annotations as notes
from ako_runtime.translate.infra import ACCEPTED, Admission
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.shape_rule import DEFAULT_APPLICATION_PROFILE

_LAYER4_TYPES = frozenset({"APPLICATION_PROFILE_TYPE_L4", "APPLICATION_PROFILE_TYPE_SSL"})


def references_admission(
    found: Iterable[tuple[str, Ref]],
    snapshot: Snapshot,
    context: L4Context,
    *,
    tenant: str,
    types: Mapping[str, frozenset[str]],
) -> Admission:
    """Whether every pair of field and object is usable; `types` says of which type objects of a kind must be."""
    references = [(field, ref.within(tenant)) for field, ref in found]
    needs = frozenset(ref for _, ref in references if snapshot.reference(ref) is None)
    if needs:
        return Admission(needs=needs)
    for field, ref in references:
        known = snapshot.reference(ref)
        if known is not None and (text := _problem(ref, known, context, types)):
            return Admission(field=field, problem=f"{field}: {text}")
    return ACCEPTED


def annotated_profile_admission(name: str, snapshot: Snapshot, context: L4Context, *, tenant: str) -> Admission:
    """Whether the application profile that an annotation names can be that of a layer 4 virtual service."""
    if name in {"", DEFAULT_APPLICATION_PROFILE}:
        return ACCEPTED
    return references_admission(
        [(notes.APPLICATION_PROFILE, Ref("applicationprofile", name))],
        snapshot,
        context,
        tenant=tenant,
        types={"applicationprofile": _LAYER4_TYPES},
    )


def _problem(ref: Ref, known: Reference, context: L4Context, types: Mapping[str, frozenset[str]]) -> str:
    if not known.exists:
        return f"the controller has no {ref.kind} '{ref.name}'"
    if known.created_by == context.ownership.created_by:
        return f"{ref.kind} '{ref.name}' is made by this controller and may not be referred to"
    wanted = types.get(ref.kind, frozenset())
    if wanted and known.type and known.type not in wanted:
        return f"{ref.kind} '{ref.name}' is of type {known.type}; {' or '.join(sorted(wanted))} is needed"
    return ""
