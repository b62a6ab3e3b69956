"""TLS that goes through to the pods: a layer 4 virtual service whose script reads the server name (ako-behaviour 5.6).

A host with passthrough has one pool group over all of its Services: nothing but the server name of the TLS hello can be
seen, so its paths cannot be told apart. The virtual service on port 443 listens for all hosts of its shard; its script
chooses the pool group by name. A second one on port 80, on the same VsVip, redirects to https.

Names and objects are those of the official AKO; its script was not observed, ours has the same effect.
"""

from collections.abc import Iterable, Mapping

from ako_runtime.model import avi, avi_l7
from ako_runtime.model.ownership import markers_for
from ako_runtime.model.refs import Ref
from ako_runtime.translate.ingress.checksums import group_sum
from ako_runtime.translate.ingress.checksums_vs import passthrough_sums
from ako_runtime.translate.ingress.hosts import Backend, Host, Path
from ako_runtime.translate.ingress.modes import Crown, HostObjects, Mode, base_service, parent_names, vsvip_of
from ako_runtime.translate.ingress.naming import IngressNamer
from ako_runtime.translate.ingress.parts import Frame, passthrough_pool, policy_links, redirect_policy
from ako_runtime.translate.l4 import ServiceMetadata

INSECURE = "-insecure"
_L4_PROFILE = "System-L4-Application"
_PARSER = "Default-TLS"


def _shared(name: str, fqdn: str, found: Mapping[str, tuple[Host, HostObjects]], frame: Frame) -> Crown:
    """The VsVip, the script, and the two virtual services."""
    hosts = tuple(host for host, _ in found.values())
    groups = tuple(Ref("poolgroup", frame.namer.passthrough_group(host.name)) for host in hosts)
    redirects = redirect_policy(name + INSECURE, hosts, markers=(), frame=frame)
    return Crown(
        first=(vsvip_of(name, parent_names(fqdn, hosts, frame), frame),),
        last=(redirects, _script(name, groups, frame), *_services(name, frame)),
    )


def _single(_name: str, host: Host, frame: Frame) -> HostObjects:
    pools = _pools(host, frame)
    return HostObjects(others=(*(pool for pool, _ in pools), _group(host, pools, frame)))


def _services(name: str, frame: Frame) -> tuple[avi.VirtualService, avi.VirtualService]:
    secure_port = (avi.ServicePort(port=frame.ssl_port, port_range_end=frame.ssl_port, enable_ssl=False),)
    plain_ports = tuple(avi.ServicePort(port=port, port_range_end=port, enable_ssl=False) for port in frame.plain_ports)
    sums = passthrough_sums(name, name + INSECURE, (secure_port, plain_ports), frame)
    secure = base_service(
        name,
        frame,
        cloud_config_cksum=sums[0],
        application_profile_ref=Ref("applicationprofile", _L4_PROFILE),
        services=secure_port,
        remove_listening_port_on_vs_down=True,
        vs_datascripts=(avi.DataScriptLink(index=0, vs_datascript_set_ref=Ref("vsdatascriptset", name)),),
        service_metadata=ServiceMetadata(passthrough_child_ref=name + INSECURE).text,
    )
    plain = base_service(
        name + INSECURE,
        frame,
        cloud_config_cksum=sums[1],
        services=plain_ports,
        vsvip_ref=Ref("vsvip", name),
        http_policies=policy_links(name + INSECURE),
        service_metadata=ServiceMetadata(passthrough_parent_ref=name).text,
    )
    return secure, plain


def _pools(host: Host, frame: Frame) -> list[tuple[avi.Pool, int]]:
    """Pools with their weights."""
    return [
        (passthrough_pool(name, host, path, backend, frame=frame), backend.weight)
        for name, path, backend in named_backends(host.name, host.paths, frame.namer)
    ]


def named_backends(host: str, paths: Iterable[Path], namer: IngressNamer) -> list[tuple[str, Path, Backend]]:
    """The pools of a host by name, one for each of its Services and ports."""
    found: dict[tuple[str, str], tuple[str, Path, Backend]] = {}
    services: set[str] = set()
    for path in paths:
        for backend in path.backends:
            if (backend.service, backend.port) in found:
                continue
            name = namer.passthrough_pool(host, backend)
            if backend.service in services:
                name = f"{name}-{backend.port}"
            services.add(backend.service)
            found[backend.service, backend.port] = (name, path, backend)
    return list(found.values())


def _group(host: Host, pools: list[tuple[avi.Pool, int]], frame: Frame) -> avi_l7.PoolGroup:
    markers = (("Host", (host.name,)), *frame.infra_marker)
    members = tuple(avi_l7.PoolGroupMember(pool_ref=Ref("pool", pool.name), ratio=weight) for pool, weight in pools)
    return avi_l7.PoolGroup(
        name=frame.namer.passthrough_group(host.name),
        tenant_ref=Ref("tenant", frame.tenant),
        cloud_ref=Ref("cloud", frame.context.settings.cloud_name),
        created_by=frame.context.ownership.created_by,
        markers=markers_for(frame.context.ownership, markers),
        implicit_priority_labels=False,
        cloud_config_cksum=group_sum(members, markers, frame.context),
        members=members,
    )


def _script(name: str, groups: tuple[Ref, ...], frame: Frame) -> avi_l7.VSDataScriptSet:
    return avi_l7.VSDataScriptSet(
        name=name,
        tenant_ref=Ref("tenant", frame.tenant),
        created_by=frame.context.ownership.created_by,
        markers=markers_for(frame.context.ownership),
        datascript=(
            avi_l7.DataScript(evt="VS_DATASCRIPT_EVT_L4_REQUEST", script=_text(frame.namer.passthrough_group(""))),
        ),
        pool_group_refs=groups,
        protocol_parser_refs=(Ref("protocolparser", _PARSER),),
    )


def _text(lead: str) -> str:
    """Reads the hello, waiting for as much of it as it announces, and chooses the pool group by the name in it."""
    return "\n".join(
        (
            f'local tls = require "{_PARSER}"',
            "local held = avi.l4.collect(20)",
            "local hello = avi.l4.read()",
            "local wanted = tls.get_req_buffer_size(hello)",
            "if held < wanted then",
            "  avi.l4.collect(wanted)",
            "  hello = avi.l4.read()",
            "end",
            "if tls.sanity_check(hello) then",
            "  local name = tls.get_sni(tls.parse_record(hello))",
            "  if name then",
            f'    avi.poolgroup.select("{lead}" .. string.lower(name))',
            "  else",
            '    avi.vs.log("no server name")',
            "  end",
            "end",
            "avi.l4.ds_done()",
        )
    )


PASSTHROUGH = Mode(single=_single, shared=_shared)
