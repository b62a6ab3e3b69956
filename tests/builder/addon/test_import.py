"""`ako addon import`: pins from dumps of live systems, of three shapes."""

import json

import pytest
import yaml
from click.testing import CliRunner

from ako_builder.addon.cli import addon
from ako_builder.addon.pins.releases import load_pins, pin_named
from ako_lab.kube_api import KubeConfig, KubeLab
from ako_runtime.errors import UserError

PACKAGE = "load-balancer-and-ingress-service.tanzu.vmware.com"
SEEN = "management cluster of site 7, 2026-11-30"


def tkr(name, kubernetes, package=None, **labels):
    """A TanzuKubernetesRelease as TKG 2 has it."""
    spec = {"version": kubernetes, "kubernetes": {"version": kubernetes.rpartition("-")[0] or kubernetes}}
    if package:
        spec["bootstrapPackages"] = [
            {"name": "antrea.tanzu.vmware.com.1.13.3+vmware.4-tkg.2"},
            {"name": f"{PACKAGE}.{package}"},
        ]
    return {
        "apiVersion": "run.tanzu.vmware.com/v1alpha3",
        "kind": "TanzuKubernetesRelease",
        "metadata": {"name": name, "labels": labels},
        "spec": spec,
    }


KNOWN = tkr("v1.28.11---vmware.2-tkg.2", "v1.28.11+vmware.2-tkg.2", "1.11.2+vmware.2-tkg.2")
UNKNOWN = tkr("v1.29.6---vmware.1-tkg.3", "v1.29.6+vmware.1-tkg.3", "1.12.2+vmware.1-tkg.1")
OPERATOR = {
    "apiVersion": "data.packaging.carvel.dev/v1alpha1",
    "kind": "Package",
    "metadata": {"name": "ako-operator-v2.tanzu.vmware.com.0.32.3+vmware.1-tkg.1", "namespace": "tkg-system"},
    "spec": {"refName": "ako-operator-v2.tanzu.vmware.com", "version": "0.32.3+vmware.1-tkg.1"},
}


def run(tmp_path, documents, *more, tkg="2.5.2", form="list", expect=0):
    """Import a dump; what became of each fact, and the pins that were written."""
    texts = {
        "list": lambda: yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": documents}),
        "stream": lambda: yaml.safe_dump_all(documents),
        "json": lambda: json.dumps({"apiVersion": "v1", "kind": "List", "items": documents}),
    }
    dump = tmp_path / ("dump.json" if form == "json" else "dump.yaml")
    dump.write_text(texts[form]())
    return imported(tmp_path, dump, *more, tkg=tkg, expect=expect)


def imported(tmp_path, *arguments, tkg="2.5.2", expect=0):
    given = ["import", *arguments, "--tkg", tkg, "--source", SEEN, "--out", tmp_path / "pins", "-o", "json"]
    done = CliRunner().invoke(addon, [*map(str, given)], standalone_mode=False)
    if isinstance(done.exception, UserError):
        raise done.exception
    assert done.exception is None, done.exception
    assert (done.return_value or 0) == expect, done.output
    rows = {row["where"]: row for row in json.loads(done.stdout)}
    return rows, load_pins(tmp_path / "pins")


@pytest.mark.parametrize("form", ["list", "stream", "json"])
def test_unknown_rows_are_filled_with_grade_and_source(tmp_path, form):
    rows, pins = run(tmp_path, [KNOWN, UNKNOWN, OPERATOR], form=form)
    name = UNKNOWN["metadata"]["name"]
    assert rows[f"{name}: official package"]["verdict"] == "added"
    (row,) = [item for item in pin_named(pins, "2.5.2").tkrs if item.title == name]
    fact = row.official.package
    assert (fact.value, fact.grade, fact.source) == ("1.12.2+vmware.1-tkg.1", "B", SEEN)
    # Inferred before, seen now.
    assert rows[f"{name}: kubernetes"]["verdict"] == "confirmed"
    assert (row.kubernetes.grade, row.kubernetes.source) == ("B", SEEN)
    # What was seen by others keeps their source.
    known = KNOWN["metadata"]["name"]
    assert rows[f"{known}: official package"]["verdict"] == "confirmed"
    (row,) = [item for item in pin_named(pins, "2.5.2").tkrs if item.title == known]
    assert "transcripts" in row.official.package.source
    assert row.accepted
    assert rows["operator.package"]["verdict"] == "confirmed"
    assert {pin.tkg for pin in pins} == {pin.tkg for pin in load_pins()}


def test_a_fact_that_differs_is_told_and_nothing_is_changed(tmp_path):
    other = tkr(KNOWN["metadata"]["name"], "v1.28.11+vmware.2-tkg.2", "1.11.9+vmware.1-tkg.1")
    rows, pins = run(tmp_path, [other], expect=1)
    row = rows[f"{KNOWN['metadata']['name']}: official package"]
    assert (row["was"], row["found"], row["verdict"]) == (
        "1.11.2+vmware.2-tkg.2 (B)", "1.11.9+vmware.1-tkg.1", "contradicts",
    )  # fmt: skip
    (kept,) = [item for item in pin_named(pins, "2.5.2").tkrs if item.title == KNOWN["metadata"]["name"]]
    assert kept.official.package.value == "1.11.2+vmware.2-tkg.2"


def test_a_new_release_appears(tmp_path):
    new = tkr("v1.31.4---vmware.1-tkg.3", "v1.31.4+vmware.1-tkg.3", "1.13.4+vmware.1-tkg.1")
    early = tkr("v1.24.10---vmware.1-tkg.2", "v1.24.10+vmware.1-tkg.2", "1.8.2+vmware.1-tkg.1")
    gone = tkr("v1.20.1---vmware.1-tkg.1", "v1.20.1+vmware.1-tkg.1", "1.4.3+vmware.1", incompatible="")
    _, pins = run(tmp_path, [new, early, gone], tkg="2.6.0")
    pin = pin_named(pins, "2.6.0")
    assert {row.title: row.offered.version for row in pin.tkrs} == {
        "v1.31.4---vmware.1-tkg.3": "release", "v1.24.10---vmware.1-tkg.2": None,
    }  # fmt: skip
    listed = CliRunner().invoke(
        addon, ["list", "--pins", str(tmp_path / "pins"), "--tkg", "2.6.0"], standalone_mode=False
    )
    assert "1.13.4+vmware.1-tkg.1" in listed.output
    lint = CliRunner().invoke(addon, ["lint", "--pins", str(tmp_path / "pins")], standalone_mode=False)
    assert (lint.exception, lint.return_value) == (None, 0), lint.output


def test_releases_of_vks_are_seen_and_have_no_place_in_a_pin(tmp_path):
    release = {
        "apiVersion": "addons.kubernetes.vmware.com/v1alpha1",
        "kind": "AddonRelease",
        "metadata": {"name": "ako.kubernetes.vmware.com.2.2.1-vmware.1-vks.1", "namespace": "vmware-system-vks-public"},
        "spec": {
            "addonRef": {"name": "ako"},
            "package": {"refName": "ako.kubernetes.vmware.com", "version": "2.2.1+vmware.1-vks.1"},
        },
    }
    rows, _ = run(tmp_path, [release])
    assert [(row["found"], row["verdict"]) for row in rows.values()] == [("2.2.1+vmware.1-vks.1", "seen")]


def test_a_live_cluster_is_read(tmp_path):
    with KubeLab(KubeConfig()) as kube:
        kube.write_kubeconfig(tmp_path / "kubeconfig")
        with pytest.raises(UserError, match="nothing to import"):
            imported(tmp_path, "--kubeconfig", tmp_path / "kubeconfig")
        asked = {item.path.partition("?")[0] for item in kube.requests() if item.method == "GET"}
    assert "/apis/run.tanzu.vmware.com/v1alpha3/tanzukubernetesreleases" in asked
    assert not (tmp_path / "pins").exists()


@pytest.mark.parametrize(
    ("documents", "arguments", "said"),
    [
        ([{"kind": "ConfigMap", "metadata": {"name": "x"}}], [], "nothing to import"),
        ([KNOWN], ["--kubeconfig", "k"], "one of them"),
    ],
)
def test_nothing_is_written_where_nothing_is_found(tmp_path, documents, arguments, said):
    with pytest.raises(UserError, match=said):
        run(tmp_path, documents, *arguments)
    assert not (tmp_path / "pins").exists()


def places(value, place=()):
    """Every place in a document, as the keys that lead to it."""
    yield place
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from places(inner, (*place, key))


def replaced(documents, place, value):
    if not place:
        return value
    copy = json.loads(json.dumps(documents))
    inner = copy
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return copy


INSTALLED = [
    {
        "apiVersion": "packaging.carvel.dev/v1alpha1",
        "kind": "PackageInstall",
        "metadata": {"name": "ako", "namespace": "tkg-system"},
        "spec": {"packageRef": {"refName": PACKAGE}},
        "status": {"version": "1.12.2+vmware.1-tkg.1"},
    },
    {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "ako", "namespace": "avi-system"},
        "spec": {"template": {"spec": {"containers": [{"name": "ako", "image": "registry.example/ako:1.12.2"}]}}},
    },
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "avi-k8s-config", "namespace": "avi-system"},
        "data": {"clusterName": "one", "shardVSSize": "LARGE"},
    },
]


@pytest.mark.parametrize("command", ["import", "check"])
def test_a_dump_of_wrong_types_is_a_sentence_or_left_out(tmp_path, command):
    """A dump may be cut, edited by hand, or of a system that nobody has seen yet: every field, every wrong type."""
    documents, dump = [UNKNOWN, OPERATOR, *INSTALLED], tmp_path / "dump" / "objects.json"
    dump.parent.mkdir()
    options = {
        "import": [str(dump), "--tkg", "2.5.2", "--source", SEEN, "--out", str(tmp_path / "pins")],
        "check": ["--dump", str(dump.parent), "--tkg", "2.5.2", "--tkr", KNOWN["metadata"]["name"]],
    }[command]
    endings = set()
    for place in places(documents):
        for value in (7, "x", [1], [None], {"a": 1}, None, [], {}):
            dump.write_text(
                json.dumps({"apiVersion": "v1", "kind": "List", "items": replaced(documents, place, value)})
            )
            done = CliRunner().invoke(addon, [command, *options], standalone_mode=False)
            assert done.exception is None or isinstance(done.exception, UserError | SystemExit), (place, value)
            endings.add(type(done.exception).__name__)
    # Some of them are imported or compared: the options were understood.
    assert endings == {"NoneType", "UserError"}
