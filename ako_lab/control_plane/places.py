"""Which Pod is on which fake node, at which address: no address twice, no node fuller than it says it may be.

A place is reserved before the API server hears of it, so any number of writers may place Pods at once. The book knows
Pods by uid; a Pod that comes again under its old name is another Pod.
"""

import ipaddress
import threading
from collections.abc import Mapping
from typing import NamedTuple

PODS_PER_NODE = 250
# As many /24 as there are in the /14 that Pods get.
MOST_NODES = 1024
# What the process of the fake nodes says when they are there; whoever started it waits for this.
NODES_READY = "nodes are Ready"


class Place(NamedTuple):
    """Where a Pod is."""

    node: str
    address: str


class Places:
    """Which Pod has which node and address; both are free again when the Pod goes. Safe to use from any thread."""

    def __init__(self, subnets: Mapping[str, ipaddress.IPv4Network]) -> None:
        self._subnets = subnets
        self._names = tuple(subnets)
        self._taken: dict[str, dict[int, str]] = {name: {} for name in subnets}
        self._last = dict.fromkeys(subnets, 0)
        self._of: dict[str, tuple[str, int]] = {}
        self._turn = 0
        self._lock = threading.Lock()

    def given(self, uid: str, node: str | None = None, address: str | None = None) -> Place | None:
        """The place of a Pod, new if it has none (or another node than the one it is on); None where there is no room.

        Without a node the nodes take turns; an address that the Pod has already is kept if it is of that node.
        """
        with self._lock:
            held = self._of.get(uid)
            if held is None or node not in {None, held[0]}:
                self._release(uid)
                held = self._taken_by(uid, node, address)
            return None if held is None else Place(held[0], str(self._subnets[held[0]][held[1]]))

    def uids(self) -> frozenset[str]:
        """The Pods that have a place."""
        with self._lock:
            return frozenset(self._of)

    def release(self, uid: str) -> None:
        """Give back what a Pod had."""
        with self._lock:
            self._release(uid)

    def _taken_by(self, uid: str, node: str | None, address: str | None) -> tuple[str, int] | None:
        name = node or self._next_with_room()
        if name not in self._subnets:
            return None
        number = self._number(name, address)
        if number is None:
            return None
        self._taken[name][number] = uid
        self._of[uid] = (name, number)
        return self._of[uid]

    def _number(self, node: str, address: str | None) -> int | None:
        taken = self._taken[node]
        if address is not None and ipaddress.ip_address(address) in self._subnets[node]:
            number = int(ipaddress.ip_address(address)) - int(self._subnets[node].network_address)
            return number if number not in taken else None
        for step in range(PODS_PER_NODE):
            number = (self._last[node] + step) % PODS_PER_NODE + 1
            if number not in taken:
                self._last[node] = number
                return number
        return None

    def _next_with_room(self) -> str:
        for _ in self._names:
            name = self._names[self._turn % len(self._names)]
            self._turn += 1
            if len(self._taken[name]) < PODS_PER_NODE:
                return name
        return ""

    def _release(self, uid: str) -> None:
        held = self._of.pop(uid, None)
        if held is not None:
            del self._taken[held[0]][held[1]]
