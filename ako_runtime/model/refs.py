"""References between Avi objects.

One value serves three purposes: it names an object, it is an edge of the dependency graph, and it has the wire form
that the Avi Controller accepts. The controller itself answers with URLs (`https://host/api/pool/<uuid>#<name>` when
`include_name` is asked), clients write queries (`/api/pool?name=<name>`); `parse_ref` reads every form listed in the
REST facts and keeps kind and name, which is what two references must share to mean the same object.

`tenant` is part of an object's identity. Inside an object's body it stays empty, because the wire form does not carry
it: the controller looks in the tenant of the request and then in `admin`.

`Ref` is a plain immutable class and not a Struct because a Struct would be encoded as a JSON object; a reference on
the wire is a string.
"""

import functools
import re
from urllib.parse import quote, unquote, unquote_plus

# The official AKO writes `/api/<kind>?name=` for these and `/api/<kind>/?name=` for the others (observed on the wire).
_WITHOUT_SLASH = frozenset({"pool", "cloud", "vrfcontext", "serviceenginegroup"})


class Ref:
    """Kind (`pool`), tenant and name of an Avi object; `Ref("", "")` is the empty reference, written as an empty
    string.
    """

    __slots__ = ("_hash", "kind", "name", "tenant")

    kind: str
    name: str
    tenant: str

    def __init__(self, kind: str, name: str, *, tenant: str = "") -> None:
        object.__setattr__(self, "kind", kind)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "tenant", tenant)
        object.__setattr__(self, "_hash", hash((kind, name, tenant)))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Ref is immutable: {name}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ref):
            return NotImplemented
        return self.kind == other.kind and self.name == other.name and self.tenant == other.tenant

    def __hash__(self) -> int:
        value: int = object.__getattribute__(self, "_hash")
        return value

    def __lt__(self, other: "Ref") -> bool:
        return (self.kind, self.tenant, self.name) < (other.kind, other.tenant, other.name)

    def __repr__(self) -> str:
        tenant = f"{self.tenant}:" if self.tenant else ""
        return f"{self.kind} {tenant}{self.name}"

    def __reduce__(self) -> tuple[object, ...]:
        return (_made, (self.kind, self.name, self.tenant))

    def within(self, tenant: str) -> "Ref":
        """The same kind and name, in `tenant`."""
        return Ref(self.kind, self.name, tenant=tenant)

    @property
    def wire(self) -> str:
        """The form that goes into a request body, e.g. `/api/vsvip/?name=c--ns-web`."""
        if not self.kind:
            return ""
        slash = "" if self.kind in _WITHOUT_SLASH else "/"
        # A pool group refers to hundreds of pools; hardly any name has something to quote.
        name = self.name if _is_plain(self.name) else quote(self.name, safe="*:.-_~")
        return f"/api/{self.kind}{slash}?name={name}"


NO_REF = Ref("", "")
ASIDE = "--next"
"""End of the name of an object that takes the place of another one, for as long as both are there."""


def aside(ref: Ref) -> Ref:
    """Where an object is made that takes the place of this one."""
    return Ref(ref.kind, ref.name[: 255 - len(ASIDE)] + ASIDE, tenant=ref.tenant)


_is_plain = re.compile(r"[A-Za-z0-9*:._~-]+").fullmatch


def _made(kind: str, name: str, tenant: str) -> Ref:
    return Ref(kind, name, tenant=tenant)


@functools.lru_cache(maxsize=8192)
def parse_ref(text: str) -> Ref:
    """The reference in any wire form; a URL without a name yields the uuid as name. Never fails: the text is data.

    Most objects refer to the same few (tenant, cloud, profiles); remembering them makes those one value.
    """
    if not text:
        return NO_REF
    path, _, fragment = text.partition("#")
    path, _, query = path.partition("?")
    _, found, tail = path.partition("/api/")
    if not found:
        return Ref("", text)
    kind, _, uuid = tail.strip("/").partition("/")
    if fragment:
        return Ref(kind, unquote(fragment))
    for pair in query.split("&"):
        key, _, value = pair.partition("=")
        if key == "name":
            return Ref(kind, unquote_plus(value))
    return Ref(kind, uuid)
