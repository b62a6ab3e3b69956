"""What one verification may cost, whatever the package is: one account for all its parts.

Limits of single parts do not add up to a limit: a thousand documents below it, each read into memory or followed by an
expensive rule, cost as much as one above it. So whoever reads, parses or verifies something draws on the account of
its package, and an overdrawn account ends the verification with a finding. Units are counted, not seconds, so the
answer is the same on every machine; the limits are those under which memory stays within 64 MiB above the baseline and
each kind of cost below about a second.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ako_runtime.errors import UserError

LIMITS: Mapping[str, int] = MappingProxyType(
    {
        # Bytes of manifest, descriptor, bills and so on that are read into memory, one after the other.
        "bytes of documents": 40 << 20,
        # Values of YAML, JSON and XML.
        "values in documents": 250_000,
        # Steps from type to type, definition to definition.
        "steps between types": 2_000_000,
        # What charts unpack to; most of it is passed over.
        "bytes of charts": 256 << 20,
        # Members of charts and of archives that may be one; empty ones cost time, too.
        "files of charts": 30_000,
        # Signatures that are verified; a chain costs the square of its certificates.
        "signatures": 5_000,
    }
)


class OverBudget(UserError):  # noqa: N818 - named after the finding
    """The package costs more than a verification may."""


class Budget:
    """What is left for one package."""

    def __init__(self) -> None:
        self._left = dict(LIMITS)

    def spend(self, what: str, amount: int = 1) -> None:
        """Draw on the account; `OverBudget` if it is empty."""
        self._left[what] -= amount
        if self._left[what] < 0:
            raise OverBudget(
                f"the package costs too much: more than {LIMITS[what]} {what}; ask its maker for a smaller one"
            )
