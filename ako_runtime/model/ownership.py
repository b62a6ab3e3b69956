"""Which objects on the controller are ours.

The official AKO finds its own by `created_by` = `ako-<cluster>` (a second instance in the same Kubernetes cluster
adds `-<namespace>`), and VsVips, which carry no `created_by`, by their name prefix (`<cluster>--`). A name prefix
alone is a weak claim: a foreign VsVip may begin with it, and a cluster called `a` must not take the objects of a
cluster called `a--b`. Ours is a VsVip therefore only if the marker `clustername` says so as well; without markers
nothing is deleted, but a VsVip that has exactly the name we want is adopted.

Nothing that is not ours by these rules is ever changed or deleted.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from ako_runtime.model.avi import Marker

CLUSTER_MARKER = "clustername"
WITHOUT_CREATOR = frozenset({"vsvip", "applicationpersistenceprofile"})
"""Kinds that have no `created_by`."""


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
        if kind not in WITHOUT_CREATOR:
            return document.get("created_by") == self.created_by
        name = document.get("name")
        if not isinstance(name, str) or not name.startswith(f"{self.cluster}--"):
            return False
        markers = document.get("markers")
        return isinstance(markers, Sequence) and any(self._is_own_marker(marker) for marker in markers)

    def _is_own_marker(self, marker: object) -> bool:
        return (
            isinstance(marker, Mapping)
            and marker.get("key") == CLUSTER_MARKER
            and marker.get("values") == [self.cluster]
        )


def markers_for(ownership: Ownership, pairs: Sequence[tuple[str, Sequence[str]]] = ()) -> tuple[Marker, ...]:
    """The cluster marker and then every given pair that is not empty, in order."""
    own = (ownership.cluster_marker,)
    return own + tuple(Marker(key=key, values=tuple(values)) for key, values in pairs if any(values))
