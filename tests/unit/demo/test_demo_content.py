"""What the lab is filled with: the samples, the definitions, a controller that has what the samples name."""

import tarfile

import pytest

from ako_lab import demo_content, manifests
from ako_lab import demo_facts as facts
from ako_runtime.errors import UserError


def test_the_samples_show_every_way_to_ask():
    documents = manifests.examples()
    services = facts.of_kind(documents, "Service")
    annotations = {name for item in services for name in item["metadata"].get("annotations", {})}
    labels = {name for item in services for name in item["metadata"].get("labels", {})}
    assert {"ako.vmware.com/load-balancer-ip", "ako.vmware.com/enable-shared-vip"} <= annotations
    assert {"ako.vmware.com/gateway-name", "ako.vmware.com/gateway-namespace", facts.EXPECT_LABEL} <= labels
    for kind in ("Namespace", "AviInfraSetting", "GatewayClass", "Gateway", "EndpointSlice"):
        assert facts.of_kind(documents, kind)
    sliced = {
        item["metadata"]["labels"]["kubernetes.io/service-name"] for item in facts.of_kind(documents, "EndpointSlice")
    }
    assert sliced == {item["metadata"]["name"] for item in services}


def test_the_controller_has_what_the_samples_name():
    (cloud,) = demo_content.controller().clouds
    networks = {network.name for network in cloud.networks}
    for item in facts.of_kind(manifests.examples(), "AviInfraSetting"):
        assert item["spec"]["seGroup"]["name"] in cloud.se_groups
        assert {one["networkName"] for one in item["spec"]["network"]["vipNetworks"]} <= networks
    assert {"vip-network", "node-network"} <= networks
    assert demo_content.controller(port=8443).port == 8443


def test_definitions_of_a_chart_are_those_in_its_folder(tmp_path):
    documents = {"ako/crds/b.yaml": "kind: B", "ako/crds/a.yaml": "kind: A\n---\n", "ako/templates/c.yaml": "{{ c }}"}
    chart = tmp_path / "chart.tgz"
    with tarfile.open(chart, "w:gz") as archive:
        for name, text in documents.items():
            path = tmp_path / "file"
            path.write_text(text)
            archive.add(path, arcname=name)
    assert [item["kind"] for item in manifests.definitions_of(chart)] == ["A", "B"]
    (tmp_path / "file").write_text("a: [")
    with tarfile.open(chart, "w:gz") as archive:
        archive.add(tmp_path / "file", arcname="ako/crds/a.yaml")
    with pytest.raises(UserError, match=r"chart\.tgz:ako/crds/a\.yaml is not YAML"):
        manifests.definitions_of(chart)


def test_definitions_of_this_installation():
    names = {item["metadata"]["name"] for item in manifests.definitions()}
    assert {"aviinfrasettings.ako.vmware.com", "gateways.networking.x-k8s.io"} <= names
