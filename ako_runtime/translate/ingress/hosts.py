"""The model that every mode shapes: hosts with their paths, backends and certificate.

A host belongs to the oldest Ingress that names it (equal ages: by namespace and name); others join it if they are
served at the same place (tenant, setting, sharding) and, with `fqdnReusePolicy: Strict`, come from the same namespace.
Whoever does not join gets a remark, and the host is served without it. The same path in two Ingresses is one path with
the backends of both.

An Ingress that asks for TLS and has no usable certificate takes the host from nobody (ADR 105). Where no certificate is
usable, the host is served plainly to the Ingresses that did not ask for TLS; an Ingress elsewhere gets the host if no
older one can be served.

Whatever is wrong with one path leaves that path out, and says so; a missing Service or port leaves an empty pool, which
answers 503 where the licence allows it (by itself the controller closes the connection).
"""

import functools
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from ako_runtime.model.avi import Server
from ako_runtime.model.stack import Diagnostic, ObjectRef, StackKey
from ako_runtime.resources.core import ServicePort
from ako_runtime.resources.index_l7 import INGRESSES_OF_HOST, INGRESSES_OF_NAMESPACE, makes_host, written_hosts
from ako_runtime.resources.ingress_annotations import WEIGHT
from ako_runtime.resources.meta import Resource
from ako_runtime.resources.networking import HttpPath, Ingress, IngressBackend, ServiceBackend
from ako_runtime.resources.snapshot import Snapshot, only
from ako_runtime.translate.annotations import is_hostname
from ako_runtime.translate.backends import Members, members_for
from ako_runtime.translate.fqdn import domain_for
from ako_runtime.translate.ingress.certificates import DEFAULT_SECRET, HostTls, last_good_of, tls_by_rule, tls_of
from ako_runtime.translate.ingress.ownership import is_ours
from ako_runtime.translate.ingress.paths import FALLBACK, PathKey, path_key, path_problem
from ako_runtime.translate.ingress.rule_choice import NO_RULES, HostRules, rules_for_host, unlogged_rules
from ako_runtime.translate.ingress.site import HOST, THROUGH, key_for, site_of
from ako_runtime.translate.ingress.transport import DEFAULT, Transport, transport_of
from ako_runtime.translate.l4 import L4Context, PoolPort
from ako_runtime.translate.recall import shared
from ako_runtime.translate.verdict import namer_of, remark

DEFAULT_WEIGHT, HIGHEST_WEIGHT = 100, 1000


class Backend(Struct, frozen=True, kw_only=True):
    """Members for a path by one Ingress."""

    ingress: tuple[str, str]
    service: str
    port: str
    servers: tuple[Server, ...] = ()
    reached: PoolPort = PoolPort()
    # There is no Service, or no such port: nothing that could get members.
    missing: bool = False
    # There is, but which members it has cannot be told.
    unknown: bool = False
    weight: int = DEFAULT_WEIGHT


class Path(Struct, frozen=True, kw_only=True):
    """A path with its backends, those of the oldest Ingress first."""

    key: PathKey
    backends: tuple[Backend, ...]
    # Another path would have the same names; this one needs names of its own.
    twin: bool = False


class Host(Struct, frozen=True, kw_only=True):
    """A host that is served; `namespace` is that of the oldest Ingress."""

    name: str
    namespace: str
    ingresses: tuple[Ingress, ...]
    paths: tuple[Path, ...]
    tls: HostTls | None = None
    rules: HostRules = NO_RULES
    transport: Transport = DEFAULT

    @property
    def names(self) -> tuple[str, ...]:
        """The host and its aliases, sorted."""
        chosen = self.rules.chosen
        if chosen is None or not chosen.host.aliases:
            return (self.name,)
        return tuple(sorted({self.name, *chosen.host.aliases}))

    @property
    def asked_names(self) -> tuple[str, ...]:
        """Names under which clients ask for the host: those above, and that of all clusters together, sorted."""
        chosen = self.rules.chosen
        known = {chosen.host.gslb.fqdn} - {""} if chosen is not None else set()
        return tuple(sorted({*self.names, *known}))

    @property
    def secure(self) -> bool:
        """Whether the host speaks TLS."""
        return self.tls is not None


class Serving(Struct, frozen=True, kw_only=True):
    """How a host is served: its TLS (None: plainly), to which Ingresses (none: not at all), and what is to be said."""

    tls: HostTls | None = None
    ingresses: tuple[Ingress, ...] = ()
    remarks: tuple[Diagnostic, ...] = ()


class Claim(Struct, frozen=True, kw_only=True):
    """The key that serves a host, for these Ingresses, oldest first; `refused` are remarks about the others."""

    key: StackKey
    ingresses: tuple[Ingress, ...]
    refused: tuple[Diagnostic, ...] = ()

    @property
    def passthrough(self) -> bool:
        """Whether TLS goes through to the pods: then there are neither certificates nor rules."""
        return self.key.kind == THROUGH


def ingress_ref(ingress: Ingress) -> ObjectRef:
    """The Ingress as an object."""
    return ObjectRef(resource="ingresses", namespace=ingress.namespace, name=ingress.name)


def made_host(ingress: Ingress, context: L4Context) -> str:
    """The host of a rule without one: `<ingress>.<namespace>.<domain>`; empty without a DNS domain."""
    domain = domain_for(configured=context.settings.default_domain, served=context.environment.dns_domains)
    return f"{ingress.name}.{ingress.namespace}.{domain}" if domain else ""


def hosts_of(ingress: Ingress, context: L4Context) -> tuple[str, ...]:
    """Every host of the Ingress, sorted."""
    made = made_host(ingress, context) if makes_host(ingress) else ""
    return tuple(sorted(written_hosts(ingress) | ({made} if made else frozenset())))


def host_problem(host: str, context: L4Context) -> str:
    """Why a host cannot be served at all; empty if it can."""
    bare = host.removeprefix("*.")
    if not is_hostname(bare):
        return f"host '{host}' is no DNS name"
    domains = context.environment.dns_domains
    if domains and not any(bare == domain or bare.endswith(f".{domain}") for domain in domains):
        return f"host '{host}' is in none of the DNS domains of the cloud ({', '.join(domains)})"
    return ""


def claimants(host: str, snapshot: Snapshot, context: L4Context) -> tuple[Ingress, ...]:
    """Ingresses of ours that name the host, oldest first."""
    found: dict[tuple[str, str], Resource] = {
        one.identity: one for one in snapshot.found(INGRESSES_OF_HOST, ("", host))
    }
    maker = _maker(host, snapshot, context)
    if maker is not None:
        found[maker.identity] = maker
    ours = [one for one in only(found.values(), Ingress) if is_ours(one, snapshot, context.settings)]
    return tuple(sorted(ours, key=lambda one: one.metadata.age_key))


def _maker(host: str, snapshot: Snapshot, context: L4Context) -> Ingress | None:
    """The Ingress without host for which this host would be made."""
    labels = host.split(".")
    if len(labels) < 3:
        return None
    for one in only(snapshot.found(INGRESSES_OF_NAMESPACE, ("", labels[1])), Ingress):
        if makes_host(one) and made_host(one, context) == host:
            return one
    return None


def claim_on(host: str, snapshot: Snapshot, context: L4Context) -> Claim | None:
    """Who serves the host; None if nobody of ours names it or it cannot be served."""
    return shared(snapshot, ("claim", host), functools.partial(_claim_on, host, context=context))


def _claim_on(host: str, snapshot: Snapshot, *, context: L4Context) -> Claim | None:
    everyone = claimants(host, snapshot, context)
    if not everyone or host_problem(host, context):
        return None
    claims: list[Claim] = []
    left = everyone
    while left:
        claim = _claim_of(left[0], everyone, host=host, snapshot=snapshot, context=context)
        if len(claim.ingresses) == len(everyone):
            return claim
        serving = _serving_by(host, claim, snapshot, context)
        if serving.ingresses:
            skipped = (one for other in claims for one in _serving_by(host, other, snapshot, context).remarks)
            return msgspec.structs.replace(claim, refused=(*skipped, *claim.refused))
        claims.append(claim)
        left = tuple(one for one in left if one not in claim.ingresses)
    return claims[0]


def _claim_of(
    first: Ingress, everyone: tuple[Ingress, ...], *, host: str, snapshot: Snapshot, context: L4Context
) -> Claim:
    """The claim of an Ingress and of those that can join it."""
    granted = key_for(host, site_of(first, snapshot, context.settings), context.settings)
    joined, refused = [first], []
    for one in everyone:
        why = _why_apart(one, first, granted, host=host, snapshot=snapshot, context=context) if one != first else ""
        if why:
            refused.append(remark(ingress_ref(one), "HostClaimed", why, field="spec.rules"))
        elif one != first:
            joined.append(one)
    return Claim(key=granted, ingresses=tuple(joined), refused=tuple(refused))


def _serving_by(host: str, claim: Claim, snapshot: Snapshot, context: L4Context) -> Serving:
    """How a claim would serve the host; as if it could, while that is not known."""
    rules = rules_of(host, claim, snapshot, context)
    if rules.needs:
        return Serving(ingresses=claim.ingresses)
    return _serving(host, claim, rules, snapshot=snapshot, context=context)


def host_for(
    host: str, claim: Claim, rules: HostRules, *, snapshot: Snapshot, context: L4Context
) -> tuple[Host | None, tuple[Diagnostic, ...]]:
    """The host as it is served (None: it cannot be), and every remark about it."""
    serving = _serving(host, claim, rules, snapshot=snapshot, context=context)
    # Of one that cannot be served, what is wrong with its paths is told all the same.
    served = serving.ingresses or claim.ingresses
    paths, remarks = paths_of(host, served, snapshot, context)
    first = served[0]
    transport, wrong = transport_of(served)
    about_transport = (remark(ingress_ref(one), "InvalidValue", text, field=field) for one, field, text in wrong)
    # A host that is closed is served to none of them.
    told = served if rules.sign_on.closed else served[:1]
    about_rules = (
        remark(ingress_ref(one), "RuleRejected", text, field="spec.rules") for text in rules.refused for one in told
    )
    about_paths = (*remarks, *serving.remarks) if serving.ingresses else (*serving.remarks, *remarks)
    remarks = (*claim.refused, *about_paths, *about_rules, *about_transport)
    if not serving.ingresses or not paths:
        return None, remarks
    if claim.passthrough and host.startswith("*."):
        text = f"host '{host}' is a wildcard, which cannot be chosen by server name; name the hosts one by one"
        refused = (remark(ingress_ref(one), "HostRefused", text, field="spec.rules") for one in served)
        return None, (*remarks, *refused)
    if claim.passthrough and len(paths) > 1:
        text = (
            f"the paths of host '{host}' cannot be told apart where TLS goes through; its Services share all requests"
        )
        remarks = (*remarks, remark(ingress_ref(first), "PathOutOfReach", text, field="spec.rules"))
    return (
        Host(
            name=host,
            namespace=first.namespace,
            ingresses=served,
            paths=paths,
            tls=serving.tls,
            rules=rules,
            transport=transport,
        ),
        remarks,
    )


def rules_of(host: str, claim: Claim, snapshot: Snapshot, context: L4Context) -> HostRules:
    """The rules that apply to a host."""
    if claim.passthrough:
        return unlogged_rules(host, snapshot)
    site, namer = site_of(claim.ingresses[0], snapshot, context.settings), namer_of(context)
    certificate = namer.l7_host(host, infra=site.infra_name)
    own = claim.key.kind == HOST
    return rules_for_host(
        host,
        frozenset(one.namespace for one in claim.ingresses),
        snapshot,
        context,
        tenant=site.tenant.name,
        certificate=certificate,
        service=namer.l7_dedicated(host, infra=site.infra_name) if own else certificate,
    )


def _why_apart(
    one: Ingress, first: Ingress, granted: StackKey, *, host: str, snapshot: Snapshot, context: L4Context
) -> str:
    settings = context.settings
    older = first.metadata.age_key < one.metadata.age_key
    why = "which is older" if older else "as no older one has a usable certificate"
    owner = f"Ingress {first.namespace}/{first.name}, {why}"
    if one.namespace != first.namespace and settings.enable_evh and settings.fqdn_reuse_policy == "Strict":
        return f"host '{host}' belongs to the namespace of {owner}; fqdnReusePolicy is Strict"
    if key_for(host, site_of(one, snapshot, settings), settings) != granted:
        return (
            f"host '{host}' is served by {owner}, with another tenant, class, AviInfraSetting or passthrough; "
            "use the same for both"
        )
    return ""


def serving_for(host: str, snapshot: Snapshot, context: L4Context) -> Serving:
    """How a host is served; to no Ingress if nobody of ours names it."""
    return shared(snapshot, ("serving", host), functools.partial(_serving_for, host, context=context))


def _serving_for(host: str, snapshot: Snapshot, *, context: L4Context) -> Serving:
    claim = claim_on(host, snapshot, context)
    if claim is None:
        return Serving()
    rules = rules_of(host, claim, snapshot, context)
    return _serving(host, claim, rules, snapshot=snapshot, context=context)


def _serving(host: str, claim: Claim, rules: HostRules, *, snapshot: Snapshot, context: L4Context) -> Serving:
    """TLS for all who have a claim, or plainly for those of them who did not ask for TLS."""
    tls, remarks = _tls(host, claim, rules, snapshot=snapshot, context=context)
    if tls is None or tls.usable:
        return Serving(tls=tls, ingresses=claim.ingresses, remarks=tuple(remarks))
    plain = tuple(one for one in claim.ingresses if tls_of(host, one, snapshot, context) is None)
    return Serving(ingresses=plain, remarks=tuple(remarks))


def _tls(
    host: str, claim: Claim, rules: HostRules, *, snapshot: Snapshot, context: L4Context
) -> tuple[HostTls | None, list[Diagnostic]]:
    """What a HostRule names, else the certificate of the oldest Ingress that has a good one; secure if any wants it."""
    if claim.passthrough:
        return None, []
    rule = rules.chosen
    wanted = rule.host.tls.ssl_key_certificate if rule is not None and rule.host.tls is not None else None
    if rule is not None and wanted is not None:
        return tls_by_rule(wanted, rule.namespace, snapshot, context, kept=rule.kept), []
    found = [(one, tls) for one in claim.ingresses if (tls := tls_of(host, one, snapshot, context)) is not None]
    good = [(one, tls) for one, tls in found if tls.pair is not None]
    last = None if good else _last_good(host, claim, found, snapshot=snapshot, context=context)
    what = "keeps the certificate that it has" if last is not None and last.kept else "has no certificate"
    remarks = [
        remark(ingress_ref(one), "CertificateRefused", f"host '{host}' {what}: {tls.problem}", field="spec.tls")
        for one, tls in found
        if tls.problem
    ]
    remarks += [
        remark(
            ingress_ref(one),
            "CertificateRefused",
            f"host '{host}' has one certificate: {tls.warning}",
            field="spec.tls",
        )
        for one, tls in found
        if tls.warning
    ]
    if not good:
        return last, remarks
    chosen = good[0]
    for one, tls in good[1:]:
        if tls.pair != chosen[1].pair:
            text = (
                f"host '{host}' uses the certificate of {chosen[0].namespace}/{chosen[0].name}, an older Ingress; "
                "use the same in both"
            )
            remarks.append(remark(ingress_ref(one), "CertificateConflict", text, field="spec.tls"))
    return chosen[1], remarks


def _last_good(
    host: str, claim: Claim, found: list[tuple[Ingress, HostTls]], *, snapshot: Snapshot, context: L4Context
) -> HostTls | None:
    """TLS of a host of which no Secret can be used; None if it is plain."""
    broken = next((tls for _, tls in found if tls.broken), None)
    if broken is None:
        return found[0][1] if found else None
    site, namer = site_of(claim.ingresses[0], snapshot, context.settings), namer_of(context)
    own = f"{namer.prefix}{DEFAULT_SECRET}" if broken.shared else namer.l7_host(host, infra=site.infra_name)
    return last_good_of(broken, own, snapshot, context, tenant=site.tenant.name)


def paths_of(
    host: str, ingresses: tuple[Ingress, ...], snapshot: Snapshot, context: L4Context
) -> tuple[tuple[Path, ...], tuple[Diagnostic, ...]]:
    """The paths of a host with their backends, and what is wrong with some of them."""
    backends: dict[PathKey, list[Backend]] = {}
    remarks: list[Diagnostic] = []
    for ingress in ingresses:
        weight = _weight(ingress, remarks)
        mine: set[PathKey] = set()
        for path, service in _served_paths(host, ingress, context, remarks):
            members = _members(service, ingress, snapshot, context, remarks=remarks)
            servers = members.servers if members is not None else ()
            backend = Backend(
                ingress=ingress.identity,
                service=service.name,
                port=service.port.name or str(service.port.number),
                servers=servers,
                reached=_reached(service, ingress, members, snapshot),
                missing=members is None,
                unknown=members is not None and bool(members.problem) and not servers,
                weight=weight,
            )
            held = backends.setdefault(path, [])
            if held and path not in mine and path != FALLBACK and WEIGHT not in ingress.metadata.annotations:
                other = "/".join(held[0].ingress)
                text = f"path '{path.text}' of host '{host}' is also served by Ingress {other}; both share its requests"
                remarks.append(remark(ingress_ref(ingress), "DuplicateHostPath", text, field="spec.rules"))
            mine.add(path)
            if not any(
                (b.ingress, b.service, b.port) == (backend.ingress, backend.service, backend.port) for b in held
            ):
                held.append(backend)
    ordered = sorted(backends, key=lambda one: one.order)
    # Names flatten slashes, so `/a/b` and `/a_b` are twins as well.
    texts = [one.text.replace("/", "_") for one in ordered]
    paths = (
        Path(key=one, backends=tuple(backends[one]), twin=texts[at] in texts[:at]) for at, one in enumerate(ordered)
    )
    return tuple(paths), tuple(remarks)


def _served_paths(
    host: str, ingress: Ingress, context: L4Context, remarks: list[Diagnostic]
) -> Iterator[tuple[PathKey, ServiceBackend]]:
    about = ingress_ref(ingress)
    for at, rule in enumerate(ingress.spec.rules):
        if (rule.host or made_host(ingress, context)) != host:
            continue
        for path in rule.http.paths if rule.http is not None else ():
            problem = path_problem(path)
            if problem or path.backend.service is None:
                remarks.append(remark(about, "PathRefused", problem, field=f"spec.rules[{at}].http.paths"))
            else:
                yield path_key(path), path.backend.service
    fallback = ingress.spec.default_backend
    if fallback is not None:
        problem = _fallback_problem(fallback)
        if problem or fallback.service is None:
            remarks.append(remark(about, "PathRefused", problem, field="spec.defaultBackend"))
        else:
            yield FALLBACK, fallback.service


def _fallback_problem(backend: IngressBackend) -> str:
    return path_problem(HttpPath(backend=backend)).replace("path ''", "spec.defaultBackend")


def _weight(ingress: Ingress, remarks: list[Diagnostic]) -> int:
    text = ingress.metadata.annotations.get(WEIGHT)
    if text is None:
        return DEFAULT_WEIGHT
    weight = int(text) if text.isascii() and text.isdigit() and len(text) < len("10000") else -1
    if 0 <= weight <= HIGHEST_WEIGHT:
        return weight
    message = f"{WEIGHT} is '{text}'; write a number from 0 to {HIGHEST_WEIGHT} ({DEFAULT_WEIGHT} applies)"
    remarks.append(remark(ingress_ref(ingress), "InvalidValue", message, field=WEIGHT))
    return DEFAULT_WEIGHT


def _members(
    wanted: ServiceBackend, ingress: Ingress, snapshot: Snapshot, context: L4Context, *, remarks: list[Diagnostic]
) -> Members | None:
    """Members of a backend; None if there is nothing that could have any."""
    about = ingress_ref(ingress)
    then = "its paths answer 503" if context.environment.answers_for_pools else "connections for its paths are closed"
    service = snapshot.service(ingress.namespace, wanted.name)
    if service is None or service.spec.type == "ExternalName":
        what = "does not exist" if service is None else "is of type ExternalName, which has no endpoints"
        text = f"Service {ingress.namespace}/{wanted.name} {what}; {then}"
        remarks.append(remark(about, "ServiceNotFound", text, field="spec.rules"))
        return None
    port = _port(service.spec.ports, wanted)
    if port is None:
        named = wanted.port.name or wanted.port.number
        text = f"Service {ingress.namespace}/{wanted.name} has no TCP port '{named}'; {then}"
        remarks.append(remark(about, "ServicePortNotFound", text, field="spec.rules"))
        return None
    members = members_for(service, port, snapshot=snapshot, context=context)
    if members.problem:
        remarks.append(remark(about, members.reason, members.problem, field="spec.rules"))
    return members


def _reached(wanted: ServiceBackend, ingress: Ingress, members: Members | None, snapshot: Snapshot) -> PoolPort:
    """How the members are reached, or would be: what the Ingress names of the port, and what the Service adds."""
    number = 80 if wanted.port.name else wanted.port.number or 80
    if members is None:
        return PoolPort(number=number, name=wanted.port.name)
    by_slices = not members.reached.by_pod and snapshot.slices(ingress.namespace, wanted.name)
    if members.reached.by_node or by_slices:
        return members.reached
    return msgspec.structs.replace(members.reached, number=number)


def _port(ports: tuple[ServicePort, ...], wanted: ServiceBackend) -> ServicePort | None:
    tcp = [port for port in ports if port.protocol == "TCP"]
    if wanted.port.name:
        return next((port for port in tcp if port.name == wanted.port.name), None)
    number = wanted.port.number or 80
    return next((port for port in tcp if port.port == number), None)
