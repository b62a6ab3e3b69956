"""Cluster addresses and node ports of Services: allocated on write, free again when the Service goes.

The allocator looks like etcd's bitmaps from outside: an address or a port that a user names is honoured if it is free
and in range and refused with a 422 if not; one that nobody names is chosen. A dry run allocates and gives back.
Addresses count upwards from the start of the range, so a test can foretell them.
"""

import ipaddress
from collections.abc import Iterator

from ako_lab.kube_api.errors import FieldError, JsonObject

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ServiceAddresses:
    """Which cluster addresses and node ports are taken, and by which Service."""

    def __init__(self, *, cidr: str, cidr_v6: str, node_ports: tuple[int, int]) -> None:
        self._networks: dict[str, _Network] = {
            "IPv4": ipaddress.ip_network(cidr),
            "IPv6": ipaddress.ip_network(cidr_v6),
        }
        self._range = range(node_ports[0], node_ports[1] + 1)
        self._taken: dict[str | tuple[int, str], str] = {}
        self._held: dict[str, list[str | tuple[int, str]]] = {}
        self._next = {"IPv4": 1, "IPv6": 1}
        self._next_port = self._range.start

    def assign(self, service: JsonObject, old: JsonObject | None) -> list[FieldError]:
        """Complete `service` in place and take what it uses; the faults if it asks for what it cannot have."""
        owner = _owner(service)
        spec, before = service["spec"], (old or {}).get("spec", {})
        _inherit(spec, before)
        self.release(owner)
        errors = [] if spec["type"] == "ExternalName" else [*self._assign_addresses(spec, before, owner)]
        if spec["type"] in {"NodePort", "LoadBalancer"}:
            errors += self._assign_ports(spec, owner)
        else:
            for port in spec.get("ports") or ():
                port.pop("nodePort", None)
        if errors:
            self.release(owner)
            if old:
                self.restore(old)
        return errors

    def release(self, owner: str) -> None:
        """Give back whatever a Service holds."""
        for token in self._held.pop(owner, ()):
            self._taken.pop(token, None)

    def restore(self, service: JsonObject) -> None:
        """Take again what a stored Service holds (after a refused change or a dry run)."""
        owner = _owner(service)
        self.release(owner)
        spec = service.get("spec", {})
        for address in spec.get("clusterIPs") or ():
            if address != "None":
                self._take(address, owner)
        for port in spec.get("ports") or ():
            if port.get("nodePort"):
                self._take((port["nodePort"], port.get("protocol", "TCP")), owner)
        if spec.get("healthCheckNodePort"):
            self._take((spec["healthCheckNodePort"], "TCP"), owner)

    def _take(self, token: str | tuple[int, str], owner: str) -> None:
        self._taken[token] = owner
        self._held.setdefault(owner, []).append(token)

    def _assign_addresses(self, spec: JsonObject, before: JsonObject, owner: str) -> Iterator[FieldError]:
        families = _families(spec)
        given: list[str] = spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else [])
        primary = (before.get("clusterIPs") or [None])[0]
        if primary not in {None, "None"} and given[:1] != [primary]:
            message = f"Invalid value: {_shown(given)}: may not change once set"
            yield FieldError(field="spec.clusterIPs[0]", reason="FieldValueInvalid", message=message)
            return
        if given[:1] == ["None"]:
            addresses = ["None"]
        else:
            addresses = []
            for position, family in enumerate(families):
                wanted = given[position] if position < len(given) else None
                address = wanted or self._free_address(family)
                fault = self._refused(address, family)
                if fault:
                    message = f"Invalid value: {_shown([address])}: {fault}"
                    yield FieldError(field="spec.clusterIPs", reason="FieldValueInvalid", message=message)
                    return
                self._take(address, owner)
                addresses.append(address)
        spec["clusterIP"], spec["clusterIPs"], spec["ipFamilies"] = addresses[0], addresses, families

    def _free_address(self, family: str) -> str:
        network = self._networks[family]
        while True:
            address = str(network[self._next[family]])
            self._next[family] += 1
            if address not in self._taken:
                return address

    def _refused(self, address: str, family: str) -> str | None:
        try:
            inside = ipaddress.ip_address(address) in self._networks[family]
        except ValueError:
            return "must be a valid IP address"
        if not inside:
            return f"failed to allocate IP {address}: the provided network does not match the current range"
        return f"failed to allocate IP {address}: provided IP is already allocated" if address in self._taken else None

    def _assign_ports(self, spec: JsonObject, owner: str) -> Iterator[FieldError]:
        if spec["type"] == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is False:
            wanted = [port for port in spec.get("ports") or () if port.get("nodePort")]
        else:
            wanted = list(spec.get("ports") or ())
        for position, port in enumerate(wanted):
            key = (port.get("nodePort") or self._free_port(port["protocol"]), port["protocol"])
            fault = self._refused_port(key, owner)
            if fault:
                field = f"spec.ports[{position}].nodePort"
                yield FieldError(field=field, reason="FieldValueInvalid", message=f"Invalid value: {key[0]}: {fault}")
                return
            port["nodePort"] = key[0]
            self._take(key, owner)
        if spec["type"] == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local":
            number = spec.get("healthCheckNodePort") or self._free_port("TCP")
            spec["healthCheckNodePort"] = number
            self._take((number, "TCP"), owner)
        else:
            spec.pop("healthCheckNodePort", None)

    def _refused_port(self, key: tuple[int, str], owner: str) -> str | None:
        if key[0] not in self._range:
            first, last = self._range.start, self._range.stop - 1
            return f"provided port is not in the valid range. The range of valid ports is {first}-{last}"
        return "provided port is already allocated" if self._taken.get(key, owner) != owner else None

    def _free_port(self, protocol: str) -> int:
        for _ in self._range:
            number = self._next_port
            self._next_port = number + 1 if number + 1 in self._range else self._range.start
            if not {(number, protocol), (number, "TCP"), (number, "UDP")} & self._taken.keys():
                return number
        return -1


def _owner(service: JsonObject) -> str:
    metadata = service["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}"


def _inherit(spec: JsonObject, before: JsonObject) -> None:
    """Carry over what a replacement may leave out: addresses, families, and node ports by port and protocol."""
    if before.get("type") != "ExternalName" and spec["type"] != "ExternalName":
        for name in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "healthCheckNodePort"):
            if name in before:
                spec.setdefault(name, before[name])
    held = {
        (port.get("port"), port.get("protocol")): port["nodePort"]
        for port in before.get("ports") or ()
        if port.get("nodePort")
    }
    for port in spec.get("ports") or ():
        number = held.get((port.get("port"), port.get("protocol")))
        if number:
            port.setdefault("nodePort", number)


def _families(spec: JsonObject) -> list[str]:
    """The address families of a Service by its policy, its own list and its explicit addresses."""
    families = list(spec.get("ipFamilies") or ())
    given = [address for address in spec.get("clusterIPs") or () if address != "None"]
    if not families:
        families = ["IPv6" if ":" in address else "IPv4" for address in given] or ["IPv4"]
    policy = spec.setdefault("ipFamilyPolicy", "RequireDualStack" if len(families) > 1 else "SingleStack")
    if policy == "SingleStack":
        return families[:1]
    return families if len(families) > 1 else [families[0], "IPv6" if families[0] == "IPv4" else "IPv4"]


def _shown(values: list[str]) -> str:
    return "[" + ",".join(f'"{value}"' for value in values) + "]"
