"""Names of Avi objects: the compatibility contract with the official AKO.

Every name begins with `<cluster>--`. A readable name goes out as it is in SNI mode; in EVH mode (and not on a
Supervisor) most names become the prefix followed by the hexadecimal SHA-1 of the full readable name, prefix included.
Which names are hashed is told where they are made. Sources: ako-behaviour 5.0 to 5.7, observed a1 to a10_l4.

Avi refuses names above 255 characters.
"""

import functools
import hashlib

from msgspec import Struct

MAX_NAME_LENGTH = 255


DEDICATED = "-L7-dedicated"
"""End of the names of what belongs to a host with a virtual service of its own."""


class Namer(Struct, frozen=True, kw_only=True):
    """Makes names for one cluster; `hashed` is true in EVH mode."""

    cluster: str
    hashed: bool = False

    @property
    def prefix(self) -> str:
        """What every name begins with."""
        return f"{self.cluster}--"

    def encoded(self, readable: str) -> str:
        """Prefix and readable text, or its hash in EVH mode."""
        full = f"{self.prefix}{readable}"
        if not self.hashed:
            return full
        return f"{self.prefix}{sha1_hex(full)}"

    def l7_host(self, host: str, *, infra: str) -> str:
        """Child virtual service, certificate and redirects of a host; `infra` is empty or part of the name."""
        return self.encoded(f"{infra}-{host}" if infra else host)

    def l7_dedicated(self, host: str, *, infra: str) -> str:
        """Virtual service and VsVip of a host that has one of its own."""
        name = self.l7_host(f"{host}{DEDICATED}", infra=infra)
        return f"{name}-EVH" if self.hashed else name

    def l4(self, namespace: str, name: str) -> str:
        """VirtualService, VsVip and L4PolicySet of a Service, a shared VIP key or a Gateway."""
        return self.encoded(f"{namespace}-{name}")

    def l4_pool(self, namespace: str, name: str, *, protocol: str, port: int) -> str:
        """Pool of one Service port on a dedicated virtual service; `name` is the Service's name."""
        return self.encoded(f"{namespace}-{name}-{protocol}-{port}")

    def grouped_pool(self, namespace: str, service: str, group: str, *, protocol: str, port: int) -> str:
        """Pool of one Service port behind a shared VIP or Gateway called `group`, in the namespace of the group."""
        return self.encoded(f"{namespace}-{service}-{group}-{protocol}-{port}")


def name_in_set(policy_set: str, tail: int | str) -> str:
    """Name of a rule: unique within its set alone, so what is too long for the controller is cut before the tail."""
    return f"{policy_set[: MAX_NAME_LENGTH - len(f'-{tail}')]}-{tail}"


def sha1_hex(text: str) -> str:
    """Lower-case hexadecimal SHA-1, a name shortener here and no security measure."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


@functools.lru_cache(maxsize=16384)
def fnv1a(text: str) -> int:
    """32-bit FNV-1a of the UTF-8 bytes; the official AKO shards hosts by it.

    Every pass asks for the hash of every host that it sees, a byte at a time in Python: it is remembered.
    """
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value
