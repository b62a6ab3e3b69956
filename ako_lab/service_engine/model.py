"""What a Service Engine does, in words of no product: listeners, conditions, actions, servers.

`compile` makes it of the controller's objects, `envoy` makes Envoy's resources of it. All values, compared by content.
"""

from typing import Literal

import msgspec

Protocol = Literal["TCP", "UDP", "SCTP"]
Comparison = Literal["equals", "begins", "ends", "contains", "regex", "exists"]


class _Value(msgspec.Struct, frozen=True, kw_only=True):
    """Base: a value."""


class Server(_Value, frozen=True, kw_only=True):
    """A member of a pool; one that drains keeps what it has and gets nothing new."""

    address: str
    port: int
    weight: int = 1
    drains: bool = False


class Check(_Value, frozen=True, kw_only=True):
    """A health monitor."""

    kind: Literal["TCP", "UDP", "HTTP"]
    interval: float = 10.0
    timeout: float = 4.0
    good: int = 2
    bad: int = 2
    port: int = 0
    tls: bool = False
    method: str = "GET"
    path: str = "/"
    host: str = ""
    codes: tuple[tuple[int, int], ...] = ((200, 400),)
    """Half-open ranges of status codes that are good."""


class KeyPair(_Value, frozen=True, kw_only=True):
    """A certificate, with what signed it behind it, and its private key: PEM."""

    certificate: str
    key: str
    passphrase: str = ""


class UpstreamTls(_Value, frozen=True, kw_only=True):
    """How servers are spoken to by TLS."""

    authorities: str = ""
    """PEM of those that are believed; empty: whatever the server shows."""
    names: tuple[str, ...] = ()
    """One of these must be in the server's certificate, if there are any."""
    server_name: str = ""
    own: KeyPair | None = None


class Balance(_Value, frozen=True, kw_only=True):
    """How a server is chosen: an algorithm, or a hash of something."""

    algorithm: Literal["round-robin", "least", "random", "hash"] = "least"
    hash_of: Literal["", "source", "source-and-port", "uri", "header", "cookie"] = ""
    name: str = ""
    """Name of the header or cookie."""


class Upstream(_Value, frozen=True, kw_only=True):
    """The servers of one pool."""

    name: str
    servers: tuple[Server, ...] = ()
    balance: Balance = Balance()
    checks: tuple[Check, ...] = ()
    http2: bool = False
    tls: UpstreamTls | None = None
    connections: int = 0
    """At most so many to each server; 0: no limit."""
    cookie: str = ""
    """Name of the cookie that keeps a client with its server; empty: none."""
    cookie_seconds: int = 0
    hang_up_after: float | None = None
    """Seconds after which the connections of a server that left are ended; None: never."""


class Share(_Value, frozen=True, kw_only=True):
    """A part of the traffic of a target."""

    upstream: str
    weight: int = 1


class Target(_Value, frozen=True, kw_only=True):
    """Where traffic goes: shares of pools. Without any there is nothing that is up, and `failure` is what happens."""

    shares: tuple[Share, ...] = ()
    failure: "Answer | Redirect | None" = None


class Condition(_Value, frozen=True, kw_only=True):
    """Something about a request: any of the texts compares, or none of them if negated."""

    subject: Literal["path", "host", "method", "query", "header", "cookie"]
    comparison: Comparison
    texts: tuple[str, ...] = ()
    name: str = ""
    """Of the header or cookie."""
    negated: bool = False
    any_case: bool = False


class Edit(_Value, frozen=True, kw_only=True):
    """A change of a header."""

    action: Literal["add", "replace", "remove"]
    name: str
    value: str = ""


class Token(_Value, frozen=True, kw_only=True):
    """A part of a new host or path: a text, or segments of the request's own path or host."""

    kind: Literal["text", "path", "host"]
    text: str = ""
    start: int = 0
    end: int | None = None


class Answer(_Value, frozen=True, kw_only=True):
    """A response of the Service Engine itself."""

    status: int
    body: str = ""


class Redirect(_Value, frozen=True, kw_only=True):
    """The client is sent elsewhere."""

    status: int
    protocol: Literal["HTTP", "HTTPS"] = "HTTPS"
    port: int = 0
    host: tuple[Token, ...] = ()
    path: tuple[Token, ...] = ()
    keep_query: bool = True


class Forward(_Value, frozen=True, kw_only=True):
    """The request goes to a server."""

    target: Target
    host: str = ""
    path: tuple[Token, ...] = ()
    timeout: float = 0.0
    retry_codes: tuple[int, ...] = ()
    retries: int = 2


class Route(_Value, frozen=True, kw_only=True):
    """What happens to requests for which all conditions hold."""

    name: str
    conditions: tuple[Condition, ...] = ()
    action: Answer | Redirect | Forward
    edits: tuple[Edit, ...] = ()
    response_edits: tuple[Edit, ...] = ()
    script: str = ""
    """Name of the script that runs for such requests; empty: none."""


class Script(_Value, frozen=True, kw_only=True):
    """A datascript of a virtual service, and what it can choose: target by name of the pool or `group|label`."""

    name: str
    request: str = ""
    response: str = ""
    choices: dict[str, Target] = msgspec.field(default_factory=dict)
    labels: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """By pool group: its labels, longest first."""


class Tls(_Value, frozen=True, kw_only=True):
    """How clients are met by TLS; the first certificate is for names that none has."""

    pairs: tuple[KeyPair, ...]
    oldest: str = "TLSv1_2"
    newest: str = "TLSv1_3"
    ciphers: tuple[str, ...] = ()
    http2: bool = False
    authorities: str = ""
    clients: Literal["", "request", "require"] = ""


class Sources(_Value, frozen=True, kw_only=True):
    """Who may connect: prefixes that are refused (or, with `only`, all others are)."""

    prefixes: tuple[str, ...]
    only: bool = False


class Chain(_Value, frozen=True, kw_only=True):
    """What happens to connections whose server name is one of these; without names to all others."""

    owner: str
    """Key of the virtual service."""
    server_names: tuple[str, ...] = ()
    tls: Tls | None = None
    target: Target | None = None
    """Layer 4: where the bytes go."""
    routes: tuple[Route, ...] = ()
    """Layer 7."""
    scripts: tuple[Script, ...] = ()
    forwarded_for: str = ""
    """Header that gets the client's address; empty: none."""
    forwarded_proto: bool = False
    connections: int = 0
    response_edits: tuple[Edit, ...] = ()
    """For every response of the virtual service."""


class Listener(_Value, frozen=True, kw_only=True):
    """A port of an address."""

    address: str
    port: int
    protocol: Protocol
    chains: tuple[Chain, ...]
    sources: tuple[Sources, ...] = ()

    @property
    def name(self) -> str:
        """The same for the same place."""
        return f"{self.protocol}-{self.address}-{self.port}"


class Alert(_Value, frozen=True, kw_only=True):
    """Something that the object asks for and does not get."""

    object: str
    text: str


class Model(_Value, frozen=True, kw_only=True):
    """All that a Service Engine does."""

    listeners: tuple[Listener, ...] = ()
    upstreams: tuple[Upstream, ...] = ()
    states: dict[str, tuple[str, str]] = msgspec.field(default_factory=dict)
    """State and reason of virtual services, pool groups and pools."""
    alerts: tuple[Alert, ...] = ()
