"""What Gateways, custom resources and Services behind Ingresses should show once their stacks are applied."""

from msgspec import Struct

from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import StatusIntent


class ListenerVerdict(Struct, frozen=True, kw_only=True):
    """One listener: served, or why not (entirely)."""

    port: int
    protocol: str
    hostname: str = ""
    reason: str = ""
    message: str = ""
    # It carries traffic although there is something to say.
    ready: bool = True


class GatewayStatus(StatusIntent, frozen=True, kw_only=True):
    """Status of one Gateway of networking.x-k8s.io/v1alpha1; `vsvip` None means that it has no virtual service."""

    vsvip: Ref | None = None
    virtualservice: Ref | None = None
    listeners: tuple[ListenerVerdict, ...] = ()

    @property
    def sources(self) -> tuple[Ref, ...]:
        """VsVip and virtual service."""
        return tuple(ref for ref in (self.vsvip, self.virtualservice) if ref is not None)


class NodePortLocalMark(StatusIntent, frozen=True, kw_only=True):
    """Antrea is told to open node ports for the pods of a Service, or not to do it any more."""

    told: bool = True

    def cleared(self) -> "NodePortLocalMark":
        """Without the mark."""
        return NodePortLocalMark(about=self.about, told=False)


class CustomResourceStatus(StatusIntent, frozen=True, kw_only=True):
    """Accepted, or rejected for the reason in `problem`."""
