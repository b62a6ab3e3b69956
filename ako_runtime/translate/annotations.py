"""The typed door through which annotations are read.

Each reader answers one of three things: the value, None when the annotation is absent, or a `Problem` that says what
was expected. An annotation without text is absent: charts write such where a value is left empty. Nobody else looks
into an annotation map (indexes apart, which look up keys of the same names).
"""

import ipaddress
import re
from collections.abc import Mapping

from msgspec import Struct

from ako_runtime.resources import index

INFRA = index.INFRA
L4_RULE = index.L4_RULE
SHARED_VIP_NAMESPACE = index.SHARED_VIP_NAMESPACE
PREFERRED_IP = "ako.vmware.com/load-balancer-ip"
SHARED_VIP_FROM = "ako.vmware.com/shared-vip-allowed-from"
EXTERNAL_DNS = "external-dns.alpha.kubernetes.io/hostname"
APPLICATION_PROFILE = "ako.vmware.com/application-profile"
DISABLE_TRAFFIC = "ako.vmware.com/disable-traffic"
SKIP_NODE_PORT = "skipnodeport.ako.vmware.com/enabled"
TENANT = "ako.vmware.com/tenant-name"
VIP_FAMILY = "ako.vmware.com/vip-ip-family"
LB_ALGORITHM = "ako.vmware.com/lb-algorithm"
POD_CIDRS = "ako.vmware.com/pod-cidrs"
NODE_PORT_LOCAL = "nodeportlocal.antrea.io/enabled"

_FQDN = re.compile(r"(?=.{1,253}$)([a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?)(\.[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?)*")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
ALGORITHMS = frozenset(
    {
        "CONSISTENT_HASH",
        "CORE_AFFINITY",
        "FASTEST_RESPONSE",
        "FEWEST_SERVERS",
        "FEWEST_TASKS",
        "LEAST_CONNECTIONS",
        "LEAST_LOAD",
        "NEAREST_SERVER",
        "RANDOM",
        "ROUND_ROBIN",
        "TOPOLOGY",
    }
)
ALGORITHM_PREFIX = "LB_ALGORITHM_"
_FAMILIES = {"v4": "V4", "v6": "V6", "v4_v6": "V4_V6", "service": "service"}


class Problem(Struct, frozen=True, kw_only=True):
    """A wrong value: which field, and what was expected."""

    field: str
    message: str


def text_of(annotations: Mapping[str, str], key: str) -> str:
    """The annotation without white space around it; empty if there is none."""
    return annotations.get(key, "").strip()


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
    if any(address.version == 6 and "%" in str(address) for address in parsed):
        return Problem(field=field, message=f"{field} is '{text}'; write the IPv6 address without a zone")
    return tuple(str(address) for address in parsed)


def hostnames(annotations: Mapping[str, str]) -> tuple[str, ...] | Problem:
    """The external-dns names (a list with commas), each once, without a trailing dot, in lower case."""
    text = text_of(annotations, EXTERNAL_DNS)
    found = [part.strip().rstrip(".").lower() for part in text.split(",") if part.strip()]
    wrong = next((name for name in found if not _FQDN.fullmatch(name)), None)
    if wrong is not None or (text and not found):
        message = f"{EXTERNAL_DNS} is '{text}'; write fully qualified domain names, with commas between them"
        return Problem(field=EXTERNAL_DNS, message=message)
    return tuple(dict.fromkeys(found))


def is_hostname(text: str) -> bool:
    """Whether the text is a fully qualified domain name."""
    return _FQDN.fullmatch(text) is not None


def flag(annotations: Mapping[str, str], key: str) -> bool | Problem:
    """A boolean in any spelling of case; absent is false."""
    text = text_of(annotations, key)
    if text.lower() in {"", "false"}:
        return False
    if text.lower() == "true":
        return True
    return Problem(field=key, message=f"{key} is '{text}'; write true or false")


def object_name(annotations: Mapping[str, str], key: str) -> str | Problem | None:
    """The name of a Kubernetes object."""
    text = text_of(annotations, key)
    if not text:
        return None
    if not _NAME.fullmatch(text):
        return Problem(field=key, message=f"{key} is '{text}'; write the name of an object")
    return text


def rule_name(annotations: Mapping[str, str]) -> str | Problem | None:
    """The L4Rule as `name` or `namespace/name`."""
    text = text_of(annotations, L4_RULE)
    if not text:
        return None
    parts = text.split("/")
    if len(parts) > 2 or not all(_NAME.fullmatch(part) for part in parts):
        return Problem(field=L4_RULE, message=f"{L4_RULE} is '{text}'; write name or namespace/name of an L4Rule")
    return text


def vip_family(annotations: Mapping[str, str]) -> str | Problem:
    """Families of the VIP: `V4`, `V6`, `V4_V6`, `service` (as spec.ipFamilies says); empty: as the network says."""
    text = text_of(annotations, VIP_FAMILY)
    if not text:
        return ""
    found = _FAMILIES.get(text.lower())
    if found is None:
        return Problem(field=VIP_FAMILY, message=f"{VIP_FAMILY} is '{text}'; write V4, V6, V4_V6 or service")
    return found


def algorithm(annotations: Mapping[str, str]) -> str | Problem:
    """How the members of pools are chosen, with or without the prefix of Avi, in any case; empty: as Avi does."""
    text = text_of(annotations, LB_ALGORITHM)
    if not text:
        return ""
    name = text.upper().replace("-", "_").removeprefix(ALGORITHM_PREFIX)
    if name not in ALGORITHMS:
        return Problem(
            field=LB_ALGORITHM,
            message=f"{LB_ALGORITHM} is '{text}'; write one of {', '.join(sorted(ALGORITHMS))}",
        )
    return f"{ALGORITHM_PREFIX}{name}"


def networks(texts: tuple[str, ...], *, field: str) -> tuple[str, ...] | Problem:
    """Networks in CIDR notation, without host bits, sorted and each once."""
    found = set()
    for text in texts:
        try:
            found.add(ipaddress.ip_network(text.strip(), strict=False))
        except ValueError:
            return Problem(field=field, message=f"{field} has '{text}'; write networks in CIDR notation")
    return tuple(
        str(network) for network in sorted(found, key=lambda one: (one.version, one.network_address, one.prefixlen))
    )


def names(text: str) -> frozenset[str]:
    """A list of names, separated by commas."""
    return frozenset(part.strip() for part in text.split(",") if part.strip())
