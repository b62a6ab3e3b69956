"""What the steps of a translation hand to each other: the task, and what has been found for it."""

from msgspec import Struct

from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Diagnostic, StackKey
from ako_runtime.resources.networking import Ingress
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.translate.ingress.hosts import Host
from ako_runtime.translate.ingress.site import Site
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.recall import Page


class Task(Struct, frozen=True, kw_only=True):
    """A key to translate, with all that may be looked at, and what is remembered of the last time."""

    key: StackKey
    snapshot: Snapshot
    context: L4Context
    page: Page


class Found(Struct, frozen=True, kw_only=True):
    """Ingresses of a key with their sites, the hosts that it serves, and remarks."""

    sites: dict[tuple[str, str], tuple[Ingress, Site]]
    hosts: dict[str, Host | None]
    remarks: tuple[Diagnostic, ...] = ()
    # What rules name on the controller and nobody has looked up yet.
    needs: frozenset[Ref] = frozenset()
