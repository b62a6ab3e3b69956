"""Everything that one Service asks for, read once: values, and what is wrong with the others.

A value that is wrong is left out of the wish and named in `problems`. Whether the whole Service is refused for it or
works without that part is the front end's decision.
"""

from typing import TypeVar

from msgspec import Struct

from ako_runtime.model.stack import Diagnostic, ObjectRef
from ako_runtime.resources.core import Service
from ako_runtime.settings import Settings
from ako_runtime.translate import annotations as notes
from ako_runtime.translate.fqdn import auto_fqdn, domain_for

T = TypeVar("T")

PROTOCOLS = frozenset({"TCP", "UDP", "SCTP"})
LONGEST_PERSISTENCE = 720
"""Minutes that the controller remembers a client."""


class Wish(Struct, frozen=True, kw_only=True):
    """Parsed input of one Service."""

    addresses: tuple[str, ...] = ()
    hostnames: tuple[str, ...] = ()
    disable_traffic: bool = False
    application_profile: str = ""
    infra: str = ""
    rule: str = ""
    vip_family: str = ""
    algorithm: str = ""
    source_ranges: tuple[str, ...] = ()
    # Minutes of client address persistence, 0 for none.
    persistence: int = 0
    problems: tuple[Diagnostic, ...] = ()


def service_ref(service: Service) -> ObjectRef:
    """The Service as an object."""
    return ObjectRef(resource="services", namespace=service.namespace, name=service.name)


def wish_of(service: Service) -> Wish:
    """What the Service asks for."""
    found = service.metadata.annotations
    values: dict[str, object] = {
        "addresses": wanted_addresses(service),
        "hostnames": notes.hostnames(found),
        "disable_traffic": notes.flag(found, notes.DISABLE_TRAFFIC),
        "infra": notes.object_name(found, notes.INFRA),
        "rule": notes.rule_name(found),
        "vip_family": _vip_family(service),
        "algorithm": notes.algorithm(found),
        "source_ranges": notes.networks(
            service.spec.load_balancer_source_ranges, field="spec.loadBalancerSourceRanges"
        ),
    }
    about = service_ref(service)
    problems = [
        Diagnostic(object=about, field=value.field, reason="InvalidValue", message=value.message)
        for value in values.values()
        if isinstance(value, notes.Problem)
    ]
    minutes, too_long = _persistence(service)
    return Wish(
        addresses=_good(values["addresses"], ()),
        hostnames=_good(values["hostnames"], ()),
        disable_traffic=_good(values["disable_traffic"], False),
        application_profile=notes.text_of(found, notes.APPLICATION_PROFILE),
        infra=_good(values["infra"], ""),
        rule=_good(values["rule"], ""),
        vip_family=_good(values["vip_family"], ""),
        algorithm=_good(values["algorithm"], ""),
        source_ranges=_good(values["source_ranges"], ()),
        persistence=minutes,
        problems=(*problems, *_port_problems(service, about), *too_long),
    )


def _good(value: object, otherwise: T) -> T:
    return value if isinstance(value, type(otherwise)) else otherwise


def wanted_addresses(service: Service) -> tuple[str, ...] | notes.Problem:
    """Addresses that the Service asks for: the field wins over the annotation."""
    if service.spec.load_balancer_ip:
        return notes.addresses(service.spec.load_balancer_ip, field="spec.loadBalancerIP")
    text = notes.text_of(service.metadata.annotations, notes.PREFERRED_IP)
    return notes.addresses(text, field=notes.PREFERRED_IP) if text else ()


def fqdns_for(service: Service, wish: Wish, settings: Settings, *, domains: tuple[str, ...]) -> tuple[str, ...]:
    """Host names of the Service: the external-dns ones, else the generated one, unless names are disabled."""
    if settings.auto_fqdn == "disabled":
        return ()
    if wish.hostnames:
        return wish.hostnames
    domain = domain_for(configured=settings.default_domain, served=domains)
    made = auto_fqdn(service.namespace, service.name, mode=settings.auto_fqdn, domain=domain)
    return (made,) if made else ()


def _vip_family(service: Service) -> str | notes.Problem:
    asked = notes.vip_family(service.metadata.annotations)
    if asked != "service":
        return asked
    families = [{"IPv4": "V4", "IPv6": "V6"}.get(family, "") for family in service.spec.ip_families]
    return "_".join(sorted(family for family in families if family))


def _persistence(service: Service) -> tuple[int, tuple[Diagnostic, ...]]:
    if service.spec.session_affinity != "ClientIP":
        return 0, ()
    config = service.spec.session_affinity_config
    seconds = config.client_ip.timeout_seconds if config is not None else 10800
    minutes = max(1, -(-seconds // 60))
    if minutes <= LONGEST_PERSISTENCE:
        return minutes, ()
    return LONGEST_PERSISTENCE, (
        Diagnostic(
            object=service_ref(service),
            field="spec.sessionAffinityConfig.clientIP.timeoutSeconds",
            reason="ValueOutOfRange",
            message=f"timeoutSeconds is {seconds}; the controller remembers a client for at most "
            f"{LONGEST_PERSISTENCE * 60} seconds, which is what applies",
            partial=True,
        ),
    )


def _port_problems(service: Service, about: ObjectRef) -> tuple[Diagnostic, ...]:
    return tuple(
        Diagnostic(
            object=about,
            field="spec.ports",
            reason="UnsupportedProtocol",
            message=f"port {port.port} uses {port.protocol}; use TCP, UDP or SCTP",
        )
        for port in service.spec.ports
        if port.protocol not in PROTOCOLS
    )
