"""Which objects on the controller are ours.

The official AKO finds its own by `created_by` = `ako-<cluster>` (a second instance in the same Kubernetes cluster
adds `-<namespace>`), and VsVips, which carry no `created_by`, by their name prefix (`<cluster>--`). A name prefix
alone is a weak claim: a foreign VsVip may begin with it, and a cluster called `a` must not take the objects of a
cluster called `a--b`. Ours is a VsVip therefore only if the marker `clustername` says so as well; without markers
nothing is deleted, but a VsVip that has exactly the name we want is adopted.

Several instances in one cluster share its name, so on objects without `created_by` that marker cannot tell them apart.
A secondary instance therefore marks its objects with its namespace; what carries such a mark is never the primary's.

Nothing that is not ours by these rules is ever changed or deleted.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from ako_runtime.model.avi import Marker

CLUSTER_MARKER = "clustername"
INSTANCE_MARKER = "InstanceNamespace"
CREATOR_MARKER = "created_by"
WITHOUT_CREATOR = frozenset({"vsvip", "applicationpersistenceprofile"})
"""Kinds that have no `created_by`, and are told by their names."""
CREATOR_IN_MARKER = frozenset({"stringgroup"})
"""Kinds that have it in a marker instead."""


class Ownership(Struct, frozen=True, kw_only=True):
    """Who we are on the controller."""

    cluster: str
    namespace: str = ""
    primary: bool = True

    @property
    def created_by(self) -> str:
        """Value of `created_by` on our objects."""
        return f"ako-{self.cluster}" if self.primary else f"ako-{self.cluster}-{self.namespace}"

    @property
    def cluster_marker(self) -> Marker:
        """The marker that every object of ours carries."""
        return Marker(key=CLUSTER_MARKER, values=(self.cluster,))

    def owns(self, kind: str, document: Mapping[str, object]) -> bool:
        """Whether the object (an answer of the controller) is ours."""
        if kind in CREATOR_IN_MARKER:
            marks = _marks(document)
            return marks.get(CLUSTER_MARKER) == [self.cluster] and marks.get(CREATOR_MARKER) == [self.created_by]
        if kind not in WITHOUT_CREATOR:
            return document.get("created_by") == self.created_by
        name = document.get("name")
        if not isinstance(name, str) or not name.startswith(f"{self.cluster}--"):
            return False
        marks = _marks(document)
        return marks.get(CLUSTER_MARKER) == [self.cluster] and marks.get(INSTANCE_MARKER, []) == self._instance

    def may_adopt(self, kind: str, document: Mapping[str, object]) -> bool:
        """Whether an object that has exactly a name that we want may be taken over without being ours yet.

        A VsVip may if nobody has marked it, or if it is of our cluster and no instance has.
        """
        marks = _marks(document)
        ours = marks.get(CLUSTER_MARKER) == [self.cluster] and INSTANCE_MARKER not in marks
        return kind == "vsvip" and (ours or not document.get("markers"))

    @property
    def _instance(self) -> list[str]:
        return [] if self.primary else [self.namespace]


def markers_for(ownership: Ownership, pairs: Sequence[tuple[str, Sequence[str]]] = ()) -> tuple[Marker, ...]:
    """The cluster marker, every given pair that is not empty, in order, and the mark of a secondary instance."""
    named = [(CLUSTER_MARKER, (ownership.cluster,)), *pairs]
    if not ownership.primary:
        named.append((INSTANCE_MARKER, (ownership.namespace,)))
    return tuple(Marker(key=key, values=tuple(values)) for key, values in named if any(values))


def _marks(document: Mapping[str, object]) -> Mapping[object, object]:
    markers = document.get("markers")
    listed = markers if isinstance(markers, Sequence) else ()
    return {marker.get("key"): marker.get("values") for marker in listed if isinstance(marker, Mapping)}
