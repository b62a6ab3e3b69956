"""The typed door through which annotations are read.

Each reader answers one of three things: the value, None when the annotation is absent, or a `Problem` that says what
was expected. Nobody else looks into an annotation map.
"""

import ipaddress
import re
from collections.abc import Mapping

from msgspec import Struct

PREFERRED_IP = "ako.vmware.com/load-balancer-ip"
SHARED_VIP = "ako.vmware.com/enable-shared-vip"
EXTERNAL_DNS = "external-dns.alpha.kubernetes.io/hostname"
APPLICATION_PROFILE = "ako.vmware.com/application-profile"
DISABLE_TRAFFIC = "ako.vmware.com/disable-traffic"

_FQDN = re.compile(r"(?=.{1,253}$)([a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?)*")


class Problem(Struct, frozen=True, kw_only=True):
    """A wrong value: which field, and what was expected."""

    field: str
    message: str


def addresses(text: str, *, field: str) -> tuple[str, ...] | Problem:
    """One address, or two of different families separated by a comma."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    try:
        parsed = [ipaddress.ip_address(part) for part in parts]
    except ValueError:
        return Problem(
            field=field, message=f"{field} is '{text}'; write one IPv4 or IPv6 address, or one of each with a comma"
        )
    if not parsed or len(parsed) > 2 or len({address.version for address in parsed}) != len(parsed):
        return Problem(field=field, message=f"{field} is '{text}'; write at most one IPv4 and one IPv6 address")
    return tuple(str(address) for address in parsed)


def hostname(annotations: Mapping[str, str]) -> str | Problem | None:
    """The external-dns name, without a trailing dot, in lower case."""
    text = annotations.get(EXTERNAL_DNS)
    if text is None:
        return None
    name = text.strip().rstrip(".").lower()
    if not _FQDN.fullmatch(name):
        return Problem(field=EXTERNAL_DNS, message=f"{EXTERNAL_DNS} is '{text}'; write one fully qualified domain name")
    return name


def flag(annotations: Mapping[str, str], key: str) -> bool | Problem:
    """A boolean in any spelling of case; absent is false."""
    text = annotations.get(key)
    if text is None or text.lower() == "false":
        return False
    if text.lower() == "true":
        return True
    return Problem(field=key, message=f"{key} is '{text}'; write true or false")
