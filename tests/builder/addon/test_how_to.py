"""Every `ako` command of the add-on pages does what the page says: it runs, finds nothing and leaves what it names."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from support.addon.folder import BASE_TKR, OFFICIAL

from ako_lab.avi_controller import AviLab, LabConfig
from ako_lab.kube_api import KubeConfig, KubeLab
from ako_runtime.cli import ako

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGES = (
    "explanation/addon.md",
    "how-to/addon-to-csar.md",
    "how-to/tkg-addon.md",
    "how-to/tca-addon.md",
    "how-to/vks-addon.md",
    "how-to/addon-new-release.md",
)
VALUES = """
ControllerSettings: {controllerHost: 192.0.2.1, cloudName: c, serviceEngineGroupName: s}
NetworkSettings: {vipNetworkList: [{networkName: net, cidr: 198.51.100.0/24}]}
"""
ADC = {
    "apiVersion": "networking.tkg.tanzu.vmware.com/v1alpha1",
    "kind": "AKODeploymentConfig",
    "metadata": {"name": "plant"},
    "spec": {
        "cloudName": "c",
        "controller": "192.0.2.1",
        "serviceEngineGroup": "s",
        "adminCredentialRef": {"name": "admin", "namespace": "avi"},
        "certificateAuthorityRef": {"name": "ca", "namespace": "avi"},
        "clusterSelector": {"matchLabels": {"load-balancer": "avi"}},
        "dataNetwork": {"name": "net", "cidr": "198.51.100.0/24"},
        "extraConfigs": {"layer7Only": True},
    },
}
NEW_TKR = {
    "apiVersion": "run.tanzu.vmware.com/v1alpha3",
    "kind": "TanzuKubernetesRelease",
    "metadata": {"name": "v1.31.4---vmware.1-tkg.3"},
    "spec": {
        "version": "v1.31.4+vmware.1-tkg.3",
        "kubernetes": {"version": "v1.31.4+vmware.1"},
        "bootstrapPackages": [{"name": f"{OFFICIAL.partition('.com.')[0]}.com.1.13.4+vmware.1-tkg.1"}],
    },
}
BOOTSTRAP = {
    "apiVersion": "run.tanzu.vmware.com/v1alpha3",
    "kind": "ClusterBootstrap",
    "metadata": {"name": "cnf-1", "namespace": "telco"},
    "spec": {"additionalPackages": [{"refName": OFFICIAL, "valuesFrom": {"secretRef": "s"}}]},
}


def commands(page):
    """The `ako` lines of the page's code blocks, without their continuations."""
    text = (DOCS / page).read_text().replace("\\\n", " ")
    return [re.sub(r"\s+", " ", line.strip()) for line in re.findall(r"^ {4}(ako .*)$", text, flags=re.MULTILINE)]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with the files that the pages take for given, a cluster and an Avi Controller behind two of them."""
    folder = tmp_path_factory.mktemp("place")
    secret = {
        "kind": "Secret",
        "type": "clusterbootstrap-secret",
        "stringData": {"values.yaml": "loadBalancerAndIngressService: {config: {ako_settings: {log_level: INFO}}}\n"},
    }
    texts = {
        "values.yaml": VALUES,
        "adc.yaml": yaml.safe_dump(ADC),
        "tkr.yaml": yaml.safe_dump(BASE_TKR),
        "now.yaml": yaml.safe_dump({"kind": "List", "items": [ADC, BOOTSTRAP]}),
        "secret.yaml": yaml.safe_dump(secret),
        "dump.yaml": yaml.safe_dump({"kind": "List", "items": [NEW_TKR]}),
        "official.yaml": yaml.safe_dump({"AKOSettings": {"clusterName": "cnf-1", "deleteConfig": "false"}}),
    }
    with KubeLab(KubeConfig()) as kube, AviLab(LabConfig(version="30.2.1")) as avi:
        kube.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "avi-system"}})
        kube.apply(
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "avi-k8s-config", "namespace": "avi-system"},
                "data": {"clusterName": "telco-cnf-1", "cloudName": "Default-Cloud"},
            }
        )
        kube.write_kubeconfig(folder / "cluster.kubeconfig")
        texts |= {"avi-ca.pem": avi.certificate_pem, "password": f"{avi.password}\n"}
        for name, text in texts.items():
            (folder / name).write_text(text)
        yield folder, {"https://avi.example.com": avi.url, "auditor": "admin", "sha256:...": "sha256:" + "c" * 64}


def run(place, line):
    folder, instead = place
    words = [instead.get(word, word) for word in shlex.split(line)]
    target = words[words.index(">") + 1] if ">" in words else None
    words = words[1 : words.index(">")] if target else words[1:]
    done = CliRunner().invoke(ako, words, standalone_mode=False)
    assert done.exception is None, (line, done.exception)
    assert (done.return_value or 0) == 0, (line, done.output)
    if target:
        (folder / target).write_text(done.stdout)
    return done


def test_every_command_of_the_pages_works(place, monkeypatch):
    folder, _ = place
    monkeypatch.chdir(folder)
    lines = [line for page in PAGES for line in commands(page)]
    for line in lines:
        run(place, line)
        # The pages speak of one folder in turn; each makes its own.
        for made in ("addon-tkg-2.5.2", "request"):
            if (folder / made).exists():
                (folder / made).rename(folder / f"{made}-{len(list(folder.iterdir()))}")
    made = {"dist", "relocated", "cnf-1", "repin", "vks", "my-pins", "new"}
    assert made <= {path.name for path in folder.iterdir()}
    assert (folder / "repin/tkg/custom-tkr.yaml").is_file()
    assert (folder / "relocated/relocation.yaml").is_file()
    meant, runs = (yaml.safe_load((folder / name).read_text()) for name in ("values.yaml", "as-it-runs.yaml"))
    assert meant["AKOSettings"]["layer7Only"] is True
    assert runs["AKOSettings"]["enableEVH"] is True
    assert "layer7Only" not in runs["AKOSettings"]
    from_vks = yaml.safe_load((folder / "from-vks.yaml").read_text())["AKOSettings"]
    assert (from_vks["enableEVH"], from_vks["deleteConfig"]) == (True, False)
    assert meant["AKOSettings"]["clusterName"] == "telco-cnf-1"
    patch = yaml.safe_load(next(folder.glob("addon-tkg-2.5.2-*/tkg/clusterbootstrap.yaml")).read_text())
    assert OFFICIAL in {item["refName"] for item in patch["spec"]["additionalPackages"]}


@pytest.mark.parametrize("page", PAGES)
def test_every_page_has_commands(page):
    assert commands(page)
