"""What users name on the controller: asked for, asked for again, and answered also where nothing can be there."""

from pathlib import Path

import msgspec
import pytest
import yaml
from support.avi_lab.client import Client
from support.runtime.faults import QUICK
from support.runtime.lab import runtime_lab, service

from ako_lab.avi_controller import AviLab, LabConfig
from ako_lab.avi_controller.faults import Fault
from ako_runtime.avi.client import AviClient
from ako_runtime.avi.credentials import Credentials
from ako_runtime.avi.endpoint import Access, Endpoint, connection_pool
from ako_runtime.avi.session import AviSession
from ako_runtime.model.refs import Ref
from ako_runtime.settings import SecretText

CRDS = Path(__file__).resolve().parents[3] / "packaging/helm/ako/crds"
INFRA = "aviinfrasetting.ako.vmware.com/name"
PROFILE = "ako.vmware.com/application-profile"
SOON = msgspec.structs.replace(QUICK, missing=0.1)


@pytest.fixture
def lab(tmp_path):
    with runtime_lab(tmp_path) as lab:
        for path in sorted(CRDS.glob("ako.vmware.com_*.yaml")):
            lab.kube.apply(yaml.safe_load(path.read_text()))
        yield lab


def verdict(lab, name):
    return lab.kube.read("aviinfrasettings", name).get("status", {}).get("status", "")


def problem(lab, name):
    conditions = lab.kube.read("services", name, "default").get("status", {}).get("conditions") or []
    return next((entry["reason"] for entry in conditions if entry["status"] == "False"), "")


def make(lab, kind, **fields):
    with Client(lab.avi) as client:
        assert client.request("POST", f"/api/{kind}", fields).status == 201


def group_of(lab):
    found = (one for one in lab.avi.objects("virtualservice") if one["name"] == "cluster-a--default-web")
    return next((one["se_group_ref"].rpartition("#")[2] for one in found), "")


def test_a_setting_is_accepted_soon_after_its_group_was_made(lab):
    infra = {"apiVersion": "ako.vmware.com/v1beta1", "kind": "AviInfraSetting", "metadata": {"name": "telco"}}
    with lab.running(pace=SOON):
        lab.kube.apply(infra | {"spec": {"seGroup": {"name": "telco-engines"}}})
        lab.kube.apply(service("web", **{INFRA: "telco"}))
        lab.kube.wait_for(lambda _kube: verdict(lab, "telco") == "Rejected")
        lab.kube.wait_for(lambda _kube: problem(lab, "web") == "InfraSettingRejected")
        assert lab.names("virtualservice") == set()
        make(lab, "serviceenginegroup", name="telco-engines")
        lab.kube.wait_for(lambda _kube: verdict(lab, "telco") == "Accepted")
        lab.until(lambda lab: group_of(lab) == "telco-engines")
        lab.kube.wait_for(lambda _kube: problem(lab, "web") == "")


def test_a_service_is_served_soon_after_its_profile_was_made(lab):
    with lab.running(pace=SOON):
        lab.kube.apply(service("web", **{PROFILE: "low-latency"}))
        lab.kube.wait_for(lambda _kube: problem(lab, "web") == "InvalidValue")
        make(lab, "applicationprofile", name="low-latency", type="APPLICATION_PROFILE_TYPE_L4")
        lab.until_address("web")
        lab.kube.wait_for(lambda _kube: problem(lab, "web") == "")


def test_a_controller_that_does_not_answer_is_asked_later(lab):
    with lab.running(pace=SOON):
        lab.kube.apply(service("web", **{PROFILE: "low-latency"}))
        lab.kube.wait_for(lambda _kube: problem(lab, "web") == "InvalidValue")
        lab.avi.faults.add(Fault(kind="status", status=403, method="GET", path="/api/applicationprofile", count=2))
        lab.until(lambda lab: lab.avi.faults.struck.get("status", 0) == 2)
        make(lab, "applicationprofile", name="low-latency", type="APPLICATION_PROFILE_TYPE_L4")
        lab.until_address("web")


def test_in_a_tenant_that_does_not_exist_nothing_does():
    with AviLab(LabConfig()) as avi:
        credentials = Credentials(username=avi.username, password=SecretText(avi.password))
        endpoint = Endpoint(host=avi.host)
        connections = connection_pool(endpoint, credentials, size=1)
        access = Access(endpoint=endpoint, credentials=lambda: credentials)
        client = AviClient(session=AviSession(access=access, pool=connections), interned={}, cloud="Default-Cloud")
        profile = Ref("applicationprofile", "System-L4-Application")
        assert client.reference(profile.within("admin")).exists
        assert not client.reference(profile.within("no-such-tenant")).exists
        connections.close()
