"""What the steps of a translation hand to each other: the task, and what a key is made of."""

from msgspec import Struct

from ako_runtime.model.avi import AviObject
from ako_runtime.model.intents import NodePortLocalMark
from ako_runtime.model.intents_l7 import IngressStatus
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Diagnostic, StackKey, StatusIntent
from ako_runtime.resources.networking import Ingress
from ako_runtime.resources.snapshot import Identity, Snapshot
from ako_runtime.translate.ingress.hosts import Host
from ako_runtime.translate.ingress.modes import Crown, HostObjects
from ako_runtime.translate.ingress.parts import Frame
from ako_runtime.translate.ingress.site import Site
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.recall import Page


class KeyParts(Struct, frozen=True, kw_only=True):
    """What a key says; `number` is the shard's."""

    kind: str
    tenant: str = ""
    namespace: str = ""
    infra: str = ""
    size: str = ""
    number: int = 0
    host: str = ""


class Task(Struct, frozen=True, kw_only=True):
    """A key to translate, with all that may be looked at, and what is remembered of the last time."""

    key: StackKey
    parts: KeyParts
    snapshot: Snapshot
    context: L4Context
    page: Page


class Seat(Struct, frozen=True, kw_only=True):
    """Whether an Ingress, or only its class, is ours; its site, and the key of each of its hosts.

    `problem` is why an Ingress that is nobody's was probably meant to be ours; one key of those near it says so.
    """

    ours: bool
    class_ours: bool
    site: Site | None = None
    hosts: tuple[tuple[str, StackKey], ...] = ()
    problem: Diagnostic | None = None
    problem_at: StackKey | None = None

    def hosts_at(self, key: StackKey) -> tuple[str, ...]:
        """The hosts that belong to `key`."""
        return tuple(host for host, own in self.hosts if own == key)


class Hosting(Struct, frozen=True, kw_only=True):
    """What becomes of a host here: not `here` if another key serves it, or nobody."""

    here: bool
    host: Host | None = None
    remarks: tuple[Diagnostic, ...] = ()
    needs: frozenset[Ref] = frozenset()


class Build(Struct, frozen=True, kw_only=True):
    """What the virtual services of a key are built from: names, and what all hosts have in common."""

    name: str
    fqdn: str
    tenant: str
    frame: Frame


class Shard:
    """What a key is made of: filled by a pass that looks at everything, kept up by those that look at what changed.

    It belongs to the page of its key and is changed in place; outcomes hold copies.
    """

    def __init__(self, key: StackKey, near: dict[Identity, Ingress], seats: dict[Identity, Seat]) -> None:
        self.key = key
        # Ingresses that may have a host here, and those of them that have.
        self.near = near
        self.seats = seats
        self.sites: dict[Identity, tuple[Ingress, Site]] = {}
        # Served here (None: it cannot be), and what is to be said about it.
        self.hosts: dict[str, Host | None] = {}
        self.remarks: dict[str, tuple[Diagnostic, ...]] = {}
        # How many Ingresses here name a host.
        self.named: dict[str, int] = {}
        # Names of objects that only one host may have: the host of each.
        self.names: dict[str, str] = {}
        self.statuses: dict[Identity, IngressStatus] = {}
        # What Antrea is to be told for each host.
        self.marks: dict[str, tuple[NodePortLocalMark, ...]] = {}
        self.build: Build | None = None
        self.crown: Crown | None = None
        self.built: dict[str, HostObjects] = {}
        self.objects: dict[Ref, AviObject] = {}
        self.oldest: Identity = ("", "")
        # Two hosts want the same names, or what only some can have: who gets it depends on all of them.
        self.contested = False
        # Of the last outcome that was made of this.
        self.token: object = None

    @property
    def shown(self) -> tuple[StatusIntent, ...]:
        """Everything that objects are to show, each once."""
        return (*self.statuses.values(), *dict.fromkeys(one for marks in self.marks.values() for one in marks))

    @property
    def said(self) -> tuple[Diagnostic, ...]:
        """Everything that is to be said, each once."""
        about = (one for remarks in self.remarks.values() for one in remarks)
        problems = (one.problem for one in self.statuses.values() if one.problem is not None)
        nobody = (one.problem for one in self.seats.values() if one.problem is not None and one.problem_at == self.key)
        return tuple(dict.fromkeys((*about, *problems, *nobody)))
