"""Whoever is refused keeps what is there, and pods that come and go are followed all the same."""

from pathlib import Path

import pytest
import yaml
from support.runtime.lab import endpoints, runtime_lab, service

CRDS = Path(__file__).resolve().parents[3] / "packaging/helm/ako/crds"
INFRA = "aviinfrasetting.ako.vmware.com/name"
ADDRESS = "ako.vmware.com/load-balancer-ip"
TENANT = "ako.vmware.com/tenant-name"
SHARED = "ako.vmware.com/enable-shared-vip"
POOL = "cluster-a--default-web-TCP-80"


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path, servicesAPI="true") as lab:
        for path in sorted(CRDS.glob("*.yaml")):
            lab.kube.apply(yaml.safe_load(path.read_text()))
        yield lab


def problem(lab, name):
    conditions = lab.kube.read("services", name, "default").get("status", {}).get("conditions") or []
    return next((entry["reason"] for entry in conditions if entry["status"] == "False"), "")


def namespace(**annotations):
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default", "annotations": annotations}}


def infra(**spec):
    return {
        "apiVersion": "ako.vmware.com/v1beta1",
        "kind": "AviInfraSetting",
        "metadata": {"name": "telco"},
        "spec": spec,
    }


def test_a_wrong_annotation_does_not_freeze_the_pool(lab):
    with lab.running():
        lab.kube.apply(service("web", **{ADDRESS: "10.10.0.50"}))
        lab.kube.apply(endpoints("web", "10.244.1.5"))
        lab.until(lambda lab: lab.members(POOL) == {"10.244.1.5:8080"})
        address = lab.until_address("web")
        lab.kube.apply(service("web", **{ADDRESS: "10.10.0.500"}))
        lab.kube.wait_for(lambda _kube: problem(lab, "web") == "InvalidValue")
        mark = lab.mark()
        lab.kube.apply(endpoints("web", "10.244.2.6", "10.244.2.7"))
        lab.until(lambda lab: lab.members(POOL) == {"10.244.2.6:8080", "10.244.2.7:8080"})
        assert lab.writes(since=mark) == ["PUT pool"]
        assert problem(lab, "web") == "InvalidValue"
        assert lab.address("web") == address


def test_a_rejected_setting_does_not_freeze_a_shared_vip(lab):
    pool = "cluster-a--default-a-sig-TCP-5060"
    with lab.running():
        lab.kube.apply(infra(network={"enableRhi": True}))
        lab.kube.apply(service("a", ports=(5060,), **{SHARED: "sig", INFRA: "telco"}))
        lab.kube.apply(endpoints("a", "10.244.1.5", ports=(5060,)))
        lab.until(lambda lab: lab.members(pool) == {"10.244.1.5:13060"})
        lab.kube.apply(infra(seGroup={"name": "no-such-group"}))
        lab.kube.wait_for(lambda _kube: problem(lab, "a") == "InfraSettingRejected")
        lab.kube.apply(endpoints("a", "10.244.2.6", ports=(5060,)))
        lab.until(lambda lab: lab.members(pool) == {"10.244.2.6:13060"})
        assert problem(lab, "a") == "InfraSettingRejected"


LABELS = {"ako.vmware.com/gateway-name": "gw", "ako.vmware.com/gateway-namespace": "default"}


def gateway(address):
    return {
        "apiVersion": "networking.x-k8s.io/v1alpha1",
        "kind": "Gateway",
        "metadata": {"name": "gw", "namespace": "default"},
        "spec": {
            "gatewayClassName": "avi",
            "addresses": [{"type": "IPAddress", "value": address}],
            "listeners": [
                {"protocol": "TCP", "port": 80, "routes": {"kind": "Service", "selector": {"matchLabels": LABELS}}}
            ],
        },
    }


def test_a_wrong_gateway_does_not_freeze_the_pools_behind_it(lab):
    pool = "cluster-a--default-web-gw-TCP-80"
    web = service("web")
    web["metadata"]["labels"] = LABELS
    with lab.running():
        lab.kube.apply(
            {
                "apiVersion": "networking.x-k8s.io/v1alpha1",
                "kind": "GatewayClass",
                "metadata": {"name": "avi"},
                "spec": {"controller": "ako.vmware.com/avi-lb"},
            }
        )
        lab.kube.apply(gateway("10.10.0.60"))
        lab.kube.apply(web)
        lab.kube.apply(endpoints("web", "10.244.1.5"))
        lab.until(lambda lab: lab.members(pool) == {"10.244.1.5:8080"})
        assert lab.until_address("web") == ["10.10.0.60"]
        lab.kube.apply(gateway("10.10.0.600"))
        lab.kube.apply(endpoints("web", "10.244.2.6"))
        lab.until(lambda lab: lab.members(pool) == {"10.244.2.6:8080"})
        assert lab.address("web") == ["10.10.0.60"]


def test_a_tenant_that_does_not_exist_takes_nothing_away_even_after_a_restart(lab):
    with lab.running():
        lab.kube.apply(service("web"))
        lab.kube.apply(endpoints("web", "10.244.1.5"))
        lab.until(lambda lab: lab.members(POOL) == {"10.244.1.5:8080"})
        address = lab.until_address("web")
    lab.kube.apply(namespace(**{TENANT: "no-such-tenant"}))
    mark = lab.mark()
    with lab.running(pod="ako-1"):
        lab.kube.wait_for(lambda _kube: problem(lab, "web") == "TenantNotFound")
        lab.kube.apply(endpoints("web", "10.244.2.6"))
        lab.until(lambda lab: lab.members(POOL) == {"10.244.2.6:8080"})
        # Another namespace is served as always, after everything that was not claimed has gone.
        lab.kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "green"}})
        lab.kube.apply(service("other", namespace="green"))
        lab.until_address("other", "green")
        assert [write for write in lab.writes(since=mark) if write.startswith("DELETE")] == []
        assert lab.address("web") == address
