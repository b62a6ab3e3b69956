"""Names of things in a registry: `HOST/NAME[:TAG][@sha256:DIGEST]`, with or without `oci://`.

One grammar for all commands. The host must be spelled out: a short name that a container engine completes from its own
configuration means another registry on another machine.
"""

import re
from typing import Final

import msgspec

from ako_runtime.errors import UserError

_REFERENCE: Final = re.compile(
    r"(?P<host>[^/]+)/(?P<name>[a-z0-9._/-]*?)(:(?P<tag>[\w][\w.-]{0,127}))?(@(?P<digest>sha256:[0-9a-f]{64}))?"
)


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """Where something is in a registry."""

    host: str
    name: str
    tag: str | None = None
    digest: str | None = None

    @property
    def point(self) -> str:
        """Digest if known, else tag."""
        return self.digest or self.tag or "latest"


def parse_reference(text: str, *, folder: bool = False) -> Reference:
    """Read a reference; a `folder`, below which names are put, may be the host alone.

    Raises UserError where the text is no reference, or names no host.
    """
    found = _REFERENCE.fullmatch(text.removeprefix("oci://"))
    if (
        found is None
        or not (found["name"] or folder)
        or (not any(c in found["host"] for c in ".:") and found["host"] != "localhost")
    ):
        raise UserError(f"{text}: write HOST/NAME:TAG or HOST/NAME@sha256:…, with the host of the registry")
    return Reference(host=found["host"], name=found["name"], tag=found["tag"], digest=found["digest"])


def _names_host(text: str) -> bool:
    """Whether the first part of a reference is a host and no folder of some engine's own registry."""
    return "." in text or ":" in text or text == "localhost"
