"""Where container networks keep the pod networks of a node, other than in the Node itself."""

from msgspec import Struct, field

from ako_runtime.resources.meta import Resource


class BlockAffinitySpec(Struct, frozen=True, kw_only=True):
    """A block of addresses and the node that owns it."""

    node: str = ""
    cidr: str = ""
    # The definition of Calico declares it as a string.
    deleted: str | bool = ""


class BlockAffinity(Resource, frozen=True, kw_only=True):
    """crd.projectcalico.org/v1 BlockAffinity."""

    spec: BlockAffinitySpec = BlockAffinitySpec()

    @property
    def node(self) -> str:
        """Name of the node."""
        return self.spec.node

    @property
    def networks(self) -> tuple[str, ...]:
        """Pod networks, one an object."""
        return (self.spec.cidr,) if self.spec.cidr and str(self.spec.deleted).lower() != "true" else ()


class CiliumIpam(Struct, frozen=True, kw_only=True):
    """Pod networks of a node."""

    pod_cidrs: tuple[str, ...] = field(default=(), name="podCIDRs")


class CiliumNodeSpec(Struct, frozen=True, kw_only=True):
    """Desired state of a CiliumNode."""

    ipam: CiliumIpam = CiliumIpam()


class CiliumNode(Resource, frozen=True, kw_only=True):
    """cilium.io/v2 CiliumNode, named as its node."""

    spec: CiliumNodeSpec = CiliumNodeSpec()

    @property
    def node(self) -> str:
        """Name of the node."""
        return self.name

    @property
    def networks(self) -> tuple[str, ...]:
        """Pod networks."""
        return self.spec.ipam.pod_cidrs


class HostSubnet(Resource, frozen=True, kw_only=True):
    """network.openshift.io/v1 HostSubnet."""

    host: str = ""
    subnet: str = ""

    @property
    def node(self) -> str:
        """Name of the node."""
        return self.host

    @property
    def networks(self) -> tuple[str, ...]:
        """Pod networks, one an object."""
        return (self.subnet,) if self.subnet else ()
