"""`ako addon` as a user runs it: what is printed, the exit codes, and that nothing half-written stays."""

import io
import json
import subprocess
import tarfile

import pytest
import yaml
from click.testing import CliRunner
from support.data_folder import test_data

from ako_builder.addon.build import pin_files
from ako_builder.addon.cli import addon
from ako_builder.addon.outputs.relocate import relocated
from ako_builder.addon.pins import releases as pins
from ako_builder.addon.pins.releases import pin_folder
from ako_builder.addon.pins.seal import sums_text
from ako_builder.build import build as build_artefacts
from ako_builder.release import load_release
from ako_builder.signer import demo_signer
from ako_lab.kube_api import KubeConfig, KubeLab
from ako_lab.kube_api.faults import Fault
from ako_runtime.errors import UserError

VALUES = """
ControllerSettings: {controllerHost: 192.0.2.1, cloudName: c, serviceEngineGroupName: s}
NetworkSettings: {vipNetworkList: [{networkName: net, cidr: 198.51.100.0/24}]}
"""


def ako(*arguments, expect=0):
    done = CliRunner().invoke(addon, [str(item) for item in arguments], standalone_mode=False)
    if isinstance(done.exception, UserError) or expect == 2:
        assert isinstance(done.exception, UserError), done
        assert expect == 2, done.exception
        return str(done.exception)
    assert done.exception is None, done.exception
    assert (done.return_value or 0) == expect, done.output
    return done.output


@pytest.fixture
def values(tmp_path):
    path = tmp_path / "values.yaml"
    path.write_text(VALUES)
    return path


def test_the_shipped_pins_pass_the_linter():
    found = json.loads(ako("lint", "-o", "json"))
    assert all(row["verdict"].startswith("accepted") for row in found)


def test_a_contradiction_is_a_finding(tmp_path):
    for path in pin_folder().glob("*.yaml"):
        (tmp_path / path.name).write_text(path.read_text().replace('"1.12.2+vmware.1-tkg.1"', '"1.7.2+vmware.1-tkg.1"'))
    assert "contradiction" in ako("lint", "--pins", tmp_path, expect=1)


def test_the_answer_to_which_ako_do_i_get():
    (row,) = json.loads(ako("list", "--tkg", "2.5.2", "--kubernetes", "1.28", "-o", "json"))
    assert row["official ako"] == "1.11.2+vmware.2-tkg.2"
    assert row["ours"] == load_release().version


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "--tkg", "2.5.3"], "nearest known are"),
        (["list", "--kubernetes", "latest"], "--kubernetes: 'latest' does not begin with a number"),
        (["build", "--tkg", "1.6.0"], "needs Kubernetes 1.25 or later"),
        (["build", "--tkg", "2.2.0"], "none of its TKrs is known"),
        (["build", "--tkg", "2.5.2", "--cluster", "a" * 26], "at most 25"),
        (["build", "--tkg", "2.5.2", "--pod-cidr", "2001:db8::/48"], "IPv6-only and IPv6-primary"),
        (["build", "--tkg", "2.5.2", "--pod-cidr", "ten"], "--pod-cidr: 'ten' does not appear to be"),
        (["build", "--tkg", "2.5.2", "--tca-payload", "raw"], "give --tca-raw FILE"),
        (["build", "--tkg", "2.5.2", "--image-digest", "latest"], "give it as sha256:"),
        (["build", "--tkg", "2.5.2", "--operator", "1.0"], "older than 1.5.0"),
        (["check"], "nothing to read"),
        (["check", "--dump", ".", "--tkg", "2.5.2"], "give both or neither"),
        (["plan", "--from", "2.5.2", "--to", "2.1.1"], "is a downgrade"),
        (["list", "--verify-cert", "x"], "give --pins"),
        (["advise", "--values", "missing.yaml"], "missing.yaml: no such file"),
    ],
)
def test_bad_input_is_one_sentence(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = ako(*arguments, expect=2)
    assert said in text
    assert "\n" not in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("AKOSettings: {clusterNam: c}", "values.yaml:4: AKOSettings.clusterNam: no such key; did you mean"),
        ("AKOSettings: {fullSyncFrequency: often}", "values.yaml:4: AKOSettings.fullSyncFrequency: "),
    ],
)
@pytest.mark.parametrize("command", [["build", "--tkg", "2.5.2"], ["advise"]])
def test_values_that_the_chart_refuses_are_refused_with_file_line_and_key(
    tmp_path, monkeypatch, *, command, wrong, said
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "values.yaml").write_text(VALUES + wrong)
    assert said in ako(*command, "--values", "values.yaml", expect=2)
    assert [path.name for path in tmp_path.iterdir()] == ["values.yaml"]


def test_what_other_shapes_say_wrongly_is_refused_with_file_line_and_key(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "adc.yaml").write_text(
        "apiVersion: networking.tkg.tanzu.vmware.com/v1alpha1\nkind: AKODeploymentConfig\n"
        "spec:\n  cloudName: c\n  cloudNam: d\n"
    )
    (tmp_path / "package.yaml").write_text(
        "loadBalancerAndIngressService:\n  config:\n    ako_settings:\n      enable_events: maybe\n"
    )
    said = ako("advise", "--from", "adc", "--values", "adc.yaml", expect=2)
    assert said == "adc.yaml:5: spec.cloudNam: the crd would refuse it: is not a field: check its spelling"
    said = ako("advise", "--from", "package", "--values", "package.yaml", expect=2)
    key = "loadBalancerAndIngressService.config.ako_settings.enable_events"
    assert said == f"package.yaml:4: {key}: expected true or false, found 'maybe'"


@pytest.mark.parametrize(
    ("line", "key"), [("    replicaCount: 5", "replicaCount"), ("    enableEVH: 'true'", "enableEVH")]
)
def test_no_add_on_is_made_from_an_adc_that_would_be_refused(tmp_path, monkeypatch, *, line, key):
    monkeypatch.chdir(tmp_path)
    text = f"""apiVersion: networking.tkg.tanzu.vmware.com/v1alpha1
kind: AKODeploymentConfig
metadata: {{name: plant}}
spec:
  clusterSelector: {{matchLabels: {{avi: enabled}}}}
  dataNetwork: {{name: net, cidr: 198.51.100.0/24}}
  extraConfigs:
{line}
"""
    (tmp_path / "adc.yaml").write_text(text)
    said = ako("build", "--tkg", "2.5.2", "--from", "adc", "--values", "adc.yaml", expect=2)
    assert said.startswith(f"adc.yaml:8: spec.extraConfigs.{key}: the crd would refuse it: must be ")
    assert [path.name for path in tmp_path.iterdir()] == ["adc.yaml"]
    sample = test_data("samples", "akoo-network_v1alpha1_akodeploymentconfig.yaml")
    said = ako("build", "--tkg", "2.5.2", "--from", "adc", "--values", sample, expect=2)
    assert f"{sample}:1: apiVersion: the crd would refuse it: expected networking.tkg" in said


@pytest.mark.parametrize(
    ("shape", "text", "said"),
    [
        ("tca-v1", "networking:\n- name: a\n- properties:\n    loadBalancerAndIngressService:\n      cloudNam: c\n",
         "x.yaml:5: networking[1].properties.loadBalancerAndIngressService.cloudNam: this key is not known"),
        ("package", "kind: Secret\nstringData:\n  values.yaml: 'a: 1'\ntype: tkg.tanzu.vmware.com/addon\n",
         "x.yaml:4: type: tkg.tanzu.vmware.com/addon (legacy) takes an overlay"),
        ("adc", "kind: Secret\n", "x.yaml: holds no settings"),
    ],
)  # fmt: skip
def test_each_shape_names_file_line_and_key(tmp_path, monkeypatch, *, shape, text, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text(text)
    assert ako("advise", "--from", shape, "--values", "x.yaml", expect=2).startswith(said)


def test_contradictory_options_are_refused(tmp_path, values):
    dump = tmp_path / "crd.yaml"
    dump.write_text("kind: APIResourceList\n")
    base = ["build", "--tkg", "2.5.2", "--out", tmp_path / "out"]
    assert "give one" in ako(*base, "--tca-discovery", dump, "--tca-api-version", "a/v1", expect=2)
    assert "give both or neither" in ako(*base, "--tca-raw", values, expect=2)
    assert not (tmp_path / "out").exists()


def test_a_folder_for_a_cluster(tmp_path, values):
    out = tmp_path / "out"
    ako("build", "--tkg", "2.5.2", "--values", values, "--cluster", "cnf-1", "--namespace", "telco", "--out", out)
    config = yaml.safe_load((out / "vks" / "addonconfig.yaml").read_text())
    assert config["spec"]["values"]["AKOSettings"]["clusterName"] == "telco-cnf-1"
    assert config["spec"]["values"]["ControllerSettings"]["controllerHost"] == "192.0.2.1"
    assert "EXAMPLE" not in (out / "README.md").read_text()
    assert "exists and is not an empty folder" in ako("build", "--tkg", "2.5.2", "--out", out, expect=2)


def test_two_folders_are_equal(tmp_path, values):
    for name in ("one", "two"):
        ako("build", "--tkg", "2.5.2", "--values", values, "--out", tmp_path / name)
    one, two = (
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        for name in ("one", "two")
    )
    assert one == two


def test_only_the_wanted_target_is_made(tmp_path):
    ako("build", "--tkg", "2.5.2", "--target", "tca", "--management", "--out", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["README.md", "tca"]


def test_explain_says_how_certain_everything_is_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = ako("build", "--tkg", "2.5.2", "--explain")
    assert "(B: two independent transcripts" in text
    assert "TCA payload none: LEFT OUT" in text
    assert "UNVERIFIED (D)" in ako("build", "--tkg", "2.5.2", "--explain", "--tca-payload", "adc")
    assert list(tmp_path.iterdir()) == []


def test_the_official_sample_is_judged_with_file_line_and_key():
    sample = test_data("samples", "akoo-network_v1alpha1_akodeploymentconfig.yaml")
    rows = json.loads(ako("validate", sample, "-o", "json", expect=1))
    line = sample.read_text().splitlines().index("            nodeNetworkList:") + 1
    assert {row["where"].rpartition(":")[2] for row in rows if "nodeNetworkList" in row["key"]} == {str(line)}


def test_plan_and_advice_take_any_shape(values):
    assert "PodSecurityPolicy" in ako("plan", "--from", "2.1.1", "--to", "2.5.2", "--values", values)
    assert "by AKODeploymentConfig alone" in ako("advise", "--values", values)


@pytest.mark.parametrize(
    ("setting", "path", "why"),
    [
        ("AKOSettings: {servicesAPI: true}", "adc", "has a field for it"),
        ("AKOSettings: {layer7Only: true}", "package", "would write layer7Only=true into enable_EVH"),
        ("AKOSettings: {enableEvents: true}", "package", "would write enableEvents=true into enable_EVH"),
        ("nodePortSelector: {key: a, value: b}", "package", "would write the node port selector's value into its key"),
        ("AKOSettings: {ipFamily: V4_V6}", "package", "an ADC allows only V4, V6"),
        ("AKOSettings: {vpcMode: true}", "chart only", "the official package values cannot say it"),
    ],
)
def test_advice_names_the_least_demanding_path_that_works(tmp_path, *, setting, path, why):
    (tmp_path / "values.yaml").write_text(setting)
    rows = json.loads(ako("advise", "--values", tmp_path / "values.yaml", "-o", "json"))
    assert rows[-1]["possible by"] == path
    assert why in rows[-1]["why"]


@pytest.fixture(scope="module")
def dist(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist") / "dist"
    release = load_release().with_digest("sha256:" + "c" * 64)
    build_artefacts(release, out=out, kinds=("chart", "addon"), epoch=1_700_000_000, signer=demo_signer())
    return out


def test_a_build_makes_an_archive_a_tkg_release_that_we_are_offered_for(dist):
    version = load_release().version
    names = {path.name for path in dist.glob("*.tar.gz")}
    assert names == {f"ako-toolkit-addon-tkg-{tkg}-{version}.tar.gz" for tkg in ("2.4.0", "2.5.0", "2.5.2")}


def test_relocation_lists_every_image_once_and_proves_it_by_digest(dist, tmp_path):
    rows = json.loads(
        ako("relocate", "--registry", "harbor.local/ako", "--artefacts", dist, "--out", tmp_path, "-o", "json")
    )
    assert len(rows) == 3
    for row in rows:
        assert row["target"] == relocated(row["source"], registry="harbor.local/ako")
        assert row["target"].endswith(row["proof"])
        assert row["source"].endswith(row["proof"])
    shared = next(row for row in rows if row["source"].startswith("registry.example.org/ako-toolkit/ako@"))
    assert "ako-" in shared["by"]
    assert "addon-tkg-2.5.2" in shared["by"]
    package = next(tmp_path.rglob("carvel/package.yaml"))
    assert "harbor.local/ako/ako-toolkit/packages/ako@sha256:" in package.read_text()
    # The chart composes the controller's image itself: whatever holds its settings has to name the registry.
    folder = package.parents[1]
    for name in ("carvel/values-secret.yaml", "tkg/values-secret.yaml"):
        secret = yaml.safe_load((folder / name).read_text())
        values = yaml.safe_load(secret["stringData"]["values.yaml"])
        assert values["global"]["imageRegistry"] == "harbor.local/ako"
        assert values["loadBalancerAndIngressService"]["config"]["ako_settings"]["log_level"]
    config = folder / "vks/addonconfig.yaml"
    assert config.read_text().startswith("# Certainty B")
    assert yaml.safe_load(config.read_text())["spec"]["values"]["global"]["imageRegistry"] == "harbor.local/ako"


def test_an_image_without_digest_cannot_be_proved(tmp_path):
    build_artefacts(load_release(), out=tmp_path, kinds=("chart",), epoch=1_700_000_000, signer=demo_signer())
    assert "none" in ako("relocate", "--registry", "h.local", "--artefacts", tmp_path, expect=1)


def test_an_archive_that_does_not_hold_what_it_names_is_no_proof(dist, tmp_path):
    archive = next(dist.glob("*-addon-tkg-2.5.2-*.tar.gz"))
    with tarfile.open(archive) as source, tarfile.open(tmp_path / archive.name, "w:gz") as target:
        for member in filter(tarfile.TarInfo.isfile, source):
            content = source.extractfile(member).read()
            if "/carvel/bundle/blobs/" in member.name:
                content += b" "
                member.size = len(content)
            target.addfile(member, io.BytesIO(content))
    said = ako("relocate", "--registry", "h.local", "--artefacts", tmp_path, "--out", tmp_path / "out", expect=2)
    assert "does not have the digest of its name" in said
    assert not (tmp_path / "out").exists()


def test_the_relocated_chart_renders_the_listed_target(dist, tmp_path, helm):
    rows = json.loads(
        ako("relocate", "--registry", "h.local/ako", "--artefacts", dist, "--out", tmp_path, "-o", "json")
    )
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump(yaml.safe_load((tmp_path / "relocation.yaml").read_text())["values"]) + VALUES)
    chart = next(dist.glob("ako-*.tgz"))
    rendered = helm.run(["template", "ako", str(chart), "-f", str(values), "--set", "AKOSettings.clusterName=c"])
    images = {
        container["image"]
        for document in yaml.safe_load_all(rendered)
        if document and document["kind"] == "StatefulSet"
        for container in document["spec"]["template"]["spec"]["containers"]
    }
    assert images
    assert images <= {row["target"] for row in rows}


def test_artefacts_of_one_build_agree(dist):
    rows = json.loads(ako("check", "--artefacts", dist, "-o", "json"))
    compared = {row["subject"] for row in rows if row["verdict"] == "equal"}
    assert "artefacts" in compared
    assert any(name.endswith("/ako") for name in compared)
    assert {row["verdict"] for row in rows} == {"equal", "not found"}
    assert all(row["why"].startswith("not compared: ") for row in rows if row["verdict"] == "not found")


def test_a_check_that_compared_nothing_is_not_green(tmp_path):
    (tmp_path / "objects.yaml").write_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: other}}")
    rows = json.loads(ako("check", "--dump", tmp_path, "-o", "json", expect=1))
    assert {row["verdict"] for row in rows} == {"not found"}


def test_what_may_not_be_read_is_told_apart_from_what_is_not_there(tmp_path, dist):
    with KubeLab(KubeConfig()) as kube:
        kube.faults.add(Fault(action="answer", verb="list", resource="secrets", status=403, times=None))
        kube.write_kubeconfig(tmp_path / "kubeconfig")
        arguments = ("--kubeconfig", tmp_path / "kubeconfig", "--artefacts", dist)
        rows = json.loads(ako("check", *arguments, "-o", "json", expect=1))
    (hidden,) = [row for row in rows if row["verdict"] == "no right to see"]
    assert hidden["subject"] == "/api/v1/namespaces/tkg-system/secrets"


def test_a_live_cluster_is_read(tmp_path):
    row = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "ako", "namespace": "avi-system"}}
    image = "r.example.com/ako:v1.12.2_vmware.1"
    row["spec"] = {
        "serviceName": "ako",
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "ako", "image": image}]}},
    }
    (tmp_path / "dump").mkdir()
    (tmp_path / "dump" / "avi.json").write_text('{"version_info": {"ako_amko_version": "1.13.4"}}')
    with KubeLab(KubeConfig()) as kube:
        kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "avi-system"}})
        kube.apply(row)
        kube.write_kubeconfig(tmp_path / "kubeconfig")
        text = ako("check", "--kubeconfig", tmp_path / "kubeconfig", "--dump", tmp_path / "dump", expect=1)
        written = [item for item in kube.requests() if item.method != "GET" and "python" in str(item)]
    assert "1.13.4" in text
    assert written == []


def test_sealed_pins_are_verified_before_use(tmp_path):
    key, certificate = signing_pair(tmp_path)
    folder = tmp_path / "pins"
    folder.mkdir()
    for path in pin_folder().glob("*.yaml"):
        (folder / path.name).write_bytes(path.read_bytes())
    ako("seal", folder, "--sign-key", key, "--sign-cert", certificate)
    ako("list", "--pins", folder, "--verify-cert", certificate)
    verified = subprocess.run(
        ["openssl", "cms", "-verify", "-inform", "DER", "-in", folder / "SHA256SUMS.p7s", "-content",
         folder / "SHA256SUMS", "-CAfile", certificate, "-purpose", "any", "-binary"],
        capture_output=True, check=False,
    )  # fmt: skip
    assert verified.returncode == 0, verified.stderr
    other = signing_pair(tmp_path, name="other")[1]
    assert "signed by somebody else" in ako("list", "--pins", folder, "--verify-cert", other, expect=2)
    (folder / "2.5.2.yaml").write_text((folder / "2.5.2.yaml").read_text() + "\n")
    assert "is not the file that SHA256SUMS speaks of" in ako("list", "--pins", folder, expect=2)


def test_the_pins_of_an_installation_come_with_checksums_that_are_required(tmp_path, monkeypatch):
    assert (pin_folder() / "SHA256SUMS").read_text() == sums_text(pin_files())
    for path in pin_folder().iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(pins, "pin_folder", lambda: tmp_path)
    ako("list")
    (tmp_path / "2.5.2.yaml").write_text((tmp_path / "2.5.2.yaml").read_text() + "\n")
    assert "2.5.2.yaml: is not the file that SHA256SUMS speaks of" in ako("list", expect=2)
    (tmp_path / "SHA256SUMS").unlink()
    assert "cannot be trusted" in ako("list", expect=2)
    ako("seal", tmp_path)
    ako("list")
    assert "give both or neither" in ako("seal", tmp_path, "--sign-key", tmp_path / "key", expect=2)


def test_validate_judges_references_against_the_packages_that_are_there(tmp_path):
    reference = "a.b.c.1.2.0"
    (tmp_path / "bootstrap.yaml").write_text(
        yaml.safe_dump({"kind": "ClusterBootstrap", "spec": {"additionalPackages": [{"refName": reference}]}})
    )
    there = {"kind": "PackageList", "items": [{"kind": "Package", "metadata": {"name": "a.b.c.1.1.0"}}]}
    (tmp_path / "packages.yaml").write_text(yaml.safe_dump(there))
    arguments = ["validate", tmp_path / "bootstrap.yaml"]
    assert ako(*arguments) == "nothing to show\n"
    (row,) = json.loads(ako(*arguments, "--packages", tmp_path / "packages.yaml", "-o", "json", expect=1))
    assert row["key"] == "spec.additionalPackages[0].refName"
    assert row["where"].rpartition(":")[2] == "4"


def test_a_management_cluster_of_tca_gets_the_reason_for_having_nothing_else(tmp_path):
    done = CliRunner().invoke(addon, ["build", "--tkg", "2.5.2", "--management", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["README.md", "tca"]
    assert "anything else is unsupported" in done.stderr
    assert "the request to TCA holds no settings" in done.stderr


def signing_pair(folder, name="signer"):
    key, certificate = folder / f"{name}.key", folder / f"{name}.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
         "-subj", f"/CN={name}", "-addext", "keyUsage=critical,digitalSignature"],
        capture_output=True, check=True,
    )  # fmt: skip
    return key, certificate
