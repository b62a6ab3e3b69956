"""Whether an answer of the controller and the inventory cannot both be true.

A controller that says "none" of what it has (it starts up, a part of it lags) makes us create everything a second time.
It refuses: the name is there, or something of ours that we have not seen holds the port or the host name.
"""

from ako_runtime.errors import AkoError, Refused, Stale
from ako_runtime.model.operation import Operation
from ako_runtime.reconcile.inventory import Inventory


def contradicts(error: AkoError, operation: Operation, inventory: Inventory, cluster: str) -> bool:
    """Whether a failed creation shows that the inventory lacks something of ours."""
    if operation.verb != "create":
        return False
    if isinstance(error, Stale) and error.reason == "Conflict":
        return not inventory.view((operation.ref,))
    if not isinstance(error, Refused):
        return False
    named = {name for name in error.named if name.startswith(f"{cluster}--")} - {operation.ref.name}
    return bool(named) and not named <= {one.ref.name for one in inventory.objects()}
