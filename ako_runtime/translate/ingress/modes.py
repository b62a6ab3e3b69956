"""The modes: how hosts become virtual services.

EVH: one child per host, secure or not, below a parent that carries all certificates. SNI: one child per secure host;
insecure hosts are pools of one group of the parent, from which a script chooses by host and path (`script`).
Dedicated: one ordinary virtual service per host. Each mode is a function from hosts to objects.
"""

from collections.abc import Callable, Iterable, Mapping

import msgspec
from msgspec import UNSET, Struct, UnsetType

from ako_runtime.model import avi, avi_l7
from ako_runtime.model.avi import AviObject
from ako_runtime.model.ownership import markers_for
from ako_runtime.model.refs import NO_REF, Ref
from ako_runtime.translate.addresses import address_problem
from ako_runtime.translate.checksums import vsvip_sum
from ako_runtime.translate.ingress.checksums import group_sum
from ako_runtime.translate.ingress.checksums_vs import (
    dedicated_sum,
    evh_child_sum,
    evh_parent_sum,
    sni_child_sum,
    sni_parent_sum,
)
from ako_runtime.translate.ingress.hosts import Host
from ako_runtime.translate.ingress.parts import (
    Frame,
    certificate_refs,
    certificates,
    header_rewrites,
    host_markers,
    host_metadata,
    insecure_pool,
    plain_markers,
    policy_links,
    redirect_policy,
    routed,
    shows_host,
)
from ako_runtime.translate.ingress.rule_effects import (
    PLAIN_PROFILE,
    SECURE_PROFILE,
    TCP_PROXY,
    crd_status,
    ruled,
    ssl_profile,
)
from ako_runtime.translate.ingress.script import paths_by_label, routing_script
from ako_runtime.translate.ingress.sso import with_sign_on
from ako_runtime.translate.l4 import L4Request, ServiceMetadata
from ako_runtime.translate.placement import Placement
from ako_runtime.translate.shape import vsvip_for

PARENT, CHILD, ENHANCED = "VS_TYPE_VH_PARENT", "VS_TYPE_VH_CHILD", "VS_TYPE_VH_ENHANCED"


class HostObjects(Struct, frozen=True, kw_only=True):
    """The objects of one host, its certificates apart; `members` are for the pool group of a script."""

    keys: tuple[avi_l7.SSLKeyAndCertificate, ...] = ()
    others: tuple[AviObject, ...] = ()
    members: tuple[avi_l7.PoolGroupMember, ...] = ()


class Crown(Struct, frozen=True, kw_only=True):
    """What all hosts of a key share: before the objects of the hosts, after the pools of a script, last."""

    first: tuple[AviObject, ...]
    middle: tuple[AviObject, ...] = ()
    last: tuple[AviObject, ...] = ()

    @property
    def objects(self) -> tuple[AviObject, ...]:
        """All of them."""
        return (*self.first, *self.middle, *self.last)

    def around(self, found: Iterable[HostObjects]) -> list[AviObject]:
        """Everything of the key."""
        pooled = [obj for one in found if one.members for obj in one.others]
        others = [obj for one in found if not one.members for obj in one.others]
        return [*self.first, *pooled, *self.middle, *others, *self.last]


class Mode(Struct, frozen=True, kw_only=True):
    """How the hosts of a key become objects: each by itself, and what they share.

    `shared` is told the name of the virtual service, its name in DNS, the hosts with their objects, and the frame.
    """

    single: Callable[[str, Host, Frame], HostObjects]
    shared: Callable[[str, str, Mapping[str, tuple[Host, HostObjects]], Frame], Crown]


def _evh_shared(name: str, fqdn: str, found: Mapping[str, tuple[Host, HostObjects]], frame: Frame) -> Crown:
    """The parent, which carries all certificates."""
    hosts = tuple(host for host, _ in found.values())
    keys = tuple(key for _, one in found.values() for key in one.keys)
    parent = msgspec.structs.replace(
        _service(name, frame, place=frame.placement),
        type=PARENT,
        vh_type=ENHANCED,
        ssl_key_and_certificate_refs=certificate_refs(keys, hosts),
        ssl_profile_ref=_profile_of_children(hosts),
        cloud_config_cksum=evh_parent_sum(
            name, hosts, tuple(frame.namer.host(host.name) for host in hosts), keys=keys, frame=frame
        ),
    )
    vsvip = vsvip_of(name, parent_names(fqdn, hosts, frame), frame, enhanced=True)
    return Crown(first=(vsvip, *_once(keys)), last=(_ruled_parent(parent, frame),))


def _evh_child(name: str, host: Host, frame: Frame) -> HostObjects:
    own = frame.namer.host(host.name)
    children = routed(host, frame)
    links: tuple[str, ...] = (frame.namer.policy(host.namespace, host.name),)
    if host.secure:
        children.append(redirect_policy(own, (host,), markers=host_markers(host, frame), frame=frame))
        links = (own, *links)
    child = msgspec.structs.replace(
        _host_service(own, host, frame, place=frame.global_placement),
        type=CHILD,
        vh_type=ENHANCED,
        vh_parent_vs_ref=Ref("virtualservice", name),
        vh_matches=tuple(map(_vh_match, host.asked_names)),
        ign_pool_net_reach=False,
        min_pools_up=1,
        http_policies=policy_links(*links),
        cloud_config_cksum=evh_child_sum(host, links, frame),
    )
    children.append(with_sign_on(ruled(child, host.rules.chosen, child=True), host.rules.sign_on))
    return HostObjects(keys=tuple(certificates(host, frame)), others=tuple(children))


def _sni_shared(name: str, fqdn: str, found: Mapping[str, tuple[Host, HostObjects]], frame: Frame) -> Crown:
    """The parent, which serves insecure hosts itself by a script and leads the others to TLS."""
    hosts = tuple(host for host, _ in found.values())
    secure = tuple(host for host in hosts if host.secure)
    keys = [key for _, one in found.values() for key in one.keys]
    members = tuple(member for _, one in found.values() for member in one.members)
    first: list[AviObject] = [vsvip_of(name, parent_names(fqdn, hosts, frame), frame)]
    if secure:
        first.append(redirect_policy(name, secure, markers=(), frame=frame))
    rewrites = header_rewrites(name, hosts, frame)
    first += rewrites
    names = frozenset(host.name for host in hosts if not host.secure)
    parent = msgspec.structs.replace(
        _service(name, frame, place=frame.placement),
        type=PARENT,
        error_page_profile_ref=NO_REF,
        http_policies=policy_links(*((name,) if secure else ()), *(one.name for one in rewrites)) or UNSET,
        vs_datascripts=(avi.DataScriptLink(index=0, vs_datascript_set_ref=Ref("vsdatascriptset", name)),),
        cloud_config_cksum=sni_parent_sum(name, hosts, frame),
    )
    return Crown(
        first=(*first, *_once(keys)),
        middle=_chosen_by_script(name, members, frame, names=names),
        last=(_ruled_parent(parent, frame),),
    )


def _sni_host(name: str, host: Host, frame: Frame) -> HostObjects:
    return _sni_child(name, host, frame) if host.secure else _sni_pools(name, host, frame)


def _sni_child(name: str, host: Host, frame: Frame) -> HostObjects:
    keys = certificates(host, frame)
    child = msgspec.structs.replace(
        _host_service(frame.namer.host(host.name), host, frame, place=frame.global_placement),
        type=CHILD,
        vh_parent_vs_ref=Ref("virtualservice", name),
        vh_domain_name=host.asked_names,
        ign_pool_net_reach=False,
        application_profile_ref=Ref("applicationprofile", SECURE_PROFILE),
        ssl_key_and_certificate_refs=certificate_refs(keys, (host,)),
        ssl_profile_ref=ssl_profile(host.rules.chosen),
        http_policies=policy_links(frame.namer.policy(host.namespace, host.name)),
        cloud_config_cksum=sni_child_sum(host, tuple(keys), frame),
    )
    others = (*routed(host, frame), ruled(child, host.rules.chosen, child=True))
    return HostObjects(keys=tuple(keys), others=others)


def _sni_pools(_name: str, host: Host, frame: Frame) -> HostObjects:
    """Pools of an insecure host, and how the script finds them."""
    pools: list[AviObject] = []
    members = []
    for label, path in paths_by_label(host).items():
        for backend in path.backends:
            made = insecure_pool(host, path, backend, frame)
            pools += made
            members.append(
                avi_l7.PoolGroupMember(pool_ref=Ref("pool", made[-1].name), priority_label=label, ratio=backend.weight)
            )
    return HostObjects(others=tuple(pools), members=tuple(members))


def dedicated_objects(host: Host, frame: Frame) -> list[AviObject]:
    """One ordinary virtual service for one host."""
    name = frame.namer.dedicated_host(host.name)
    keys = certificates(host, frame)
    objects: list[AviObject] = [
        vsvip_of(name, host.names, frame, enhanced=frame.namer.namer.hashed),
        *keys,
        *routed(host, frame),
    ]
    links: tuple[str, ...] = (frame.namer.policy(host.namespace, host.name),)
    if host.secure:
        objects.append(redirect_policy(name, (host,), markers=host_markers(host, frame), frame=frame))
        links = (*links, name)
    service = _host_service(name, host, frame, place=frame.placement)
    ports = frame.ports if host.secure else tuple(port for port in frame.ports if port.enable_ssl is not True)
    profile = SECURE_PROFILE if host.secure else PLAIN_PROFILE
    own = msgspec.structs.replace(
        service,
        type="VS_TYPE_NORMAL",
        vsvip_ref=Ref("vsvip", name),
        services=ports,
        enable_rhi=True if frame.placement.enable_rhi else UNSET,
        min_pools_up=1 if frame.namer.namer.hashed else UNSET,
        application_profile_ref=Ref("applicationprofile", profile),
        ssl_key_and_certificate_refs=certificate_refs(keys, (host,)),
        http_policies=policy_links(*links),
        cloud_config_cksum=dedicated_sum(name, host, tuple(keys), ports=ports, policies=links, frame=frame),
    )
    if not shows_host(host, frame):
        markers = markers_for(frame.context.ownership, (*plain_markers(host), *frame.infra_marker))
        own = msgspec.structs.replace(own, markers=markers)
    return [*objects, with_sign_on(ruled(own, host.rules.chosen, child=False), host.rules.sign_on)]


def _chosen_by_script(
    name: str, members: tuple[avi_l7.PoolGroupMember, ...], frame: Frame, *, names: frozenset[str]
) -> tuple[AviObject, ...]:
    """The group of the pools of insecure hosts, and the script that chooses from it."""
    ownership = frame.context.ownership
    group = avi_l7.PoolGroup(
        name=name,
        tenant_ref=Ref("tenant", frame.tenant),
        cloud_ref=Ref("cloud", frame.context.settings.cloud_name),
        created_by=ownership.created_by,
        markers=markers_for(ownership),
        implicit_priority_labels=True,
        cloud_config_cksum=group_sum(members, (), frame.context),
        members=members or UNSET,
    )
    script = avi_l7.VSDataScriptSet(
        name=name,
        tenant_ref=Ref("tenant", frame.tenant),
        created_by=ownership.created_by,
        markers=markers_for(ownership),
        datascript=(avi_l7.DataScript(evt="VS_DATASCRIPT_EVT_HTTP_REQ", script=routing_script(name, names)),),
        pool_group_refs=(Ref("poolgroup", name),),
    )
    return (group, script)


def _host_service(name: str, host: Host, frame: Frame, *, place: Placement) -> avi.VirtualService:
    """What the virtual services of hosts have in common."""
    return msgspec.structs.replace(
        _service(name, frame, place=place),
        markers=markers_for(frame.context.ownership, host_markers(host, frame)),
        service_metadata=host_metadata(host, frame),
        error_page_profile_ref=NO_REF,
        east_west_placement=False,
        services=UNSET,
        vsvip_ref=UNSET,
        enable_rhi=UNSET,
    )


def _service(name: str, frame: Frame, *, place: Placement) -> avi.VirtualService:
    """What all virtual services of layer 7 have in common; as it is, a parent."""
    context = frame.context
    return avi.VirtualService(
        name=name,
        tenant_ref=Ref("tenant", frame.tenant),
        cloud_ref=Ref("cloud", context.settings.cloud_name),
        vrf_context_ref=Ref("vrfcontext", place.vrf) if place.vrf else UNSET,
        created_by=context.ownership.created_by,
        markers=markers_for(context.ownership),
        se_group_ref=Ref("serviceenginegroup", place.se_group),
        vsvip_ref=Ref("vsvip", name),
        application_profile_ref=Ref("applicationprofile", PLAIN_PROFILE),
        network_profile_ref=Ref("networkprofile", TCP_PROXY),
        enable_rhi=True if place.enable_rhi else UNSET,
        service_metadata=ServiceMetadata().text,
        services=frame.ports,
    )


def base_service(name: str, frame: Frame, **fields: object) -> avi.VirtualService:
    """A virtual service with some fields of its own."""
    return msgspec.structs.replace(_service(name, frame, place=frame.placement), **fields)


def _vh_match(host: str) -> avi.VhMatch:
    path = avi.PathMatch(match_case="SENSITIVE", match_criteria="BEGINS_WITH", match_str=("/",))
    return avi.VhMatch(
        host=host, rules=(avi.VhMatchRule(name="VHMATCHRULENAME", matches=avi.VhMatchTarget(path=path)),)
    )


def asked_address(frame: Frame) -> str:
    """The address that the HostRule of the virtual service asks for."""
    return frame.rule.host.tcp_settings.load_balancer_ip if frame.rule is not None else ""


def vsvip_of(name: str, fqdns: tuple[str, ...], frame: Frame, *, enhanced: bool = False) -> avi.VsVip:
    """The VsVip of a virtual service, with its names in DNS."""
    wanted = asked_address(frame)
    # The controller would take it once and refuse it from then on.
    wanted = "" if address_problem((wanted,) if wanted else (), frame.placement) else wanted
    request = L4Request(
        name=name,
        tenant=frame.tenant,
        placement=frame.placement,
        listeners=(),
        fqdns=fqdns,
        addresses=(wanted,) if wanted else (),
    )
    made = vsvip_for(request, frame.context)
    if not enhanced or frame.placement.by_infra or not frame.placement.bgp_peer_labels:
        return made
    # Labels of the settings are on no VsVip of the official AKO there; ours stay, and do not count.
    unlabelled = msgspec.structs.replace(frame.placement, bgp_peer_labels=())
    counted = msgspec.structs.replace(request, placement=unlabelled)
    return msgspec.structs.replace(made, vsvip_cloud_config_cksum=vsvip_sum(counted, frame.context))


def parent_names(fqdn: str, hosts: Iterable[Host], frame: Frame) -> tuple[str, ...]:
    """Names in DNS of a shared virtual service."""
    aliases = frame.rule.host.aliases if frame.rule is not None else ()
    found = {name for host in hosts for name in host.names}
    return tuple(sorted(found | set(aliases) | ({fqdn} if fqdn else set())))


def _profile_of_children(hosts: Iterable[Host]) -> Ref | UnsetType:
    """The TLS profile of an enhanced parent, which ends TLS for its children: that of the first host that names one."""
    return next((ref for host in hosts if (ref := ssl_profile(host.rules.chosen)) is not UNSET), UNSET)


def _ruled_parent(parent: avi.VirtualService, frame: Frame) -> avi.VirtualService:
    if frame.rule is None:
        return parent
    named = ServiceMetadata(crd_status=crd_status(frame.rule, enhanced=False)).text
    whole = msgspec.structs.replace(ruled(parent, frame.rule, child=False), service_metadata=named)
    own = ssl_profile(frame.rule)
    return msgspec.structs.replace(whole, ssl_profile_ref=parent.ssl_profile_ref if own is UNSET else own)


def _once(found: Iterable[avi_l7.SSLKeyAndCertificate]) -> list[AviObject]:
    return list({one.name: one for one in found}.values())


EVH = Mode(single=_evh_child, shared=_evh_shared)
SNI = Mode(single=_sni_host, shared=_sni_shared)
