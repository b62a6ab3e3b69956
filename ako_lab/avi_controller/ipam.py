"""Addresses: which are free in which subnet, who holds one, and what may not change.

A `Pool` is one subnet of one network with its static ranges. It hands out the lowest free address from a cursor and a
heap of returned ones, so a request costs the same in a /120 and in a /64. `Ipam` maps networks to pools and addresses
to holders. Holders are pairs of a VsVip and a `vip_id`: an update of the VsVip that keeps the `vip_id` keeps the
address, whatever else it sends. Everything here can be rebuilt from the objects (`rebuild`), so it is never persisted.

Rules: an address that was allocated may not be changed by naming another one; a `vip_id` may not be exchanged for
another; two VsVips of one VRF cannot hold the same address (clients share a VsVip instead).
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from ako_lab.avi_controller import errors
from ako_lab.avi_controller.store import Record, Store, stored_reference, target_key
from ako_lab.avi_controller.values import Document, Json

Address = IPv4Address | IPv6Address
Holder = tuple[str, str]
FAMILIES = {"V4": ("ip_address", "subnet", 4), "V6": ("ip6_address", "subnet6", 6)}


class Pool:
    """The addresses of one subnet."""

    def __init__(self, *, prefix: str, ranges: Iterable[tuple[Address, Address]]) -> None:
        self.network = ip_network(prefix, strict=False)
        self._ranges = sorted((int(first), int(last)) for first, last in ranges if first.version == self.version)
        self._cursor = [first for first, _ in self._ranges]
        self._returned: list[int] = []

    @property
    def version(self) -> int:
        """4 or 6."""
        return self.network.version

    def free(self, taken: Callable[[Address], bool]) -> Address | None:
        """The lowest address that nobody holds, or None."""
        while self._returned:
            address = (
                ip_address(heapq.heappop(self._returned))
                if self.version == 4
                else IPv6Address(heapq.heappop(self._returned))
            )
            if not taken(address):
                return address
        for index, (_, last) in enumerate(self._ranges):
            while self._cursor[index] <= last:
                number = self._cursor[index]
                self._cursor[index] += 1
                address = IPv4Address(number) if self.version == 4 else IPv6Address(number)
                if not taken(address):
                    return address
        return None

    def take_back(self, address: Address) -> None:
        """An address is free again."""
        number = int(address)
        for index, (first, last) in enumerate(self._ranges):
            if first <= number <= last and number < self._cursor[index]:
                heapq.heappush(self._returned, number)

    def holds(self, address: Address) -> bool:
        """Whether an address lies in the subnet."""
        return address in self.network


class Ipam:
    """Addresses of all networks of a store."""

    def __init__(self, *, store: Store, floating_prefix: str, exhausted: Callable[[], bool]) -> None:
        self._store = store
        self._exhausted = exhausted
        self._pools: dict[str, list[Pool]] = {}
        self._floating_prefix = floating_prefix
        self._floating = _floating_pool(floating_prefix)
        # Whether a VIP takes another address or network in place.
        self.addresses_change = False
        self.holders: dict[tuple[str, str], Holder] = {}
        self.floating_holders: dict[str, Holder] = {}

    def rebuild(self) -> None:
        """Learn everything again from the objects."""
        self._pools = {r.key: _pools_of(r.document()) for r in self._store.tables["network"].records.values()}
        self._floating = _floating_pool(self._floating_prefix)
        self.holders = {}
        self.floating_holders = {}
        for record in self._store.tables["vsvip"].records.values():
            self._hold(record.key, record.document())

    def network_changed(self, record: Record) -> None:
        """A network was created or updated: what is held stays held."""
        self._pools[record.key] = _pools_of(record.document())

    def network_gone(self, record: Record) -> None:
        """A network was deleted."""
        self._pools.pop(record.key, None)

    def release(self, record: Record) -> None:
        """A VsVip was deleted: all its addresses are free again."""
        document = record.document()
        for vip in document.get("vip", ()):
            self._release(document, vip)

    def _release(self, document: Document, vip: Document) -> None:
        for field, _, _ in FAMILIES.values():
            address = _address(vip.get(field))
            if address is not None and self.holders.pop((_scope(document), str(address)), None) is not None:
                self._return(address)
        floating = _address(vip.get("floating_ip"))
        if floating is not None and self.floating_holders.pop(str(floating), None) is not None:
            self._floating.take_back(floating)

    def _return(self, address: Address) -> None:
        for pools in self._pools.values():
            for pool in pools:
                if pool.version == address.version and pool.holds(address):
                    pool.take_back(address)

    def _hold(self, key: str, document: Document) -> None:
        for vip in document.get("vip", ()):
            for field, _, _ in FAMILIES.values():
                address = _address(vip.get(field))
                if address is not None:
                    self.holders[(_scope(document), str(address))] = (key, vip["vip_id"])
            if vip.get("floating_ip"):
                self.floating_holders[vip["floating_ip"]["addr"]] = (key, vip["vip_id"])

    def allocate(self, key: str, document: Document, old: Document | None) -> None:
        """Give every VIP of a VsVip its addresses, in place; on a refusal nothing has changed."""
        vips = document.setdefault("vip", [])
        before = {vip["vip_id"]: vip for vip in (old or {}).get("vip", ())}
        _check_identifiers(vips, before)
        taken: list[Document] = []
        try:
            for vip in vips:
                known = before.get(vip["vip_id"])
                if known is not None and not (self.addresses_change and _moves(vip, known)):
                    _keep(vip, known)
                claimed: Document = {"vip_id": vip["vip_id"]}
                taken.append(claimed)
                self._serve(key, document, vip, claimed)
        except errors.Refusal:
            self._undo(key, document, taken, old)
            raise
        self._release_left(document, old)

    def undo(self, key: str, document: Document, old: Document | None) -> None:
        """Take back what `allocate` did for a document that is not written after all."""
        self._undo(key, document, document["vip"], old)

    def _undo(self, key: str, document: Document, vips: list[Document], old: Document | None) -> None:
        for vip in vips:
            self._release(document, vip)
        if old is not None:
            self._hold(key, old)

    def _release_left(self, document: Document, old: Document | None) -> None:
        """Give back what the old form of a VsVip held and the new one does not."""
        fields = (*(field for field, _, _ in FAMILIES.values()), "floating_ip")
        same_scope = old is not None and _scope(old) == _scope(document)
        kept = (
            {(field, _address(vip.get(field))) for vip in document["vip"] for field in fields} if same_scope else set()
        )
        for vip in (old or {}).get("vip", ()):
            left = {field: vip[field] for field in fields if field in vip and (field, _address(vip[field])) not in kept}
            self._release(old or {}, left)

    def _serve(self, key: str, document: Document, vip: Document, claimed: Document) -> None:
        wanted = vip.get("auto_allocate_ip_type", "V4_ONLY")
        for family, (field, subnet_field, version) in FAMILIES.items():
            if vip.get(field):
                self._claim(key, document, vip, field)
                claimed[field] = vip[field]
            elif vip.get("auto_allocate_ip") and family in wanted:
                address = self._chosen(document, vip, subnet_field=subnet_field, version=version)
                vip[field] = {"addr": str(address), "type": family}
                vip["avi_allocated_vip"] = True
                self.holders[(_scope(document), str(address))] = (key, vip["vip_id"])
                claimed[field] = vip[field]
        if vip.get("auto_allocate_floating_ip") and not vip.get("floating_ip"):
            floating = self._floating.free(lambda address: str(address) in self.floating_holders)
            if floating is None:
                raise errors.no_free_address("the floating addresses")
            vip["floating_ip"] = claimed["floating_ip"] = {"addr": str(floating), "type": "V4"}
            vip["avi_allocated_fip"] = True
            self.floating_holders[str(floating)] = (key, vip["vip_id"])

    def _claim(self, key: str, document: Document, vip: Document, field: str) -> None:
        address = _address(vip[field])
        if address is None:
            raise errors.bad_request(f"{field} of vip {vip['vip_id']} must be an IP address")
        place = (_scope(document), str(address))
        holder = self.holders.get(place)
        if holder is not None and holder != (key, vip["vip_id"]):
            record = self._store.records.get(holder[0])
            owner = record.name if record else document.get("name", "")
            raise errors.bad_request(f"IP address {address} is already used by VsVip {owner!r}")
        self.holders[place] = (key, vip["vip_id"])

    def _chosen(self, document: Document, vip: Document, *, subnet_field: str, version: int) -> Address:
        scope = _scope(document)
        tried: list[str] = []
        if not self._exhausted():
            for network, pool in self._candidates(document, vip, subnet_field=subnet_field, version=version):
                address = pool.free(lambda found: (scope, str(found)) in self.holders)
                tried.append(str(pool.network))
                if address is not None:
                    _note_placement(vip, network, pool, subnet_field)
                    return address
        raise errors.no_free_address(", ".join(tried) or f"cloud of VsVip {document.get('name', '')!r}")

    def _candidates(
        self, document: Document, vip: Document, *, subnet_field: str, version: int
    ) -> Iterator[tuple[str, Pool]]:
        chosen = vip.get("ipam_network_subnet") or {}
        prefix = _prefix(chosen.get(subnet_field)) or _prefix(vip.get(subnet_field))
        subnet_uuid = chosen.get(f"{subnet_field}_uuid") or vip.get(f"{subnet_field}_uuid") or ""
        named = target_key(chosen.get("network_ref", "")) or target_key(vip.get("network_ref", ""))
        networks = [named] if named else self._usable(document, vip, subnet_uuid=subnet_uuid)
        for key in networks:
            for pool in self._pools.get(key, ()):
                if pool.version == version and (not prefix or str(pool.network) == prefix):
                    yield key, pool

    def _usable(self, document: Document, vip: Document, *, subnet_uuid: str) -> list[str]:
        """Networks that the IPAM profile of the cloud offers, or that placement or a subnet's name says."""
        placements = [target_key(item.get("network_ref", "")) for item in vip.get("placement_networks", ())]
        cloud = self._store.records.get(target_key(document.get("cloud_ref", "")))
        provider = target_key(cloud.document().get("ipam_provider_ref", "")) if cloud else ""
        profile = self._store.records.get(provider)
        if profile is None or cloud is None:
            name = cloud.name if cloud else "of the VsVip"
            raise errors.bad_request(f"Cloud {name} has no IPAM provider, an IP address cannot be allocated")
        usable = (profile.document().get("internal_profile") or {}).get("usable_networks", ())
        labels = {(item["key"], item.get("value", "")) for item in _selector_labels(document)}
        keys = [target_key(item["nw_ref"]) for item in usable if labels <= _labels(item)]
        if subnet_uuid:
            keys = [key for key in self._pools if self._is_subnet(key, subnet_uuid, cloud.uuid)]
        return [key for key in keys if key in placements] or keys

    def _is_subnet(self, key: str, subnet_uuid: str, cloud: str) -> bool:
        record = self._store.records[key]
        prefixes = [str(pool.network) for pool in self._pools[key]]
        return record.cloud == cloud and subnet_uuid in (record.uuid, record.name, *prefixes)


def _floating_pool(prefix: str) -> Pool:
    network = ip_network(prefix)
    return Pool(prefix=prefix, ranges=((network[1], network[-2]),))


def _check_identifiers(vips: list[Document], before: dict[str, Document]) -> None:
    identifiers = [vip["vip_id"] for vip in vips]
    if len(set(identifiers)) != len(identifiers):
        raise errors.bad_request("vip_id must be unique within a VsVip")
    new = [vip_id for vip_id in identifiers if vip_id not in before]
    gone = [vip_id for vip_id in before if vip_id not in identifiers]
    if new and gone:
        raise errors.vip_id_changed(gone[0])


def _keep(vip: Document, known: Document) -> None:
    """An existing VIP keeps its addresses; naming another one is refused."""
    for family, (field, subnet_field, _) in FAMILIES.items():
        old, new = known.get(field), vip.get(field)
        if old and new and _address(old) != _address(new):
            raise errors.preferred_address_changed(vip["vip_id"])
        automatic = vip.get("auto_allocate_ip") and family in vip.get("auto_allocate_ip_type", "V4_ONLY")
        if old and (automatic or new):
            _check_subnet(vip, old, subnet_field)
            vip[field] = old
    if known.get("avi_allocated_vip") and vip.get("auto_allocate_ip"):
        vip["avi_allocated_vip"] = True
        if not vip.get("ipam_network_subnet") and known.get("ipam_network_subnet"):
            vip["ipam_network_subnet"] = known["ipam_network_subnet"]
    if known.get("floating_ip") and vip.get("auto_allocate_floating_ip"):
        vip["floating_ip"] = known["floating_ip"]
        vip["avi_allocated_fip"] = True


def _moves(vip: Document, known: Document) -> bool:
    """Whether an existing VIP is asked to have another address, or one of another subnet."""
    try:
        _keep(dict(vip), known)
    except errors.Refusal:
        # The client sends the address back that it has read; it is not the one that it asks for.
        for field, subnet_field, _ in FAMILIES.values():
            prefix = _prefix((vip.get("ipam_network_subnet") or {}).get(subnet_field))
            address = _address(vip.get(field))
            if prefix and address is not None and address not in ip_network(prefix):
                del vip[field]
        return True
    return False


def _check_subnet(vip: Document, old: Document, subnet_field: str) -> None:
    prefix = _prefix((vip.get("ipam_network_subnet") or {}).get(subnet_field))
    address = _address(old)
    if prefix and address is not None and address not in ip_network(prefix):
        raise errors.preferred_address_changed(vip["vip_id"])


def _note_placement(vip: Document, network: str, pool: Pool, subnet_field: str) -> None:
    placement = vip.setdefault("ipam_network_subnet", {})
    placement.setdefault("network_ref", stored_reference(network))
    kind = "V4" if pool.version == 4 else "V6"
    address = {"addr": str(pool.network.network_address), "type": kind}
    placement.setdefault(subnet_field, {"ip_addr": address, "mask": pool.network.prefixlen})


def _pools_of(network: Document) -> list[Pool]:
    pools = []
    for subnet in network.get("configured_subnets", ()):
        prefix = _prefix(subnet.get("prefix"))
        if not prefix:
            continue
        ranges = [
            (first, last)
            for item in subnet.get("static_ip_ranges", ())
            if item.get("type") != "STATIC_IPS_FOR_SE"
            and (first := _address((item.get("range") or {}).get("begin"))) is not None
            and (last := _address((item.get("range") or {}).get("end"))) is not None
        ]
        pools.append(Pool(prefix=prefix, ranges=ranges))
    return pools


def _scope(document: Document) -> str:
    return target_key(document.get("vrf_context_ref", "")) or target_key(document.get("cloud_ref", ""))


def _address(value: Json) -> Address | None:
    try:
        return ip_address(value["addr"]) if value else None
    except (KeyError, ValueError):
        return None


def _prefix(value: Json) -> str:
    try:
        return str(ip_network(f"{value['ip_addr']['addr']}/{value['mask']}", strict=False)) if value else ""
    except (KeyError, ValueError):
        return ""


def _selector_labels(document: Document) -> list[Document]:
    selector: Document = document.get("ipam_selector") or {}
    labels: list[Document] = selector.get("labels", [])
    return labels


def _labels(usable: Document) -> set[tuple[str, str]]:
    return {(item["key"], item.get("value", "")) for item in usable.get("labels", ())}
