"""Facts about the controller and its cloud, read at start and on every resync."""

from collections.abc import Mapping

import msgspec

from ako_runtime.avi.client import AviClient, Document
from ako_runtime.avi.endpoint import NEWEST_API_VERSION
from ako_runtime.errors import Fatal, RetryLater
from ako_runtime.model.environment import Environment
from ako_runtime.model.refs import parse_ref
from ako_runtime.settings import Settings

UP_STATES = frozenset({"CLUSTER_UP_NO_HA", "CLUSTER_UP_HA_ACTIVE", "CLUSTER_UP_HA_COMPROMISED"})
OLDEST_VERSION = (22, 1, 3)


def api_version_for(controller: str, *, configured: str = "") -> str:
    """The API version to ask for: the configured one, else the controller's, never newer than we know.

    Raises Fatal for a controller older than 22.1.3.
    """
    if configured:
        return configured
    if _parts(controller) < OLDEST_VERSION:
        raise Fatal(f"the controller runs {controller}; at least 22.1.3 is needed", reason="ControllerTooOld")
    return min(controller, NEWEST_API_VERSION, key=_parts)


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("-", maxsplit=1)[0].split(".") if part.isdigit())


def controller_version(client: AviClient) -> str:
    """Version of the controller, as it says itself."""
    version = client.singleton("/api/initial-data").get("version")
    text = version.get("Version") if isinstance(version, dict) else None
    if not isinstance(text, str):
        raise RetryLater("GET /api/initial-data: the controller does not say its version")
    return text


def environment_of(client: AviClient, settings: Settings) -> Environment:
    """The facts; raises RetryLater while the controller is not up, Fatal when a configured thing does not exist."""
    _require_up(client.singleton("/api/cluster/runtime"))
    cluster = client.singleton("/api/cluster", has="uuid")
    system = client.singleton("/api/systemconfiguration", has="uuid")
    cloud = _named(client, "cloud", settings.cloud_name, setting="cloudName")
    return Environment(
        cluster_uuid=str(cluster.get("uuid", "")),
        version=controller_version(client),
        licence=str(system.get("default_license_tier", "ENTERPRISE")),
        cloud_type=str(cloud.get("vtype", "CLOUD_NONE")),
        vrf=_vrf(client, settings, cloud_type=str(cloud.get("vtype", ""))),
        dns_domains=_domains(client, cloud),
    )


def _require_up(runtime: Document) -> None:
    state = runtime.get("cluster_state")
    text = state.get("state") if isinstance(state, Mapping) else None
    if text not in UP_STATES:
        raise RetryLater(f"the controller cluster is {text}", after=5.0, reason="ControllerNotUp")


def _named(
    client: AviClient, kind: str, name: str, *, setting: str, by: str = "name", within: Mapping[str, str] | None = None
) -> Document:
    found = next(client.pages(kind, {by: name, **(within or {})}, tenant="*"), None)
    if found is None:
        raise Fatal(
            f"{setting} is '{name}', but the controller has no {kind} of that {by}; correct the setting or create it",
            reason="SettingNotFound",
        )
    return msgspec.json.decode(found, type=dict[str, object])


def _vrf(client: AviClient, settings: Settings, *, cloud_type: str) -> str:
    """VRF of our objects and routes (ako-behaviour 1.9).

    The configured one, that of the tier-1 router, `global` in NodePort mode, else that of the first VIP network; always
    of our cloud, since every cloud has networks and VRFs of the same names.
    """
    if settings.vrf_name:
        return settings.vrf_name
    if settings.service_type == "NodePort":
        return "global"
    within = {"cloud_ref.name": settings.cloud_name}
    if cloud_type == "CLOUD_NSXT" and settings.nsxt_t1_lr:
        vrfs = (
            msgspec.json.decode(found, type=dict[str, object])
            for found in client.pages("vrfcontext", within, tenant="*")
        )
        return next((str(vrf.get("name")) for vrf in vrfs if _tier1_of(vrf) == settings.nsxt_t1_lr), "")
    if not settings.vip_networks or Environment(cloud_type=cloud_type).names_subnets:
        return "global"
    first = settings.vip_networks[0]
    by = "name" if first.network_name else "uuid"
    name = first.network_name or first.network_uuid
    network = _named(client, "network", name, by=by, setting="vipNetworkList", within=within)
    ref = network.get("vrf_context_ref")
    return parse_ref(ref).name if isinstance(ref, str) else "global"


def _tier1_of(vrf: Document) -> str:
    """Path of the tier-1 router that the VRF of an NSX-T cloud stands for; empty if for none."""
    attributes = vrf.get("attrs")
    for one in attributes if isinstance(attributes, list) else ():
        if isinstance(one, Mapping) and one.get("key") == "tier1path":
            return str(one.get("value", ""))
    return ""


def _domains(client: AviClient, cloud: Document) -> tuple[str, ...]:
    path = f"/api/ipamdnsproviderprofiledomainlist?cloud_uuid={cloud.get('uuid', '')}"
    # Without its domains a cloud that has them would lose every name in DNS.
    answer = client.singleton(path, has="domains" if cloud.get("dns_provider_ref") else "")
    domains = answer.get("domains")
    return tuple(sorted(str(domain) for domain in domains)) if isinstance(domains, list) else ()
