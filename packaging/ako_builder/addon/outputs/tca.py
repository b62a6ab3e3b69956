"""TCA outputs: the add-on request of both REST generations, and the in-cluster object as far as it is documented.

The envelope is certain: the vendor's API pages document it. What goes into `config.stringData` for AKO is not in any
source found for the second generation, so the payload is an adapter that the user chooses, and every file says how
certain it is. Choosing one is asking for a fact of grade D; without a choice there is the envelope alone, whose fields
are all optional below `spec.name` and `spec.clusterRef`.

`v1-networking` is documented, but for the cluster API of the first generation. The apiVersion of
`TcaClusterAddon` is unknown and never invented: it is given, or read from a discovery dump, or there is no such file.

On a management cluster Telco Cloud Automation tolerates nothing but its own add-ons (anything else is removed by the
next upgrade), so only the request is made there.
"""

from collections.abc import Mapping
from typing import Final

from ako_builder.addon.documents import Document, Value
from ako_builder.addon.request import ADDON_NAME, Request
from ako_builder.addon.shapes.convert import How, conversion_of
from ako_builder.yaml_text import yaml_text
from ako_runtime.errors import UserError

_UNVERIFIED: Final = (
    "UNVERIFIED (D): the keys of stringData for AKO are in no source found; ask the TCA Manager for its OpenAPI "
    "(/hybridity/docs/) before use."
)
CERTAINTY: Final[Mapping[str, str]] = {
    "none": "LEFT OUT: the keys of stringData for AKO are in no source found (D); choose one of the candidates with "
    "--tca-payload, or give the object itself (--tca-payload raw --tca-raw FILE).",
    "v1-networking": "CERTAIN (A) as the networking block of the first cluster API; as stringData of an add-on: "
    + _UNVERIFIED,
    "ako-operator-values": _UNVERIFIED,
    "adc": _UNVERIFIED,
    "package-values": _UNVERIFIED,
    "raw": "GIVEN: the payload is the user's own, nothing about it was checked.",
}
_NAMES_CERTAINTY: Final = "spec.name: INFERRED (C), TCA reuses the names of TKG's packages."


def addon_request(request: Request) -> Document:
    """The add-on object that both REST generations take."""
    spec: Document = {
        "name": "ako-operator" if request.management else ADDON_NAME,
        "clusterRef": {"name": request.cluster.name, "namespace": request.cluster.namespace},
    }
    if request.tca.payload != "none":
        spec["config"] = {"stringData": payload(request)}
    bom = _bom(request)
    if bom:
        spec["tcaBomReleaseRef"] = {"kind": "TcaBomRelease", "name": bom}
    return {"metadata": {"name": spec["name"], "clusterName": request.cluster.name}, "spec": spec}


def header(request: Request) -> str:
    """The words above every file: how certain its parts are."""
    return "\n".join(
        [
            "Envelope: CERTAIN (A), the vendor's API pages.",
            _NAMES_CERTAINTY,
            f"Payload {request.tca.payload}: {CERTAINTY[request.tca.payload]}",
        ]
    )


def calls(request: Request) -> str:
    """How the request is sent, in both generations."""
    tca, name = request.tca, request.cluster.name
    query = f"tcaCpId={tca.control_plane}" + ("" if request.management else "&mgmtClusterName=MANAGEMENT-CLUSTER")
    return (
        f"TCA 2.1 and 2.2:  POST /telco/api/caas/v2/clusters/{name}/addons?{query}\n"
        f"later:            POST /tca/caas/api/v2/orgs/{tca.org}/clusters/{tca.cluster_uuid}/addons?{query}\n"
        "change:           PUT .../addons/ADDON-NAME (only spec may change; give metadata.resourceVersion as read)\n"
        "look:             GET .../addons/ADDON-NAME (conditions Ready, AddonRequestSucceeded, AddonReady)\n"
        "header, from 2.2: Priority\n"
    )


def cluster_addon(request: Request) -> tuple[Document, ...]:
    """TcaClusterAddon and the Secret behind it; nothing without an apiVersion that somebody vouches for.

    Without a payload there is no Secret, and the object names none.
    """
    if request.tca.api_version is None or request.management:
        return ()
    secret = f"{request.cluster.name}-{ADDON_NAME}-tca"
    metadata = {"name": f"{request.cluster.name}-{ADDON_NAME}", "namespace": request.cluster.namespace}
    spec: Document = {
        "name": ADDON_NAME,
        "clusterRef": {"name": request.cluster.name, "namespace": request.cluster.namespace},
    }
    if request.tca.payload != "none":
        spec["secretRef"] = {"name": secret, "namespace": request.cluster.namespace}
    bom = _bom(request)
    if bom:
        spec["tcaBomReleaseRef"] = {"kind": "TcaBomRelease", "name": bom}
    addon = {"apiVersion": request.tca.api_version, "kind": "TcaClusterAddon", "metadata": metadata, "spec": spec}
    if request.tca.payload == "none":
        return (addon,)
    return (
        addon,
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": secret, "namespace": request.cluster.namespace},
            "type": "Opaque",
            "stringData": payload(request),
        },
    )


def api_version_in(dump: Mapping[str, Value], *, where: str) -> str:
    """The apiVersion of TcaClusterAddon in a CRD or an APIResourceList."""
    spec = dump.get("spec") or {}
    if dump.get("kind") == "CustomResourceDefinition" and (spec.get("names") or {}).get("kind") == "TcaClusterAddon":
        served = [version["name"] for version in spec.get("versions") or [] if version.get("served")]
        if served:
            return f"{spec['group']}/{served[0]}"
    if dump.get("kind") == "APIResourceList" and any(
        item.get("kind") == "TcaClusterAddon" for item in dump.get("resources") or []
    ):
        return str(dump["groupVersion"])
    raise UserError(f"{where}: describes no TcaClusterAddon: give its CRD or the APIResourceList of its group")


def payload(request: Request) -> Document:
    """`config.stringData`: the settings by the chosen adapter."""
    kind = request.tca.payload
    if kind == "raw":
        if request.tca.raw is None:
            raise UserError("--tca-payload raw needs the object itself: give --tca-raw FILE")
        return request.tca.raw
    if kind == "ako-operator-values":
        return {"values.yaml": yaml_text(operator_values(request))}
    if kind == "v1-networking":
        document, losses_target = conversion_of(request.intent, target="tca-v1").documents[0], "networking.yaml"
        return {losses_target: yaml_text(document)}
    if kind == "adc":
        how = How(operator=request.operator)
        return {"adc.yaml": yaml_text(conversion_of(request.intent, target="adc", how=how).documents[0])}
    how = How(operator=request.operator, cluster=request.cluster, explicit=True)
    return {"values.yaml": yaml_text(conversion_of(request.intent, target="package", how=how).documents[0])}


def operator_values(request: Request) -> Document:
    """The data values of ako-operator itself (root `akoOperator`) for the same settings."""
    values = request.intent.values
    networks = values.get("NetworkSettings.vipNetworkList") or [{}]
    network, cidr = networks[0].get("networkName", ""), networks[0].get("cidr") or networks[0].get("v6cidr", "")
    control_name = values.get("addon:controlPlaneNetwork.name") or network
    control_cidr = values.get("addon:controlPlaneNetwork.cidr") or cidr
    group = values.get("ControllerSettings.serviceEngineGroupName", "")
    config = {
        "avi_controller": values.get("ControllerSettings.controllerHost", ""),
        "avi_controller_version": values.get("ControllerSettings.controllerVersion", ""),
        "avi_username": values.get("avicredentials.username", ""),
        "avi_password": values.get("avicredentials.password", ""),
        "avi_cloud_name": values.get("ControllerSettings.cloudName", ""),
        "avi_service_engine_group": group,
        "avi_management_cluster_service_engine_group": group,
        "avi_data_network": network,
        "avi_data_network_cidr": cidr,
        "avi_control_plane_network": control_name,
        "avi_control_plane_network_cidr": control_cidr,
        "avi_management_cluster_vip_network_name": network,
        "avi_management_cluster_vip_network_cidr": cidr,
        "avi_management_cluster_control_plane_vip_network_name": control_name,
        "avi_management_cluster_control_plane_vip_network_cidr": control_cidr,
        "avi_cni_plugin": values.get("AKOSettings.cniPlugin", ""),
        "avi_nsxt_t1_lr": values.get("NetworkSettings.nsxtT1LR", ""),
    }
    return {
        "akoOperator": {
            "avi_enable": True,
            "namespace": "tkg-system-networking",
            "cluster_name": request.cluster.name,
            "config": config,
        }
    }


def _bom(request: Request) -> str | None:
    """The BoM release that TCA would pin by, if a fact about it may be used."""
    titles = {tkr.title for tkr in request.tkrs}
    for item in request.pin.tca:
        if item.tkr is None or item.tkr in titles:
            # A BoM is used only if its belonging to this TKG release may be: that is the release's own grade.
            if item.release.known(unverified=request.tca.unverified) is None:
                continue
            return item.bom_release.known(unverified=request.tca.unverified)
    return None
