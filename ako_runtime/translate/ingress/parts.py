"""The parts of a host that every mode has: pools, pool groups, routing rules, redirects, certificates.

A mode (`evh`, `sni`, `dedicated`) puts them together and adds its virtual services. Values equal those of the official
AKO 2.2.1 (observed a9 to a11).
"""

from collections.abc import Iterable

import msgspec
from msgspec import UNSET, Struct, UnsetType

from ako_runtime.model import avi, avi_l7
from ako_runtime.model.avi import AviObject
from ako_runtime.model.checksum import Checksum
from ako_runtime.model.names import name_in_set
from ako_runtime.model.ownership import CREATOR_MARKER, markers_for
from ako_runtime.model.refs import Ref
from ako_runtime.settings import SecretText
from ako_runtime.translate.ingress.certificates import KeyPair
from ako_runtime.translate.ingress.checksums import (
    l7_pool_sum,
    passthrough_pool_sum,
    path_group_sum,
    redirect_sum,
    rewrite_sum,
    routing_sum,
)
from ako_runtime.translate.ingress.hosts import Backend, Host, Path
from ako_runtime.translate.ingress.naming import IngressNamer
from ako_runtime.translate.ingress.paths import FALLBACK
from ako_runtime.translate.ingress.rule_choice import Chosen, ChosenPath
from ako_runtime.translate.ingress.rule_effects import (
    FIRST_POLICY,
    authorities,
    crd_status,
    path_crd_status,
    root_redirect,
    ruled_pool,
)
from ako_runtime.translate.ingress.transport import response_policy
from ako_runtime.translate.l4 import L4Context, L4Request, MarkerPairs, PoolRequest, ServiceMetadata
from ako_runtime.translate.placement import Placement
from ako_runtime.translate.shape import plain_pool

MOST_REWRITES = 15
"""A virtual service has at most 16 policy sets, one of which redirects (ako-behaviour 5.4)."""

VS_CERTIFICATE = "SSL_CERTIFICATE_TYPE_VIRTUALSERVICE"


class Frame(Struct, frozen=True, kw_only=True):
    """What is the same for all hosts of one key."""

    context: L4Context
    namer: IngressNamer
    tenant: str
    placement: Placement
    ports: tuple[avi.ServicePort, ...]
    global_placement: Placement
    # The HostRule of the shared virtual service, or of the dedicated host.
    rule: Chosen | None = None

    @property
    def infra_marker(self) -> MarkerPairs:
        """The setting, if it is part of names."""
        return (("InfrasettingName", (self.namer.infra,)),)

    @property
    def plain_ports(self) -> tuple[int, ...]:
        """Ports without TLS."""
        return tuple(port.port for port in self.ports if port.enable_ssl is not True)

    def ports_of(self, host: Host) -> tuple[avi.ServicePort, ...]:
        """Ports on which requests for the host are answered rather than led to TLS."""
        if host.secure:
            return tuple(port for port in self.ports if port.enable_ssl is True)
        return tuple(port for port in self.ports if not (self.namer.dedicated and port.enable_ssl is True))

    @property
    def ssl_port(self) -> int:
        """The first port with TLS."""
        return next((port.port for port in self.ports if port.enable_ssl is True), 443)


def host_metadata(host: Host, frame: Frame) -> str:
    """Metadata of the virtual service of a host."""
    names = tuple(f"{one.namespace}/{one.name}" for one in host.ingresses)
    return ServiceMetadata(
        namespace_ingress_name=names,
        namespace=host.namespace,
        hostnames=(host.name,),
        host_namespace_ingress_name={host.name: names} if frame.namer.namer.hashed else None,
        crd_status=crd_status(host.rules.chosen, enhanced=frame.namer.namer.hashed),
        sso_rule=host.rules.sign_on.text or UNSET,
        sso_cksum=host.rules.sign_on.cksum,
    ).text


def host_markers(host: Host, frame: Frame) -> MarkerPairs:
    """Markers of what belongs to the host as a whole."""
    return (("Namespace", (host.namespace,)), ("Host", host.asked_names), *frame.infra_marker)


def routed(host: Host, frame: Frame) -> list[AviObject]:
    """Pools, pool groups and the routing policy of a host."""
    objects: list[AviObject] = []
    namer = frame.namer.of(host)
    for path in host.paths:
        for one in path.backends:
            own = namer.pki_profile(host.name, path, one)
            request = _request(namer.pool(host.name, path, one), host, path, one, frame=frame)
            objects += _with_rule(request, host, path, one, frame=frame, own=own)
        objects.append(_group(host, path, frame))
    objects += _string_groups(host, frame)
    objects.append(routing_policy(host, frame))
    return objects


def _string_groups(host: Host, frame: Frame) -> list[AviObject]:
    """What paths that are regular expressions are compared with."""
    ownership = frame.context.ownership
    return [
        avi_l7.StringGroup(
            name=frame.namer.string_group(ownership.created_by, host.name, path),
            tenant_ref=Ref("tenant", frame.tenant),
            markers=markers_for(ownership, ((CREATOR_MARKER, (ownership.created_by,)),)),
            type="SG_TYPE_STRING",
            longest_match=True,
            kv=(avi_l7.KeyValue(key=path.key.text),),
        )
        for path in host.paths
        if _is_pattern(host, path)
    ]


def _is_pattern(host: Host, path: Path) -> bool:
    chosen = host.rules.chosen
    return chosen is not None and chosen.host.use_regex and bool(path.key.text)


def insecure_pool(host: Host, path: Path, backend: Backend, frame: Frame) -> list[AviObject]:
    """A pool that the script of a shared parent chooses, after what it needs; it names no Service in its markers."""
    name = frame.namer.insecure_pool(host.name, path, backend)
    named = _request(name, host, path, backend, frame=frame)
    request = msgspec.structs.replace(named, markers=tuple(one for one in named.markers if one[0] != "ServiceName"))
    return _with_rule(request, host, path, backend, frame=frame, own=f"{name}-pkiprofile")


def _with_rule(
    request: PoolRequest, host: Host, path: Path, backend: Backend, *, frame: Frame, own: str
) -> list[AviObject]:
    """The pool with its HTTPRule, after the authorities that are made for it under their own name."""
    chosen = host.rules.for_path(backend.ingress[0], path.key.text)
    label = _priority_label(host, path, frame)
    checksum = l7_pool_sum(request, label, chosen, authorities=own, place=frame.placement, context=frame.context)
    pool = _pool(request, host, backend, chosen, frame=frame, checksum=checksum)
    made: list[AviObject] = [_authorities(own, authorities(chosen), pool, frame)] if authorities(chosen) else []
    return [*made, ruled_pool(pool, chosen, own_authorities=own)]


def passthrough_pool(name: str, host: Host, path: Path, backend: Backend, *, frame: Frame) -> avi.Pool:
    """A pool that the script of a passthrough virtual service chooses; paths mean nothing there."""
    whole = msgspec.structs.replace(path, key=FALLBACK)
    markers = (("Host", (host.name,)), *frame.infra_marker, ("ServiceName", (backend.service,)))
    named = _request(name, host, whole, backend, frame=frame)
    request = msgspec.structs.replace(named, markers=markers)
    checksum = passthrough_pool_sum(request, place=frame.placement, context=frame.context)
    pool = _pool(request, host, backend, None, frame=frame, checksum=checksum)
    # There is no HTTP that could be answered.
    return msgspec.structs.replace(pool, fail_action=UNSET)


def _request(name: str, host: Host, path: Path, backend: Backend, *, frame: Frame) -> PoolRequest:
    namespace, ingress = backend.ingress
    return PoolRequest(
        name=name,
        protocol="TCP",
        servers=backend.servers,
        reached=backend.reached,
        hostnames=(host.name,),
        markers=(
            ("Namespace", (namespace,)),
            ("Host", (host.name,)),
            *frame.infra_marker,
            ("ServiceName", (backend.service,)),
            ("Path", (path.key.text,)),
            ("IngressName", (ingress,)),
        ),
    )


def _pool(
    request: PoolRequest,
    host: Host,
    backend: Backend,
    chosen: ChosenPath | None,
    *,
    frame: Frame,
    checksum: Checksum,
) -> avi.Pool:
    namespace, ingress = backend.ingress
    metadata = ServiceMetadata(
        ingress_name=ingress,
        namespace=namespace,
        hostnames=(host.name,),
        pool_ratio=backend.weight,
        crd_status=path_crd_status(chosen),
    )
    whole = L4Request(name=request.name, tenant=frame.tenant, placement=frame.placement, listeners=())
    return msgspec.structs.replace(
        plain_pool(request, whole, frame.context),
        cloud_config_cksum=checksum,
        service_metadata=metadata.text,
        fail_action=_fail_action((backend,), frame),
    )


def _priority_label(host: Host, path: Path, frame: Frame) -> str:
    """By which the official AKO tells pools of a host apart in SNI mode; of plain hosts in lower case."""
    if frame.namer.namer.hashed:
        return ""
    label = f"{host.name}{path.key.text}"
    return label if host.secure else label.lower()


def _fail_action(backends: tuple[Backend, ...], frame: Frame) -> avi.FailAction | UnsetType:
    """503 where nothing can have members; a pool group decides for its pools, a script for each pool."""
    missing = all(one.missing for one in backends) and frame.context.environment.answers_for_pools
    return avi.UNAVAILABLE if missing else UNSET


def _authorities(name: str, chain: str, pool: avi.Pool, frame: Frame) -> avi_l7.PKIProfile:
    return avi_l7.PKIProfile(
        name=name,
        tenant_ref=Ref("tenant", frame.tenant),
        created_by=frame.context.ownership.created_by,
        markers=pool.markers,
        ca_certs=(avi_l7.Certificate(certificate=chain),),
        crl_check=False,
    )


def _group(host: Host, path: Path, frame: Frame) -> avi_l7.PoolGroup:
    namespace, ingress = path.backends[0].ingress
    markers = (
        ("Namespace", (namespace,)),
        ("Host", (host.name,)),
        *frame.infra_marker,
        ("Path", (path.key.text,)),
        ("IngressName", (ingress,)),
    )
    namer = frame.namer.of(host)
    members = tuple(
        avi_l7.PoolGroupMember(pool_ref=Ref("pool", namer.pool(host.name, path, one)), ratio=one.weight)
        for one in path.backends
    )
    return avi_l7.PoolGroup(
        name=namer.group(host.name, path),
        tenant_ref=Ref("tenant", frame.tenant),
        cloud_ref=Ref("cloud", frame.context.settings.cloud_name),
        created_by=frame.context.ownership.created_by,
        markers=markers_for(frame.context.ownership, markers),
        implicit_priority_labels=False,
        fail_action=_fail_action(path.backends, frame),
        cloud_config_cksum=path_group_sum(path, members, markers, frame.context),
        members=members,
    )


def routing_policy(host: Host, frame: Frame) -> avi_l7.HTTPPolicySet:
    """Which path goes to which pool group."""
    name = frame.namer.policy(host.namespace, host.name)
    rules: list[avi_l7.RequestRule] = list(root_redirect(name, host.rules.chosen, frame.ports_of(host)))
    for path in host.paths:
        action = avi_l7.SwitchingAction(
            action="HTTP_SWITCHING_SELECT_POOLGROUP",
            pool_group_ref=Ref("poolgroup", frame.namer.of(host).group(host.name, path)),
        )
        matches: list[avi_l7.RequestMatch | UnsetType] = [
            avi_l7.RequestMatch(path=match) for match in _path_matches(host, path, frame)
        ]
        for match in matches or [UNSET]:
            at = len(rules)
            rules.append(
                avi_l7.RequestRule(
                    name=name_in_set(name, at), index=at, enable=True, match=match, switching_action=action
                )
            )
    shown = host_markers(host, frame) if shows_host(host, frame) else plain_markers(host)
    ingresses = tuple(sorted({one.name for one in host.ingresses}))
    markers = (
        *shown,
        ("Path", tuple(sorted({path.key.text for path in host.paths} - {""}))),
        ("IngressName", ingresses),
    )
    routing = policy_set(name, tuple(rules), markers=markers, frame=frame)
    return msgspec.structs.replace(
        routing,
        cloud_config_cksum=routing_sum(
            host, frame.namer, markers, listeners=_listener_count(host, frame), context=frame.context
        ),
        http_response_policy=response_policy(name, host.transport, secure=host.secure),
    )


def _listener_count(host: Host, frame: Frame) -> int:
    """On how many ports the virtual service of a host listens for the official AKO: a child on its usual two."""
    if frame.namer.dedicated:
        return len(frame.ports) if host.secure else len(frame.plain_ports)
    return len(frame.ports) if frame.placement.by_infra else 2


def _path_matches(host: Host, path: Path, frame: Frame) -> list[avi.PathMatch]:
    if _is_pattern(host, path):
        group = Ref("stringgroup", frame.namer.string_group(frame.context.ownership.created_by, host.name, path))
        return [avi.PathMatch(match_case="INSENSITIVE", match_criteria="REGEX_MATCH", string_group_refs=(group,))]
    return [
        avi.PathMatch(match_case="SENSITIVE", match_criteria=criteria, match_str=(text,))
        for criteria, text in path.key.matches
    ]


def redirect_policy(name: str, hosts: Iterable[Host], *, markers: MarkerPairs, frame: Frame) -> avi_l7.HTTPPolicySet:
    """Sends clients of plain ports to the TLS port.

    One rule has all hosts with their further names; a wildcard, or a status code of its own, needs another rule.
    """
    hosts = tuple(hosts)
    together: dict[str, set[str]] = {}
    wild = []
    for host in hosts:
        if host.name.startswith("*."):
            wild.append(host)
        else:
            together.setdefault(host.transport.status_code, set()).update(host.asked_names)
    # Hosts themselves before wildcards, and of these the narrower one first: the first rule that fits is carried out.
    said = [("HDR_EQUALS", tuple(sorted(names)), code) for code, names in sorted(together.items())]
    said += [
        ("HDR_ENDS_WITH", tuple(one.removeprefix("*") for one in host.asked_names), host.transport.status_code)
        for host in sorted(wild, key=lambda one: (-len(one.name), one.name))
    ]
    rules = tuple(
        avi_l7.RequestRule(
            name=name_in_set(name, at),
            index=at,
            enable=True,
            match=avi_l7.RequestMatch(
                host_hdr=avi_l7.HostHeaderMatch(match_criteria=criteria, value=names),
                vs_port=avi.PortMatch(match_criteria="IS_IN", ports=frame.plain_ports),
            ),
            redirect_action=avi_l7.RedirectAction(protocol="HTTPS", port=frame.ssl_port, status_code=code),
        )
        for at, (criteria, names, code) in enumerate(said)
    )
    checksum = redirect_sum(hosts, markers, frame.context)
    return msgspec.structs.replace(policy_set(name, rules, markers=markers, frame=frame), cloud_config_cksum=checksum)


def header_rewrites(parent: str, hosts: Iterable[Host], frame: Frame) -> list[avi_l7.HTTPPolicySet]:
    """Bring further names of insecure hosts back to the name by which the script of a shared parent chooses pools."""
    found = []
    for host in hosts_with_rewrite(hosts)[:MOST_REWRITES]:
        name = frame.namer.header_rewrite(parent, host.name)
        others = tuple(one for one in host.asked_names if one != host.name)
        header = avi_l7.HeaderData(name="Host", value=avi_l7.HeaderValue(val=host.name))
        rule = avi_l7.RequestRule(
            name=name_in_set(name, 0),
            index=0,
            enable=True,
            match=avi_l7.RequestMatch(host_hdr=avi_l7.HostHeaderMatch(match_criteria="HDR_EQUALS", value=others)),
            hdr_action=(avi_l7.HeaderAction(action="HTTP_REPLACE_HDR", hdr=header),),
        )
        made = policy_set(name, (rule,), markers=(), frame=frame)
        found.append(msgspec.structs.replace(made, cloud_config_cksum=rewrite_sum(host, frame.context)))
    return found


def hosts_with_rewrite(hosts: Iterable[Host]) -> list[Host]:
    """Insecure hosts with further names; a wildcard cannot be brought back to one name."""
    ruled = (host for host in hosts if host.rules.chosen is not None and not host.secure)
    return [host for host in ruled if len(host.asked_names) > 1 and not host.name.startswith("*.")]


def policy_set(
    name: str, rules: tuple[avi_l7.RequestRule, ...], *, markers: MarkerPairs, frame: Frame
) -> avi_l7.HTTPPolicySet:
    """An HTTPPolicySet with request rules."""
    return avi_l7.HTTPPolicySet(
        name=name,
        tenant_ref=Ref("tenant", frame.tenant),
        created_by=frame.context.ownership.created_by,
        markers=markers_for(frame.context.ownership, markers),
        http_request_policy=avi_l7.RequestPolicy(rules=rules),
        http_security_policy=avi_l7.SecurityPolicy(),
    )


def certificates(host: Host, frame: Frame) -> list[avi_l7.SSLKeyAndCertificate]:
    """Certificates of a host: its own, or those of the default Secret, which all hosts share."""
    if host.tls is None:
        return []
    default = f"{frame.namer.namer.prefix}router-certs-default"
    name = default if host.tls.shared else frame.namer.host(host.name)
    markers: MarkerPairs = () if host.tls.shared else (("Host", (host.name,)), *frame.infra_marker)
    if host.tls.kept:
        return [_certificate(own, None, markers=markers, frame=frame) for own in host.tls.kept]
    pairs = ((name, host.tls.pair), (f"{name}-alt", host.tls.alternate))
    return [_certificate(own, pair, markers=markers, frame=frame) for own, pair in pairs if pair is not None]


def _certificate(name: str, pair: KeyPair | None, *, markers: MarkerPairs, frame: Frame) -> avi_l7.SSLKeyAndCertificate:
    return avi_l7.SSLKeyAndCertificate(
        name=name,
        tenant_ref=Ref("tenant", frame.tenant),
        created_by=frame.context.ownership.created_by,
        markers=markers_for(frame.context.ownership, markers),
        type=VS_CERTIFICATE,
        certificate=UNSET if pair is None else avi_l7.Certificate(certificate=pair.certificate),
        key=UNSET if pair is None else SecretText(pair.key),
    )


def policy_links(*names: str) -> tuple[avi.HttpPolicyLink, ...]:
    """Attachments in this order."""
    return tuple(
        avi.HttpPolicyLink(index=FIRST_POLICY + at, http_policy_set_ref=Ref("httppolicyset", name))
        for at, name in enumerate(names)
    )


def certificate_refs(
    found: Iterable[avi_l7.SSLKeyAndCertificate], hosts: Iterable[Host]
) -> tuple[Ref, ...] | UnsetType:
    """References to certificates of ours and to those that rules name, each once, by name."""
    named = {name for host in hosts if host.tls is not None for name in host.tls.names}
    names = sorted({one.name for one in found} | named)
    return tuple(Ref("sslkeyandcertificate", name) for name in names) or UNSET


def plain_markers(host: Host) -> MarkerPairs:
    """Of an insecure dedicated host in SNI mode: the official AKO shows its aliases, and leaves the host itself out."""
    return (("Namespace", (host.namespace,)), ("Host", tuple(one for one in host.names if one != host.name)))


def shows_host(host: Host, frame: Frame) -> bool:
    """Whether the host is among its markers; see `plain_markers`."""
    return host.secure or frame.namer.namer.hashed or not frame.namer.dedicated
