"""The official chart's release becomes ours and its own again, on any API server, for every shape that it has.

`official_chart` stands in for the official chart: its names, labels, containers, environment, volumes, roles and
classes, rebuilt from its description, because the chart itself is not ours to copy.
"""

from contextlib import contextmanager, nullcontext
from pathlib import Path

import yaml
from support.data_folder import test_data as shared_data
from support.kube.servers import APPLY, DEFINITIONS, remove_definitions, wait_until

OFFICIAL = Path(__file__).parent / "official_chart"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
INGRESS_CLASS = "/apis/networking.k8s.io/v1/ingressclasses/avi-lb"
GATEWAY_CLASS = "/apis/gateway.networking.k8s.io/v1/gatewayclasses/avi-lb"

_COMMON = {
    "ControllerSettings": {"controllerHost": "10.0.0.1"},
    "NetworkSettings": {"vipNetworkList": [{"networkName": "vip-network"}]},
    "avicredentials": {"username": "admin", "password": "secret"},
}
# What users of the official chart have: values that both charts get.
SHAPES = {
    "least": _COMMON,
    "everything": _COMMON
    | {
        "featureGates": {"EnablePrometheus": True},
        "AKOSettings": {"istioEnabled": True, "apiServerPort": 8090},
        "image": {"pullSecrets": [{"name": "registry"}]},
        "persistentVolumeClaim": "logs",
        "podSecurityContext": {"fsGroup": 2000},
        "securityContext": {"runAsUser": 1000},
    },
    "gateway": _COMMON | {"featureGates": {"GatewayAPI": True}},
    "secondary": _COMMON | {"AKOSettings": {"primaryInstance": False}},
}


def take_over_and_hand_back(place, archive, *, shape, way_back):
    """Install the official chart, upgrade to ours with the same values, go back, remove; nothing is made anew."""
    with gateway_api(place.rest) if shape == "gateway" else nullcontext():
        _take_over_and_hand_back(place, archive, shape=shape, way_back=way_back)


def _take_over_and_hand_back(place, archive, *, shape, way_back):
    values = SHAPES[shape]
    place.run("install", "ako", str(OFFICIAL), values=values)
    before = place.stateful_set
    kept = [place.path("configmaps", "avi-k8s-config"), place.path("secrets", "avi-secret")]
    kept += [place.path("serviceaccounts", "ako-sa"), place.path("statefulsets", "ako", "/apis/apps/v1")]
    if shape != "secondary":
        kept += [f"{RBAC}/clusterroles/ako-cr", f"{RBAC}/clusterrolebindings/ako-crb", INGRESS_CLASS]
    kept += [GATEWAY_CLASS] if shape == "gateway" else []
    identities = identities_of(place, kept)

    place.run("upgrade", "ako", archive, "--reset-values", values=values)
    assert identities_of(place, kept) == identities
    (container,) = place.stateful_set["spec"]["template"]["spec"]["containers"]
    assert (container["name"], container["args"]) == ("ako", ["run"])
    assert "lifecycle" not in container
    assert {entry["name"] for entry in container["env"]} == {"POD_NAME", "POD_NAMESPACE"}
    assert {probe for probe in container if probe.endswith("Probe")} == {
        "startupProbe", "livenessProbe", "readinessProbe",
    }  # fmt: skip
    data = place.read("configmaps", "avi-k8s-config")["data"]
    assert (data["controllerIP"], data["vipNetworkList"]) == ("10.0.0.1", '[{"networkName":"vip-network"}]')

    if way_back == "rollback":
        place.run("rollback", "ako", "1")
    else:
        place.run("upgrade", "ako", str(OFFICIAL), "--reset-values", values=values)
    assert identities_of(place, kept) == identities
    assert unordered(place.stateful_set) == unordered(before)
    for path in (place.path("services", "ako"), place.path("roles", "ako", RBAC)):
        assert not place.exists(path), f"{path} was left behind"
    assert not place.exists(f"{RBAC}/clusterroles/ako-cr-{place.namespace}")

    place.run("uninstall", "ako", "--wait")
    for path in kept:
        assert not place.exists(path), f"{path} was left behind"


def unordered(stateful_set):
    """The Pod's template, but for what a server-side apply (Helm 4) may leave in another shape and with equal meaning.

    Lists of named things keep the order of what was there before, and a structure whose last field is taken out is gone
    where the official chart writes an empty one.
    """

    def plain(node):
        if isinstance(node, dict):
            shapes = {key: plain(value) for key, value in node.items()}
            return {key: value for key, value in shapes.items() if value != {}}
        if isinstance(node, list) and all(isinstance(item, dict) and "name" in item for item in node):
            return sorted((plain(item) for item in node), key=lambda item: item["name"])
        return node

    return plain(stateful_set["spec"]["template"])


def identities_of(place, paths):
    """The UIDs of objects, which change if one is deleted and made anew."""
    found = {}
    for path in paths:
        reply = place.rest.get(path)
        assert reply.status == 200, (path, reply)
        found[path] = reply.json["metadata"]["uid"]
    return found


@contextmanager
def gateway_api(rest):
    """A cluster with the definition of GatewayClass, which the official chart needs for its Gateway container."""
    folder = shared_data("crds", "gateway-api-1.6.1", "standard")
    (file,) = folder.glob("*_gatewayclasses.yaml")
    with definitions(rest, [yaml.safe_load(file.read_text())]):
        yield


@contextmanager
def definitions(rest, documents):
    """A cluster that serves these custom resource definitions, and does not any more afterwards."""
    paths = {f"{DEFINITIONS}/{document['metadata']['name']}": document for document in documents}
    try:
        for path, document in paths.items():
            # They are too long for the annotation of a client-side apply.
            reply = rest.patch(path, document, content_type=APPLY, fieldManager="tests", force="true")
            assert reply.status in {200, 201}, reply
        for document in documents:
            spec = document["spec"]
            served = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
            wait_until(lambda served=served: rest.get(served).status == 200)
        yield
    finally:
        remove_definitions(rest, [document["metadata"]["name"] for document in documents])
