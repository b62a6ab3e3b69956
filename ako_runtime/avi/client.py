"""Typed requests to the Avi Controller: one object, or all of ours.

Every read asks for `include_name`, so references come back with the names that we compare by. A collection is read in
pages; `next` is not followed as a URL (the controller may name itself by an address that we cannot reach), the page
number is counted instead.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec
from msgspec import Struct

from ako_runtime.avi.session import TOO_LARGE, AviSession
from ako_runtime.avi.verdicts import NO_TENANT, Answer, unclear
from ako_runtime.errors import Bug, RetryLater
from ako_runtime.model.avi import AviObject
from ako_runtime.model.environment import Reference
from ako_runtime.model.observed import Observed, observed_from, served_in
from ako_runtime.model.operation import Operation, merged
from ako_runtime.model.ownership import CREATOR_IN_MARKER, CREATOR_MARKER, WITHOUT_CREATOR, Ownership
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Edited, SharedEdit, Withdrawal
from ako_runtime.model.wire import builtins

PAGE_SIZES = (200, 50, 10, 1)
"""Objects of a page, and how many are asked for where an answer has too many bytes; each divides the one before."""
MOST_OBJECTS = 1_000_000
"""Bounds a collection whose `count` is never reached."""
FEW = 50
"""So many objects are read one by one rather than all anew."""

Document = Mapping[str, object]


class _Page(Struct, frozen=True, kw_only=True):
    results: tuple[msgspec.Raw, ...]
    count: int


class _Head(Struct, frozen=True, kw_only=True):
    uuid: str
    name: str


class AviClient:
    """Reads and writes objects through one session."""

    def __init__(self, *, session: AviSession, interned: dict[bytes, bytes], cloud: str = "") -> None:
        """`cloud`: where shared objects are looked for; every cloud has a VRF `global` of its own."""
        self._session = session
        self._interned = interned
        self._cloud = cloud

    def apply(self, operation: Operation) -> Observed | None:
        """Carry out one operation; the object as it is afterwards, None when it is gone."""
        ref = operation.ref
        path = f"/api/{ref.kind}"
        if operation.verb == "create":
            # As it is: `body` would encode it twice.
            answer = self._post(ref, operation.wish)
        elif operation.verb == "update":
            answer = self._session.checked(
                "PUT", f"{path}/{operation.uuid}?include_name=true", tenant=ref.tenant, body=operation.body
            )
        else:
            self.delete(ref, operation.uuid)
            return None
        observed = self._written(ref, answer, what=f"{_METHODS[operation.verb]} {ref}")
        if ref.kind in _SHOWN_IN_PART:
            # The answer to a write leaves out what was just written.
            return msgspec.structs.replace(observed, content=operation.content)
        return observed

    def create(self, ref: Ref, wish: AviObject) -> Observed:
        """Make an object; the object as the controller has it now."""
        return self._written(ref, self._post(ref, wish), what=f"POST {ref}")

    def copy(self, ref: Ref, held: Observed, **fields: object) -> Observed:
        """Make an object like another one, under this name and with some fields of its own."""
        if held.content is None:
            raise Bug(f"{held.ref} cannot be copied: it has not the shape of its kind")
        content = msgspec.structs.replace(held.content, name=ref.name, **fields)
        body = merged(builtins(content), held, guarded=False)
        return self._observed(ref.kind, self._post(ref, body).body, tenant=ref.tenant)

    def _post(self, ref: Ref, body: AviObject | Document | None) -> Answer:
        return self._session.checked("POST", f"/api/{ref.kind}?include_name=true", tenant=ref.tenant, body=body)

    def delete(self, ref: Ref, uuid: str) -> None:
        """Delete an object; one that is gone already is as good. Only 204 says that it is gone without another look."""
        what = f"DELETE {ref}"
        answer = self._session.request("DELETE", f"/api/{ref.kind}/{uuid}", tenant=ref.tenant)
        if answer.status == 404 or (answer.status < 400 and answer.status != 204):
            found = self.read(ref)
            if found is None or found[0].uuid != uuid:
                return
            raise unclear(f"{what}: the controller answered {answer.status} and still has it", write=True)
        self._session.check(answer, what=what)

    def _written(self, ref: Ref, answer: Answer, *, what: str) -> Observed:
        """The object that a write answered; raises Stale if the answer is another thing."""
        _confirm(ref, answer, what=what)
        return self._observed(ref.kind, answer.body, tenant=ref.tenant)

    def read(self, ref: Ref) -> tuple[Observed, Document] | None:
        """The object of that name in that tenant, with the document it came from; None if there is none."""
        found = next(self.pages(ref.kind, {"name": ref.name}, tenant=ref.tenant), None)
        if found is None:
            return None
        return (self._observed(ref.kind, found, tenant=ref.tenant), _document(found))

    def reference(self, ref: Ref) -> Reference:
        """Whether an object of that name exists (a network: or that UUID), and what decides whether it may be used."""
        try:
            return self._reference(ref)
        except RetryLater as error:
            if error.reason != NO_TENANT:
                raise
            # In a tenant that does not exist nothing does.
            return Reference(exists=False)

    def _reference(self, ref: Ref) -> Reference:
        ways = ("name", "uuid") if ref.kind == "network" else ("name",)
        asked = ({way: ref.name, **self._place(ref.kind)} for way in ways)
        for found in (one for params in asked for one in self.pages(ref.kind, params, tenant=ref.tenant or "*")):
            document = _document(found)
            labels, served = document.get("labels"), served_in(document.get("service_metadata"))
            return Reference(
                exists=True,
                name=str(document.get("name", "")),
                uuid=str(document.get("uuid", "")),
                type=_type_of(document),
                created_by=str(document.get("created_by", "")),
                labels=tuple((str(label.get("key")), str(label.get("value"))) for label in labels)
                if isinstance(labels, list)
                else (),
                families=_families_of(document),
                sso_rule=served.sso_rule,
                services=served.services,
                gateway=served.gateway,
            )
        return Reference(exists=False)

    def edit(self, edit: SharedEdit, *, write: bool) -> Edited:
        """Read a shared object, merge our part and, if that changes it and we are to `write`, write it back."""
        params = {"name": edit.ref.name, **self._place(edit.ref.kind)}
        found = next(self.pages(edit.ref.kind, params, tenant=edit.ref.tenant or "*"), None)
        if found is None and isinstance(edit, Withdrawal):
            return Edited(ref=edit.ref)
        if found is None:
            raise RetryLater(f"the controller has no {edit.ref}", after=30.0, reason="NotFound")
        edited = edit.on(_document(found))
        if edited.after is not None and write:
            path = f"/api/{edit.ref.kind}/{edited.before.get('uuid')}"
            answer = self._session.checked("PUT", path, tenant=edit.ref.tenant, body=edited.after)
            _confirm(edit.ref, answer, what=f"PUT {edit.ref}")
        return edited

    def owned(self, kind: str, ownership: Ownership, *, cloud: str, tenant: str) -> tuple[Observed, ...]:
        """All objects of a kind that are ours by the ownership rules; `tenant` may be `*`."""
        return tuple(
            self._observed(kind, found, tenant=tenant)
            for found in self.pages(kind, _ours(kind, ownership, cloud), tenant=tenant)
            if ownership.owns(kind, _document(found))
        )

    def caught_up(
        self, kind: str, known: Iterable[Observed], ownership: Ownership, *, cloud: str, tenant: str
    ) -> tuple[Observed, ...]:
        """What `owned` would answer, for whoever knows most of it: who is there and when it changed, then the rest."""
        held = {one.uuid: one for one in known}
        params = {**_ours(kind, ownership, cloud), "fields": _STAMP}
        listed = (_document(found) for found in self.pages(kind, params, tenant=tenant))
        stamps = {
            str(one.get("uuid")): str(one.get("_last_modified", "")) for one in listed if ownership.owns(kind, one)
        }
        same = [one for uuid, one in held.items() if one.last_modified and stamps.get(uuid) == one.last_modified]
        new = stamps.keys() - {one.uuid for one in same}
        if len(new) > FEW:
            return self.owned(kind, ownership, cloud=cloud, tenant=tenant)
        found = (one for uuid in sorted(new) for one in self.pages(kind, {"uuid": uuid}, tenant=tenant))
        return (*same, *(self._observed(kind, one, tenant=tenant) for one in found))

    def pages(self, kind: str, params: Mapping[str, str], *, tenant: str) -> Iterator[msgspec.Raw]:
        """Every object of a collection, over all pages, still as JSON."""
        page, seen, sizes, first = 1, 0, list(PAGE_SIZES), b""
        while seen < MOST_OBJECTS:
            query = {**params, "include_name": "true", "page_size": str(sizes[0]), "page": str(page)}
            try:
                answer = self._session.checked("GET", f"/api/{kind}", tenant=tenant, params=query)
            except RetryLater as error:
                if error.reason != TOO_LARGE or len(sizes) == 1:
                    raise
                # The same place in the collection, in pages of fewer objects.
                page = (page - 1) * sizes[0] // sizes[1] + 1
                del sizes[0]
                continue
            try:
                found = msgspec.json.decode(answer.body, type=_Page)
            except (ValueError, RecursionError) as error:
                raise unclear(f"GET /api/{kind}: the answer is no collection ({error})", write=False) from error
            before, first = first, bytes(found.results[0]) if found.results else b""
            if first == before != b"":
                break
            yield from found.results
            seen += len(found.results)
            if seen >= found.count:
                return
            if not found.results:
                raise unclear(f"GET /api/{kind}: the controller counts {found.count} and shows {seen}", write=False)
            page += 1
        raise RetryLater(f"GET /api/{kind}: the pages of the controller never end", reason="NoEnd")

    def singleton(self, path: str, *, has: str = "") -> Document:
        """The document at `path`, which must have the field `has`; raises RetryLater if it is another thing."""
        document = _document(self._session.checked("GET", path).body)
        if has and has not in document:
            raise unclear(f"GET {path}: the answer has no '{has}'", write=False)
        return document

    def documents(self, kind: str, params: Mapping[str, str], *, tenant: str) -> tuple[Document, ...]:
        """Every object of a collection, as it is."""
        return tuple(_document(found) for found in self.pages(kind, params, tenant=tenant))

    def write(self, method: str, path: str, body: Document, *, tenant: str) -> Document:
        """Create or change an object that is none of the model's; the object as the controller has it now."""
        answer = self._session.checked(
            method, f"/api/{path}?include_name=true", tenant=tenant, params=None, body=dict(body)
        )
        return _document(answer.body)

    def _place(self, kind: str) -> dict[str, str]:
        return {"cloud_ref.name": self._cloud} if self._cloud and kind in _SHARED_IN_CLOUD else {}

    def _observed(self, kind: str, answer: bytes | msgspec.Raw, *, tenant: str) -> Observed:
        return observed_from(kind, answer, tenant=tenant, interned=self._interned)


def _confirm(ref: Ref, answer: Answer, *, what: str) -> None:
    """Raise Stale unless a write answered the object that was written."""
    try:
        head = msgspec.json.decode(answer.body, type=_Head)
    except (ValueError, RecursionError) as error:
        raise unclear(f"{what}: the controller answered {answer.status} without the object", write=True) from error
    if not head.uuid or head.name != ref.name:
        raise unclear(f"{what}: the controller answered {answer.status} with another object", write=True)


_METHODS = {"create": "POST", "update": "PUT"}
_SHOWN_IN_PART = frozenset({"sslkeyandcertificate"})
_IN_CLOUD = frozenset({"virtualservice", "vsvip", "pool", "poolgroup"})
# Not ours alone, and of the same name in every cloud: a look-up must say in which.
_SHARED_IN_CLOUD = frozenset({"vrfcontext", "serviceenginegroup", "network"})
# What tells whose an object is, and whether it is as it was.
_STAMP = "name,uuid,created_by,markers,_last_modified"


def _ours(kind: str, ownership: Ownership, cloud: str) -> dict[str, str]:
    """The query for everything that may be ours."""
    by_name = {"name.contains": f"{ownership.cluster}--"}
    params = by_name if kind in WITHOUT_CREATOR else {"created_by": ownership.created_by}
    if kind in CREATOR_IN_MARKER:
        params = {"label_key": CREATOR_MARKER, "label_value": ownership.created_by}
    return params | {"cloud_ref.name": cloud} if kind in _IN_CLOUD else params


def _type_of(document: Document) -> str:
    profile = document.get("profile")
    nested = profile.get("type") if isinstance(profile, Mapping) else None
    return str(document.get("type") or nested or "")


def _families_of(document: Document) -> tuple[str, ...]:
    """Address families of the subnets of a network."""
    subnets = document.get("configured_subnets")
    found = set()
    for subnet in subnets if isinstance(subnets, list) else ():
        prefix = subnet.get("prefix") if isinstance(subnet, Mapping) else None
        address = prefix.get("ip_addr") if isinstance(prefix, Mapping) else None
        if isinstance(address, Mapping):
            found.add(str(address.get("type", "")))
    return tuple(sorted(found & {"V4", "V6"}))


def _document(body: bytes | msgspec.Raw) -> Document:
    try:
        document = msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        raise unclear(f"the controller's answer is not JSON ({error})", write=False) from error
    if not isinstance(document, dict):
        raise unclear("the controller's answer is not an object", write=False)
    return document
