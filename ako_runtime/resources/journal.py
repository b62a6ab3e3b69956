"""What changed between two snapshots of one lineage.

A snapshot remembers the last changes that led to it. Whoever kept the last change of an earlier snapshot can ask what
came after; the answer is None where that is not known: the other snapshot is no ancestor, or one too long ago. Changes
are told apart by identity, so two snapshots that took different ways from one ancestor are not mistaken for each other.

The journal is a value like the snapshot itself. It is cut in two halves of at most `LENGTH` changes: a full newer half
becomes the older one, so adding costs little and memory is bounded.
"""

from msgspec import Struct

from ako_runtime.model.refs import Ref
from ako_runtime.resources.meta import Resource

LENGTH = 1024


class Change(Struct, frozen=True, kw_only=True, eq=False):
    """One object that came, went or changed; or, with `reference`, news of a named object on the controller."""

    resource: str = ""
    old: Resource | None = None
    new: Resource | None = None
    reference: Ref | None = None


class Journal(Struct, frozen=True, kw_only=True):
    """The last changes, oldest first."""

    older: tuple[Change, ...] = ()
    newer: tuple[Change, ...] = ()

    @property
    def last(self) -> Change | None:
        """The change that made this snapshot."""
        if self.newer:
            return self.newer[-1]
        return self.older[-1] if self.older else None

    def with_change(self, change: Change) -> "Journal":
        """This journal with one more change."""
        if len(self.newer) < LENGTH:
            return Journal(older=self.older, newer=(*self.newer, change))
        return Journal(older=self.newer, newer=(change,))

    def since(self, mark: Change | None) -> tuple[Change, ...] | None:
        """The changes after `mark`; None if it is not known which they are."""
        if mark is None:
            return None
        later: list[Change] = []
        for half in (self.newer, self.older):
            for change in reversed(half):
                if change is mark:
                    return tuple(reversed(later))
                later.append(change)
        return None
