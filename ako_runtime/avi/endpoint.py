"""Where the controller is, as whom we talk to it, and the connections that this gives."""

import functools
import math
import ssl
from collections.abc import Callable
from typing import Final

import urllib3
from msgspec import Struct

from ako_runtime.avi.credentials import Credentials
from ako_runtime.avi.refusals import Refusals
from ako_runtime.transport import HttpPool, tls_connect

NEWEST_API_VERSION: Final = "30.2.1"


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where the controller is (`host`, `host:port`, `[v6]:port`) and how long to wait for it, in seconds."""

    host: str
    tenant: str = "admin"
    api_version: str = NEWEST_API_VERSION
    timeout: float = 30.0


class Access(Struct, frozen=True, kw_only=True):
    """All that a session needs to know: where, as whom, and for how many seconds from now it may read and write."""

    endpoint: Endpoint
    credentials: Callable[[], Credentials]
    read_seconds: Callable[[], float] = lambda: math.inf
    write_seconds: Callable[[], float] = lambda: math.inf
    # What is known of log-ins that the controller refused; None: nothing that others share.
    refusals: Refusals | None = None


def connection_pool(endpoint: Endpoint, credentials: Credentials, *, size: int) -> HttpPool:
    """Connections to the controller for `size` workers; verifies the certificate if an authority is given."""
    host, port = host_and_port(endpoint.host)
    context = tls_context(credentials.certificate_authority)
    return HttpPool(connect=tls_connect(host.strip("[]"), port, context), host=endpoint.host, size=size)


@functools.lru_cache(maxsize=4)
def tls_context(authority: str) -> ssl.SSLContext:
    """TLS for one authority (PEM), or without verification if there is none.

    Made once and shared: a context made anew for each connection reads the system's whole certificate store, which
    costs more than everything else that a connection does.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if authority:
        context.load_verify_locations(cadata=authority)
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def host_and_port(text: str) -> tuple[str, int]:
    """`host`, `host:port`, `[v6]`, `[v6]:port` or a bare v6 literal; port 443 if none is given."""
    parsed = urllib3.util.parse_url(f"https://{text}" if text.count(":") < 2 or "[" in text else f"https://[{text}]")
    return (parsed.host or text, parsed.port or 443)
