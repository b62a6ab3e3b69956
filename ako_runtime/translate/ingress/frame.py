"""What a key's objects have in common: names, ports, placement; and where a host's objects can be found by name."""

import re

from msgspec import UNSET

from ako_runtime.model import avi
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import StackKey
from ako_runtime.translate.fqdn import domain_for
from ako_runtime.translate.ingress.naming import IngressNamer
from ako_runtime.translate.ingress.parts import Frame
from ako_runtime.translate.ingress.rule_choice import Chosen
from ako_runtime.translate.ingress.rule_effects import listeners
from ako_runtime.translate.ingress.site import HOST, NAMESPACE_VIP, THROUGH, Site
from ako_runtime.translate.l4 import L4Context
from ako_runtime.translate.placement import global_placement
from ako_runtime.translate.verdict import namer_of


def frame_for(site: Site, context: L4Context, *, dedicated: bool, rule: Chosen | None) -> Frame:
    """The frame of a key; `rule` is that of the shared virtual service, or of the dedicated host."""
    return Frame(
        context=context,
        namer=namer_for(site.infra_name, context, dedicated=dedicated),
        tenant=site.tenant.name,
        placement=site.infra.placement,
        ports=_ports(site, context, rule),
        rule=rule,
        global_placement=global_placement(context.settings, context.environment, tenant=site.tenant.name),
    )


def namer_for(infra: str, context: L4Context, *, dedicated: bool) -> IngressNamer:
    """Names below the AviInfraSetting of a class (`Site.infra_name`); empty without one."""
    return IngressNamer(
        namer=namer_of(context),
        infra=infra,
        dedicated=dedicated,
        own_namespace="" if context.settings.primary_instance else context.ownership.namespace,
    )


def parent_name(key: StackKey, infra: str, context: L4Context) -> str:
    """The virtual service at the root of a key, and its VsVip; `infra` as in `namer_for`."""
    namer = namer_for(infra, context, dedicated=key.kind == HOST)
    first = key.name.partition("/")[0]
    if key.kind == HOST:
        return namer.dedicated_host(first)
    if key.kind == THROUGH:
        return namer.passthrough(first.partition("-")[2])
    if key.kind == NAMESPACE_VIP:
        return namer.shared(f"NS-{key.namespace}")
    return namer.shared(first.partition("-")[2])


def refs_of(host: str, key: StackKey, site: Site, context: L4Context, *, secure: bool) -> tuple[Ref, Ref]:
    """VsVip and virtual service of a host."""
    root, tenant = parent_name(key, site.infra_name, context), site.tenant.name
    own = key.kind not in (HOST, THROUGH) and (secure or context.settings.enable_evh)
    service = namer_for(site.infra_name, context, dedicated=False).host(host) if own else root
    return Ref("vsvip", root, tenant=tenant), Ref("virtualservice", service, tenant=tenant)


def shared_fqdn(name: str, tenant: str, context: L4Context) -> str:
    """The name of a shared virtual service in DNS; empty if none is made."""
    settings = context.settings
    domain = domain_for(configured=settings.default_domain, served=context.environment.dns_domains)
    if settings.auto_fqdn == "disabled" or not domain:
        return ""
    label = re.sub(r"[^a-z0-9-]", "-", tenant.lower()).strip("-")
    return f"{name}-{label}.{domain}" if settings.auto_fqdn == "flat" else f"{name}.{label}.{domain}"


def _ports(site: Site, context: L4Context, rule: Chosen | None) -> tuple[avi.ServicePort, ...]:
    """80 and 443, or what a rule has instead, with the listeners of the setting over them (ako-behaviour 4.9)."""
    ports = {port: (ssl, False) for port, ssl in listeners(rule).items()}
    ports |= {one.port: (one.enable_ssl, one.enable_http2) for one in site.listeners}
    return tuple(
        avi.ServicePort(
            port=port,
            port_range_end=UNSET if context.settings.enable_evh else port,
            enable_ssl=ssl,
            enable_http2=http2,
        )
        for port, (ssl, http2) in sorted(ports.items())
    )
