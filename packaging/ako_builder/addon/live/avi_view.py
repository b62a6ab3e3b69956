"""What an Avi Controller says about the AKO of one cluster, held against what the cluster says about the controller.

Values and pure rules; reading is `avi_reading`'s. Four statements are compared: the controller's version with the range
that the running AKO supports and with the API version that the ConfigMap asks for; its clouds with the cloud that the
ConfigMap names; the virtual services that are named like this cluster's (`<cluster>--`) with who created them
(`ako-<cluster>`), because an object that another AKO made under our name is one that two AKOs will fight over; and the
cloud in which this cluster's objects lie. The version that the controller itself reports per cluster (`akoamkocluster`,
Avi 32.1.4 and later) comes as a document of its own, for the rule that dumps have as well.
"""

from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from ako_builder.addon.live.operator_role import ROLE, extra_permissions, lacking_permissions
from ako_builder.addon.versions import Range, numbers_of
from ako_runtime.model.ownership import Ownership


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """A virtual service of the controller: whose it is and where."""

    name: str
    created_by: str = ""
    cloud: str = ""


class Controller(msgspec.Struct, frozen=True, kw_only=True):
    """What was read from a controller."""

    host: str
    version: str
    clouds: frozenset[str]
    claims: tuple[Claim, ...]
    operator_role: Mapping[str, str] | None = None
    """Access by permission of the role that ako-operator makes; None where the controller has no such role."""
    hidden: tuple[str, ...] = ()
    """Kinds that the user may not read."""


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """What the cluster says, what the controller says, whether they agree, and why it is bad if they do not."""

    expected: str
    found: str
    same: bool
    why: str


def statements(
    controller: Controller, *, config: Mapping[str, str], namespace: str, supported: Range | None
) -> Iterator[Statement]:
    """Everything that a controller and the ConfigMap of a cluster (empty: none was read) both speak of."""
    if controller.operator_role is not None:
        yield from _role(controller.operator_role)
    yield from _versions(controller, asked=config.get("controllerVersion", ""), supported=supported)
    cloud = config.get("cloudName", "")
    if cloud:
        known = ", ".join(sorted(controller.clouds)) or "none"
        why = "the ConfigMap names a cloud that does not exist"
        there = cloud in controller.clouds
        yield Statement(expected=f"cloud {cloud}", found=cloud if there else known, same=there, why=why)
    cluster = config.get("clusterName", "")
    if cluster:
        primary = config.get("primaryInstance", "true") != "false"
        ours = Ownership(cluster=cluster, namespace=namespace, primary=primary)
        yield from _claims(controller, ours=ours, cloud=cloud)


def disagreements(
    controller: Controller, *, config: Mapping[str, str], namespace: str, supported: Range | None
) -> Iterator[Statement]:
    """Everything in which they do not agree."""
    found = statements(controller, config=config, namespace=namespace, supported=supported)
    return (item for item in found if not item.same)


def _versions(controller: Controller, *, asked: str, supported: Range | None) -> Iterator[Statement]:
    if supported is not None:
        why = "the AKO that runs does not support this controller version"
        same = controller.version in supported
        yield Statement(expected=str(supported), found=controller.version, same=same, why=why)
    if asked:
        why = "controllerVersion asks for an API that this controller does not have yet"
        same = numbers_of(asked) <= numbers_of(controller.version)
        yield Statement(expected=f"API {asked}", found=controller.version, same=same, why=why)


_UNKNOWN_PERMISSIONS: Final = (
    "ako-operator before TKG 2.5.2 makes no users while the role has permissions that it does not know (KB 369176): "
    "take them from the role, or upgrade TKG first"
)


def _role(privileges: Mapping[str, str]) -> Iterator[Statement]:
    extra, lacking = extra_permissions(privileges), lacking_permissions(privileges)
    own = "than ako-operator's own permissions"
    yield Statement(
        expected=f"role {ROLE}: no more {own}",
        found=", ".join(extra) or "no more",
        same=not extra,
        why=_UNKNOWN_PERMISSIONS,
    )
    yield Statement(
        expected=f"role {ROLE}: no less {own}",
        found=", ".join(lacking) or "no less",
        same=not lacking,
        why="the users that ako-operator made may do less than AKO needs",
    )


def _claims(controller: Controller, *, ours: Ownership, cloud: str) -> Iterator[Statement]:
    instances = (ours.created_by, f"ako-{ours.cluster}", f"ako-{ours.cluster}-{ours.namespace}")
    for claim in controller.claims:
        named = claim.name.startswith(f"{ours.cluster}--")
        if named:
            why = "somebody else made an object under this cluster's name"
            found = f"created by {claim.created_by or 'nobody known'}"
            same = claim.created_by in instances
            yield Statement(expected=f"{claim.name} created by {ours.created_by}", found=found, same=same, why=why)
        if cloud and claim.created_by == ours.created_by:
            why = "an object of this cluster lies in another cloud than the ConfigMap names"
            same = claim.cloud == cloud
            expected = f"{claim.name} in cloud {cloud}"
            yield Statement(expected=expected, found=f"cloud {claim.cloud}", same=same, why=why)
