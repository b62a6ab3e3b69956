import json

import pytest
import requests
from support.tca.lab import CNF, INSTANCES, OPERATIONS, PACKAGES, Caller, tca_lab


@pytest.fixture
def caller(tmp_path):
    with tca_lab(tmp_path) as lab:
        yield Caller(lab)


# Sessions


def test_a_session_ends_with_its_time(caller):
    assert caller.ask("GET", PACKAGES).status_code == 200
    caller.lab.advance(1801)
    answer = caller.ask("GET", PACKAGES)
    assert (answer.status_code, answer.json()["detail"]) == (401, "no session, or one that has ended; log in")


def test_wrong_passwords_lock_the_account_for_a_while(caller):
    assert [caller.login("wrong").status_code for _ in range(5)] == [401] * 5
    locked = caller.login()
    assert (locked.status_code, "locked" in locked.json()["message"]) == (401, True)
    caller.lab.advance(301)
    assert caller.login().status_code == 200


def test_the_token_counts_as_a_bearer_token_too(caller):
    headers = {"x-hm-authorization": "", "Authorization": f"Bearer {caller.token}"}
    assert caller.ask("GET", PACKAGES, headers=headers).status_code == 200


def test_the_version_header_is_required(caller):
    assert caller.ask("GET", PACKAGES, headers={"Version": ""}).status_code == 400


# Packages


def test_a_raw_upload_is_taken_as_well_as_a_form(caller):
    one, other = caller.create("one"), caller.create("other")
    caller.ask("PUT", f"{PACKAGES}/{one}/package_content", data=b"{}", headers={"Content-Type": "application/zip"})
    caller.upload(other, "{}")
    for identifier in (one, other):
        caller.until(f"{PACKAGES}/{identifier}", "onboardingState", "ONBOARDED")
        assert caller.ask("GET", f"{PACKAGES}/{identifier}/package_content").content == b"{}"


def test_a_cut_upload_leaves_the_package_as_it_was_created(caller):
    identifier = caller.create("p")
    caller.lab.add_fault(action="cut", method="PUT", bytes=3_000_000)
    with pytest.raises(requests.ConnectionError):
        caller.upload(identifier, b"x" * 20_000_000)
    caller.until(f"{PACKAGES}/{identifier}", "onboardingState", "CREATED")
    caller.upload(identifier, "{}")
    caller.until(f"{PACKAGES}/{identifier}", "onboardingState", "ONBOARDED")


def test_a_name_is_taken_once(caller):
    caller.create("p")
    answer = caller.ask("POST", PACKAGES, json={"userDefinedData": {"name": "p"}})
    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "a package with the name p is in the catalogue already",
    )


def test_a_package_without_a_name_is_refused(caller):
    assert caller.ask("POST", PACKAGES, json={"userDefinedData": {}}).status_code == 400


def test_a_descriptor_id_can_be_kept_unique(tmp_path):
    with tca_lab(tmp_path, unique_descriptors=True) as lab:
        caller = Caller(lab)
        caller.package("one")
        twin = caller.create("two")
        caller.upload(twin, "{}")
        failed = caller.until(f"{PACKAGES}/{twin}", "onboardingState", "ERROR")
    assert failed["onboardingFailureDetails"]["detail"] == "the descriptor id nfd_1 is that of package one"


def test_too_large_is_413(tmp_path):
    with tca_lab(tmp_path, upload_bytes=100) as lab:
        caller = Caller(lab)
        assert caller.upload(caller.create("p"), b"x" * 200).status_code == 413
        assert lab.packages()[0]["onboardingState"] == "CREATED"


def test_processing_fails_on_command(caller):
    caller.lab.add_fault(action="processing", message="the disk is full")
    identifier = caller.create("p")
    caller.upload(identifier, "{}")
    failed = caller.until(f"{PACKAGES}/{identifier}", "onboardingState", "ERROR")
    assert failed["onboardingFailureDetails"]["detail"] == "the disk is full"


def test_a_filter_selects(caller):
    caller.package("one", product="a")
    caller.package("two", product="b")
    found = caller.ask("GET", f"{PACKAGES}?filter=(eq,vnfProductName,b)").json()
    assert [item["userDefinedData"]["name"] for item in found] == ["two"]
    assert caller.ask("GET", f"{PACKAGES}?filter=nonsense").status_code == 400


@pytest.mark.parametrize(
    ("fields", "offered"),
    [
        ({"vnfd_id": "nfd_1", "product": "other", "provider": "q"}, True),
        ({"vnfd_id": "nfd_2"}, True),
        ({"vnfd_id": "nfd_2", "product": "other"}, False),
        ({"vnfd_id": "nfd_2", "provider": "q"}, False),
    ],
)
def test_which_packages_are_offered_as_upgrades(caller, fields, offered):
    caller.package("old")
    identifier = caller.instance()
    caller.ended(caller.instantiate(identifier), "COMPLETED")
    new = caller.package("new", software_version="2", **fields)
    answer = caller.ask("POST", f"{CNF}/{identifier}/upgrade", json={"nfdId": new})
    assert (answer.status_code == 200) == offered
    if offered:
        caller.ended(answer, "COMPLETED")
        assert caller.ask("GET", f"{INSTANCES}/{identifier}").json()["vnfSoftwareVersion"] == "2"


def test_guesses_answer_where_they_are_switched_on(tmp_path, caller):
    assert caller.ask("GET", "/hybridity/api/vims").status_code == 404
    with tca_lab(tmp_path, guess=True) as lab:
        assert Caller(lab).ask("GET", "/hybridity/api/vims").json() == {
            "items": [{"vimId": "vim-1", "vimName": "vim-1"}]
        }


# Instances


def test_automatic_rollback_ends_in_rolled_back(caller):
    caller.package("p")
    identifier = caller.instance()
    caller.lab.add_fault(action="helm", message="no such chart")
    ended = caller.ended(caller.instantiate(identifier), "ROLLED_BACK")
    assert ended["error"]["detail"] == "no such chart"
    assert caller.ask("GET", f"{INSTANCES}/{identifier}").json()["instantiationState"] == "NOT_INSTANTIATED"
    caller.ended(caller.instantiate(identifier), "COMPLETED")


@pytest.mark.parametrize(("action", "state"), [("rollback", "ROLLED_BACK"), ("fail", "FAILED"), ("retry", "COMPLETED")])
def test_the_ways_out_of_failed_temp(caller, action, state):
    caller.package("p")
    identifier = caller.instance()
    caller.lab.add_fault(action="helm")
    failed = caller.ended(caller.instantiate(identifier, rollback=False), "FAILED_TEMP")
    busy = caller.instantiate(identifier)
    assert (busy.status_code, "FAILED_TEMP" in busy.json()["detail"]) == (409, True)
    caller.ask("POST", f"{OPERATIONS}/{failed['id']}/{action}")
    caller.until(f"{OPERATIONS}/{failed['id']}", "operationState", state)
    assert caller.ask("POST", f"{OPERATIONS}/{failed['id']}/retry").status_code == 409


def test_a_running_operation_is_cancelled(tmp_path):
    helm = tmp_path / "helm"
    helm.write_text("#!/bin/sh\nexec sleep 600\n")
    helm.chmod(0o700)
    with tca_lab(tmp_path, helm=helm) as lab:
        caller = Caller(lab)
        caller.package("p")
        answer = caller.instantiate(caller.instance())
        caller.ended(answer, "PROCESSING")
        caller.ask("POST", f"{answer.headers['Location']}/cancel")
        assert caller.ended(answer, "FAILED_TEMP")["error"]["detail"] == "cancelled"


def test_what_cannot_be_done_is_refused(caller):
    package = caller.package("p")
    identifier = caller.instance()
    assert caller.ask("POST", INSTANCES, json={"vnfdId": "nfd_1", "vnfInstanceName": "lb"}).status_code == 409
    assert caller.ask("POST", INSTANCES, json={"vnfdId": "no", "vnfInstanceName": "x"}).status_code == 404
    assert caller.ask("DELETE", f"{PACKAGES}/{package}").status_code == 409
    place = f"{INSTANCES}/{identifier}"
    assert caller.ask("POST", f"{place}/terminate", json={"terminationType": "FORCEFUL"}).status_code == 409
    assert caller.ask("POST", f"{CNF}/{identifier}/upgrade", json={"nfdId": "nfd_1"}).status_code == 409
    assert caller.instantiate(identifier, vduName="other").status_code == 400
    assert caller.instantiate(identifier, overrides="not base64!").status_code == 400
    assert caller.instantiate(identifier, repoUrl="").status_code == 400
    caller.ended(caller.instantiate(identifier), "COMPLETED")
    assert caller.ask("DELETE", place).status_code == 409
    assert caller.instantiate(identifier).status_code == 409


def test_secrets_of_a_request_are_not_shown(caller):
    caller.package("p")
    done = caller.ended(
        caller.instantiate(caller.instance(), username="u", password="hunter2", overrides="YTogMQ=="), "COMPLETED"
    )
    assert "hunter2" not in json.dumps(done)
    assert done["operationParams"]["additionalParams"]["vduParams"][0]["password"] == "***"


def test_partner_systems_give_the_repository_and_never_their_password(caller):
    document = {
        "name": "harbor",
        "interfaceInfo": {"url": "oci://harbor/p"},
        "accessInfo": {"username": "u", "password": "aHVudGVyMg=="},
    }
    made = caller.ask("POST", "/hybridity/api/extensions", json=document)
    assert made.status_code == 201
    assert caller.ask("POST", "/hybridity/api/extensions", json=document).status_code == 409
    assert "hunter2" not in made.text
    asked = {"filter": {"vimId": "vim-1"}}
    rows = caller.ask("POST", "/hybridity/api/repositories/query", json=asked).json()["items"]
    assert rows[0]["repos"] == [{"name": "oci://harbor/p", "type": "OCI"}]
    caller.package("p")
    caller.ended(caller.instantiate(caller.instance(), repoUrl="", extensionId=made.json()["id"]), "COMPLETED")


# Faults and steering


def test_faults_over_http(caller):
    steer = f"{caller.lab.url}/lab/faults"
    requests.post(steer, json={"action": "answer", "path": f"{PACKAGES}.*", "status": 503, "times": 2}, timeout=10)
    assert [caller.ask("GET", PACKAGES).status_code for _ in range(3)] == [503, 503, 200]
    assert requests.post(steer, json={"action": "answer", "status": 200}, timeout=10).status_code == 400
    requests.post(steer, json={"action": "expire"}, timeout=10)
    assert caller.ask("GET", PACKAGES).status_code == 401


def test_every_row_of_the_table_has_a_grade_and_a_source(caller):
    rows = requests.get(f"{caller.lab.url}/lab/endpoints", timeout=10).json()
    assert len({(row["method"], row["path"]) for row in rows}) == len(rows)
    assert all(row["grade"] in "ABCD" and row["source"] for row in rows)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"userDefinedData": 3}', b"null"])
def test_bad_bodies_are_400(caller, body):
    assert caller.ask("POST", PACKAGES, data=body).status_code == 400
