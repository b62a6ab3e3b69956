"""Who has what a refusal names: the controller speaks of its own objects, users know theirs.

An address, port or name that is in use is refused with the name of the Avi object that has it. If that object is ours,
the Kubernetes object for which it stands is told along, so that two users can settle it between them. What belongs to
another cluster or to a person is left as the controller names it.
"""

from collections.abc import Iterator

from ako_runtime.errors import AkoError, Refused
from ako_runtime.model.avi import VsVip
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import StackKey
from ako_runtime.reconcile.inventory import Inventory, fqdns

_KINDS = {"service": "Service", "shared-vip": "the Services of the shared VIP", "gateway": "Gateway"}
_MOST_HOSTS = 3


def with_holders(error: AkoError, key: StackKey, inventory: Inventory) -> AkoError:
    """The refusal of something that `key` asked for, with the Kubernetes objects behind the Avi objects it names."""
    if not isinstance(error, Refused):
        return error
    holders = sorted({text for name in error.named for text in _holders(name, key, inventory)})
    if not holders:
        return error
    return Refused(f"{error}, which belongs to {' and '.join(holders)}", reason=error.reason, named=error.named)


def _holders(name: str, key: StackKey, inventory: Inventory) -> Iterator[str]:
    for ref in inventory.places_of(name, kinds=("vsvip", "virtualservice")):
        owner = inventory.owner_of(ref)
        if owner is None or owner == key:
            continue
        if owner.kind in _KINDS:
            yield f"{_KINDS[owner.kind]} {owner.namespace}/{owner.name}"
        elif hosts := _hosts(ref, inventory):
            more = f" and {len(hosts) - _MOST_HOSTS} more" if len(hosts) > _MOST_HOSTS else ""
            yield f"the Ingresses of {', '.join(hosts[:_MOST_HOSTS])}{more}"


def _hosts(ref: Ref, inventory: Inventory) -> tuple[str, ...]:
    held = inventory.view((ref,)).get(ref)
    return fqdns(held.content) if held is not None and isinstance(held.content, VsVip) else ()
