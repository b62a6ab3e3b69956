"""What the official AKO would build of the virtual services of layer 7, for the checksums that ours carry.

What of it is not in their bodies: the children of a parent, and the certificates that rules name for them; the ports of
children; profiles of a kind that a rule replaces; what a rule for a parent says and a parent has no field for.
"""

from collections.abc import Iterable

from msgspec import Struct

from ako_runtime.model import avi, avi_l7
from ako_runtime.model.checksum import Checksum, counted_by
from ako_runtime.model.checksums import MarkerPairs, alphabetical, compact, flag, reference, text_hash
from ako_runtime.model.checksums_vs import ListenerModel, VirtualServiceModel, virtual_service_checksum
from ako_runtime.resources.rules import HostAnalytics, L7RuleSpec
from ako_runtime.settings import SecretText
from ako_runtime.translate.checksums import limits_text
from ako_runtime.translate.ingress.checksums import certificate_references
from ako_runtime.translate.ingress.hosts import Host
from ako_runtime.translate.ingress.parts import Frame, host_markers, hosts_with_rewrite
from ako_runtime.translate.ingress.rule_admission import THROTTLES
from ako_runtime.translate.ingress.rule_choice import Chosen
from ako_runtime.translate.ingress.rule_effects import NO_CHOICE, PLAIN_PROFILE, SECURE_PROFILE, TCP_PROXY
from ako_runtime.translate.ingress.sso import NO_SIGN_ON, SignOn

Keys = tuple[avi_l7.SSLKeyAndCertificate, ...]
_PLAIN_AND_TLS = (ListenerModel(port=80, protocol="HTTP"), ListenerModel(port=443, protocol="HTTP", ssl=True))


class _Kind(Struct, frozen=True, kw_only=True):
    """What tells the kinds of virtual services apart: profiles, ports, host, and whether routing is said."""

    application_profile: str = ""
    network_profile: str = ""
    listeners: tuple[ListenerModel, ...] = ()
    host: str = ""
    says_rhi: bool = False
    # A child of a shared virtual service lives where the settings say.
    child: bool = False
    sign_on: SignOn = NO_SIGN_ON


@counted_by(virtual_service_checksum)
def evh_parent_sum(
    name: str, hosts: tuple[Host, ...], children: tuple[str, ...], *, keys: Keys, frame: Frame
) -> VirtualServiceModel:
    """The checksum of a parent in EVH mode."""
    names = [f"VSVIP{name}", *_certificates(keys), *(f"EVHNode{child}" for child in children)]
    names += [f"EVHNodeSSL{one}" for host in hosts for one in certificate_references((host,))]
    kind = _Kind(
        application_profile=PLAIN_PROFILE,
        network_profile=TCP_PROXY,
        listeners=_listeners(frame.ports),
        says_rhi=frame.placement.by_infra,
    )
    profile = next((one for host in hosts if (one := _tls_profile(host.rules.chosen))), "")
    rule = frame.rule
    texts = (*_named(rule, profile=_tls_profile(rule) or profile), _texts(_rule_certificates(rule)))
    return _model([*names, *_reuse((), frame)], kind, frame, rule=rule, texts=texts)


@counted_by(virtual_service_checksum)
def evh_child_sum(host: Host, policies: tuple[str, ...], frame: Frame) -> VirtualServiceModel:
    """The checksum of a child in EVH mode."""
    names = [*(f"HttpPolicy{one}" for one in _kept(policies, host)), *(f"VHDomain{one}" for one in host.asked_names)]
    kind = _Kind(
        application_profile=PLAIN_PROFILE,
        listeners=_listeners(frame.ports) if frame.placement.by_infra else _PLAIN_AND_TLS,
        host=host.name,
        child=True,
        sign_on=host.rules.sign_on,
    )
    chosen = host.rules.chosen
    texts = (*_named(chosen), _texts(certificate_references((host,))))
    markers = host_markers(host, frame)
    return _model([*names, *_reuse((host,), frame)], kind, frame, rule=chosen, texts=texts, markers=markers)


@counted_by(virtual_service_checksum)
def sni_parent_sum(name: str, hosts: tuple[Host, ...], frame: Frame) -> VirtualServiceModel:
    """The checksum of a parent in SNI mode."""
    names = [f"HTTPDS{name}", f"VSVIP{name}"]
    names += [f"HttpPolicy{name}"] if any(host.secure for host in hosts) else []
    names += [f"HttpPolicy{frame.namer.header_rewrite(name, host.name)}" for host in hosts_with_rewrite(hosts)]
    names += [f"SNINode{frame.namer.host(host.name)}" for host in hosts if host.secure]
    names += [f"SslKeyAndCertificate{one}" for one in _rule_certificates(frame.rule)]
    kind = _Kind(
        application_profile=PLAIN_PROFILE, network_profile=TCP_PROXY, listeners=_listeners(frame.ports), says_rhi=True
    )
    return _model(names, kind, frame, rule=frame.rule, texts=_named(frame.rule, profile=_tls_profile(frame.rule)))


@counted_by(virtual_service_checksum)
def sni_child_sum(host: Host, keys: Keys, frame: Frame) -> VirtualServiceModel:
    """The checksum of a child in SNI mode."""
    names = [f"HttpPolicy{one}" for one in _kept((frame.namer.policy(host.namespace, host.name),), host)]
    names += [*_certificates(keys), *(f"VHDomain{one}" for one in host.asked_names)]
    names += [f"SslKeyAndCertificate{one}" for one in certificate_references((host,))]
    listeners = _listeners(frame.ports) if frame.placement.by_infra else _PLAIN_AND_TLS
    chosen = host.rules.chosen
    texts = (*_named(chosen, profile=_tls_profile(chosen)), compact([host.name]))
    kind = _Kind(listeners=listeners, child=True)
    return _model(names, kind, frame, rule=chosen, texts=texts, markers=host_markers(host, frame))


@counted_by(virtual_service_checksum)
def dedicated_sum(
    name: str, host: Host, keys: Keys, *, ports: tuple[avi.ServicePort, ...], policies: tuple[str, ...], frame: Frame
) -> VirtualServiceModel:
    """The checksum of a virtual service of one host."""
    enhanced, chosen = frame.namer.namer.hashed, host.rules.chosen
    certificates = certificate_references((host,))
    domains = host.asked_names if enhanced or host.secure else tuple(one for one in host.names if one != host.name)
    names = [f"VSVIP{name}", *_certificates(keys), *(f"VHDomain{one}" for one in domains)]
    names += [f"HttpPolicy{one}" for one in _kept(policies, host)]
    names += _reuse((host,), frame) if enhanced else [f"SslKeyAndCertificate{one}" for one in certificates]
    kind = _Kind(
        application_profile=SECURE_PROFILE if host.secure else PLAIN_PROFILE,
        network_profile=TCP_PROXY,
        listeners=_listeners(ports),
        says_rhi=frame.placement.by_infra or not enhanced,
        sign_on=host.rules.sign_on,
    )
    last = _texts(certificates) if enhanced else compact([host.name])
    texts = (*_named(chosen, profile=_tls_profile(chosen)), last)
    markers = (("Namespace", (host.namespace,)), ("Host", domains), *frame.infra_marker)
    return _model(names, kind, frame, rule=chosen, texts=texts, markers=markers)


def passthrough_sums(
    name: str, plain: str, ports: tuple[tuple[avi.ServicePort, ...], tuple[avi.ServicePort, ...]], frame: Frame
) -> tuple[Checksum, Checksum]:
    """The checksums of the two virtual services of passthrough: of the one with TLS, and of the plain one."""
    secure = _Kind(
        application_profile="System-L4-Application",
        network_profile=TCP_PROXY,
        listeners=_listeners(ports[0]),
        says_rhi=True,
    )
    redirecting = _Kind(
        application_profile=PLAIN_PROFILE,
        network_profile=TCP_PROXY,
        listeners=_listeners(ports[1]),
        says_rhi=frame.placement.by_infra,
    )
    names = [f"HTTPDS{name}", f"VSVIP{name}", f"PassthroughChild{plain}"]
    return (
        _passthrough_sum(tuple(names), secure, frame),
        _passthrough_sum((f"VSVIP{name}", f"HttpPolicy{plain}"), redirecting, frame),
    )


@counted_by(virtual_service_checksum)
def _passthrough_sum(names: tuple[str, ...], kind: _Kind, frame: Frame) -> VirtualServiceModel:
    return _model(names, kind, frame, rule=None, texts=())


def _model(
    names: Iterable[str],
    kind: _Kind,
    frame: Frame,
    *,
    rule: Chosen | None,
    texts: tuple[str, ...],
    markers: MarkerPairs = (),
) -> VirtualServiceModel:
    place = frame.global_placement if kind.child else frame.placement
    return VirtualServiceModel(
        cluster=frame.context.settings.cluster_name,
        names=tuple(names),
        application_profile=kind.application_profile,
        network_profile=kind.network_profile,
        se_group=place.se_group,
        listeners=kind.listeners,
        host=kind.host,
        named=texts,
        enabled=None if rule is None else rule.host.enable_virtual_host,
        markers=markers,
        rhi=frame.placement.enable_rhi if kind.says_rhi else None,
        analytics_policy="" if rule is None else _analytics(rule.host.analytics_policy or rule.l7.analytics_policy),
        fields=_fields(rule, kind.sign_on, child=kind.child),
    )


def _certificates(keys: Keys) -> list[str]:
    return [f"SSLKeyCert{name}" for name in dict.fromkeys(one.name for one in keys)]


def _rule_certificates(rule: Chosen | None) -> tuple[str, ...]:
    """The certificate that the rule of a shared virtual service names."""
    wanted = rule.host.tls.ssl_key_certificate if rule is not None and rule.host.tls is not None else None
    if wanted is None:
        return ()
    found = (wanted, wanted.alternate_certificate)
    return tuple(
        reference("sslkeyandcertificate", one.name)
        for one in found
        if one is not None and one.name and one.type == "ref"
    )


def _kept(policies: Iterable[str], host: Host) -> Iterable[str]:
    """Our policy sets, as far as those of a rule do not stand instead of them."""
    chosen = host.rules.chosen
    if chosen is None:
        return policies
    wanted = chosen.host.http_policy if chosen.host.http_policy.policy_sets else chosen.l7.http_policy
    return () if wanted.overwrite and wanted.policy_sets else policies


def _listeners(ports: Iterable[avi.ServicePort]) -> tuple[ListenerModel, ...]:
    return tuple(
        ListenerModel(port=one.port, protocol="HTTP", ssl=one.enable_ssl is True, http2=one.enable_http2 is True)
        for one in ports
    )


def _texts(values: tuple[str, ...]) -> str:
    return compact(values) if values else ""


def _tls_profile(chosen: Chosen | None) -> str:
    tls = chosen.host.tls if chosen is not None else None
    return reference("sslprofile", tls.ssl_profile) if tls is not None else ""


def _named(chosen: Chosen | None, *, profile: str = "") -> tuple[str, ...]:
    """Everything that rules name, in the order that counts."""
    host, l7 = (chosen or NO_CHOICE).host, (chosen or NO_CHOICE).l7
    policies = host.http_policy.policy_sets or l7.http_policy.policy_sets
    icap = host.icap_profile or tuple(name for name in (l7.icap_profile.name,) if name)
    return (
        reference("wafpolicy", host.waf_policy or l7.waf_policy.name),
        reference("applicationprofile", host.application_profile or l7.application_profile.name),
        reference("analyticsprofile", host.analytics_profile or l7.analytics_profile.name),
        reference("errorpageprofile", host.error_page_profile or l7.error_page_profile.name),
        profile,
        _texts(tuple(reference("vsdatascriptset", name) for name in host.datascripts)),
        _texts(tuple(reference("httppolicyset", name) for name in policies)),
        _texts(tuple(reference("icapprofile", name) for name in icap)),
    )


def _analytics(policy: HostAnalytics | None) -> str:
    if policy is None:
        return ""
    found: dict[str, object] = {
        "all_headers": policy.log_all_headers,
        "full_client_logs": {"duration": 0, "enabled": None},
    }
    if policy.full_client_logs is not None:
        logs = policy.full_client_logs
        found["full_client_logs"] = {
            "duration": logs.duration,
            "enabled": logs.enabled,
            "throttle": THROTTLES[logs.throttle],
        }
    return alphabetical(found)


def _fields(rule: Chosen | None, sign_on: SignOn, *, child: bool) -> tuple[str | SecretText, ...]:
    """What L7Rule and SSORule set, and the network security policy of a HostRule."""
    l7 = rule.l7 if rule is not None and rule.has_l7_rule else None
    policy = "" if rule is None or child else reference("networksecuritypolicy", rule.host.network_security_policy)
    found: tuple[str | SecretText, ...] = (
        *_first_fields(l7, child=child),
        policy,
        sign_on.oauth_text,
        "" if l7 is None or child else limits_text(l7.performance_limits),
        "" if l7 is None else flag(l7.remove_listening_port_on_vs_down),
        sign_on.saml_text,
        "" if l7 is None or child else reference("securitypolicy", l7.security_policy_ref),
        "" if l7 is None else str(l7.ssl_sess_cache_avg_size),
        reference("ssopolicy", sign_on.policy),
        "" if l7 is None else reference("trafficcloneprofile", l7.traffic_clone_profile_ref),
    )
    return tuple(one for one in found if one)


def _first_fields(l7: L7RuleSpec | None, *, child: bool) -> tuple[str, ...]:
    if l7 is None:
        return ()
    return (
        flag(l7.allow_invalid_client_cert),
        reference("botpolicy", l7.bot_policy_ref),
        flag(l7.close_client_conn_on_config_update),
        "" if child else l7.host_name_xlate,
        flag(l7.ign_pool_net_reach),
        "" if l7.min_pools_up is None else str(l7.min_pools_up),
    )


def _reuse(hosts: Iterable[Host], frame: Frame) -> list[str]:
    """With `fqdnReusePolicy: Strict`, who shares a host counts."""
    if frame.context.settings.fqdn_reuse_policy != "Strict":
        return []
    names = (
        f"{host.name}=[{' '.join(sorted(f'{one.namespace}/{one.name}' for one in host.ingresses))}]" for host in hosts
    )
    return [str(text_hash("".join(names)))]
