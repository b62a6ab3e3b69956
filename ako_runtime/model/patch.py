"""A write to a Kubernetes object as a value, and what its computation needs to know of the controller."""

from collections.abc import Mapping

from msgspec import Struct

from ako_runtime.model.observed import Observed
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import ObjectRef


class Patch(Struct, frozen=True, kw_only=True):
    """A JSON merge patch of one object, of its status subresource or of the object itself."""

    about: ObjectRef
    body: Mapping[str, object]
    subresource: str = ""


class Applied(Struct, frozen=True, kw_only=True):
    """What status needs to know of the controller after a stack was applied."""

    observed: Mapping[Ref, Observed] = {}
    # Addresses of VsVips of this key that no longer exist.
    withdrawn: frozenset[str] = frozenset()
    cluster_uuid: str = ""
    # Time of the pass, RFC 3339, for conditions that change.
    now: str = ""
