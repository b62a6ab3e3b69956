"""`ako tca` against the simulated TCA, with packages that `ako build` makes and a Helm that is only pretended."""

import json
import os
import stat
import subprocess
import sys

import pytest
from click.testing import CliRunner
from support.tca.lab import VIM, tca_lab

from ako_builder.build import build
from ako_builder.release import load_release
from ako_builder.signer import demo_signer
from ako_lab.tca.judge import judged
from ako_runtime.cli import ako
from ako_runtime.errors import AkoError


@pytest.fixture(scope="session")
def csar(tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    build(load_release(None), out=folder, kinds=("csar",), epoch=1_700_000_000, signer=demo_signer())
    return next(folder.glob("*-tca-2x.csar"))


class Commands:
    def __init__(self, lab, folder):
        self.lab, self.folder = lab, folder
        self.values = folder / "values.yaml"
        self.values.write_text("AKOSettings:\n  clusterName: c1\n")
        self.session = folder / "session.json"

    def run(self, *arguments, wrong=False):
        environment = {"AKO_TCA_SESSION": str(self.session), "AKO_TCA_PASSWORD": self.lab.password}
        result = CliRunner(env=environment).invoke(ako, ["tca", *map(str, arguments)])
        if wrong:
            assert isinstance(result.exception, AkoError), result.output
            return str(result.exception)
        assert result.exception is None, result.exception
        return result.output

    def login(self):
        return self.run("login", self.lab.url, "--username", self.lab.username)

    def site(self):
        return ("--values", self.values, "--namespace", "avi-system", "--vim", VIM, "--repo-url", self.lab.registry)


@pytest.fixture
def commands(tmp_path):
    with tca_lab(tmp_path, judge=judged) as lab:
        made = Commands(lab, tmp_path)
        made.login()
        yield made


def uploads(lab):
    return [item.status for item in lab.requests() if item.method == "PUT"]


def test_the_token_is_in_a_file_of_the_user_alone_and_never_printed(commands):
    said = commands.login()
    token = json.loads(commands.session.read_text())["token"]
    assert stat.S_IMODE(commands.session.stat().st_mode) == 0o600
    assert token
    assert token not in said
    commands.run("logout")
    assert "not logged in" in commands.run("instances", wrong=True)


def test_a_wrong_password_is_said_once(tmp_path, commands):
    file = tmp_path / "password"
    file.write_text("wrong\n")
    before = len(commands.lab.requests())
    said = commands.run("login", commands.lab.url, "--username", "administrator", "--password-file", file, wrong=True)
    assert "refuses user administrator" in said
    assert len(commands.lab.requests()) == before + 1


@pytest.mark.parametrize(
    ("url", "said"), [("http://tca.example", "in the clear"), ("tca", "no address"), ("ftp://x", "no address")]
)
def test_no_password_goes_where_it_is_not_safe(commands, url, said):
    assert said in commands.run("login", url, "--username", "a", wrong=True)


def test_a_package_is_pushed_once(commands, csar):
    assert "is ONBOARDED: ako" in commands.run("package", "push", csar)
    commands.run("package", "push", csar)
    assert uploads(commands.lab) == [202]
    assert json.loads(commands.run("package", "list", "-o", "json"))[0]["state"] == "ONBOARDED"
    assert json.loads(commands.run("package", "show", csar.stem))["vnfProductName"] == "ako"
    assert "is removed" in commands.run("package", "delete", csar.stem)
    assert "is not there" in commands.run("package", "delete", csar.stem)


def test_an_upload_that_breaks_off_is_sent_again(commands, csar):
    commands.lab.add_fault(action="cut", method="PUT", bytes=1000)
    assert "is ONBOARDED" in commands.run("package", "push", csar)
    assert uploads(commands.lab)[-1] == 202


def test_a_package_that_failed_is_made_anew(commands, csar):
    commands.lab.add_fault(action="processing", message="the disk is full")
    assert commands.run("package", "push", csar, wrong=True) == (
        f"TCA does not onboard package {csar.stem}: the disk is full"
    )
    assert "is ONBOARDED" in commands.run("package", "push", csar)
    assert len(commands.lab.packages()) == 1


def test_the_form_of_uploads_is_found_out_once_and_remembered(tmp_path, csar):
    with tca_lab(tmp_path, judge=judged, uploads=("raw",)) as lab:
        commands = Commands(lab, tmp_path)
        commands.login()
        commands.run("package", "push", csar)
        commands.run("package", "push", csar, "--name", "again")
        assert uploads(lab) == [415, 202, 202]


def test_a_name_of_another_package_is_not_overwritten(tmp_path, csar):
    with tca_lab(tmp_path, judge=lambda path: _renamed(judged(path))) as lab:
        commands = Commands(lab, tmp_path)
        commands.login()
        commands.run("package", "push", csar)
        assert "is there already with version 9" in commands.run("package", "push", csar, wrong=True)


def _renamed(content):
    import msgspec

    return msgspec.structs.replace(content, software_version="9")


def test_a_package_of_another_provider_is_told_apart_before_the_upload(tmp_path, csar):
    import msgspec

    def other(path):
        return msgspec.structs.replace(judged(path), provider="someone", vnfd_id="nfd_other")

    with tca_lab(tmp_path, judge=other) as lab:
        commands = Commands(lab, tmp_path)
        commands.login()
        commands.run("package", "push", csar, "--name", "theirs")
        said = commands.run("package", "push", csar, "--name", "ours")
    assert "TCA would not offer this as an upgrade of theirs: its provider is someone, not ako-toolkit" in said


def test_what_tca_would_refuse_is_not_uploaded(commands, tmp_path):
    bad = tmp_path / "bad.csar"
    bad.write_bytes(b"PK\x05\x06" + bytes(18))
    assert "TCA would not take it" in commands.run("package", "push", bad, wrong=True)
    assert not commands.lab.packages()


def test_a_repository_is_registered_once_and_gives_its_account_to_an_instance(commands, csar, monkeypatch):
    monkeypatch.setitem(os.environ, "AKO_REPO_PASSWORD", "hunter2")
    add = ("repository", "add", "harbor", commands.lab.registry, "--username", "robot", "--vim", VIM)
    said = commands.run(*add)
    row = json.loads(commands.run("repository", "list", "-o", "json"))[0]
    assert row == {"name": "harbor", "id": row["id"], "url": commands.lab.registry, "state": "ENABLED"}
    assert said == f"harbor is registered, extension id {row['id']}\n"
    assert commands.run(*add) == f"harbor is registered already, extension id {row['id']}\n"
    assert [item.method for item in commands.lab.requests() if item.path.endswith("/extensions")].count("POST") == 1
    sent = next(item.body for item in commands.lab.requests() if item.path.endswith("/extensions") and item.body)
    assert json.loads(sent)["accessInfo"] == {"username": "robot", "password": "aHVudGVyMg=="}
    commands.run("package", "push", csar)
    install = ("instantiate", csar, "--name", "lb", *commands.site(), "--extension-id", row["id"], "--wait")
    assert commands.run(*install) == "lb is instantiated: INSTANTIATE COMPLETED\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("harbor", "oci://other.example/charts"), "is registered already with the address oci://127.0.0.1:1/charts"),
        (("harbor", "oci://127.0.0.1:1/charts", "--vim", "vim-9"), "not for VIM vim-9"),
        (("new", "harbor.example/charts"), "not the address of a repository"),
        (("new", "ftp://harbor.example/charts"), "not the address of a repository"),
        (("new", "oci://[x/charts"), "is no address"),
        (("new", "oci:///charts"), "not the address of a repository"),
        (("new", "https://robot:hunter2@harbor.example"), "the address of repository new holds an account"),
        (("new", "oci://harbor.example/charts", "--username", "robot"), "put it into $AKO_REPO_PASSWORD"),
    ],
)
def test_what_is_no_repository_is_not_registered(commands, arguments, said):
    commands.run("repository", "add", "harbor", "oci://127.0.0.1:1/charts", "--vim", VIM)
    refused = commands.run("repository", "add", *arguments, wrong=True)
    assert said in refused
    assert "hunter2" not in refused
    assert len(json.loads(commands.run("repository", "list", "-o", "json"))) == 1


def test_a_size_that_was_refused_is_not_sent_again_in_this_session(tmp_path, csar):
    with tca_lab(tmp_path, judge=judged, upload_bytes=1000) as lab:
        commands = Commands(lab, tmp_path)
        commands.login()
        assert "refuses (status 413): a package has at most 1000 bytes" in commands.run(
            "package", "push", csar, wrong=True
        )
        again = commands.run("package", "push", csar, wrong=True)
        size = csar.stat().st_size
        assert f"{csar} has {size} bytes, and TCA refused {size} bytes as too large" in again
        assert uploads(lab) == [413]
        commands.login()
        assert "status 413" in commands.run("package", "push", csar, wrong=True)


def test_a_package_over_the_users_limit_is_not_uploaded(commands, csar):
    size = csar.stat().st_size
    said = commands.run("package", "push", csar, "--max-size", size - 1, wrong=True)
    assert f"{csar} has {size} bytes, more than the {size - 1} of --max-size" in said
    assert not commands.lab.packages()
    assert "is ONBOARDED" in commands.run("package", "push", csar, "--max-size", size)


def test_what_is_wrong_with_the_repository_is_said_before_the_upload(commands, csar):
    said = commands.run("package", "push", csar, "--repo-url", "https://harbor.example/chartrepo/p")
    assert said.index("ako: https://harbor.example/chartrepo/p is no OCI repository") < said.index("is ONBOARDED")
    assert "ako:" not in commands.run("package", "push", csar, "--repo-url", commands.lab.registry)
    site = commands.site()[:-1]
    install = ("instantiate", csar, "--name", "lb", *site, "oci://127.0.0.1:1/charts", "--wait")
    said = commands.run(*install)
    assert "ako: repository oci://127.0.0.1:1/charts cannot be reached from here" in said
    assert said.endswith("lb is instantiated: INSTANTIATE COMPLETED\n")


def test_an_ended_session_says_how_to_get_another(commands):
    commands.lab.expire_sessions()
    assert commands.run("instances", wrong=True).endswith("log in again with 'ako tca login'")


def test_the_life_of_an_instance_each_step_twice(commands, csar):
    install = ("instantiate", csar, "--name", "lb", *commands.site(), "--wait")
    assert "no such package onboarded" in commands.run(*install, wrong=True)
    commands.run("package", "push", csar)
    assert commands.run(*install) == "lb is instantiated: INSTANTIATE COMPLETED\n"
    assert commands.run(*install) == "lb is instantiated already\n"
    assert commands.run("values", "get", "lb") == commands.values.read_text()
    assert commands.run("upgrade", "lb", "--to", csar) == "lb is upgraded already\n"
    assert json.loads(commands.run("instances", "-o", "json"))[0]["state"] == "INSTANTIATED"
    assert commands.run("terminate", "lb", "--wait") == "lb is terminated: TERMINATE COMPLETED\n"
    assert commands.run("terminate", "lb", "--delete") == "lb is terminated already\nlb is removed\n"
    assert "no instance has the name lb" in commands.run("show", "lb", wrong=True)


def test_the_form_of_overrides_is_found_out_once_and_remembered(tmp_path, csar):
    with tca_lab(tmp_path, judge=judged, overrides="plain") as lab:
        commands = Commands(lab, tmp_path)
        commands.login()
        commands.run("package", "push", csar)
        for name in ("one", "two"):
            commands.run("instantiate", csar, "--name", name, *commands.site(), "--wait")
        assert commands.run("values", "get", "one") == commands.values.read_text()
        assert [item.status for item in lab.requests() if item.path.endswith("/instantiate")] == [400, 202, 202]


def test_a_failure_says_its_reason_and_what_to_do(commands, csar):
    commands.run("package", "push", csar)
    commands.lab.add_fault(action="helm", message="no such chart")
    install = ("instantiate", csar, "--name", "lb", *commands.site(), "--wait", "--no-rollback")
    assert commands.run(*install, wrong=True) == (
        "INSTANTIATE ended in FAILED_TEMP: no such chart; it waits: 'ako tca operation retry', 'rollback' or 'fail'"
    )
    commands.run("operation", "retry", "lb")
    commands.run("show", "lb", "--wait")
    assert json.loads(commands.run("instances", "-o", "json"))[0]["state"] == "INSTANTIATED"


def test_a_request_is_shown_and_not_sent(commands, csar, monkeypatch):
    monkeypatch.setitem(os.environ, "AKO_REPO_PASSWORD", "hunter2")
    before = len(commands.lab.requests())
    said = commands.run("request", csar, *commands.site(), "--username", "robot", "--plain")
    vdu = json.loads(said)["additionalParams"]["vduParams"][0]
    assert (vdu["password"], vdu["overrides"]) == ("***", commands.values.read_text())
    assert len(commands.lab.requests()) == before


def test_without_a_terminal_a_password_must_be_given():
    """No prompt that nobody sees, and no end of the input that looks like an interruption."""
    command = [sys.executable, "-m", "ako_runtime", "tca", "login", "https://tca.invalid", "--username", "x"]
    environ = {name: text for name, text in os.environ.items() if name != "AKO_TCA_PASSWORD"}
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False, env=environ
    )
    assert done.returncode == 2
    assert done.stderr == ("ako: no password and no terminal to ask at: give --password-file or $AKO_TCA_PASSWORD\n")


def test_operations_are_told_in_json(commands, csar):
    commands.run("package", "push", csar)
    told = json.loads(commands.run("instantiate", csar, "--name", "lb", *commands.site(), "-o", "json"))
    assert (told["instance"], told["state"], bool(told["operation"])) == ("lb", "STARTING", True)
    commands.run("show", "lb", "--wait")
    again = json.loads(commands.run("upgrade", "lb", "--to", csar, "-o", "json"))
    assert again == {"instance": "lb", "operation": "", "state": "COMPLETED"}
    healed = json.loads(commands.run("heal", "lb", "--cause", "a drill", "--wait", "-o", "json"))
    assert healed["state"] == "COMPLETED"
    ended = json.loads(commands.run("terminate", "lb", "--delete", "-o", "json"))
    assert ended["state"] == "COMPLETED"


def test_only_what_runs_is_healed(commands, csar):
    commands.run("package", "push", csar)
    commands.run("instantiate", csar, "--name", "lb", *commands.site(), "--wait")
    assert commands.run("heal", "lb", "--wait") == "lb is healed: HEAL COMPLETED\n"
    assert [json.loads(item.body) for item in commands.lab.requests() if item.path.endswith("/heal")] == [
        {"cause": "asked for by ako tca heal"}
    ]
    commands.run("terminate", "lb", "--wait")
    assert "only what is instantiated is healed" in commands.run("heal", "lb", wrong=True)


def newer(commands, csar):
    """A package of the next version, made as the how-to page says."""
    folder = commands.folder
    build(load_release(None), out=folder, kinds=("chart",), epoch=1_700_000_000, signer=demo_signer())
    chart = next(folder.glob("ako-*.tgz"))
    made = folder / "newer.csar"
    arguments = ["--chart", str(chart), "--version", "99.0.0", "--profile", "tca-2x"]
    arguments += ["--successor-of", str(csar), "--sign-demo", "--out", str(made)]
    result = CliRunner().invoke(ako, ["csar", "build", *arguments])
    assert result.exception is None, result.output
    return made


@pytest.mark.parametrize(
    ("takes", "asked"), [(("cnf", "change_vnfpkg"), ["upgrade"]), (("change_vnfpkg",), ["upgrade", "change_vnfpkg"])]
)
def test_the_call_that_upgrades_is_found_out_once_and_remembered(tmp_path, csar, takes, asked):
    with tca_lab(tmp_path, judge=judged, upgrades=takes) as lab:
        commands = Commands(lab, tmp_path)
        commands.login()
        commands.run("package", "push", csar, "--name", "old")
        commands.run("instantiate", csar, "--name", "lb", *commands.site(), "--wait")
        following = newer(commands, csar)
        commands.run("package", "push", following, "--name", "new")
        assert commands.run("upgrade", "lb", "--to", following, "--wait") == "lb is upgraded: CHANGE_VNFPKG COMPLETED\n"
        calls = [item.path.rpartition("/")[2] for item in lab.requests()]
        assert [name for name in calls if name in {"upgrade", "change_vnfpkg"}] == asked
        assert lab.instances()[0]["vnfSoftwareVersion"] == "99.0.0"
        assert json.loads(commands.session.read_text())["upgrade"] == ("cnf" if "cnf" in takes else "change_vnfpkg")


def test_slow_answers_are_waited_for(commands, csar):
    commands.lab.add_fault(action="delay", seconds=0.3, times=3)
    assert "is ONBOARDED" in commands.run("package", "push", csar)


def test_a_tca_by_tls_is_trusted_by_its_certificate_or_not_at_all(tmp_path, csar):
    with tca_lab(tmp_path, judge=judged, tls=True) as lab:
        commands = Commands(lab, tmp_path)
        assert lab.url.startswith("https://")
        said = commands.run("login", lab.url, "--username", lab.username, wrong=True)
        assert "certificate" in said
        ca = tmp_path / "ca.pem"
        ca.write_text(lab.certificate_pem)
        commands.run("login", lab.url, "--username", lab.username, "--ca-file", ca)
        assert "is ONBOARDED" in commands.run("package", "push", csar)
        commands.run("instantiate", csar, "--name", "lb", *commands.site(), "--wait")
        before = len(lab.requests())
        plain = lab.registry.replace("oci://", "http://").removesuffix("/charts")
        assert "status 404" in commands.run("login", plain, "--username", lab.username, wrong=True)
        assert len(lab.requests()) == before + 1
        said = commands.run("login", lab.url, "--username", lab.username, "--insecure")
        assert "gets the password unchecked" in said


def test_policies_are_pushed_once_to_the_place_that_is_said(tmp_path, csar):
    place = "/telco/api/k8spolicy/v1/policies"
    folder = tmp_path / "tca"
    result = CliRunner().invoke(ako, ["csar", "policy", str(csar), "-o", str(folder)])
    assert result.exception is None, result.output
    with tca_lab(tmp_path, judge=judged, guess=True) as lab:
        commands = Commands(lab, tmp_path)
        commands.login()
        push = ("policy", "push", folder, "--at", place)
        assert commands.run(*push) == "ako-rbac is created, a draft\nako-psa is created, a draft\n"
        assert commands.run(*push, "--finalize").count("is there already, and finalized") == 2
        assert commands.run(*push, "--finalize").count("is there already\n") == 2
        path = folder / "policy-rbac.yaml"
        path.write_text(path.read_text().replace("ClusterRole\n", "Role\n", 1))
        assert "is there with another content" in commands.run(*push, wrong=True)
        path.write_text(path.read_text().replace("ako-rbac", "other"))
        assert "is a ClusterRole" in commands.run(*push, wrong=True)


def test_the_place_of_policies_is_a_guess_that_answers_only_when_asked_for(commands, csar, tmp_path):
    CliRunner().invoke(ako, ["csar", "policy", str(csar), "-o", str(tmp_path / "tca")])
    push = ("policy", "push", tmp_path / "tca", "--at", "/telco/api/k8spolicy/v1/policies")
    assert "status 404" in commands.run(*push, wrong=True)
    assert "not a path" in commands.run(*push[:-1], "https://h/p", wrong=True)
    assert "'ako csar policy' writes it" in commands.run("policy", "push", tmp_path, "--at", "/p", wrong=True)


def test_a_push_says_that_restricted_mode_needs_a_grant(commands, csar):
    assert "isolation mode Restricted ako needs a policy and a grant" in commands.run("package", "push", csar)
