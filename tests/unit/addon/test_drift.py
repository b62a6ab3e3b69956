"""Drift: statements about one AKO that do not agree."""

import json

import msgspec
import pytest

from ako_builder.addon.live.cluster_dump import dumped
from ako_builder.addon.live.drift import Evidence, drift
from ako_builder.addon.outputs.relocate import Use
from ako_builder.addon.outputs.tkg import replacing_version
from ako_builder.addon.pins.releases import Fact, load_pins, pin_named, tkr_named
from ako_builder.release import load_release
from ako_runtime.errors import UserError

# Re-typed facts of a public package repository: which digest the lock of each AKO package names.
LOCKED = {
    "v1.4.3_vmware.1": "483c22fb9b2f032ffbb08551dd502bc6bb72ef94076a76af5ced6edf4fe3316e",
    "v1.6.1_vmware.1": "483c22fb9b2f032ffbb08551dd502bc6bb72ef94076a76af5ced6edf4fe3316e",
    "v1.7.2_vmware.1": "7e1dbff1a971800d31fd6da9377f677988c8a729b44fc55b31ea6418b08ea85d",
    "v1.7.3_vmware.1": "7e1dbff1a971800d31fd6da9377f677988c8a729b44fc55b31ea6418b08ea85d",
    "v1.8.2_vmware.1": "7e1dbff1a971800d31fd6da9377f677988c8a729b44fc55b31ea6418b08ea85d",
}
A, B = "a" * 64, "b" * 64


def lock(tag, digest, name="registry.example.com/tkg/ako"):
    return {
        "kind": "ImagesLock",
        "images": [{"image": f"{name}@sha256:{digest}", "annotations": {"kbld.carvel.dev/id": f"{name}:{tag}"}}],
    }


def statefulset(image):
    containers = [{"name": "ako", "image": image}]
    return {
        "kind": "StatefulSet",
        "metadata": {"name": "ako"},
        "spec": {"template": {"spec": {"containers": containers}}},
    }


def pod(digest):
    status = {"containerStatuses": [{"name": "ako", "imageID": f"r.example.com/ako@sha256:{digest}"}]}
    return {"kind": "Pod", "metadata": {"name": "ako-0"}, "status": status}


def install(name, version):
    spec = {"packageRef": {"refName": name}}
    return {"kind": "PackageInstall", "metadata": {"name": "i"}, "spec": spec, "status": {"version": version}}


def found(*documents, **more):
    return [(item.subject, item.expected, item.found) for item in drift(Evidence(documents=documents, **more))]


def test_the_public_package_repository_locks_one_digest_under_several_versions():
    reused = drift(Evidence(documents=tuple(lock(tag, digest) for tag, digest in LOCKED.items())))
    assert [(item.expected, item.found) for item in reused] == [
        ("v1.4.3_vmware.1", "v1.6.1_vmware.1"),
        ("v1.7.2_vmware.1", "v1.7.3_vmware.1, v1.8.2_vmware.1"),
    ]
    assert all("differ in name only" in item.why for item in reused)


def test_one_tag_with_two_digests():
    assert found(lock("v1", A), lock("v1", B)) == [
        ("lock of registry.example.com/tkg/ako:v1", f"sha256:{A}", f"sha256:{B}")
    ]


def test_what_agrees_is_no_drift():
    image = f"registry.example.com/tkg/ako@sha256:{A}"
    assert found(lock("v1.8.2_vmware.1", A), statefulset(image), pod(A)) == []


def test_a_workload_that_runs_what_no_lock_names():
    image = f"registry.example.com/tkg/ako@sha256:{B}"
    assert found(lock("v1", A), statefulset(image)) == [("StatefulSet ako", f"sha256:{A}", f"sha256:{B}")]


def test_a_node_that_runs_other_bytes():
    image = f"registry.example.com/tkg/ako@sha256:{A}"
    assert found(statefulset(image), pod(B)) == [("Pod ako-0", f"sha256:{A}", f"sha256:{B}")]


def test_another_package_than_pinned():
    row = tkr_named(pin_named(load_pins(), "2.5.2"), "1.28.11")
    official = "load-balancer-and-ingress-service.tanzu.vmware.com"
    assert found(install(official, "1.11.2+vmware.1-tkg.1"), tkr=row) == [
        ("PackageInstall i", "1.11.2+vmware.2-tkg.2", "1.11.2+vmware.1-tkg.1")
    ]
    assert found(install(official, "1.11.2+vmware.2-tkg.2"), tkr=row) == []
    release = load_release()
    assert found(install(release.addon.package, "0.0.9"), release=release) == [
        ("PackageInstall i", release.version, "0.0.9")
    ]


def test_the_avi_controller_reports_another_version():
    controller = {"version_info": {"ako_amko_version": "1.13.4"}}
    assert found(statefulset("r.example.com/ako:v1.12.2_vmware.1"), controller) == [
        ("Avi Controller", "v1.12.2_vmware.1", "1.13.4")
    ]
    assert found(statefulset("r.example.com/ako:v1.13.4"), controller) == []


def test_our_package_in_place_of_the_official_one_is_no_drift():
    row = tkr_named(pin_named(load_pins(), "2.5.2"), "1.28.11")
    release = load_release()
    ours = install(OFFICIAL, str(replacing_version(row.official_version, release=release.version)))
    assert found(ours, release=release, tkr=row) == []
    tagged = msgspec.structs.replace(
        row.official, image_tag=Fact(value="v1.11.2_vmware.2", grade="B", source="a test"), package=row.official.package
    )
    known = msgspec.structs.replace(row, official=tagged)
    workload = statefulset(f"r.example.com/ako:{release.version}")
    assert found(ours, workload, release=release, tkr=known) == []
    official = install(OFFICIAL, "1.11.2+vmware.2-tkg.2")
    assert found(official, workload, release=release, tkr=known) == [
        ("StatefulSet ako", "v1.11.2_vmware.2", release.version)
    ]


def report(version, name, **more):
    return {"name": name, "version_info": {"ako_amko_version": version, **more}}


def test_only_the_reports_about_this_cluster_count():
    config = {"kind": "ConfigMap", "metadata": {"name": "avi-k8s-config"}, "data": {"clusterName": "telco-cnf-1"}}
    workload = statefulset("r.example.com/ako:v1.13.4")
    others = (
        report("1.10.1", "telco-cnf-2"),
        {**report("2.1.0", "telco-cnf-1"), "cluster_type": "CLUSTER_TYPE_AMKO"},
    )
    assert found(workload, config, report("1.13.4", "telco-cnf-1"), *others) == []
    assert found(workload, config, report("1.12.2", "telco-cnf-1"), *others) == [
        ("Avi Controller", "v1.13.4", "1.12.2")
    ]
    # Without the name of the cluster nobody can say which of them is about it.
    assert found(workload, report("1.12.2", "telco-cnf-1"), *others) == []


def test_the_avi_controller_reports_another_kubernetes():
    row = tkr_named(pin_named(load_pins(), "2.5.2"), "1.28.11")
    assert found(report("1", "c", kubernetes_version="v1.29.6"), tkr=row) == [("Avi Controller", "1.28.11", "v1.29.6")]
    assert found(report("1", "c", kubernetes_version="1.28.11+vmware.2"), tkr=row) == []


OFFICIAL = "load-balancer-and-ingress-service.tanzu.vmware.com"


def test_a_tkr_and_a_bootstrap_that_name_another_package_than_the_pin():
    row = tkr_named(pin_named(load_pins(), "2.5.2"), "1.28.11")
    names = [f"{OFFICIAL}.1.11.2+vmware.3-tkg.1", "antrea.tanzu.vmware.com.1.13.3+vmware.4-tkg.2"]
    tkr = {"kind": "TanzuKubernetesRelease", "metadata": {"name": row.title}}
    tkr["spec"] = {"bootstrapPackages": [{"name": name} for name in names]}
    assert found(tkr, tkr=row) == [
        (f"TanzuKubernetesRelease {row.title}", "1.11.2+vmware.2-tkg.2", "1.11.2+vmware.3-tkg.1")
    ]
    assert found({**tkr, "metadata": {"name": "v1.30.2---vmware.1-tkg.1"}}, tkr=row) == []
    bootstrap = {"kind": "ClusterBootstrap", "metadata": {"name": "c"}, "status": {"resolvedTKR": row.title}}
    bootstrap["spec"] = {"additionalPackages": [{"refName": name} for name in names]}
    assert found(bootstrap, tkr=row) == [("ClusterBootstrap c", "1.11.2+vmware.2-tkg.2", "1.11.2+vmware.3-tkg.1")]
    assert found({**bootstrap, "status": {"resolvedTKR": "another"}}, tkr=row) == []


def test_chart_csar_and_package_say_one_version_which_is_offered_and_installed():
    release = load_release()
    row = tkr_named(pin_named(load_pins(), "2.5.2"), "1.28.11")
    image = f"r.example.com/ako@sha256:{A}"
    uses = tuple(Use(image=image, by=by, version=release.version) for by in ("chart.tgz", "x.csar", "addon.tar.gz"))
    standing = install(release.addon.package, release.version)
    assert found(standing, uses=uses, release=release, tkr=row) == []
    assert found(install(release.addon.package, "0.0.9"), uses=uses, release=release) == [
        ("PackageInstall i", release.version, "0.0.9"),
        ("PackageInstall i", release.version, "0.0.9"),
    ]
    odd = (*uses, Use(image=image, by="old.csar", version="0.0.9"))
    assert found(uses=odd, release=release, tkr=row) == [
        ("artefacts", "0.0.9 (old.csar)", f"{release.version} (chart.tgz)"),
        ("old.csar", release.version, "0.0.9"),
    ]


def test_a_config_map_that_does_not_hold_what_the_package_was_given():
    values = "loadBalancerAndIngressService: {config: {ako_settings: {layer_7_only: 'true', log_level: INFO}}}\n"
    secret = {
        "kind": "Secret",
        "metadata": {"name": "s"},
        "stringData": {"values.yaml": f"#@data/values\n---\n{values}"},
    }
    config = {"kind": "ConfigMap", "metadata": {"name": "avi-k8s-config"}}
    config["data"] = {"layer7Only": "false", "logLevel": "INFO", "foreign": "x"}
    assert found(secret, config) == [("AKOSettings.layer7Only", "true", "false")]


def test_a_dump_is_read_whatever_it_is_made_of(tmp_path):
    listing = {"kind": "StatefulSetList", "items": [{"metadata": {"name": "ako"}}]}
    (tmp_path / "sts.json").write_text(json.dumps(listing))
    (tmp_path / "avi.json").write_text(
        json.dumps({"count": 1, "results": [{"version_info": {"ako_amko_version": "1"}}]})
    )
    (tmp_path / "more").mkdir()
    text = "kind: Secret\nmetadata: {name: s}\ndata: {values.yaml: YTogMQ==}\n---\nkind: Pod\n"
    (tmp_path / "more" / "x.yaml").write_text(text)
    read = dumped(tmp_path)
    assert [document.get("kind") for document in read] == ["", "Secret", "Pod", "StatefulSet"]
    assert read[1]["stringData"] == {"values.yaml": "a: 1"}


@pytest.mark.parametrize(("name", "text", "said"), [("a.json", "{", "not JSON"), ("a.yaml", "a: [", "a.yaml:1")])
def test_a_dump_that_cannot_be_read_is_refused(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError, match=said):
        dumped(tmp_path)


def test_an_empty_dump_is_refused(tmp_path):
    with pytest.raises(UserError, match="holds no Kubernetes objects"):
        dumped(tmp_path)


def test_chart_csar_and_bundle_name_one_image_and_the_workload_runs_it():
    uses = tuple(Use(image=f"r.example.com/ako@sha256:{A}", by=by) for by in ("chart.tgz", "x.csar", "addon.tar.gz"))
    running = statefulset(f"r.example.com/ako@sha256:{A}")
    assert found(running, uses=uses) == []
    assert found(statefulset(f"r.example.com/ako@sha256:{B}"), uses=uses) == [
        ("StatefulSet ako", f"sha256:{A}", f"sha256:{B}")
    ]
    odd = (*uses, Use(image=f"r.example.com/ako@sha256:{B}", by="y.csar"))
    assert found(uses=odd) == [("r.example.com/ako", f"sha256:{A} (chart.tgz)", f"sha256:{B} (y.csar)")]
