"""Pools and pool groups: servers, how one is chosen, and which pools of a group get traffic.

Of Avi's rules (documented, unless said otherwise): a pool is up while it has an enabled server that is not found down;
members of a group without a usable server get nothing; without labels, ratios share the traffic; numeric labels are
priorities of which the highest one with a pool that is up gets all. Assumed: a ratio of 0 gets no traffic.
"""

from collections.abc import Callable, Collection, Iterable

from ako_lab.service_engine.model import (
    Alert,
    Answer,
    Balance,
    Check,
    KeyPair,
    Redirect,
    Server,
    Share,
    Target,
    Upstream,
    UpstreamTls,
)
from ako_lab.service_engine.objects import Document, Objects

Complain = Callable[[str, str], None]
Down = Collection[tuple[str, str, int]]
_ALGORITHMS = {
    "LB_ALGORITHM_ROUND_ROBIN": "round-robin",
    "LB_ALGORITHM_LEAST_CONNECTIONS": "least",
    "LB_ALGORITHM_RANDOM": "random",
    "LB_ALGORITHM_CONSISTENT_HASH": "hash",
    # What these look at is the same here: the fewest requests under way.
    "LB_ALGORITHM_FEWEST_TASKS": "least",
    "LB_ALGORITHM_LEAST_LOAD": "least",
    "LB_ALGORITHM_FASTEST_RESPONSE": "least",
}
_HASHES = {
    "LB_ALGORITHM_CONSISTENT_HASH_SOURCE_IP_ADDRESS": "source",
    "LB_ALGORITHM_CONSISTENT_HASH_SOURCE_IP_ADDRESS_AND_PORT": "source-and-port",
    "LB_ALGORITHM_CONSISTENT_HASH_URI": "uri",
    "LB_ALGORITHM_CONSISTENT_HASH_CUSTOM_HEADER": "header",
}
_CODES = {
    "HTTP_ANY": (100, 600),
    "HTTP_1XX": (100, 200),
    "HTTP_2XX": (200, 300),
    "HTTP_3XX": (300, 400),
    "HTTP_4XX": (400, 500),
    "HTTP_5XX": (500, 600),
}
_CHECKED = {"HEALTH_MONITOR_TCP", "HEALTH_MONITOR_UDP", "HEALTH_MONITOR_HTTP", "HEALTH_MONITOR_HTTPS"}
_ADDRESS_PERSISTENCE = "PERSISTENCE_TYPE_CLIENT_IP_ADDRESS"
_COOKIE_PERSISTENCE = "PERSISTENCE_TYPE_HTTP_COOKIE"


class Pools:
    """Makes upstreams and targets of pools and groups; every pool that is asked for becomes an upstream."""

    def __init__(self, objects: Objects, down: Down) -> None:
        self._objects = objects
        self._down = down
        self.upstreams: dict[str, Upstream] = {}
        self.alerts: list[Alert] = []
        self.states: dict[str, tuple[str, str]] = {}

    def target_of_pool(self, key: str) -> Target:
        """All traffic to one pool."""
        self._learn(key)
        failure = self._failure(key, self._objects.get(key))
        return Target(shares=(Share(upstream=key),) if self.is_up(key) else (), failure=failure)

    def target_of_group(self, key: str, label: str | None = None) -> Target:
        """The pools of a group that get traffic; with a label those of the label."""
        group = self._objects.get(key)
        members = [
            member for member in group.get("members") or () if label is None or member.get("priority_label") == label
        ]
        for member in members:
            self._learn(member["pool_ref"])
        up = [member for member in members if self.is_up(member["pool_ref"]) and member.get("ratio", 1) > 0]
        self.states[key] = ("OPER_UP", "") if up else ("OPER_DOWN", "No pools are up")
        if label is None:
            best = max((_priority(member) for member in up), default=0)
            up = [member for member in up if _priority(member) == best]
        shares = tuple(Share(upstream=member["pool_ref"], weight=member.get("ratio", 1)) for member in up)
        return Target(shares=shares, failure=self._failure(key, group))

    def labels(self, key: str) -> tuple[str, ...]:
        """The labels of a group, the longest first."""
        found = {member.get("priority_label") or "" for member in self._objects.get(key).get("members") or ()}
        return tuple(sorted(found, key=lambda label: (-len(label), label)))

    def is_up(self, key: str) -> bool:
        """Whether a pool has enough servers that can be used."""
        self._learn(key)
        return self.states.get(key, ("OPER_DOWN", ""))[0] == "OPER_UP"

    def _learn(self, key: str) -> None:
        if key in self.states:
            return
        pool = self._objects.find(key)
        if pool is None:
            self.states[key] = ("OPER_DOWN", "the pool is gone")
            return
        upstream = self._upstream(key, pool)
        self.upstreams[key] = upstream
        usable = [one for one in upstream.servers if not one.drains and (key, one.address, one.port) not in self._down]
        if pool.get("enabled") is False:
            self.states[key] = ("OPER_DISABLED", "disabled by the user")
        elif len(usable) < max(1, pool.get("min_servers_up") or 1):
            self.states[key] = ("OPER_DOWN", "No servers are up" if not usable else "Too few servers are up")
        else:
            self.states[key] = ("OPER_UP", "")

    def _upstream(self, key: str, pool: Document) -> Upstream:
        persistence = self._objects.get(pool.get("application_persistence_profile_ref"))
        cookie = persistence.get("http_cookie_persistence_profile") or {}
        sticky = persistence.get("persistence_type") == _COOKIE_PERSISTENCE
        if persistence and not sticky and persistence.get("persistence_type") != _ADDRESS_PERSISTENCE:
            self._complain(key, f"persistence {persistence.get('persistence_type')} is not simulated; none is in force")
        graceful = pool.get("graceful_disable_timeout", 1)
        return Upstream(
            name=key,
            servers=tuple(self._servers(key, pool)),
            balance=self._balance(key, pool, persistence),
            checks=tuple(self._checks(key, pool)),
            http2=bool(pool.get("enable_http2")),
            tls=self._tls(key, pool),
            connections=pool.get("max_concurrent_connections_per_server") or 0,
            cookie=(cookie.get("cookie_name") or f"avi-{pool['name']}"[:60]) if sticky else "",
            cookie_seconds=60 * (cookie.get("timeout") or 0),
            hang_up_after=None if graceful < 0 else 60.0 * graceful,
        )

    def _servers(self, key: str, pool: Document) -> Iterable[Server]:
        for server in pool.get("servers") or ():
            address = (server.get("ip") or {}).get("addr", "")
            port = server.get("port") or pool.get("default_server_port") or 80
            if not address:
                self._complain(key, "a server without an address is left out")
                continue
            yield Server(
                address=address, port=port, weight=server.get("ratio") or 1, drains=not server.get("enabled", True)
            )

    def _balance(self, key: str, pool: Document, persistence: Document) -> Balance:
        if persistence.get("persistence_type") == _ADDRESS_PERSISTENCE:
            # Approximation: a hash keeps a client with its server while the servers stay the same.
            return Balance(algorithm="hash", hash_of="source")
        wanted = pool.get("lb_algorithm") or "LB_ALGORITHM_LEAST_CONNECTIONS"
        algorithm = _ALGORITHMS.get(wanted)
        if algorithm is None:
            self._complain(key, f"{wanted} is not simulated; the server with the fewest requests is taken")
            return Balance()
        if algorithm != "hash":
            return Balance(algorithm=algorithm)  # type: ignore[arg-type] # values of the table above
        kind = pool.get("lb_algorithm_hash") or "LB_ALGORITHM_CONSISTENT_HASH_SOURCE_IP_ADDRESS"
        found = _HASHES.get(kind)
        if found is None:
            self._complain(key, f"{kind} is not simulated; the hash is that of the client's address")
        name = pool.get("lb_algorithm_consistent_hash_hdr") or ""
        return Balance(algorithm="hash", hash_of=found or "source", name=name)  # type: ignore[arg-type] # the same

    def _checks(self, key: str, pool: Document) -> Iterable[Check]:
        for ref in pool.get("health_monitor_refs") or ():
            monitor = self._objects.get(ref)
            if monitor.get("type") in _CHECKED:
                yield _check(monitor)
            elif monitor:
                said = monitor["type"].removeprefix("HEALTH_MONITOR_")
                self._complain(
                    key, f"the monitor {monitor['name']} ({said}) is not simulated; nobody is found down by it"
                )

    def _tls(self, key: str, pool: Document) -> UpstreamTls | None:
        if not pool.get("ssl_profile_ref"):
            return None
        authorities = authorities_of(self._objects.get(pool.get("pki_profile_ref")))
        own = None
        if ref := pool.get("ssl_key_and_certificate_ref"):
            own = key_pair(self._objects, ref)
            if own is None:
                self._complain(key, "the controller has no private key for the pool's own certificate")
        return UpstreamTls(
            authorities=authorities,
            names=tuple(pool.get("domain_name") or ()) if pool.get("host_check_enabled") else (),
            server_name=(pool.get("server_name") or "") if pool.get("sni_enabled", True) else "",
            own=own,
        )

    def _failure(self, key: str, owner: Document) -> Answer | Redirect | None:
        """What a client gets when nothing is up; assumed for the default, closing the connection: 503."""
        action = owner.get("fail_action") or {}
        kind = action.get("type", "FAIL_ACTION_CLOSE_CONN")
        if kind == "FAIL_ACTION_HTTP_LOCAL_RSP":
            said = (action.get("local_rsp") or {}).get("status_code", "FAIL_HTTP_STATUS_CODE_503")
            return Answer(status=int(said.rsplit("_", 1)[1]))
        if kind == "FAIL_ACTION_HTTP_REDIRECT":
            self._complain(key, "a redirect as fail action is not simulated; clients get 503")
        return None

    def _complain(self, key: str, text: str) -> None:
        self.alerts.append(Alert(object=key, text=text))


def _priority(member: Document) -> int:
    label = member.get("priority_label") or ""
    return int(label) if label.isascii() and label.isdigit() else 0


def _check(monitor: Document) -> Check:
    kind = monitor["type"].removeprefix("HEALTH_MONITOR_")
    tls = kind == "HTTPS"
    settings = monitor.get(f"{kind.lower()}_monitor") or {}
    method, _, rest = (settings.get("http_request") or "GET / HTTP/1.0").partition(" ")
    codes = tuple(_CODES[code] for code in settings.get("http_response_code") or () if code in _CODES)
    return Check(
        kind="HTTP" if tls else kind,
        interval=float(monitor.get("send_interval") or 10),
        timeout=float(monitor.get("receive_timeout") or 4),
        good=monitor.get("successful_checks") or 2,
        bad=monitor.get("failed_checks") or 2,
        port=monitor.get("monitor_port") or 0,
        tls=tls,
        method=method or "GET",
        path=rest.split(" ")[0] or "/",
        codes=codes or ((200, 400),),
    )


def authorities_of(profile: Document) -> str:
    """PEM of everybody whom a PKI profile believes."""
    return "\n".join(one.get("certificate", "").strip() for one in profile.get("ca_certs") or ())


def key_pair(objects: Objects, ref: str) -> KeyPair | None:
    """Certificate and key of an object; None if the controller has no key."""
    found = objects.get(ref)
    pem, key = (found.get("certificate") or {}).get("certificate", ""), found.get("key", "")
    if not pem or not key or "PRIVATE KEY" not in key:
        return None
    chain = [objects.get(one.get("ca_ref")).get("certificate") or {} for one in found.get("ca_certs") or ()]
    links = [pem, *(one["certificate"] for one in chain if one.get("certificate"))]
    return KeyPair(certificate="\n".join(links), key=key, passphrase=found.get("key_passphrase") or "")
