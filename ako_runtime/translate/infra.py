"""AviInfraSetting: whether it is accepted, who gets it, and what it changes.

Admission is a pure function of the object, the settings and what the controller has; whoever uses a setting asks for
it in the same pass, so nothing is ever built before its admission, and a changed answer of the controller changes both.

Precedence: what the workload itself names (annotation of the Service, parameters of the class), then the annotation of
its Namespace, then the global settings; the first that is named counts, settings are not merged with each other. A
field that the setting does not say is the global one. A setting that does not exist (any more) means the global
settings, with a word in the status; one that is rejected means that everything stays as it is until it is corrected.
"""

import ipaddress
from typing import TypeVar

import msgspec
from msgspec import Struct

from ako_runtime.model.environment import Environment
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import ObjectRef
from ako_runtime.resources.ako import AviInfraSetting, InfraNetwork, NodeNetworkRef, VipNetworkRef
from ako_runtime.resources.snapshot import Snapshot
from ako_runtime.settings import NodeNetwork, Settings, VipNetwork
from ako_runtime.translate.annotations import INFRA, text_of
from ako_runtime.translate.placement import PUBLIC_CLOUDS, Placement, global_placement

_Network = TypeVar("_Network", VipNetwork, NodeNetwork)
SHARD_SIZES = frozenset({"SMALL", "MEDIUM", "LARGE", "DEDICATED"})


class Admission(Struct, frozen=True, kw_only=True):
    """Accepted if `problem` is empty and nothing is needed; `field` says where the problem is."""

    problem: str = ""
    field: str = ""
    needs: frozenset[Ref] = frozenset()


ACCEPTED = Admission()


class InfraChoice(Struct, frozen=True, kw_only=True):
    """The placement of a workload, and what is wrong with the setting that it names.

    `missing` and `rejected` are messages; only with the latter the workload must stay as it is.
    """

    placement: Placement
    name: str = ""
    missing: str = ""
    rejected: str = ""
    # Message about a network of the configuration; the workload must stay as it is, too.
    unknown: str = ""
    needs: frozenset[Ref] = frozenset()


def infra_named(name: str, snapshot: Snapshot) -> AviInfraSetting | None:
    """The AviInfraSetting of that name."""
    found = snapshot.object(ObjectRef(resource="aviinfrasettings", namespace="", name=name))
    return found if isinstance(found, AviInfraSetting) else None


def namespace_infra(namespace: str, snapshot: Snapshot) -> str:
    """Name of the setting that the Namespace names."""
    held = snapshot.namespace(namespace)
    return text_of(held.metadata.annotations, INFRA) if held is not None else ""


def infra_choice(snapshot: Snapshot, settings: Settings, *, named: str, namespace: str, tenant: str) -> InfraChoice:
    """The placement of a workload in `namespace` that itself names `named` (or nothing)."""
    environment = snapshot.environment
    base = global_placement(settings, environment, tenant=tenant)
    name = named or namespace_infra(namespace, snapshot)
    if not name:
        return _with_names(InfraChoice(placement=base), snapshot)
    infra = infra_named(name, snapshot)
    if infra is None:
        missing = f"AviInfraSetting '{name}' does not exist; the global settings apply"
        return _with_names(InfraChoice(placement=base, name=name, missing=missing), snapshot)
    admission = admission_of(infra, snapshot, settings)
    if admission.problem:
        return InfraChoice(
            placement=base, name=name, rejected=f"AviInfraSetting '{name}' is rejected: {admission.problem}"
        )
    placement = placement_with(base, infra, settings, snapshot)
    return _with_names(InfraChoice(placement=placement, name=name, needs=admission.needs), snapshot)


def _with_names(choice: InfraChoice, snapshot: Snapshot) -> InfraChoice:
    """The choice with the names of networks that the ConfigMap gives by UUID alone."""
    place = choice.placement
    if snapshot.environment.names_subnets:
        return choice
    unnamed = [
        ("vipNetworkList", Ref("network", one.network_uuid)) for one in place.vip_networks if not one.network_name
    ]
    unnamed += [
        ("nodeNetworkList", Ref("network", one.network_uuid)) for one in place.node_networks if not one.network_name
    ]
    asked = {ref for _, ref in unnamed} | {Ref("network", name) for name in _identified(place, snapshot)}
    needs = frozenset(ref for ref in asked if snapshot.reference(ref) is None)
    for setting, ref in unnamed:
        known = snapshot.reference(ref)
        if known is not None and not known.exists:
            return msgspec.structs.replace(
                choice,
                unknown=f"{setting} of the configuration names the network UUID '{ref.name}', which the controller "
                "does not have; correct it",
            )
    named = msgspec.structs.replace(
        place,
        vip_networks=tuple(_named(one, snapshot) for one in place.vip_networks),
        node_networks=tuple(_named(one, snapshot) for one in place.node_networks),
        node_network_uuids=tuple(
            (name, known.uuid)
            for name in _identified(place, snapshot)
            if (known := snapshot.reference(Ref("network", name))) is not None
        ),
    )
    return msgspec.structs.replace(choice, placement=named, needs=choice.needs | needs)


def _identified(place: Placement, snapshot: Snapshot) -> tuple[str, ...]:
    """Node networks whose UUID the official AKO asks for; it is part of the checksum of a pool."""
    if snapshot.environment.cloud_type != "CLOUD_VCENTER":
        return ()
    return tuple(dict.fromkeys(one.network_name for one in place.node_networks if not one.network_uuid))


def _named(network: _Network, snapshot: Snapshot) -> _Network:
    if network.network_name:
        return network
    known = snapshot.reference(Ref("network", network.network_uuid))
    if known is None:
        return network
    named: _Network = msgspec.structs.replace(network, network_name=known.name)
    return named


def placement_with(base: Placement, infra: AviInfraSetting, settings: Settings, snapshot: Snapshot) -> Placement:
    """The global placement with what the setting says on top."""
    network = infra.spec.network
    rhi = base.enable_rhi if network.enable_rhi is None else network.enable_rhi
    labels = settings.bgp_peer_labels if network.bgp_peer_labels is None else network.bgp_peer_labels
    tier1 = infra.spec.nsx_settings.t1lr if infra.spec.nsx_settings is not None else ""
    return msgspec.structs.replace(
        base,
        se_group=(infra.spec.se_group.name if infra.spec.se_group is not None else "") or base.se_group,
        vip_networks=tuple(_vip_network(one, snapshot) for one in network.vip_networks)
        if network.vip_networks
        else base.vip_networks,
        node_networks=(
            base.node_networks
            if network.node_networks is None
            else tuple(_node_network(one, snapshot) for one in network.node_networks)
        ),
        enable_rhi=rhi,
        bgp_peer_labels=labels if rhi else (),
        tier1=tier1 or base.tier1,
        vrf="" if tier1 else base.vrf,
        public_ip=network.enable_public_ip if snapshot.environment.cloud_type in PUBLIC_CLOUDS else None,
        by_infra=True,
    )


def admission_of(infra: AviInfraSetting, snapshot: Snapshot, settings: Settings) -> Admission:
    """Whether the setting can be used, by itself and with what the controller has."""
    spec, environment = infra.spec, snapshot.environment
    for found in (
        _se_group_problem(infra),
        *(_vip_network_problem(one, at) for at, one in enumerate(spec.network.vip_networks or ())),
        *(_node_network_problem(one, at) for at, one in enumerate(spec.network.node_networks or ())),
        _routing_problem(spec.network, settings),
        _listener_problem(spec.network),
        _other_problem(infra, environment),
    ):
        if found is not None:
            return found
    return _known(_references(infra, environment), snapshot)


def _se_group_problem(infra: AviInfraSetting) -> Admission | None:
    group = infra.spec.se_group
    if group is not None and not group.name.strip():
        return Admission(field="spec.seGroup.name", problem="spec.seGroup.name is empty; name a Service Engine group")
    return None


def _vip_network_problem(network: VipNetworkRef, at: int) -> Admission | None:
    field = f"spec.network.vipNetworks[{at}]"
    return (
        _name_problem(network, field)
        or _cidr_problem(network.cidr, f"{field}.cidr", version=4)
        or _cidr_problem(network.v6cidr, f"{field}.v6cidr", version=6)
    )


def _node_network_problem(network: NodeNetworkRef, at: int) -> Admission | None:
    field = f"spec.network.nodeNetworks[{at}]"
    found = _name_problem(network, field)
    for place, cidr in enumerate(network.cidrs):
        found = found or _cidr_problem(cidr or "-", f"{field}.cidrs[{place}]", version=0)
    return found


def _name_problem(network: VipNetworkRef | NodeNetworkRef, field: str) -> Admission | None:
    if bool(network.network_name) == bool(network.network_uuid):
        return Admission(field=field, problem=f"{field} needs exactly one of networkName and networkUUID")
    return None


def _cidr_problem(text: str, field: str, *, version: int) -> Admission | None:
    if not text:
        return None
    kind = {4: "an IPv4", 6: "an IPv6"}.get(version, "a")
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        network = None
    if network is None or "/" not in text or (version and network.version != version):
        return Admission(field=field, problem=f"{field} is '{text}'; write {kind} network in CIDR notation")
    return None


def _routing_problem(network: InfraNetwork, settings: Settings) -> Admission | None:
    rhi = settings.enable_rhi if network.enable_rhi is None else network.enable_rhi
    if network.bgp_peer_labels and not rhi:
        return Admission(
            field="spec.network.bgpPeerLabels",
            problem="spec.network.bgpPeerLabels need route health injection; set spec.network.enableRhi to true",
        )
    return None


def _listener_problem(network: InfraNetwork) -> Admission | None:
    field = "spec.network.listeners"
    if any(not 1 <= listener.port <= 65535 for listener in network.listeners):
        return Admission(field=field, problem=f"{field} has a port that is none; write 1 to 65535")
    if len({listener.port for listener in network.listeners}) != len(network.listeners):
        return Admission(field=field, problem=f"{field} has a port twice; write each once")
    if network.listeners and not any(listener.enable_ssl for listener in network.listeners):
        return Admission(field=field, problem=f"{field} has no listener with enableSSL; set it on at least one")
    return None


def _other_problem(infra: AviInfraSetting, environment: Environment) -> Admission | None:
    spec = infra.spec
    if spec.l7_settings is not None and spec.l7_settings.shard_size not in SHARD_SIZES:
        return Admission(
            field="spec.l7Settings.shardSize",
            problem=f"spec.l7Settings.shardSize is '{spec.l7_settings.shard_size}'; "
            f"write one of {', '.join(sorted(SHARD_SIZES))}",
        )
    if spec.nsx_settings is not None and not spec.nsx_settings.t1lr:
        return Admission(field="spec.nsxSettings.t1lr", problem="spec.nsxSettings.t1lr is empty; name a tier-1 router")
    if len(spec.network.vip_networks or ()) > 1 and environment.cloud_type != "CLOUD_AWS":
        return Admission(
            field="spec.network.vipNetworks",
            problem="spec.network.vipNetworks has several networks; "
            f"a cloud of type {environment.cloud_type} takes one",
        )
    return None


def _references(infra: AviInfraSetting, environment: Environment) -> tuple[tuple[str, Ref], ...]:
    """Field and object for every object on the controller that the setting names."""
    found = []
    if infra.spec.se_group is not None:
        found.append(("spec.seGroup.name", Ref("serviceenginegroup", infra.spec.se_group.name)))
    if not environment.names_subnets:
        network = infra.spec.network
        vip_networks, node_networks = network.vip_networks or (), network.node_networks or ()
        found += [_network_reference(f"spec.network.vipNetworks[{at}]", one) for at, one in enumerate(vip_networks)]
        found += [_network_reference(f"spec.network.nodeNetworks[{at}]", one) for at, one in enumerate(node_networks)]
    return tuple(found)


def _network_reference(field: str, network: VipNetworkRef | NodeNetworkRef) -> tuple[str, Ref]:
    """Where the network is named, and by what: its name or its UUID."""
    if network.network_name:
        return (f"{field}.networkName", Ref("network", network.network_name))
    return (f"{field}.networkUUID", Ref("network", network.network_uuid))


def _known(references: tuple[tuple[str, Ref], ...], snapshot: Snapshot) -> Admission:
    needs = frozenset(ref for _, ref in references if snapshot.reference(ref) is None)
    if needs:
        return Admission(needs=needs)
    for field, ref in references:
        known = snapshot.reference(ref)
        if known is not None and not known.exists:
            what = "Service Engine group" if ref.kind == "serviceenginegroup" else "network"
            return Admission(field=field, problem=f"{field}: the controller has no {what} '{ref.name}'")
    return ACCEPTED


def _name_of(network: VipNetworkRef | NodeNetworkRef, snapshot: Snapshot) -> str:
    """The network's name; of one that is given by its UUID, the name that the controller says."""
    known = snapshot.reference(Ref("network", network.network_uuid)) if not network.network_name else None
    return known.name if known is not None and known.name else network.network_name


def _vip_network(network: VipNetworkRef, snapshot: Snapshot) -> VipNetwork:
    return VipNetwork(
        network_name=_name_of(network, snapshot),
        network_uuid=network.network_uuid,
        cidr=network.cidr,
        v6cidr=network.v6cidr,
    )


def _node_network(network: NodeNetworkRef, snapshot: Snapshot) -> NodeNetwork:
    return NodeNetwork(network_name=_name_of(network, snapshot), network_uuid=network.network_uuid, cidrs=network.cidrs)
