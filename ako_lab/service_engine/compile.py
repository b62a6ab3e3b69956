"""From the controller's objects to what a Service Engine does: pure, and the place where Avi's rules are told.

How sure we are of each rule stands where it is applied: *documented*, or *assumed*. What a virtual service asks for and
this Service Engine has not is an alert, never silence.

Documented: a virtual service has traffic while it and its traffic are enabled; with
`remove_listening_port_on_vs_down` it does not listen while it is down; it is down when less than `min_pools_up` of
its pools are up. Children of an SNI parent are chosen by the server name in the TLS handshake, everything else is the
parent's own. Children of an EVH parent are chosen by Host and path, after TLS with the parent's certificates.
Assumed: an exact host wins over a wildcard, a longer wildcard over a shorter one.
"""

from collections.abc import Collection, Iterable

import msgspec

from ako_lab.service_engine import scripts
from ako_lab.service_engine.conditions import NotSimulated, conditions_of, prefixes_of
from ako_lab.service_engine.model import (
    Alert,
    Answer,
    Chain,
    Condition,
    Edit,
    Listener,
    Model,
    Protocol,
    Redirect,
    Route,
    Script,
    Sources,
    Target,
    Tls,
)
from ako_lab.service_engine.objects import Document, Objects
from ako_lab.service_engine.pools import Down, Pools
from ako_lab.service_engine.requests import Assumptions, Requests
from ako_lab.service_engine.tls import tls_of

MOST_PORTS = 256
_PARENT, _CHILD, _ENHANCED = "VS_TYPE_VH_PARENT", "VS_TYPE_VH_CHILD", "VS_TYPE_VH_ENHANCED"
_NOT_SIMULATED = {
    "waf_policy_ref": "the WAF policy",
    "bot_policy_ref": "the bot policy",
    "security_policy_ref": "the security policy",
    "icap_request_profile_refs": "the ICAP profile",
    "traffic_clone_profile_ref": "the clone of traffic",
    "error_page_profile_ref": "the error pages",
    "csrf_policy_ref": "the CSRF policy",
    "content_rewrite": "the rewrite of content",
    "requests_rate_limit": "the limit of the rate of requests",
    "connections_rate_limit": "the limit of the rate of connections",
}
_Refusal = tuple[frozenset[int] | None, Sources]
_LOG_IN = ("sso_policy_ref", "saml_sp_config", "oauth_vs_config", "jwt_config", "ldap_vs_config")


def model_of(objects: Objects, down: Down = (), assumptions: Assumptions | None = None) -> Model:
    """The model of all objects; `down` names servers that were found down: (pool, address, port)."""
    return _Compiler(objects, down, assumptions or Assumptions()).model()


class _Compiler:
    def __init__(self, objects: Objects, down: Down, assumptions: Assumptions) -> None:
        self._objects = objects
        self._pools = Pools(objects, down)
        self._alerts: list[Alert] = []
        self._requests = Requests(objects, self._pools, self._complain, assumptions)
        self._children: dict[str, list[tuple[str, Document]]] = {}
        for key, vs in objects.of_type("virtualservice"):
            if vs.get("type") == _CHILD and vs.get("vh_parent_vs_ref"):
                self._children.setdefault(vs["vh_parent_vs_ref"], []).append((key, vs))

    def model(self) -> Model:
        listeners: dict[str, Listener] = {}
        states: dict[str, tuple[str, str]] = {}
        for key, vs in self._objects.of_type("virtualservice"):
            found = self._listeners(key, vs) if vs.get("type") != _CHILD else []
            states[key] = self._state(vs)
            if states[key][0] != "OPER_UP" and (
                states[key][0] == "OPER_DISABLED" or vs.get("remove_listening_port_on_vs_down")
            ):
                continue
            for listener in found:
                if listener.name in listeners:
                    self._complain(key, f"{listener.name} is taken by {listeners[listener.name].chains[0].owner}")
                else:
                    listeners[listener.name] = listener
        return Model(
            listeners=tuple(listeners.values()),
            upstreams=tuple(self._pools.upstreams[key] for key in sorted(self._pools.upstreams)),
            states={**states, **self._pools.states},
            alerts=tuple(dict.fromkeys([*self._alerts, *self._pools.alerts])),
        )

    def _complain(self, key: str, text: str) -> None:
        self._alerts.append(Alert(object=key, text=text))

    def _state(self, vs: Document) -> tuple[str, str]:
        if vs.get("enabled") is False or vs.get("traffic_enabled") is False:
            return "OPER_DISABLED", "disabled by the user"
        pools = scripts.pools_reached(self._objects, vs)
        up = sum(self._pools.is_up(pool) for pool in pools)
        wanted = min(max(1, vs.get("min_pools_up") or 1), len(pools))
        return ("OPER_UP", "") if up >= wanted else ("OPER_DOWN", "Too few pools are up")

    def _listeners(self, key: str, vs: Document) -> list[Listener]:
        addresses = list(_addresses(self._objects.get(vs.get("vsvip_ref"))))
        sources = self._sources(key, vs)
        found = []
        for service in vs.get("services") or ():
            protocol = self._protocol(key, vs, service)
            if protocol == "SCTP":
                self._complain(key, f"SCTP at port {service['port']} is not relayed")
                continue
            last = max(service.get("port_range_end") or 0, service["port"])
            if last - service["port"] >= MOST_PORTS:
                self._complain(key, f"of the ports {service['port']}-{last} the first {MOST_PORTS} are served")
                last = service["port"] + MOST_PORTS - 1
            for port in range(service["port"], last + 1):
                chains = self._chains(key, vs, service, port=port, protocol=protocol)
                here = tuple(one for ports, one in sources if ports is None or port in ports)
                found += [
                    Listener(address=address, port=port, protocol=protocol, chains=chains, sources=here)
                    for address in addresses
                    if chains
                ]
        return found

    def _protocol(self, key: str, vs: Document, service: Document) -> Protocol:
        ref = service.get("override_network_profile_ref") or vs.get("network_profile_ref")
        kind = (self._objects.get(ref).get("profile") or {}).get("type", "PROTOCOL_TYPE_TCP_PROXY")
        protocol: Protocol
        for protocol in ("UDP", "SCTP"):
            if protocol in kind:
                return protocol
        if "TCP" not in kind:
            self._complain(key, f"the network profile {kind} is taken for TCP")
        return "TCP"

    def _sources(self, key: str, vs: Document) -> list[_Refusal]:
        """Rules about clients by the ports that they are for; documented: no rule that denies, no denial."""
        found: list[_Refusal] = []
        policy = self._objects.get(vs.get("network_security_policy_ref"))
        for rule in sorted(policy.get("rules") or (), key=lambda one: one.get("index", 0)):
            if not rule.get("enable", True):
                continue
            try:
                found.append(_refusal(rule))
            except NotSimulated as reason:
                self._complain(key, f"network security rule {rule.get('name', '')}: {reason}; nobody is let in")
                found.append((None, Sources(prefixes=("0.0.0.0/0", "::/0"))))
        return found

    def _chains(self, key: str, vs: Document, service: Document, *, port: int, protocol: Protocol) -> tuple[Chain, ...]:
        profile = self._profile(vs, service)
        if profile.get("type") == "APPLICATION_PROFILE_TYPE_HTTP":
            return tuple(self._http_chains(key, vs, service, port))
        tls = self._tls(key, vs, service) if service.get("enable_ssl") else None
        if service.get("enable_ssl") and tls is None:
            return ()
        by_name = scripts.server_names(self._objects, vs, lambda text: self._complain(key, text))
        limit = _connections(vs)
        if by_name is not None:
            return tuple(
                Chain(owner=key, server_names=(name,), target=self._pools.target_of_group(group), connections=limit)
                for name, group in sorted(by_name.items())
            )
        target = self._layer_4_target(key, vs, port, protocol)
        return (Chain(owner=key, tls=tls, target=target, connections=limit),) if target is not None else ()

    def _tls(self, key: str, vs: Document, service: Document) -> Tls | None:
        return tls_of(self._objects, vs, service, lambda text: self._complain(key, text))

    def _profile(self, vs: Document, service: Document) -> Document:
        return self._objects.get(service.get("override_application_profile_ref") or vs.get("application_profile_ref"))

    def _layer_4_target(self, key: str, vs: Document, port: int, protocol: str) -> Target | None:
        policies = sorted(vs.get("l4_policies") or (), key=lambda one: one.get("index", 0))
        for entry in policies:
            policy = self._objects.get(entry.get("l4_policy_set_ref")).get("l4_connection_policy") or {}
            for rule in sorted(policy.get("rules") or (), key=lambda one: one.get("index", 0)):
                match = rule.get("match") or {}
                ports, wanted = match.get("port") or {}, (match.get("protocol") or {}).get("protocol")
                inside = port in (ports.get("ports") or ()) or any(
                    one["start"] <= port <= one["end"] for one in ports.get("port_ranges") or ()
                )
                if ports and inside == (ports.get("match_criteria") == "IS_NOT_IN"):
                    continue
                if wanted and wanted != f"PROTOCOL_{protocol}":
                    continue
                chosen = (rule.get("action") or {}).get("select_pool") or {}
                return self._target(chosen)
        if vs.get("pool_ref") or vs.get("pool_group_ref"):
            return self._target(vs)
        if not policies:
            self._complain(key, f"nothing says where port {port} goes")
        return Target() if policies else None

    def _target(self, chosen: Document) -> Target:
        if group := chosen.get("pool_group_ref"):
            return self._pools.target_of_group(group)
        return self._pools.target_of_pool(chosen.get("pool_ref") or "")

    def _http_chains(self, key: str, vs: Document, service: Document, port: int) -> Iterable[Chain]:
        secure = bool(service.get("enable_ssl"))
        children = [(name, child) for name, child in self._children.get(key, ()) if _has_traffic(child)]
        enhanced = vs.get("vh_type") == _ENHANCED
        own: list[tuple[str, Document]] = [(key, vs)]
        routes = self._routes(key, vs, service, port=port)
        if enhanced:
            routes = [*self._enhanced(children, service, port), *routes]
            own += children
        elif secure:
            taken: set[str] = set()
            for name, child in children:
                names = tuple(one.lower() for one in child.get("vh_domain_name") or () if one.lower() not in taken)
                taken.update(names)
                tls = self._tls(name, child, service)
                if names and tls is not None:
                    inner = self._routes(name, child, service, port=port)
                    yield self._chain(name, child, inner, [(name, child)], server_names=names, tls=tls)
        tls = self._tls(key, vs, service) if secure else None
        if tls is not None or not secure:
            yield self._chain(key, vs, routes, own, tls=tls)

    def _chain(
        self,
        key: str,
        vs: Document,
        routes: list[Route],
        owners: list[tuple[str, Document]],
        **more: object,
    ) -> Chain:
        http = self._objects.get(vs.get("application_profile_ref")).get("http_profile") or {}
        found: list[Script] = []
        for name, owner in owners:
            script = scripts.script_of(self._objects, self._pools, (name, owner), self._complain)
            if script is not None:
                found.append(script)
        header = (http.get("xff_alternate_name") or "X-Forwarded-For") if http.get("xff_enabled", True) else ""
        chain = Chain(
            owner=key,
            routes=tuple(routes),
            scripts=tuple(found),
            forwarded_for=header,
            forwarded_proto=bool(http.get("x_forwarded_proto_enabled")),
            connections=_connections(vs),
            response_edits=_strict_transport(http) if more.get("tls") else (),
        )
        return msgspec.structs.replace(chain, **more)

    def _enhanced(self, children: Collection[tuple[str, Document]], service: Document, port: int) -> list[Route]:
        found: list[Route] = []
        for name, child, given in self._by_host(children):
            found += self._routes(name, child, service, port=port, given=given)
        return found

    def _by_host(
        self, children: Collection[tuple[str, Document]]
    ) -> Iterable[tuple[str, Document, tuple[Condition, ...]]]:
        """Each host (and path) of each child, the most specific host first."""
        matches = []
        for name, child in children:
            found = child.get("vh_matches") or [{"host": host} for host in child.get("vh_domain_name") or ()]
            matches += [(one["host"].lower(), name, child, one.get("rules") or ()) for one in found]
        matches.sort(key=lambda one: (one[0].startswith("*"), -len(one[0]), one[0], one[1]))
        for host, name, child, rules in matches:
            condition = Condition(
                subject="host",
                comparison="ends" if host.startswith("*") else "equals",
                texts=(host.removeprefix("*"),),
                any_case=True,
            )
            everything: Document = {"matches": {}}
            for rule in rules or (everything,):
                try:
                    more = conditions_of(self._objects, rule.get("matches") or {}, port=0, tls=False) or ()
                except NotSimulated as reason:
                    self._complain(name, f"the choice of the child by {reason} is not simulated")
                    continue
                # Everything begins with a slash: no condition, and no obstacle to telling routes apart.
                more = tuple(one for one in more if (one.comparison, one.texts) != ("begins", ("/",)))
                yield name, child, (condition, *more)

    def _routes(
        self, key: str, vs: Document, service: Document, *, port: int, given: tuple[Condition, ...] = ()
    ) -> list[Route]:
        for field, what in _NOT_SIMULATED.items():
            if vs.get(field):
                self._complain(key, f"{what} is not simulated; requests pass without it")
        if any(vs.get(field) for field in _LOG_IN):
            self._complain(key, "logging in is not simulated; requests are answered with 501")
            return [Route(name=f"{key}-log-in", conditions=given, action=Answer(status=501))]
        secure = bool(service.get("enable_ssl"))
        http = self._profile(vs, service).get("http_profile") or {}
        if http.get("http_to_https") and not secure:
            action = Redirect(status=302, protocol="HTTPS", port=443)
            return [Route(name=f"{key}-to-https", conditions=given, action=action)]
        return self._requests.routes_of(key, vs, port=port, tls=secure, given=given)


def _refusal(rule: Document) -> _Refusal:
    """Whom a rule keeps out, and at which ports."""
    match = rule.get("match") or {}
    client = match.get("client_ip")
    denies = rule.get("action") == "NETWORK_SECURITY_POLICY_ACTION_TYPE_DENY"
    if not client or not denies or match.keys() - {"client_ip", "vs_port"}:
        raise NotSimulated("what is not a denial by clients' addresses is not simulated")
    ports = frozenset(match["vs_port"]["ports"]) if match.get("vs_port") else None
    return ports, Sources(prefixes=prefixes_of(client), only=client.get("match_criteria") == "IS_NOT_IN")


def _has_traffic(vs: Document) -> bool:
    return vs.get("enabled") is not False and vs.get("traffic_enabled") is not False


def _addresses(vsvip: Document) -> Iterable[str]:
    for vip in vsvip.get("vip") or ():
        if vip.get("enabled", True):
            for field in ("ip_address", "ip6_address"):
                if address := (vip.get(field) or {}).get("addr"):
                    yield address


def _connections(vs: Document) -> int:
    return (vs.get("performance_limits") or {}).get("max_concurrent_connections") or 0


def _strict_transport(http: Document) -> tuple[Edit, ...]:
    if not http.get("hsts_enabled"):
        return ()
    seconds = 86400 * (http.get("hsts_max_age") or 365)
    more = "; includeSubDomains" if http.get("hsts_subdomains_enabled", True) else ""
    return (Edit(action="replace", name="Strict-Transport-Security", value=f"max-age={seconds}{more}"),)
