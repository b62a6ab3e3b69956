"""A Service of type LoadBalancer that asks for a load balancer of its own.

Ours is a Service whose type is LoadBalancer, whose class is ours (or has none while we are the default controller), in
a namespace that we serve. A wrong value in an annotation refuses the change, not the service: what the controller has
stays as it is, and the Service gets a condition and an Event that say what was expected.

The official naming maps `a/b-c` and `a-b/c` to one virtual service. The older Service keeps the name (equal ages: by
namespace and name); the younger is refused with a status, instead of both fighting for it.
"""

from ako_runtime.model.names import MAX_NAME_LENGTH, Namer
from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import Diagnostic, ObjectRef, Outcome, ServiceStatus, StackKey
from ako_runtime.resources.core import Service
from ako_runtime.resources.snapshot import SERVICES_BY_ROOT, Snapshot, only
from ako_runtime.settings import Settings
from ako_runtime.translate import annotations as notes
from ako_runtime.translate.fqdn import auto_fqdn, domain_for
from ako_runtime.translate.l4 import L4Context, L4Request, Listener, PoolRequest, l4_stack
from ako_runtime.translate.members import servers_for
from ako_runtime.translate.placement import global_placement

LOAD_BALANCER_CLASS = "ako.vmware.com/avi-lb"
PROTOCOLS = frozenset({"TCP", "UDP", "SCTP"})
NEEDED = ("services", "endpointslices", "namespaces")
"""Kinds whose lists must be known before anything about a Service is decided."""


def service_outcome(snapshot: Snapshot, key: StackKey, context: L4Context) -> Outcome:
    """What the Service of `key` should have."""
    unknown = [resource for resource in NEEDED if resource not in snapshot.complete]
    if unknown:
        return Outcome(key=key, held=f"not listed yet: {', '.join(unknown)}")
    service = snapshot.service(key.namespace, key.name)
    if service is None:
        return Outcome(key=key)
    ref = ObjectRef(resource="services", namespace=key.namespace, name=key.name)
    if not is_ours(service, snapshot, context.settings) or notes.SHARED_VIP in service.metadata.annotations:
        return Outcome(key=key, statuses=(ServiceStatus(about=ref),))
    problem = _refusal(service, snapshot, context, ref)
    if problem is not None:
        return Outcome(
            key=key,
            statuses=(ServiceStatus(about=ref, problem=problem),),
            diagnostics=(problem,),
            keeps_last_good=problem.reason != "NameConflict",
            roots=(
                Ref("virtualservice", _namer(context).l4(key.namespace, key.name), tenant=context.settings.tenant_name),
            ),
        )
    return _served(service, snapshot, key, context)


def is_ours(service: Service, snapshot: Snapshot, settings: Settings) -> bool:
    """Whether this instance serves the Service."""
    spec = service.spec
    if spec.type != "LoadBalancer" or settings.layer7_only or service.metadata.deletion_timestamp is not None:
        return False
    if spec.load_balancer_class is not None:
        if spec.load_balancer_class != LOAD_BALANCER_CLASS:
            return False
    elif not settings.default_lb_controller:
        return False
    return is_served_namespace(service.namespace, snapshot, settings)


def is_served_namespace(name: str, snapshot: Snapshot, settings: Settings) -> bool:
    """Whether the namespace is selected and not blocked."""
    if name in settings.blocked_namespaces:
        return False
    if not (settings.ns_sync_label_key and settings.ns_sync_label_value):
        return True
    namespace = snapshot.namespace(name)
    return namespace is not None and (
        namespace.metadata.labels.get(settings.ns_sync_label_key) == settings.ns_sync_label_value
    )


def _refusal(service: Service, snapshot: Snapshot, context: L4Context, ref: ObjectRef) -> Diagnostic | None:
    """The first reason why the Service cannot be served as written."""
    rival = _rival(service, snapshot, context.settings)
    if rival is not None:
        return Diagnostic(
            object=ref,
            field="metadata.name",
            reason="NameConflict",
            message=f"its virtual service would have the same name as that of Service {rival.namespace}/{rival.name}, "
            "which is older; rename one of them",
        )
    addresses = _wanted_addresses(service)
    for problem in (
        addresses,
        notes.hostname(service.metadata.annotations),
        notes.flag(service.metadata.annotations, notes.DISABLE_TRAFFIC),
    ):
        if isinstance(problem, notes.Problem):
            return Diagnostic(object=ref, field=problem.field, reason="InvalidValue", message=problem.message)
    for port in service.spec.ports:
        if port.protocol not in PROTOCOLS:
            return Diagnostic(
                object=ref,
                field="spec.ports",
                reason="UnsupportedProtocol",
                message=f"port {port.port} uses {port.protocol}; use TCP, UDP or SCTP",
            )
    longest = max(
        (len(_pool_name(service, port.protocol, port.port, context)) for port in service.spec.ports), default=0
    )
    if longest > MAX_NAME_LENGTH:
        return Diagnostic(
            object=ref,
            field="metadata.name",
            reason="NameTooLong",
            message=f"an Avi object would have a name of {longest} characters, at most {MAX_NAME_LENGTH} are possible; "
            "shorten the name of the Service, its namespace or the cluster",
        )
    return None


def _rival(service: Service, snapshot: Snapshot, settings: Settings) -> Service | None:
    """An older Service that maps to the same virtual service name, dedicated or shared."""
    root = ("", f"{service.namespace}-{service.name}")
    rivals = [
        other
        for other in only(snapshot.found(SERVICES_BY_ROOT, root), Service)
        if other.identity != service.identity
        and other.metadata.age_key < service.metadata.age_key
        and is_ours(other, snapshot, settings)
    ]
    return min(rivals, key=lambda other: other.metadata.age_key, default=None)


def _served(service: Service, snapshot: Snapshot, key: StackKey, context: L4Context) -> Outcome:
    settings, environment = context.settings, context.environment
    fqdns = fqdns_for(service, context)
    families = backend_families(context)
    slices = snapshot.slices(service.namespace, service.name)
    name = _namer(context).l4(service.namespace, service.name)
    owner = (("Namespace", (service.namespace,)), ("ServiceName", (service.name,)))
    listeners = tuple(
        Listener(
            port=port.port,
            protocol=port.protocol,
            pool=PoolRequest(
                name=_pool_name(service, port.protocol, port.port, context),
                protocol=port.protocol,
                servers=servers_for(service, port, slices=slices, families=families),
                markers=(*owner, ("Port", (str(port.port),))),
            ),
        )
        for port in service.spec.ports
    )
    addresses = _wanted_addresses(service)
    request = L4Request(
        name=name,
        tenant=settings.tenant_name,
        placement=global_placement(settings, environment),
        listeners=listeners,
        fqdns=fqdns,
        addresses=() if isinstance(addresses, notes.Problem) else addresses,
        services=(f"{service.namespace}/{service.name}",),
        vs_markers=owner,
        traffic_enabled=notes.flag(service.metadata.annotations, notes.DISABLE_TRAFFIC) is not True,
        application_profile=service.metadata.annotations.get(notes.APPLICATION_PROFILE) or "System-L4-Application",
    )
    status = ServiceStatus(
        about=ObjectRef(resource="services", namespace=service.namespace, name=service.name),
        vsvip=Ref("vsvip", name, tenant=request.tenant),
        virtualservice=Ref("virtualservice", name, tenant=request.tenant),
        hostnames=fqdns,
        families=service.spec.ip_families,
    )
    return Outcome(key=key, stack=l4_stack(request, context), statuses=(status,))


def fqdns_for(service: Service, context: L4Context) -> tuple[str, ...]:
    """Host names of the Service: the external-dns one, else the generated one, unless names are disabled."""
    settings = context.settings
    if settings.auto_fqdn == "disabled":
        return ()
    wanted = notes.hostname(service.metadata.annotations)
    if isinstance(wanted, str):
        return (wanted,)
    domain = domain_for(configured=settings.default_domain, served=context.environment.dns_domains)
    made = auto_fqdn(service.namespace, service.name, mode=settings.auto_fqdn, domain=domain)
    return (made,) if made else ()


def backend_families(context: L4Context) -> frozenset[str]:
    """Address families that pool members may have: the `ipFamily` setting as far as the cloud carries IPv6."""
    if not context.environment.supports_ipv6:
        return frozenset({"V4"})
    return frozenset((context.settings.ip_family or "V4_V6").split("_"))


def _wanted_addresses(service: Service) -> tuple[str, ...] | notes.Problem:
    if service.spec.load_balancer_ip:
        return notes.addresses(service.spec.load_balancer_ip, field="spec.loadBalancerIP")
    text = service.metadata.annotations.get(notes.PREFERRED_IP)
    return () if text is None else notes.addresses(text, field=notes.PREFERRED_IP)


def _namer(context: L4Context) -> Namer:
    return Namer(cluster=context.settings.cluster_name, hashed=context.settings.enable_evh)


def _pool_name(service: Service, protocol: str, port: int, context: L4Context) -> str:
    return _namer(context).l4_pool(service.namespace, service.name, protocol=protocol, port=port)
