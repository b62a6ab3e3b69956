"""What a foreign chart runs: rendered where Helm is at hand, taken from a file, or read and named unsure."""

import click.testing
import pytest
import yaml
from support.chart.helm_binaries import helm  # noqa: F401 - a fixture
from support.csar.workbench import files_of
from support.data_folder import test_data

from ako_builder.archive.writer import BytesBlob, Member, write_tar_gz
from ako_builder.chart.helm import VARIABLE
from ako_builder.csar.chart import load_chart
from ako_builder.csar.chart_objects import chart_objects
from ako_builder.csar.cli import csar

FIELD = ("..", "cases", "field")


@pytest.fixture
def ako(tmp_path, monkeypatch):
    """The commands, without any Helm."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "no-helm"))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1760000000")

    def run(*arguments, code=0):
        result = click.testing.CliRunner().invoke(csar, arguments, standalone_mode=False)
        if result.exception is not None:
            return str(result.exception)
        assert (result.return_value or 0) == code, result.output
        return result.output

    return run


@pytest.fixture
def with_helm(ako, helm, monkeypatch):  # noqa: F811
    monkeypatch.setenv(VARIABLE, str(helm.executable))
    return ako


def started(folder):
    return yaml.safe_load((folder / "csar.yaml").read_text())


def units(path):
    tree = yaml.safe_load(files_of(path)[next(n for n in files_of(path) if n.endswith(".yaml") and "/" not in n)])
    nodes = tree["topology_template"]["node_templates"]
    return {
        (node["properties"]["mcio_identification_data"]["type"], node["properties"]["mcio_identification_data"]["name"])
        for node in nodes.values()
        if node["type"].endswith("DeployableUnit")
    }, nodes


ONES = "sha256:" + "1" * 64
RENDERED = [
    (
        "C1-umbrella",
        {"Deployment/core-amf:1:3", "Deployment/core-smf:1:3"},
        {"registry.example.org/core/amf:3.4", "registry.example.org/core/smf:3.4"},
    ),
    (
        "C2-two-computed-names",
        {"Deployment/radio-gnb:1:3", "Deployment/radio-ue:1:3"},
        {"registry.example.org/radio/sim:5.1"},
    ),
    (
        "C3-spellings-of-images",
        {"Deployment/probe:1:3", "Deployment/probe-agent:1:3"},
        {f"registry.example.org/probe/controller:v2.0@{ONES}", "registry.example.org/probe/agent:v2.0"},
    ),
    ("C4-one-of-two-kinds", {"Deployment/entry:1:3"}, {"registry.example.org/entry/proxy:1.9"}),
]


@pytest.mark.parametrize(("name", "workloads", "images"), RENDERED)
def test_charts_of_the_field_with_helm(with_helm, tmp_path, name, workloads, images):  # noqa: PLR0917
    with_helm("init", "--chart", str(test_data(*FIELD, name)), "--provider", "E", "-o", "start")
    assert set(started(tmp_path / "start")["workload"]) == workloads
    assert set(started(tmp_path / "start")["image"]) == images
    said = with_helm("build", "--from", "start/csar.yaml", "--profile", "etsi-4", "--unsigned", "-o", "a.csar")
    assert "verified" in said
    found, nodes = units(tmp_path / "a.csar")
    assert {f"{kind}/{unit}" for kind, unit in found} == {text.split(":")[0] for text in workloads}
    stated = {node["properties"]["description"] for node in nodes.values() if node["type"].endswith("OsContainer")}
    assert stated == {f"container of the image {image}" for image in images}


@pytest.mark.parametrize(("name", "workloads", "images"), RENDERED)
def test_charts_of_the_field_without_helm(ako, tmp_path, name, workloads, images):  # noqa: PLR0917
    said = ako("init", "--chart", str(test_data(*FIELD, name)), "--provider", "E", "-o", "start")
    assert "no helm is at hand" in said
    start = started(tmp_path / "start")
    assert "image" not in start
    for image in images:
        assert f"not sure: image {image}" in said
    said = ako("build", "--from", "start/csar.yaml", "--profile", "etsi-5", "--unsigned", "-o", "a.csar")
    assert "verified\n" not in said
    assert "not sure" in said
    if "workload" in start:
        assert {text.split(":")[0] for text in start["workload"]} == {text.split(":")[0] for text in workloads}


def test_two_workloads_in_csar_yaml_under_a_release_name_of_their_own(with_helm, tmp_path):
    chart = test_data(*FIELD, "C2-two-computed-names")
    text = test_data(*FIELD, "C5-csar.yaml").read_text().replace("C2-two-computed-names", str(chart))
    (tmp_path / "csar.yaml").write_text(text)
    said = with_helm("build", "--from", "csar.yaml", "--profile", "etsi-4", "--unsigned", "-o", "a.csar")
    assert "verified" in said
    assert units(tmp_path / "a.csar")[0] == {("Deployment", "r1-gnb"), ("Deployment", "r1-ue")}


def test_a_workload_that_the_chart_does_not_make_is_not_verified(with_helm):
    chart = str(test_data(*FIELD, "C2-two-computed-names"))
    wanted = ("--workload", "Deployment/radio-gnb", "--workload", "Deployment/other")
    build = ("build", "--chart", chart, "--provider", "E", "--profile", "etsi-4", "--unsigned", "-o", "a.csar")
    said = with_helm(*build, *wanted)
    assert "1 not sure" in said
    assert "workload Deployment/other (stated, but not rendered" in said
    assert "named twice" in with_helm(*build, "--workload", "Job/a", "--workload", "Job/a:2")


OBJECTS = """
kind: Deployment
metadata: {name: front}
spec:
  template:
    spec:
      initContainers: [{name: i, image: r.example.org/tools/init:1}]
      containers: [{name: c, image: "r.example.org/front@%s"}]
---
kind: DaemonSet
metadata: {name: agent}
spec: {template: {spec: {containers: [{name: c, image: r.example.org/other/init:2}]}}}
---
kind: CronJob
metadata: {name: nightly}
spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: c, image: r.example.org/cron:3}]}}}}}
---
kind: Job
metadata: {name: before, annotations: {helm.sh/hook: pre-install}}
spec: {template: {spec: {containers: [{name: c, image: r.example.org/hook:4}]}}}
""" % ("sha256:" + "2" * 64)


def chart_with(folder, files):
    base = {"Chart.yaml": "apiVersion: v2\nname: shop\nversion: 1.0.0\nappVersion: '1'\n", **files}
    members = [Member(name=f"shop/{name}", content=BytesBlob(text.encode())) for name, text in sorted(base.items())]
    write_tar_gz(folder / "shop.tgz", members, epoch=1760000000)
    return folder / "shop.tgz"


def test_what_a_file_shows_is_a_fact(ako, tmp_path):
    chart_with(tmp_path, {"templates/a.yaml": '{{ include "all" . }}'})
    (tmp_path / "out.yaml").write_text(OBJECTS)
    build = ("build", "--chart", "shop.tgz", "--provider", "E", "--unsigned", "--rendered", "out.yaml")
    said = ako(*build, "-o", "out")
    assert said.count("verified") == 5
    assert "hooks of Helm are no workloads of the descriptor: Job/before" in said
    for profile, kinds in {"etsi-4": {"Deployment"}, "etsi-5": {"Deployment", "DaemonSet"}}.items():
        found, nodes = units(tmp_path / "out" / f"shop-1-{profile}.csar")
        assert {kind for kind, _ in found} == kinds
        # Two images of one name are two containers; each unit has its own, hooks' images are listed too.
        assert sum(node["type"].endswith("OsContainer") for node in nodes.values()) == 5
        front = nodes["vdu-front"]["requirements"]
        assert [nodes[item["container"]]["properties"]["name"] for item in front] == ["init", "front"]


def test_a_profile_without_a_place_for_any_workload(ako, tmp_path):
    text = "kind: DaemonSet\nmetadata:\n  name: agent\n"
    chart_with(tmp_path, {"templates/a.yaml": text})
    said = ako("init", "--chart", "shop.tgz", "--provider", "E", "-o", "start")
    assert "etsi-4 has no place for DaemonSet/agent" in said
    assert "--profile etsi-5" in said
    build = ("build", "--chart", "shop.tgz", "--provider", "E", "--unsigned")
    said = ako(*build, "--profile", "etsi-4", "-o", "a.csar")
    assert said.startswith(
        "etsi-4 describes Deployment, StatefulSet only, the chart runs DaemonSet/agent: choose tca-2x"
    )
    assert not (tmp_path / "a.csar").exists()
    assert "left out: etsi-4 describes" in ako(*build, "-o", "out")


def test_a_file_without_workloads_is_refused(ako, tmp_path):
    chart_with(tmp_path, {})
    (tmp_path / "out.yaml").write_text("kind: Service\n")
    build = ("build", "--chart", "shop.tgz", "--provider", "E", "--unsigned", "-o", "a.csar")
    assert "no object that runs pods" in ako(*build, "--rendered", "out.yaml")
    assert "name what 'helm template' printed" in ako(*build, "--rendered", "none.yaml")


def test_archives_of_subcharts_are_read_and_limited(tmp_path):
    inner = tmp_path / "inner.tgz"
    text = "kind: StatefulSet\nmetadata:\n  name: {{ .Release.Name }}-db\n"
    write_tar_gz(
        inner,
        [
            Member(name="db/Chart.yaml", content=BytesBlob(b"name: db\nversion: 1.0.0\n")),
            Member(name="db/templates/s.yaml", content=BytesBlob(text.encode())),
        ],
        epoch=0,
    )
    members = [
        Member(name="shop/Chart.yaml", content=BytesBlob(b"name: shop\nversion: 1.0.0\n")),
        Member(name="shop/charts/db-1.0.0.tgz", content=BytesBlob(inner.read_bytes())),
    ]
    write_tar_gz(tmp_path / "shop.tgz", members, epoch=0)
    unit = load_chart(tmp_path / "shop.tgz").workloads[0]
    assert (unit.kind, unit.name, bool(unit.unsure)) == ("StatefulSet", "shop-db", True)


def test_objects_that_are_none_say_nothing():
    documents = [None, 1, [], {"kind": 3}, {"kind": "Deployment"}, {"kind": "List", "items": [{"kind": "Role"}]}]
    found = chart_objects(documents)
    assert [owner.name for owner in found.owners] == [""]
    assert found.rights == {"Role/": ()}
