"""What can be set on the embedded API, and what it records of each request."""

import re
from collections.abc import Mapping

import msgspec

from ako_runtime.errors import UserError


class KubeConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one embedded API server; each has a default, so `KubeConfig()` is enough."""

    host: str = "127.0.0.1"
    port: int = 0
    token: str = ""
    anonymous: bool = True
    version: str = "1.34.4"
    retained_events: int = 10_000
    bookmark_seconds: float = 60.0
    watch_seconds: float = 1800.0
    service_cidr: str = "10.96.0.0/16"
    service_cidr_v6: str = "fd00:10:96::/112"
    node_ports: tuple[int, int] = (30000, 32767)
    # A real server begins to empty a deleted namespace after some seconds; zero is for tests that do not want to wait.
    namespace_seconds: float = 0.0
    logged_requests: int = 200_000

    def __post_init__(self) -> None:
        """Refuse a version that `/version` could not report."""
        if not re.fullmatch(r"\d+\.\d+\.\d+\S*", self.version):
            raise UserError(f"{self.version!r} is no version of Kubernetes: write it whole, like 1.34.4")


class LoggedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One finished request (a watch: one that began), in the order of `sequence`."""

    sequence: int
    time: float
    user: str
    user_agent: str
    verb: str
    method: str
    path: str
    query: Mapping[str, str]
    status: int
    resource: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    body: bytes = b""
