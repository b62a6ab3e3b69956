"""The networking block of the TCA cluster deployment API of the first generation (`tca-v1`).

Six keys are documented: cloud, Service Engine group and VIP network of the load balancer, and the Avi user, password
and CA of the controller. Everything else about AKO, the controller's address included, cannot be said there.
"""

import base64
import binascii

from ako_builder.addon.documents import Document, Value, WrongKey
from ako_builder.addon.shapes.intent import Intent, Loss, loss, put, value_at
from ako_builder.addon.shapes.tkg import VIP_NETWORKS

_SERVICE = "loadBalancerAndIngressService"
_CONTROLLER = "aviController"
_TEXTS = {
    f"{_CONTROLLER}.aviUsername": "avicredentials.username",
    f"{_CONTROLLER}.aviPassword": "avicredentials.password",
    f"{_SERVICE}.cloudName": "ControllerSettings.cloudName",
    f"{_SERVICE}.defaultServiceEngineGroup": "ControllerSettings.serviceEngineGroupName",
}
_CA = f"{_CONTROLLER}.aviCaDataB64"
_CA_NAME = "avicredentials.certificateAuthorityData"
_NETWORK = f"{_SERVICE}.defaultVipNetwork"
_CIDR = f"{_SERVICE}.defaultVipNetworkCidr"


def intent_of_tca(document: Document, *, where: str) -> Intent:
    """What the AKO entry of a `networking` block means."""
    index, properties = next(
        (
            (index, entry["properties"])
            for index, entry in enumerate(document.get("networking") or [])
            if isinstance(entry, dict) and isinstance(entry.get("properties"), dict) and _SERVICE in entry["properties"]
        ),
        (0, None),
    )
    if properties is None:
        raise WrongKey(where, "networking", f"no entry has properties.{_SERVICE}: this is another shape")
    place = f"networking[{index}].properties"
    _refuse_unknown(properties, place=place, where=where)
    found: dict[str, Value] = {
        name: value for path, name in _TEXTS.items() if (value := value_at(properties, path)) is not None
    }
    authority = value_at(properties, _CA)
    if authority:
        found[_CA_NAME] = _decoded(str(authority), key=f"{place}.{_CA}", where=where)
    network, cidr = value_at(properties, _NETWORK), value_at(properties, _CIDR)
    if network:
        found[VIP_NETWORKS] = [
            {"networkName": network, **({"v6cidr" if ":" in cidr else "cidr": cidr} if cidr else {})},
        ]
    return Intent(values=found)


def tca_of(intent: Intent) -> tuple[Document, tuple[Loss, ...]]:
    """The `networking` block that says what an intent means, as far as its six keys go."""
    properties: Document = {_CONTROLLER: {}, _SERVICE: {}}
    by_name = {name: path for path, name in _TEXTS.items()}
    losses: list[Loss] = []
    for name, value in intent.values.items():
        if name in by_name:
            put(properties, by_name[name], value)
        elif name == _CA_NAME:
            put(properties, _CA, base64.b64encode(str(value).encode()).decode())
        elif name == VIP_NETWORKS:
            losses.extend(_put_network(properties, value))
        else:
            losses.append(loss(name.removeprefix("addon:"), value, "none of the six keys is for it"))
    entry = {"name": "load-balancer-and-ingress-service", "properties": properties}
    return {"networking": [entry]}, tuple(losses)


def _put_network(properties: Document, networks: list[dict[str, str]]) -> list[Loss]:
    if not networks:
        return []
    first, *others = networks
    put(properties, _NETWORK, first.get("networkName", ""))
    cidr = first.get("cidr") or first.get("v6cidr")
    if cidr:
        put(properties, _CIDR, cidr)
    losses = [loss(f"{VIP_NETWORKS}[{index}]", other, "one VIP network") for index, other in enumerate(others, start=1)]
    if first.get("cidr") and first.get("v6cidr"):
        losses.append(loss(f"{VIP_NETWORKS}[0].v6cidr", first["v6cidr"], "one CIDR, so no dual stack"))
    if first.get("networkUUID"):
        losses.append(loss(f"{VIP_NETWORKS}[0].networkUUID", first["networkUUID"], "networks are named"))
    return losses


def _refuse_unknown(properties: Document, *, place: str, where: str) -> None:
    known = {*_TEXTS, _CA, _NETWORK, _CIDR}
    for group, values in properties.items():
        for key in values if isinstance(values, dict) else ():
            if f"{group}.{key}" not in known:
                raise WrongKey(where, f"{place}.{group}.{key}", "this key is not known here: check its spelling")


def _decoded(text: str, *, key: str, where: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise WrongKey(where, key, "not base64 text") from None
