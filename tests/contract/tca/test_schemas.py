"""Answers and requests of the simulated TCA against the interface files of SOL003 (V3.3.1), which are not ours."""

import json

import jsonschema
import pytest
from support.data_folder import test_data as data_file
from support.tca.lab import CNF, INSTANCES, OPERATIONS, PACKAGES, Caller, tca_lab

from ako_builder.csar.instantiate import Component, Site, instantiate_body


def interface(name):
    return json.loads(data_file("etsi-sol003-3.3.1", f"sol003_{name}_openapi.json").read_text())["components"]


def faults(document, schema):
    return [error.message for error in jsonschema.Draft7Validator(schema).iter_errors(document)]


def answer_schema(name, answer):
    return interface(name)["responses"][answer]["content"]["application/json"]["schema"]


@pytest.fixture
def caller(tmp_path):
    with tca_lab(tmp_path, processing_seconds=5) as lab:
        yield Caller(lab)


def test_a_package_in_every_state(caller):
    schema = answer_schema("package", "IndividualVnfPackage.Get.200")
    good, bad = caller.create("good"), caller.create("bad")
    documents = [caller.ask("GET", f"{PACKAGES}/{good}").json()]
    caller.upload(good, "{}")
    caller.upload(bad, "no package")
    documents.append(caller.until(f"{PACKAGES}/{good}", "onboardingState", "PROCESSING"))
    caller.lab.advance(6)
    documents.append(caller.until(f"{PACKAGES}/{good}", "onboardingState", "ONBOARDED"))
    documents.append(caller.until(f"{PACKAGES}/{bad}", "onboardingState", "ERROR"))
    assert [item["onboardingState"] for item in documents] == ["CREATED", "PROCESSING", "ONBOARDED", "ERROR"]
    assert [faults(item, schema) for item in documents] == [[], [], [], []]
    assert documents[-1]["onboardingFailureDetails"]["detail"] == "STR-001 NFD.mf: not a package"


def test_an_instance_and_its_operations(caller):
    identifier = caller.create("p")
    caller.upload(identifier, "{}")
    caller.lab.wait_for(lambda lab: lab.packages()[0]["onboardingState"] == "PROCESSING")
    caller.lab.advance(6)
    caller.until(f"{PACKAGES}/{identifier}", "onboardingState", "ONBOARDED")
    created = caller.ask("POST", INSTANCES, json={"vnfdId": "nfd_1", "vnfInstanceName": "lb"})
    assert faults(created.json(), answer_schema("lifecycle", "VNFInstances.Post.201")) == []
    place = f"{INSTANCES}/{created.json()['id']}"
    operation = answer_schema("lifecycle", "IndividualVnfLcmOpOcc.Get.200")
    caller.lab.add_fault(action="helm", message="the chart is not there")
    failed = caller.ended(caller.instantiate(created.json()["id"], rollback=False), "FAILED_TEMP")
    assert failed["error"]["detail"] == "the chart is not there"
    assert set(failed["_links"]) == {"self", "vnfInstance", "retry", "rollback", "fail"}
    caller.ask("POST", f"{OPERATIONS}/{failed['id']}/retry")
    done = caller.until(f"{OPERATIONS}/{failed['id']}", "operationState", "COMPLETED")
    ended = caller.ended(caller.ask("POST", f"{place}/terminate", json={"terminationType": "FORCEFUL"}), "COMPLETED")
    # The interface file asks for one of two attributes that exclude each other; a plain operation has neither.
    plain = {key: value for key, value in operation.items() if key != "oneOf"}
    assert [faults(item, plain) for item in (failed, done, ended)] == [[], [], []]
    instance = answer_schema("lifecycle", "IndividualVnfInstance.Get.200")
    assert faults(caller.ask("GET", place).json(), instance) == []


BODIES = {
    "CreateVnfRequest": (INSTANCES, [{"vnfdId": "x"}, {}, {"vnfdId": 3}, {"vnfdId": "x", "vnfInstanceName": []}]),
    "InstantiateVnfRequest": (
        f"{INSTANCES}/none/instantiate",
        [{"flavourId": "default"}, {}, {"flavourId": 1}, {"flavourId": "d", "additionalParams": []}],
    ),
    "TerminateVnfRequest": (
        f"{INSTANCES}/none/terminate",
        [
            {"terminationType": "FORCEFUL"},
            {"terminationType": "SLOWLY"},
            {},
            {"terminationType": "GRACEFUL", "gracefulTerminationTimeout": "long"},
        ],
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_requests_are_judged_as_the_schema_judges_them(caller, name):
    place, bodies = BODIES[name]
    schema = interface("lifecycle")["requestBodies"][name]["content"]["application/json"]["schema"]
    for body in bodies:
        refused = caller.ask("POST", place, json=body).status_code == 400
        assert refused == bool(faults(body, schema)), body


def test_what_our_client_sends_is_known_to_the_schema_but_for_the_vendors_list_of_vims():
    site = Site(namespace="n", repo_url="oci://r/p", helm_name="ako", vim="v", node_pool="np")
    body = instantiate_body((Component(vdu="akovdu", chart="ako"),), site=site, values=b"a: 1\n", plain=False)
    schema = interface("lifecycle")["requestBodies"]["InstantiateVnfRequest"]["content"]["application/json"]["schema"]
    assert len(faults(body, schema)) == 1
    del body["vimConnectionInfo"]
    assert faults(body, schema) == []


def test_the_inventory_is_at_its_place(caller):
    assert caller.ask("GET", f"{CNF}/none/inventory").json()["message"] == "no instance has the id none"
