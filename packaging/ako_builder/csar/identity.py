"""Who a package is: provider, product, versions, and the identifiers that follow from them.

A descriptor id must be globally unique and must stay the same when the same thing is built again, so it is a UUID of
version 5: a name-based one, of provider, product, version and profile below the product's own namespace. Two profiles
of one release are two descriptors with different content, hence two ids.
"""

import uuid

import msgspec

from ako_builder.csar.chart import ChartFacts
from ako_builder.release import Release

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

    def descriptor_id(self, profile: str) -> str:
        """The UUID of the descriptor of one profile."""
        return str(uuid.uuid5(_NAMESPACE, f"{self.provider}\n{self.product}\n{self.version}\n{profile}"))


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
