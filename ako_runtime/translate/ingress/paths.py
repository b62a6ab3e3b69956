"""Paths of an Ingress as matches, longest first.

`Exact` is equality. `Prefix` goes by segments: `/api` takes `/api` and `/api/v1`, not `/apiary` (the official AKO
compares texts; Kubernetes says segments). `ImplementationSpecific` compares texts, as the official AKO does. A path
without text is everything, and comes last.
"""

from msgspec import Struct

from ako_runtime.resources.networking import HttpPath

EQUALS, BEGINS_WITH = "EQUALS", "BEGINS_WITH"
PATH_TYPES = frozenset({"Exact", "Prefix", "ImplementationSpecific"})


class PathKey(Struct, frozen=True, kw_only=True):
    """A path and how it is compared; an empty text with no type is the fallback of a host."""

    text: str
    type: str

    @property
    def order(self) -> tuple[int, bool, str]:
        """Longest first, equality before prefix, then by text."""
        return (-len(self.text), self.type != "Exact", self.text)

    @property
    def matches(self) -> tuple[tuple[str, str], ...]:
        """Criteria and text of the rules that together are this path; none: every path."""
        if not self.text:
            return ()
        if self.type == "Exact":
            return ((EQUALS, self.text),)
        bare = self.text.rstrip("/")
        if self.type == "Prefix" and bare:
            return ((EQUALS, bare), (BEGINS_WITH, f"{bare}/"))
        return ((BEGINS_WITH, self.text),)


FALLBACK = PathKey(text="", type="")


def path_key(path: HttpPath) -> PathKey:
    """The path of a rule; nothing written means everything."""
    return PathKey(text=path.path or "/", type=path.path_type)


def path_problem(path: HttpPath) -> str:
    """What is wrong with a path; empty if nothing is."""
    if path.path_type not in PATH_TYPES:
        return f"pathType is '{path.path_type}'; write Exact, Prefix or ImplementationSpecific"
    if path.path and not path.path.startswith("/"):
        return f"path is '{path.path}'; begin it with a slash"
    if path.backend.resource is not None:
        wanted = path.backend.resource
        return f"the backend of path '{path.path}' is {wanted.kind} '{wanted.name}'; only Services can be served"
    if path.backend.service is None or not path.backend.service.name:
        return f"path '{path.path}' has no backend; name a Service and its port"
    return ""
