"""`ako addon check --controller`: a live Avi Controller is asked what it knows of this cluster's AKO."""

import json

import pytest
import yaml
from click.testing import CliRunner
from support.avi_lab.client import Client

from ako_builder.addon.cli import addon
from ako_builder.addon.live.avi_view import Claim, Controller, disagreements
from ako_builder.addon.live.operator_role import _NONE, _READ, _WRITE
from ako_builder.addon.versions import Range
from ako_lab.avi_controller import AviLab, LabConfig
from ako_lab.avi_controller.config import GrantSeed, RoleSeed, UserSeed
from ako_lab.kube_api import KubeConfig, KubeLab
from ako_runtime.errors import UserError

CONFIG = {"clusterName": "plant", "cloudName": "Default-Cloud", "controllerVersion": "30.2.1"}


@pytest.fixture
def lab(tmp_path):
    with AviLab(LabConfig(version="30.2.1")) as avi:
        (tmp_path / "ca.pem").write_text(avi.certificate_pem)
        yield avi


def created(lab, name, created_by):
    address = {"addr": f"10.0.0.{len(lab.objects('vsvip')) + 9}", "type": "V4"}
    vip = {"name": f"{name}-vip", "vip": [{"vip_id": "0", "ip_address": address}]}
    body = {"name": name, "services": [{"port": 80}], "created_by": created_by}
    with Client(lab) as client:
        made = client.request("POST", "/api/vsvip", vip)
        assert made.status == 201, made.body
        answer = client.request("POST", "/api/virtualservice", {**body, "vsvip_ref": made.json["url"]})
        assert answer.status == 201, answer.body


def check(lab, tmp_path, *more, config=CONFIG, image="r.example.com/ako:v1.12.2_vmware.1", environ=None):
    dump = tmp_path / "dump"
    dump.mkdir(exist_ok=True)
    containers = [{"name": "ako", "image": image}]
    objects = [
        {"kind": "ConfigMap", "metadata": {"name": "avi-k8s-config", "namespace": "avi-system"}, "data": config},
        {
            "kind": "StatefulSet",
            "metadata": {"name": "ako"},
            "spec": {"template": {"spec": {"containers": containers}}},
        },
    ]
    (dump / "objects.yaml").write_text(yaml.safe_dump_all(objects))
    arguments = ["check", "--dump", dump, "--controller", lab.url, "--controller-ca", tmp_path / "ca.pem", *more]
    environ = {"AKO_AVI_PASSWORD": lab.password} if environ is None else environ
    done = CliRunner(env=environ).invoke(addon, [*map(str, arguments), "-o", "json"], standalone_mode=False)
    if isinstance(done.exception, UserError):
        raise done.exception
    assert done.exception is None, done.exception
    return [row for row in json.loads(done.stdout) if row["verdict"] == "differs"], done.return_value


def test_a_controller_that_agrees_is_no_drift_and_is_only_read(lab, tmp_path):
    created(lab, "plant--default-web", "ako-plant")
    created(lab, "other--default-web", "ako-other")
    before = len(lab.requests())
    assert check(lab, tmp_path) == ([], 0)
    written = [item for item in lab.requests()[before:] if item.method not in ("GET", "HEAD")]
    assert {item.path for item in written} <= {"/login", "/logout"}


def test_an_object_of_somebody_else_under_this_clusters_name(lab, tmp_path):
    created(lab, "plant--default-web", "ako-plant")
    created(lab, "plant--default-mine", "")
    rows, code = check(lab, tmp_path)
    assert code == 1
    assert [(row["expected"], row["found"]) for row in rows] == [
        ("plant--default-mine created by ako-plant", "created by nobody known")
    ]


def test_versions_and_cloud_that_do_not_fit(lab, tmp_path):
    config = {**CONFIG, "cloudName": "Elsewhere", "controllerVersion": "31.1.1"}
    rows, code = check(lab, tmp_path, config=config, image="r.example.com/ako:v1.10.3_vmware.1")
    assert code == 1
    assert [(row["expected"], row["found"]) for row in rows] == [
        ("21.1.5 to 22.1.4", "30.2.1"),
        ("API 31.1.1", "30.2.1"),
        ("cloud Elsewhere", "Default-Cloud"),
    ]


def test_an_older_controller_is_asked_in_its_own_api_version(tmp_path):
    with AviLab(LabConfig(version="22.1.3")) as avi:
        (tmp_path / "ca.pem").write_text(avi.certificate_pem)
        assert check(avi, tmp_path, config={**CONFIG, "controllerVersion": ""}) == ([], 0)


def test_the_password_comes_from_a_file_too_and_is_asked_for_otherwise(lab, tmp_path):
    (tmp_path / "password").write_text(f"{lab.password}\n")
    assert check(lab, tmp_path, "--password-file", tmp_path / "password", environ={}) == ([], 0)
    with pytest.raises(UserError, match="give --password-file, or set AKO_AVI_PASSWORD"):
        check(lab, tmp_path, environ={})


def test_what_does_not_work_is_one_sentence(lab, tmp_path):
    with pytest.raises(UserError, match="refuses user 'nobody': check --username") as caught:
        check(lab, tmp_path, "--username", "nobody")
    assert lab.password not in str(caught.value)
    with pytest.raises(UserError, match="cannot be reached"):
        check(lab, tmp_path, "--controller", "127.0.0.1:1")
    with pytest.raises(UserError, match="give --controller-ca FILE or --insecure"):
        check(lab, tmp_path, "--insecure")
    with pytest.raises(UserError, match="give HOST or HOST:PORT"):
        check(lab, tmp_path, "--controller", "https://host/api")


def test_another_authority_is_not_trusted(lab, tmp_path):
    with AviLab(LabConfig()) as other:
        (tmp_path / "ca.pem").write_text(other.certificate_pem)
    with pytest.raises(UserError, match=r"its certificate is refused"):
        check(lab, tmp_path)


def test_the_cluster_is_read_in_the_namespaces_that_were_named(lab, tmp_path):
    containers = [{"name": "ako", "image": "r.example.com/ako:v1.10.3_vmware.1"}]
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": containers}}
    spec = {"serviceName": "ako", "selector": {"matchLabels": {"a": "b"}}, "template": template}
    place = {"name": "ako", "namespace": "edge"}
    with KubeLab(KubeConfig()) as kube:
        kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "edge"}})
        kube.apply({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": place, "spec": spec})
        kube.write_kubeconfig(tmp_path / "kubeconfig")
        arguments = ["check", "--kubeconfig", tmp_path / "kubeconfig", "--controller", lab.host, "--insecure"]
        runner = CliRunner(env={"AKO_AVI_PASSWORD": lab.password})
        for more, said in (
            # Nothing was found where nothing is: that is no good news.
            ([], "not compared: no StatefulSet ako"),
            (["-n", "edge", "--packages-namespace", "edge"], "does not support this controller version"),
        ):
            done = runner.invoke(addon, [*map(str, arguments), *more], standalone_mode=False)
            assert (done.exception, done.return_value) == (None, 1), done.output
            assert said in done.output
            assert "equal" not in done.output


def test_a_secondary_instance_and_another_cloud():
    claims = (
        Claim(name="plant--a", created_by="ako-plant-edge", cloud="c"),
        Claim(name="plant--b", created_by="ako-plant", cloud="d"),
        Claim(name="plant--c", created_by="ako-plant-edge", cloud="d"),
    )
    seen = Controller(host="h", version="30.2.1", clouds=frozenset({"c"}), claims=claims)
    config = {"clusterName": "plant", "cloudName": "c", "primaryInstance": "false"}
    found = list(disagreements(seen, config=config, namespace="edge", supported=Range(low="22.1.3")))
    assert [item.expected for item in found] == ["plant--c in cloud c"]
    assert list(disagreements(seen, config={}, namespace="", supported=None)) == []


def privileges(**changed):
    """What ako-operator gives its role, with changes."""
    levels = {"NO_ACCESS": _NONE, "READ_ACCESS": _READ, "WRITE_ACCESS": _WRITE}
    given = {f"PERMISSION_{name}": access for access, names in levels.items() for name in names}
    return given | {f"PERMISSION_{name}": access for name, access in changed.items()}


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, []),
        ({"CSRFPOLICY": "NO_ACCESS"}, ["PERMISSION_CSRFPOLICY"]),
        ({"POOL": "READ_ACCESS"}, ["PERMISSION_POOL"]),
        (
            {"CSRFPOLICY": "WRITE_ACCESS", "L4POLICYSET": "NO_ACCESS"},
            ["PERMISSION_CSRFPOLICY", "PERMISSION_L4POLICYSET"],
        ),
    ],
)
def test_what_an_avi_upgrade_added_to_the_operators_role(changed, found):
    seen = Controller(host="h", version="30.2.1", clouds=frozenset(), claims=(), operator_role=privileges(**changed))
    assert [item.found for item in disagreements(seen, config={}, namespace="", supported=None)] == found


def test_the_role_is_read_from_the_controller_and_its_absence_is_no_drift(tmp_path):
    role = RoleSeed(
        name="ako-essential-role", privileges=privileges(PINGACCESSAGENT="READ_ACCESS", ALBSERVICESCONFIG="READ_ACCESS")
    )
    with AviLab(LabConfig(version="30.2.1", roles=(role,))) as lab:
        (tmp_path / "ca.pem").write_text(lab.certificate_pem)
        rows, code = check(lab, tmp_path)
    assert code == 1
    assert [row["found"] for row in rows] == ["PERMISSION_ALBSERVICESCONFIG"]
    assert "KB 369176" in rows[0]["why"]


def test_a_user_that_may_not_read_roles_is_told(tmp_path):
    limited = RoleSeed(
        name="auditor", privileges={"PERMISSION_CLOUD": "READ_ACCESS", "PERMISSION_VIRTUALSERVICE": "READ_ACCESS"}
    )
    user = UserSeed(name="auditor", password="Audit-1234", grants=(GrantSeed(role="auditor", tenant="*"),))
    with AviLab(LabConfig(version="30.2.1", roles=(limited,), users=(user,))) as lab:
        (tmp_path / "ca.pem").write_text(lab.certificate_pem)
        environ = {"AKO_AVI_PASSWORD": "Audit-1234"}
        assert check(lab, tmp_path, "--username", "auditor", environ=environ) == ([], 1)
