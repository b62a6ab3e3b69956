"""Objects as the official AKO wrote them are ours: a start writes nothing that is not a change in meaning."""

import ipaddress
import json

import pytest
from avi_lab_client import Client
from data_folder import test_data
from faults_lab import QUICK
from runtime_lab import WRITES, runtime_lab, worked_off

from ako_lab.avi_controller.config import CloudSeed, LabConfig, NetworkSeed, SubnetSeed
from ako_runtime.model.wire import KINDS

# One Service, several ports and protocols, an empty pool, an address that was asked for, custom settings, a shared
# address, a Gateway, hashed names, both families and IPv6 alone.
EQUAL = (
    "a1", "a2", "a3", "a3_auto", "a4", "a5", "a6", "a7", "a8_default", "a8_disabled", "a8_flat", "a10_l4", "a13", "a14",
    "a14_empty", "a14_v6",
)  # fmt: skip
# Ingresses in every mode: policies of `Prefix` paths, the script of an SNI parent and its group are ours on purpose.
NEARLY_EQUAL = {
    "a9": {"httppolicyset", "vsdatascriptset", "poolgroup"},
    "a9_large": {"httppolicyset", "vsdatascriptset", "poolgroup"},
    "a10": {"httppolicyset"},
    "a11": {"httppolicyset"},
    "a11_evh": {"httppolicyset"},
}
# Addresses inside the cluster are this API server's to give.
GIVEN_BY_THE_SERVER = {"clusterIP", "clusterIPs"}


@pytest.mark.parametrize("scenario", [*EQUAL, *NEARLY_EQUAL])
def test_a_start_over_observed_objects_changes_nothing(tmp_path, scenario):
    document = json.loads(test_data("observed", f"{scenario}.json").read_text())
    with runtime_lab(tmp_path, controller=controller_of(document["avi_environment"])) as lab:
        plant(lab, document["avi_environment"]["extra_objects"])
        planted = plant(lab, document["objects"])
        lab.configure(**{**document["settings"], "controllerIP": lab.avi.host})
        for manifest in (*DEFINITIONS, *document["given"]):
            spec = {name: value for name, value in manifest.get("spec", {}).items() if name not in GIVEN_BY_THE_SERVER}
            lab.kube.apply({**manifest, "spec": spec} if spec else manifest)
        mark = lab.mark()
        with lab.running(pace=QUICK) as app:
            lab.kube.wait_for(lambda _kube: worked_off(app))
        written = [one for one in lab.avi.requests(since=mark) if one.method in WRITES and one.path.startswith("/api/")]
        changes = [f"{one.method} {one.path} {one.body}" for one in written if not deliberate(one, scenario)]
        assert changes == []
        assert planted <= {one["uuid"] for kind in KINDS for one in lab.avi.objects(kind)}


def deliberate(request, scenario):
    """Whether a write is a difference from the official AKO that is meant."""
    return request.method == "PUT" and request.path.split("/")[2] in NEARLY_EQUAL.get(scenario, ())


def definition(kind, plural, version, *, scope, group="ako.vmware.com"):
    """A CRD that takes everything."""
    anything = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "scope": scope,
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind},
            "versions": [{"name": version, "served": True, "storage": True, "schema": anything}],
        },
    }


DEFINITIONS = (
    definition("AviInfraSetting", "aviinfrasettings", "v1beta1", scope="Cluster"),
    definition("L4Rule", "l4rules", "v1alpha2", scope="Namespaced"),
    definition("GatewayClass", "gatewayclasses", "v1alpha1", scope="Cluster", group="networking.x-k8s.io"),
    definition("Gateway", "gateways", "v1alpha1", scope="Namespaced", group="networking.x-k8s.io"),
)


def controller_of(environment):
    """A controller with the networks and domains that the official AKO found."""
    networks = tuple(
        NetworkSeed(name=one["name"], vrf=one["vrf"], subnets=tuple(subnet(prefix) for prefix in one["subnets"]))
        for one in environment["networks"]
    )
    cloud = CloudSeed(
        name=environment["cloud"]["name"],
        kind=environment["cloud"]["vtype"],
        networks=networks,
        dns_domains=tuple(environment["dns_domains"]),
        vrfs=tuple(environment["vrfs"]),
        se_groups=tuple(one["name"] for one in environment["segs"]),
    )
    return LabConfig(clouds=(cloud,), license_tier=environment["license"])


def subnet(prefix):
    """The subnet with a range to take addresses from."""
    network = ipaddress.ip_network(prefix)
    return SubnetSeed(prefix=prefix, begin=str(network[10]), end=str(network[200]))


def order(kind):
    return list(KINDS).index(kind) if kind in KINDS else -1


def plant(lab, objects):
    """Post the bodies as they were observed, in an order in which references exist; their uuids."""
    found = set()
    with Client(lab.avi) as client:
        for kind in sorted(objects, key=order):
            # Parents before children.
            for body in sorted(objects[kind], key=lambda one: "vh_parent_vs_ref" in one):
                answer = client.post(f"/api/{kind}", body)
                assert answer.status == 201, (kind, answer.body)
                found.add(answer.json["uuid"])
    return found
