"""`ako addon build --old`: what stands already is not lost, and what the platform would refuse is not built."""

import pytest
import yaml
from click.testing import CliRunner

from ako_builder.addon.admission.webhook import is_older
from ako_builder.addon.cli import addon
from ako_builder.release import load_release
from ako_runtime.errors import UserError

OFFICIAL = "load-balancer-and-ingress-service.tanzu.vmware.com"
OURS = load_release().addon.package


def build(tmp_path, *more, name="out"):
    out = tmp_path / name
    arguments = ["build", "--tkg", "2.5.2", "--cluster", "cnf-1", "--namespace", "telco", "--out", out, *more]
    done = CliRunner().invoke(addon, [str(item) for item in arguments], standalone_mode=False)
    if isinstance(done.exception, UserError):
        assert not out.exists()
        raise done.exception
    assert done.exception is None, done.exception
    return out


@pytest.fixture
def old(tmp_path):
    def write(*documents, name="old.yaml"):
        path = tmp_path / name
        path.write_text(yaml.safe_dump_all(documents))
        return path

    return write


def read(out, name):
    return yaml.safe_load((out / name).read_text())


def bootstrap(*references, **spec):
    additions = [{"refName": reference, "valuesFrom": {"secretRef": "s"}} for reference in references]
    return {
        "apiVersion": "run.tanzu.vmware.com/v1alpha3",
        "kind": "ClusterBootstrap",
        "metadata": {"name": "cnf-1", "namespace": "telco", "resourceVersion": "7"},
        "spec": {"additionalPackages": additions, **spec},
    }


def test_the_entries_of_a_bootstrap_stay_and_ours_is_added_once(tmp_path, old):
    cni = {"refName": "antrea.tanzu.vmware.com.1.13.3+vmware.1"}
    before = bootstrap(
        f"{OFFICIAL}.1.11.2+vmware.2-tkg.2", f"{OURS}.0.0.1", "metrics-server.tanzu.vmware.com.0.6.2", cni=cni
    )
    patch = read(build(tmp_path, "--old", old({"kind": "List", "items": [before]})), "tkg/clusterbootstrap.yaml")
    assert [item["refName"] for item in patch["spec"]["additionalPackages"]] == [
        f"{OFFICIAL}.1.11.2+vmware.2-tkg.2",
        f"{OURS}.{load_release().version}",
        "metrics-server.tanzu.vmware.com.0.6.2",
    ]
    assert set(patch["spec"]) == {"additionalPackages"}


def test_another_clusters_bootstrap_is_not_ours_to_compare_with(tmp_path, old):
    before = bootstrap(f"{OURS}.99.0.0")
    before["metadata"]["name"] = "cnf-2"
    patch = read(build(tmp_path, "--old", old(before)), "tkg/clusterbootstrap.yaml")
    assert len(patch["spec"]["additionalPackages"]) == 1


def test_a_package_in_a_bootstrap_is_never_lowered(tmp_path, old):
    with pytest.raises(UserError, match=r"is older than 99\.0\.0: a package is never downgraded"):
        build(tmp_path, "--old", old(bootstrap(f"{OURS}.99.0.0")))


def package(name, namespace="tkg-system"):
    return {"kind": "Package", "metadata": {"name": name, "namespace": namespace}}


def test_a_bootstrap_names_no_package_that_the_system_namespace_lacks(tmp_path, old):
    official = f"{OFFICIAL}.1.11.2+vmware.2-tkg.2"
    standing = bootstrap(official)
    # Ours is applied from the folder itself; a Package elsewhere says nothing about the system namespace.
    build(tmp_path, "--old", old(standing, package(official)), name="first")
    build(tmp_path, "--old", old(standing, package("a.b.c.1.0.0", namespace="default")), name="second")
    with pytest.raises(UserError, match=f"there is no Package {OFFICIAL}"):
        build(tmp_path, "--old", old(standing, package("a.b.c.1.0.0")), name="third")


def test_values_of_a_provider_stay_a_providers(tmp_path, old):
    before = bootstrap(f"{OURS}.0.0.1")
    before["spec"]["additionalPackages"][0]["valuesFrom"] = {"providerRef": {"kind": "X", "name": "defaults"}}
    with pytest.raises(UserError, match="providerRef cannot become another source"):
        build(tmp_path, "--old", old(before))


def test_a_tkr_that_re_pins_does_not_lower_the_official_package(tmp_path, old):
    base = {
        "kind": "TanzuKubernetesRelease",
        "metadata": {"name": "v1.28.11---vmware.2-tkg.2"},
        "spec": {
            "version": "v1.28.11+vmware.2-tkg.2",
            "bootstrapPackages": [{"name": f"{OFFICIAL}.1.11.2+vmware.2-tkg.2"}],
        },
    }
    tkr = old(base, name="tkr.yaml")
    build(tmp_path, "--base-tkr", tkr, "--old", old(bootstrap(f"{OFFICIAL}.1.11.2+vmware.2-tkg.2")))
    with pytest.raises(UserError, match=r"is older than 1\.12\.2\+vmware\.1-tkg\.1"):
        build(tmp_path, "--base-tkr", tkr, "--old", old(bootstrap(f"{OFFICIAL}.1.12.2+vmware.1-tkg.1")), name="again")


def test_what_an_adc_never_changes(tmp_path, old):
    adc = read(build(tmp_path, name="first"), "tkg/akodeploymentconfig.yaml")
    same = old(adc)
    build(tmp_path, "--old", same, name="second")
    adc["spec"]["dataNetwork"]["cidr"] = "203.0.113.0/24"
    build(tmp_path, "--old", old(adc), name="moved")
    adc["spec"]["controlPlaneNetwork"] = {"name": "before", "cidr": "203.0.113.0/24"}
    adc["spec"]["clusterSelector"] = {"matchLabels": {"other": "label"}}
    with pytest.raises(
        UserError, match=r"spec\.clusterSelector: the webhook would refuse it: cannot be changed"
    ) as caught:
        build(tmp_path, "--old", old(adc), name="third")
    assert "spec.controlPlaneNetwork" in str(caught.value)
    assert "spec.dataNetwork" not in str(caught.value)
    adc["metadata"]["name"] = "another"
    build(tmp_path, "--old", old(adc), name="fourth")


def test_an_installed_package_is_never_lowered(tmp_path, old):
    install = {"kind": "PackageInstall", "metadata": {"name": "i"}, "spec": {"packageRef": {"refName": OURS}}}
    build(tmp_path, "--old", old({**install, "status": {"version": "0.0.1"}}), name="first")
    with pytest.raises(UserError, match="the kapp-controller would refuse it"):
        build(tmp_path, "--old", old({**install, "status": {"version": "99.0.0"}}), "--target", "vks", name="second")


def test_a_file_with_nothing_to_compare_is_refused(tmp_path, old):
    with pytest.raises(UserError, match="holds no AKODeploymentConfig, no ClusterBootstrap, no PackageInstall"):
        build(tmp_path, "--old", old({"kind": "Secret"}))


def test_versions_of_no_known_grammar_are_not_compared():
    assert is_older("1.0.0", "2.0.0")
    assert not is_older("1.0.0", "nightly")
