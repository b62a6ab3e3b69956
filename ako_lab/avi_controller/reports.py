"""What Service Engines tell the controller: states of servers and objects, and what they cannot do."""

import msgspec


class ServerState(msgspec.Struct, frozen=True, kw_only=True):
    """What a Service Engine sees of one member of a pool."""

    address: str
    port: int
    state: str
    reason: str = ""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """Something of the configuration that the data plane cannot do, or does not take."""

    object: str
    text: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """All that a Service Engine knows at a moment; it replaces what it told before."""

    servers: dict[str, tuple[ServerState, ...]] = msgspec.field(default_factory=dict)
    """By key of the pool."""
    states: dict[str, tuple[str, str]] = msgspec.field(default_factory=dict)
    """State and reason by key of the object."""
    alerts: tuple[Alert, ...] = ()


class Reports:
    """What Service Engines told last; None while none ever spoke."""

    def __init__(self) -> None:
        self.latest: Report | None = None

    def state(self, key: str) -> tuple[str, str] | None:
        """State and reason of an object as the data plane sees it."""
        return self.latest.states.get(key) if self.latest else None

    def servers(self, key: str) -> tuple[ServerState, ...]:
        """The members of a pool as the data plane sees them."""
        return self.latest.servers.get(key, ()) if self.latest else ()

    def alerts(self) -> tuple[Alert, ...]:
        """What the data plane complains about."""
        return self.latest.alerts if self.latest else ()
