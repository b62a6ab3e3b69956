"""Who a package is: provider, product, versions, and the identifiers that follow from them.

A descriptor id must be globally unique and must stay the same when the same thing is built again, so it is a UUID of
version 5: a name-based one below the product's own namespace. Two profiles are two descriptors with different content,
hence two ids. For ETSI a new version is a new descriptor with a new id, and `ext_invariant_id` says that they are
versions of one product. TCA lists as an upgrade only what has the same id, or the same provider and product: so in its
profiles the id stays over versions, as everything else that it compares.
"""

import uuid

import msgspec

from ako_builder.csar.chart import ChartFacts
from ako_builder.release import Release
from ako_runtime.errors import UserError

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://ako-toolkit.example.org/csar")


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """The words that descriptor, manifest and documents share."""

    provider: str
    product: str
    title: str
    summary: str
    version: str
    descriptor_version: str
    licence: str
    home: str

    # An id that somebody stated, or that an older version has; and its invariant id.
    stated_id: str = ""
    stated_invariant: str = ""

    def descriptor_id(self, profile: str, *, stable: bool = False) -> str:
        """The UUID of the descriptor of one profile; a stable one is the same for every version."""
        version = "" if stable else self.version
        return self.stated_id or str(uuid.uuid5(_NAMESPACE, f"{self.provider}\n{self.product}\n{version}\n{profile}"))

    @property
    def invariant_id(self) -> str:
        """The UUID that all versions share."""
        return self.stated_invariant or str(uuid.uuid5(_NAMESPACE, f"{self.provider}\n{self.product}"))


def checked_id(text: str) -> str:
    """A descriptor id that somebody states: a UUID, with TCA's prefix or without."""
    plain = text.removeprefix("nfd_")
    try:
        good = str(uuid.UUID(plain)) == plain.lower()
    except ValueError:
        good = False
    if not good:
        raise UserError(f"--descriptor-id {text}: not a UUID; write it like {uuid.uuid5(_NAMESPACE, 'example')}")
    return text


def release_identity(release: Release) -> Identity:
    """The identity of our own product."""
    return Identity(
        provider=release.provider,
        product=release.chart.name,
        title=release.title,
        summary=release.summary,
        version=release.version,
        descriptor_version=release.version,
        licence=release.licence,
        home=release.home,
    )


def chart_identity(
    chart: ChartFacts, *, provider: str, product: str | None = None, version: str | None = None
) -> Identity:
    """The identity of a foreign chart."""
    return Identity(
        provider=provider,
        product=product or chart.name,
        title=product or chart.name,
        summary=chart.description,
        version=version or chart.app_version,
        descriptor_version=chart.version,
        licence="",
        home=chart.home,
    )
