"""The number of a VirtualService, by which the official AKO 2.2.1 tells at its start whether to write it.

Two formulas that differ in which texts exist: SNI mode and layer 4, and EVH mode. Whoever builds a virtual service says
the texts (`VirtualServiceModel`); what they are is told there. Facts: official-checksums, section 4.
"""

from msgspec import Struct

from ako_runtime.model.checksums import MarkerPairs, cluster_number, compact, flag, markers_number, text_hash
from ako_runtime.settings.values import SecretText


class ListenerModel(Struct, frozen=True, kw_only=True):
    """A port on which it listens; `target_port` and `name` only for a Service of type LoadBalancer."""

    port: int
    protocol: str
    target_port: int | str = 0
    name: str = ""
    ssl: bool = False
    http2: bool = False


class VirtualServiceModel(Struct, frozen=True, kw_only=True):
    """A virtual service as the official AKO would make it; what is empty or None is not set."""

    cluster: str
    # Objects of its own, each with the prefix of its kind (`VSVIP`, `HttpPolicy`, `EVHNode`, ...).
    names: tuple[str, ...]
    # Profiles of its kind, not those that a custom resource names.
    application_profile: str = ""
    network_profile: str = ""
    se_group: str = ""
    listeners: tuple[ListenerModel, ...] = ()
    # EVH mode: the host of a child.
    host: str = ""
    # What custom resources name, in order: references, and lists of references as JSON.
    named: tuple[str, ...] = ()
    enabled: bool | None = None
    traffic_enabled: bool | None = None
    markers: MarkerPairs = ()
    rhi: bool | None = None
    # JSON; empty: nothing is logged.
    analytics_policy: str = ""
    # Further fields that rules set, as texts in their order; those of a login hold its secrets.
    fields: tuple[str | SecretText, ...] = ()


def virtual_service_checksum(model: VirtualServiceModel) -> int:
    """The number of a VirtualService."""
    text = "".join(
        (
            ":".join(sorted(model.names)),
            model.application_profile,
            model.se_group,
            model.network_profile,
            _listeners_text(model.listeners),
            model.host,
        )
    )
    number = text_hash(text) + markers_number(model.markers, model.cluster)
    number += text_hash("".join(model.named)) if any(model.named) else 0
    for value in (model.enabled, model.traffic_enabled, model.rhi):
        number += 0 if value is None else text_hash(flag(value))
    if model.analytics_policy:
        number += text_hash(model.analytics_policy) + cluster_number(model.cluster)
    fields = (one.reveal() if isinstance(one, SecretText) else one for one in model.fields)
    return (number + text_hash(":".join(fields))) % (1 << 32)


def _listeners_text(listeners: tuple[ListenerModel, ...]) -> str:
    return compact(
        [
            {
                "PortMap": None,
                "Port": one.port,
                "TargetPort": one.target_port,
                "Protocol": one.protocol,
                "Hosts": None,
                "Secret": "",
                "Passthrough": False,
                "Redirect": False,
                "EnableSSL": one.ssl,
                "EnableHTTP2": one.http2,
                "Name": one.name,
            }
            for one in sorted(listeners, key=lambda one: one.name)
        ]
    )
