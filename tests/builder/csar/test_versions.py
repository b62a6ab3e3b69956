"""Identity over versions, what differs between two of them, and what TCA is given beside a package."""

import base64
import json
import stat
from pathlib import Path

import click.testing
import pytest
import yaml
from support.chart.helm_binaries import helm  # noqa: F401 - a fixture
from support.csar.workbench import EPOCH, files_of, signed_again, stated_again, write_chart, write_files

from ako_builder.chart.helm import VARIABLE
from ako_builder.csar.chart_objects import Rule, chart_objects
from ako_builder.csar.cli import csar
from ako_builder.csar.differences import differences_text
from ako_builder.csar.namespace_admin import beyond_admin
from ako_builder.csar.predecessor import load_predecessor
from ako_builder.csar.tca_policy import GrantTarget, grant_text, rbac_policy

ROLE = """kind: ClusterRole
metadata: {name: web}
rules:
  - {apiGroups: [""], resources: [services], verbs: [get, list%s]}
"""
CRD = """kind: CustomResourceDefinition
metadata: {name: webs.example.org}
spec: {group: example.org, versions: [{name: %s}]}
"""
POD = """kind: Deployment
metadata: {name: web}
spec:
  replicas: %s
  template:
    spec:
      hostNetwork: true
      containers: [{name: c, image: "registry.example.org/web:%s"}]
"""


@pytest.fixture
def ako(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "no-helm"))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(EPOCH))
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments, code=0):
        result = click.testing.CliRunner().invoke(csar, arguments, standalone_mode=False)
        if result.exception is not None:
            return str(result.exception)
        assert (result.return_value or 0) == code, result.output
        return result.output

    return run


def chart_of(folder, version, **files):
    text = f"apiVersion: v2\nname: web\nversion: {version}\nappVersion: '{version}'\n"
    return str(
        write_chart(folder / f"web-{version}.tgz", {"Chart.yaml": text, "templates/deployment.yaml": "", **files})
    )


def built(ako, chart, name, *more, profile="tca-2x"):
    provider = () if "--successor-of" in more else ("--provider", "E")
    ako("build", "--chart", chart, *provider, "--profile", profile, "--unsigned", "-o", name, *more)
    return load_predecessor(Path.cwd() / name)


def test_packages_for_tca_keep_their_identity(ako, tmp_path):
    old, new = (built(ako, chart_of(tmp_path, version), f"{version}.csar") for version in ("1.0.0", "1.1.0"))
    assert (old.descriptor_id, old.provider, old.product, old.vdu) == (
        new.descriptor_id,
        new.provider,
        new.product,
        new.vdu,
    )
    assert (old.version, new.version) == ("1.0.0", "1.1.0")
    assert "TCA would offer NEW as an upgrade of OLD\n" in ako("diff", "1.0.0.csar", "1.1.0.csar", code=1)


@pytest.mark.parametrize("profile", ["etsi-4", "etsi-5"])
def test_packages_for_etsi_get_a_new_id_and_keep_the_invariant_one(ako, tmp_path, profile):
    old, new = (
        built(ako, chart_of(tmp_path, version), f"{version}.csar", "--workload", "Deployment/web", profile=profile)
        for version in ("1.0.0", "1.1.0")
    )
    assert old.descriptor_id != new.descriptor_id
    assert old.invariant_id == new.invariant_id != ""
    said = ako("diff", "1.0.0.csar", "1.1.0.csar", code=1)
    assert "they have the same ext_invariant_id" in " ".join(said.split())


def test_a_stated_id_is_written_as_stated(ako, tmp_path):
    chart = chart_of(tmp_path, "1.0.0")
    identifier = "11111111-2222-4333-8444-555555555555"
    assert built(ako, chart, "a.csar", "--descriptor-id", identifier).descriptor_id == identifier
    assert built(ako, chart, "b.csar", "--descriptor-id", f"nfd_{identifier}").descriptor_id == f"nfd_{identifier}"
    build = ("build", "--chart", chart, "--provider", "E", "--unsigned")
    assert "not a UUID" in ako(*build, "--profile", "tca-2x", "--descriptor-id", "x")
    assert "choose one with --profile" in ako(*build, "--descriptor-id", identifier)


def renamed(path, target, changes):
    """The package as somebody else would have made it."""
    files = files_of(path)
    for before, after in changes.items():
        files = {name: data.replace(before, after) if "tgz" not in name else data for name, data in files.items()}
    return write_files(target, signed_again(stated_again(files), certified=None))


def test_the_successor_of_a_package_of_another_tool(ako, tmp_path):
    first = built(ako, chart_of(tmp_path, "1.0.0"), "first.csar")
    theirs = {first.descriptor_id.encode(): b"0aaaaaaa-2222-4333-8444-555555555555", b"webvdu": b"frontend"}
    renamed(tmp_path / "first.csar", tmp_path / "theirs.csar", theirs)
    chart = chart_of(tmp_path, "1.1.0")
    built(ako, chart, "other.csar")
    said = " ".join(ako("diff", "theirs.csar", "other.csar", code=1).split())
    assert "TCA may not offer NEW as an upgrade of OLD: descriptor id 0aaaaaaa" in said
    assert "component 'frontend' became 'webvdu'" in said
    new = built(ako, chart, "new.csar", "--successor-of", "theirs.csar")
    assert (new.descriptor_id, new.vdu) == ("0aaaaaaa-2222-4333-8444-555555555555", "frontend")
    said = ako("diff", "theirs.csar", "new.csar", code=1)
    assert "\nTCA would offer NEW as an upgrade of OLD\n" in said
    assert ako("diff", "new.csar", "new.csar") == "no difference\n"  # how charts were read matters where they differ


def test_what_would_be_no_upgrade_is_no_successor(ako, tmp_path):
    built(ako, chart_of(tmp_path, "1.0.0"), "old.csar")
    build = ("build", "--profile", "tca-2x", "--unsigned", "-o", "new.csar", "--successor-of", "old.csar", "--chart")
    chart = chart_of(tmp_path, "1.1.0")
    assert "its provider is 'E', not 'F'" in ako(*build, chart, "--provider", "F")
    assert "its product is 'web', not 'w'" in ako(*build, chart, "--product", "w")
    assert "give the new one with --version" in ako(*build, "web-1.0.0.tgz")
    assert not (tmp_path / "new.csar").exists()


# -- differences -----------------------------------------------------------------------------------------------------


def test_csar_yaml_says_what_the_options_of_identity_say(ako, tmp_path):
    """Places in it are seen from where it lies."""
    folder = tmp_path / "package"
    folder.mkdir()
    built(ako, chart_of(tmp_path, "1.0.0"), "package/old.csar")
    (folder / "rendered.yaml").write_text(POD % ("2", "1.1.0"))
    chart_of(folder, "1.1.0")
    keys = {
        "chart": "web-1.1.0.tgz",
        "provider": "E",
        "product": "web",
        "version": "1.1.0",
        "rendered": "rendered.yaml",
    }
    (folder / "csar.yaml").write_text(json.dumps({**keys, "successor_of": "old.csar"}))
    build = ("build", "--from", "package/csar.yaml", "--unsigned", "--profile")
    assert "verified" in ako(*build, "tca-2x", "-o", "new.csar")
    old, new = (load_predecessor(tmp_path / name) for name in ("package/old.csar", "new.csar"))
    assert (new.descriptor_id, new.version) == (old.descriptor_id, "1.1.0")
    identifier = "6f1c0a2e-6b0f-4d2e-9a44-0c0f8f6f2a11"
    (folder / "csar.yaml").write_text(json.dumps({**keys, "descriptor_id": identifier}))
    ako(*build, "etsi-4", "-o", "stated.csar")
    assert load_predecessor(tmp_path / "stated.csar").descriptor_id == identifier
    (folder / "csar.yaml").write_text(json.dumps({**keys, "rendered": "absent.yaml"}))
    assert "absent.yaml" in ako(*build, "etsi-4", "-o", "none.csar")


def test_init_keeps_the_rendered_file(ako, tmp_path):
    chart = chart_of(tmp_path, "1.0.0")
    (tmp_path / "rendered.yaml").write_text(POD % ("2", "1.0.0"))
    ako("init", "--chart", chart, "--provider", "E", "--rendered", "rendered.yaml", "-o", "start")
    assert "verified" in ako("build", "--from", "start/csar.yaml", "--unsigned", "--profile", "etsi-4", "-o", "a.csar")


@pytest.fixture
def two(ako, tmp_path, helm, monkeypatch):  # noqa: F811
    monkeypatch.setenv(VARIABLE, str(helm.executable))
    sides = {
        "1.0.0": {"values.yaml": "replicas: 1\nold: x\n", "crds/c.yaml": CRD % "v1", "templates/r.yaml": ROLE % ""},
        "1.1.0": {
            "values.yaml": "replicas: 2\nadded: {deep: y}\n",
            "crds/c.yaml": CRD % "v2",
            "templates/r.yaml": ROLE % ", watch",
        },
    }
    for version, files in sides.items():
        pod = POD % ("{{ .Values.replicas }}", version)
        built(ako, chart_of(tmp_path, version, **files, **{"templates/d.yaml": pod}), f"{version}.csar")
    return "1.0.0.csar", "1.1.0.csar"


def test_what_is_new_in_a_version(ako, two):
    rows = json.loads(ako("diff", *two, "-o", "json", code=1))
    found = {(row["area"], row["what"]): (row["old"], row["new"]) for row in rows}
    assert rows[0]["area"] == "upgrade"
    assert found["value", "replicas"] == ("1", "2")
    assert found["value", "old"] == ("x", "-")
    assert found["value", "added.deep"] == ("-", "y")
    assert found["image", "registry.example.org/web"] == ("1.0.0", "1.1.0")
    assert found["workload", "Deployment/web"] == ("1 pods", "2 pods")
    assert found["right", 'ClusterRole/web: watch services of ""'] == ("-", "granted")
    old, new = found["definition", "webs.example.org"]
    assert (old.split()[0], new.split()[0]) == ("v1", "v2")


def test_the_table_fits(ako, two):
    said = ako("diff", *two, code=1)
    assert max(map(len, said.splitlines())) <= 80
    assert "  ~ replicas  1 → 2" in said
    row = {"area": "value", "what": "k" * 99, "old": "a" * 99, "new": "b\x1b[31m" + "c" * 99}
    text = differences_text([row], width=40)
    assert max(map(len, text.splitlines())) <= 40
    assert "\x1b" not in ako("diff", *two, "-o", "markdown", code=1)


def test_markdown_for_a_change_request(ako, two):
    said = ako("diff", *two, "-o", "markdown", code=1)
    assert "# 1.0.0.csar → 1.1.0.csar" in said
    assert "| `replicas` | `1` | `2` |" in said
    assert "| `added.deep` | - | `y` |" in said


def test_a_truncated_package_is_damaged_not_emptied(ako, two, tmp_path):
    data = (tmp_path / two[1]).read_bytes()
    for size in (len(data) // 2, len(data) - 10, 100):
        (tmp_path / "cut.csar").write_bytes(data[:size])
        said = ako("diff", two[0], "cut.csar")
        assert "cut.csar: ZIP-00" in said, said


# -- beside a package ------------------------------------------------------------------------------------------------


def test_policies_for_restricted(ako, two, tmp_path):
    said = ako("policy", two[0])
    assert "1 ClusterRole, 1 CustomResourceDefinition, pods that pod security 'baseline' forbids" in said
    rbac, psa = (yaml.safe_load((tmp_path / "tca" / f"policy-{kind}.yaml").read_text()) for kind in ("rbac", "psa"))
    assert (rbac["type"], psa["type"]) == ("KUBERNETES_RBAC", "KUBERNETES_PSA")
    rules = yaml.safe_load(rbac["content"])["rules"]
    assert {"apiGroups": [""], "resources": ["services"], "verbs": ["get", "list"]} in rules
    assert next(rule["verbs"] for rule in rules if rule["resources"] == ["clusterroles"]) == ["create"]
    assert "enforce: privileged" in psa["content"]
    grant = (tmp_path / "tca" / "grant.md").read_text()
    for text in (
        load_predecessor(tmp_path / two[0]).descriptor_id,
        "`web`",
        "`E`",
        "hostNetwork (baseline forbids it)",
    ):
        assert text in grant


def test_our_rights_without_helm(ako, tmp_path):
    said = ako("build", "--profile", "tca-2x", "--sign-demo", "-o", "ours.csar")
    assert "under TCA's isolation mode Restricted it needs a policy" in said
    ako("policy", "ours.csar")
    rules = yaml.safe_load(yaml.safe_load((tmp_path / "tca" / "policy-rbac.yaml").read_text())["content"])["rules"]
    assert any("endpointslices" in rule["resources"] for rule in rules)
    assert any(rule["resources"] == ["customresourcedefinitions"] for rule in rules)


def test_the_request_is_at_no_time_readable_by_others(ako, tmp_path, monkeypatch):
    """It may hold a password; modes are those that files are given on the way, before the name is taken."""
    built(ako, chart_of(tmp_path, "1.0.0"), "a.csar")
    (tmp_path / "v.yaml").write_text("replicaCount: 3\n")
    modes = []
    chmod = Path.chmod
    monkeypatch.setattr(Path, "chmod", lambda self, mode: modes.append(mode) or chmod(self, mode))
    site = ("--namespace", "web", "--repo-url", "oci://h.example.org/p", "--vim", "v1", "--node-pool", "n1")
    assert ako("request", "a.csar", "--values", "v.yaml", *site, "-o", "body.json") == "body.json\n"
    assert set(modes) == {0o600}


def test_the_request_is_made_from_a_values_file(ako, tmp_path):
    built(ako, chart_of(tmp_path, "1.0.0"), "a.csar")
    (tmp_path / "v.yaml").write_text("replicaCount: 3\nreplicas: 4\n")
    site = ("--namespace", "web", "--repo-url", "oci://h.example.org/p", "--vim", "v1", "--node-pool", "n1")
    request = ("request", "a.csar", "--values", "v.yaml", *site, "-o", "body.json")
    said = ako(*request, "--extension-id", "x1")
    assert "the chart has no value 'replicas'" in said
    body = json.loads((tmp_path / "body.json").read_text())
    params = body["additionalParams"]["vduParams"][0]
    assert base64.b64decode(params["overrides"]) == (tmp_path / "v.yaml").read_bytes()
    assert (params["vduName"], params["chartName"], params["extensionId"]) == ("webvdu", "web", "x1")
    assert body["vimConnectionInfo"][0] == {"id": "v1", "vimType": "", "extra": {"nodePoolId": "n1"}}
    assert stat.S_IMODE((tmp_path / "body.json").stat().st_mode) == 0o600
    ako(*request, "--plain")
    params = json.loads((tmp_path / "body.json").read_text())["additionalParams"]["vduParams"][0]
    assert params["overrides"] == (tmp_path / "v.yaml").read_text()


def test_what_roles_give_beyond_the_admin_of_a_namespace_is_in_the_policy():
    own = Rule(groups=("", "apps"), resources=("pods",), verbs=("get",))
    custom = Rule(groups=("example.org",), resources=("webs",), verbs=("get", "list"))
    everything = Rule(groups=("*",), resources=("*",), verbs=("*",))
    status = Rule(groups=("",), resources=("services", "services/status"), verbs=("get", "patch"), names=("web",))
    objects = chart_objects(
        {
            "kind": "Role",
            "metadata": {"name": name},
            "rules": [
                {
                    "apiGroups": list(rule.groups),
                    "resources": list(rule.resources),
                    "verbs": list(rule.verbs),
                    "resourceNames": list(rule.names),
                }
            ],
        }
        for name, rule in {"own": own, "custom": custom, "everything": everything, "status": status}.items()
    )
    rules = yaml.safe_load(yaml.safe_load(rbac_policy(objects, name="web"))["content"])["rules"]
    assert sorted(
        (rule["apiGroups"], rule["resources"], rule["verbs"], rule.get("resourceNames")) for rule in rules
    ) == [
        ([""], ["services/status"], ["patch"], ["web"]),
        (["*"], ["*"], ["*"], None),
        (["apps"], ["pods"], ["get"], None),
        (["example.org"], ["webs"], ["get", "list"], None),
    ]
    target = GrantTarget(provider="E", product="web", descriptor_id="i", software_version="1", descriptor_version="1")
    grant = grant_text(target, objects, origin="rendered")
    assert 'Role/own: pods of "",apps: get (in the policy: pods of apps: get)' in grant
    assert "Role/custom: webs of example.org: get,list (in the policy)" in grant
    assert '(in the policy: services/status of "" named web: patch)' in grant


def test_what_an_admin_has_is_not_in_the_policy():
    every = Rule(groups=("",), resources=("pods", "secrets"), verbs=("get", "list", "watch", "create", "delete"))
    lease = Rule(groups=("coordination.k8s.io",), resources=("leases",), verbs=("get", "update"))
    assert [beyond_admin(rule) for rule in (every, lease)] == [(), ()]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("--namespace", "Web"), "--namespace Web: not the name of a namespace"),
        (("--repo-url", "h/p"), "write oci://HOST/PROJECT"),
        (("--username", "u"), "--username and --password-file belong together"),
        (("--values", "list.yaml"), "not a mapping"),
        (("--values", "none.yaml"), "name a values file"),
        (("--vdu", "other"), "not a Helm VDU of the package, which has webvdu"),
    ],
)
def test_a_request_that_cannot_be_made(ako, tmp_path, change, said):
    built(ako, chart_of(tmp_path, "1.0.0"), "a.csar")
    (tmp_path / "v.yaml").write_text("{}\n")
    (tmp_path / "list.yaml").write_text("- a\n")
    site = ("--namespace", "web", "--repo-url", "oci://h/p", "--vim", "v1", "--node-pool", "n1", "-o", "body.json")
    assert said in ako("request", "a.csar", "--values", "v.yaml", *site, *change)
    assert not (tmp_path / "body.json").exists()
