"""The world of an observed document on the lab's servers: controller, objects that are there before, definitions."""

import ipaddress

from support.avi_lab.client import Client

from ako_lab.avi_controller.config import CloudSeed, LabConfig, NetworkSeed, SubnetSeed
from ako_runtime.model.wire import KINDS

# Addresses inside the cluster are this API server's to give.
GIVEN_BY_THE_SERVER = {"clusterIP", "clusterIPs"}


def give(lab, document):
    """Apply settings and Kubernetes objects of the document."""
    lab.configure(**{**document["settings"], "controllerIP": lab.avi.host})
    for manifest in (*DEFINITIONS, *document["given"]):
        lab.kube.apply(applicable(manifest))


def applicable(manifest):
    """A manifest without what the API server gives."""
    spec = {name: value for name, value in manifest.get("spec", {}).items() if name not in GIVEN_BY_THE_SERVER}
    return {**manifest, "spec": spec} if spec else manifest


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
