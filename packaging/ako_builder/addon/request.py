"""What an add-on is made for: the platform release, the cluster and the settings.

A `Request` is the one input of every output: the pin and the TKr, the cluster by name, namespace and kind, the settings
as an intent, and what only a target needs (references of an ADC, the TCA ids). Whatever is not given has a placeholder
that cannot be mistaken for a real value, and `placeholders` lists them for the README.
"""

from typing import Literal, TypeAlias

import msgspec

from ako_builder.addon.documents import Document
from ako_builder.addon.pins.releases import Pin, Tkr
from ako_builder.addon.shapes.intent import Cluster, Intent
from ako_builder.release import Release

Target: TypeAlias = Literal["tkg", "tca", "vks"]
TARGETS: tuple[Target, ...] = ("tkg", "tca", "vks")
ClusterKind: TypeAlias = Literal["classy", "legacy"]
PACKAGES_NAMESPACE = "tkg-system"
OFFICIAL_PACKAGE = "load-balancer-and-ingress-service.tanzu.vmware.com"
ADDON_NAME = "load-balancer-and-ingress-service"


class TcaOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a request to Telco Cloud Automation needs beyond the settings."""

    payload: Literal["none", "v1-networking", "ako-operator-values", "adc", "package-values", "raw"] = "none"
    """How the settings are put into the request; every adapter is a guess (D), so none unless it is asked for."""
    raw: Document | None = None
    api_version: str | None = None
    unverified: bool = False
    cluster_uuid: str = "CLUSTER-UUID"
    org: str = "ORG-ID"
    control_plane: str = "TCA-CP-ID"


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One add-on: for which platform release and cluster, with which settings."""

    release: Release
    pin: Pin
    tkrs: tuple[Tkr, ...]
    cluster: Cluster
    kind: ClusterKind
    intent: Intent
    operator: str
    tca: TcaOptions = TcaOptions()
    base_tkr: Document | None = None
    standing: tuple[Document, ...] = ()
    """Objects of the cluster as they are now, which the add-on changes."""
    example: bool = False
    """The settings are the shipped example, not a user's."""

    @property
    def management(self) -> bool:
        """Whether the cluster is a management cluster."""
        return self.cluster.role == "management"

    @property
    def offered(self) -> tuple[Tkr, ...]:
        """The TKrs for which something of ours is offered."""
        return tuple(tkr for tkr in self.tkrs if tkr.offered.resolved(self.release.version))
