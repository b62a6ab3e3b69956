"""Status of an AviInfraSetting or of a rule: `Accepted`, or `Rejected` and why; as the official AKO writes it."""

from ako_runtime.model.intents import CustomResourceStatus
from ako_runtime.model.patch import Patch
from ako_runtime.resources.ako import AviInfraSetting, L4Rule
from ako_runtime.resources.rules import HostRule, HTTPRule, L7Rule
from ako_runtime.resources.sso import SSORule

Admitted = AviInfraSetting | L4Rule | HostRule | HTTPRule | L7Rule | SSORule


def admission_patches(intent: CustomResourceStatus, obj: Admitted) -> tuple[Patch, ...]:
    """The patch that makes the object show its verdict; empty if it does."""
    rejected = intent.problem is not None and not intent.problem.partial
    error = intent.problem.message if intent.problem is not None and rejected else ""
    wanted = ("Rejected" if rejected else "Accepted", error)
    if (obj.status.status, obj.status.error) == wanted:
        return ()
    return (Patch(about=intent.about, subresource="status", body={"status": {"status": wanted[0], "error": error}}),)
