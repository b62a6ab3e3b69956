"""Add-on folders: every object against the schema of its CRD, the promises of each target, the same bytes twice."""

import base64
import gzip
import json
import re

import jsonschema_rs
import msgspec
import pytest
import yaml
from support.addon.folder import BASE_TKR, documents
from support.data_folder import test_data

from ako_builder.addon.admission.webhook import adc_violations
from ako_builder.addon.outputs import vks
from ako_builder.addon.outputs.bundle import images_lock
from ako_builder.addon.outputs.carvel import installer
from ako_builder.addon.outputs.folder import images
from ako_builder.addon.outputs.tca import api_version_in
from ako_builder.addon.outputs.tkg import custom_tkr
from ako_builder.addon.outputs.verify import faults, layer_files
from ako_builder.addon.pins.releases import load_pins, pin_named
from ako_builder.addon.request import TARGETS, TcaOptions
from ako_builder.addon.shapes.convert import intent_of
from ako_builder.addon.shapes.intent import Cluster
from ako_builder.addon.shapes.keys import OPERATOR_FIELDS, adc_keys
from ako_builder.addon.versions import parse_version
from ako_builder.chart.tree import chart_folder
from ako_builder.release import load_release
from ako_runtime.errors import UserError

CRDS = {
    "AKODeploymentConfig": ("akodeploymentconfig", "1.12.yaml"),
    "ClusterBootstrap": ("tanzu", "run.tanzu.vmware.com_clusterbootstraps.yaml"),
    "TanzuKubernetesRelease": ("tanzu", "run.tanzu.vmware.com_tanzukubernetesreleases.yaml"),
    "PackageInstall": ("carvel", "kapp-controller-crds.yaml"),
    "PackageRepository": ("carvel", "kapp-controller-crds.yaml"),
    "Package": ("carvel", "kapp-controller-crds.yaml"),
    "PackageMetadata": ("carvel", "kapp-controller-crds.yaml"),
}
INTERNAL = {"Package": "InternalPackage", "PackageMetadata": "InternalPackageMetadata"}


def crd_schema(kind, version):
    path = test_data("crds", *CRDS[kind])
    for crd in yaml.safe_load_all(path.read_text()):
        if (
            crd
            and crd["kind"] == "CustomResourceDefinition"
            and crd["spec"]["names"]["kind"] == INTERNAL.get(kind, kind)
        ):
            found = next(item for item in crd["spec"]["versions"] if item["name"] == version)
            return closed(found["schema"]["openAPIV3Schema"])
    raise AssertionError(f"no CRD of {kind}")


def closed(schema):
    """The schema as a server prunes by it: a field that it does not name is a mistake."""
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items() if key not in ("properties", "items")}
    if "properties" in schema:
        result["properties"] = {name: closed(value) for name, value in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            result["additionalProperties"] = False
    if "items" in schema:
        result["items"] = closed(schema["items"])
    if schema.get("nullable") and "type" in schema:
        result["type"] = [schema["type"], "null"]
    return result


def problems(document):
    kind, version = document["kind"], document["apiVersion"].rpartition("/")[2]
    schema = crd_schema(kind, version)
    schema["properties"]["metadata"] = {"type": "object"}
    return [
        f"{kind}: {error.instance_path}: {error.message}"
        for error in jsonschema_rs.validator_for(schema).iter_errors(document)
    ]


def test_every_object_with_a_crd_passes_its_schema(folder_with):
    files = folder_with()
    judged = []
    for name in files:
        for document in documents(files, name) if name.endswith(".yaml") else ():
            if document.get("kind") in CRDS:
                assert problems(document) == [], name
                judged.append(document["kind"])
    assert set(judged) == set(CRDS) - {"TanzuKubernetesRelease"}


def test_the_judge_would_see_a_mistake(folder_with):
    (adc,) = documents(folder_with(), "tkg/akodeploymentconfig.yaml")
    adc["spec"]["extraConfigs"]["enableEVH"] = "true"
    adc["spec"]["unheardOf"] = 1
    assert len(problems(adc)) == 2


def test_our_rules_agree_with_the_schema_of_every_operator_version():
    sample = test_data("samples", "akoo-network_v1alpha1_akodeploymentconfig.yaml").read_text()
    document = next(iter(yaml.safe_load_all(sample)))
    document["apiVersion"] = "networking.tkg.tanzu.vmware.com/v1alpha1"
    for version in ("1.5.0", "1.6.0", "1.8.0", "1.10.0", "1.11.0", "1.12.0"):
        file = "1.12.yaml" if version == "1.12.0" else f"{version}.yaml"
        crd = yaml.safe_load(test_data("crds", "akodeploymentconfig", file).read_text())
        schema = closed(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
        schema["properties"]["metadata"] = {"type": "object"}
        theirs = {
            ".".join(["", *map(str, error.instance_path)]).strip(".")
            for error in jsonschema_rs.validator_for(schema).iter_errors(document)
            if "dditional" not in error.message
        }
        ours = {item.path for item in adc_violations(document, version=version) if "field" not in item.why}
        assert ours == theirs, version


def test_the_key_table_is_the_crds_of_all_operator_versions():
    for version in ("1.5.0", "1.6.0", "1.8.0", "1.10.0", "1.11.0", "1.12.0"):
        file = "1.12.yaml" if version == "1.12.0" else f"{version}.yaml"
        crd = yaml.safe_load(test_data("crds", "akodeploymentconfig", file).read_text())
        spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
        theirs = set(leaves(spec, stop=set(OPERATOR_FIELDS)))
        ours = {key.adc for key in adc_keys(version)} | set(OPERATOR_FIELDS) | {"dataNetwork.name", "dataNetwork.cidr"}
        assert ours - theirs == set(), version
        assert theirs - ours <= {"extraConfigs.l4Config.advancedL4"}, version


def leaves(schema, stop, prefix=""):
    for name, node in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        if path in stop or not node.get("properties"):
            yield path
        else:
            yield from leaves(node, stop, f"{path}.")


def test_two_makings_give_the_same_bytes(release, chart, made, folder_with):
    again = images(release, chart, epoch=1_700_000_000)
    assert again.bundle.files == made.bundle.files
    assert again.repository.digest == made.repository.digest
    assert folder_with() == folder_with()


def test_the_folder_verifies_and_a_changed_one_does_not(release, folder_with):
    files = folder_with()
    assert faults(files, release=release) == ()
    package = files["carvel/package.yaml"].replace(b"packages/ako@sha256:", b"packages/ako@sha256:0")
    assert "not the bundle beside it" in faults({**files, "carvel/package.yaml": package}, release=release)[0]
    blob = next(name for name in files if "/bundle/blobs/" in name)
    assert any("digest of its name" in fault for fault in faults({**files, blob: b"{}"}, release=release)[:1])


def test_the_bundle_holds_the_chart_as_it_is_and_locks_by_digest(folder_with, chart, release):
    layer = layer_files(folder_with(), "carvel/bundle")
    assert {name.removeprefix("chart/"): data for name, data in layer.items() if name.startswith("chart/")} == chart
    lock = yaml.safe_load(layer[".imgpkg/images.yml"])
    assert [item["image"] for item in lock["images"]] == [release.image_reference]
    assert "@sha256:" in lock["images"][0]["image"]
    assert lock["images"][0]["annotations"]["kbld.carvel.dev/id"] == release.image_tag
    # A release whose image has no digest yet locks nothing, rather than a tag.
    assert images_lock(load_release())["images"] == []


def test_the_bundle_image_is_labelled_and_says_no_time(made):
    index = json.loads(made.bundle.files["index.json"])
    manifest = json.loads(made.bundle.files["blobs/sha256/" + index["manifests"][0]["digest"][7:]])
    config = json.loads(made.bundle.files["blobs/sha256/" + manifest["config"]["digest"][7:]])
    assert config["config"]["Labels"] == {"dev.carvel.imgpkg.bundle": "true"}
    assert "created" not in config


def test_the_repository_offers_the_package_and_locks_its_bundle(folder_with, release, made):
    layer = layer_files(folder_with(), "carvel/repository")
    package = yaml.safe_load(layer[f"packages/{release.addon.package}/{release.version}.yaml"])
    assert package == documents(folder_with(), "carvel/package.yaml")[0]
    (locked,) = yaml.safe_load(layer[".imgpkg/images.yml"])["images"]
    assert locked["image"] == locked["annotations"]["kbld.carvel.dev/id"] == made.bundle_reference


@pytest.mark.parametrize("kind", ["legacy", "classy"])
def test_the_values_secret_has_the_shape_of_its_cluster(folder_with, kind):
    files = folder_with(kind=kind)
    (secret,), (install,) = (documents(files, f"carvel/{name}.yaml") for name in ("values-secret", "packageinstall"))
    text = secret["stringData"]["values.yaml"]
    legacy = kind == "legacy"
    assert text.startswith("#@data/values\n#@overlay/match-child-defaults missing_ok=True\n---\n") is legacy
    assert secret["type"] == ("tkg.tanzu.vmware.com/addon" if legacy else "clusterbootstrap-secret")
    suffix = "addon" if legacy else "data-values"
    assert secret["metadata"]["name"] == f"example-load-balancer-and-ingress-service-{suffix}"
    assert ("ext.packaging.carvel.dev/ytt-data-values-overlays" in install["metadata"]["annotations"]) is legacy
    assert install["spec"]["values"][0]["secretRef"]["name"] == secret["metadata"]["name"]


@pytest.mark.parametrize("kind", ["legacy", "classy"])
def test_a_bootstrap_refers_to_the_secret_beside_the_cluster_that_the_folder_makes(folder_with, kind):
    files = folder_with(kind=kind)
    inside, beside, bootstrap = (
        documents(files, name)[0]
        for name in ("carvel/values-secret.yaml", "tkg/values-secret.yaml", "tkg/clusterbootstrap.yaml")
    )
    (entry,) = bootstrap["spec"]["additionalPackages"]
    assert entry["valuesFrom"] == {"secretRef": "example-load-balancer-and-ingress-service-addon"}
    assert beside["metadata"]["name"] == entry["valuesFrom"]["secretRef"]
    assert beside["metadata"]["namespace"] == bootstrap["metadata"]["namespace"] == "default"
    assert inside["metadata"]["namespace"] == "tkg-system"
    assert {**beside, "metadata": inside["metadata"]} == inside


def test_the_values_of_a_management_cluster_have_the_name_of_the_management_side(folder_with):
    cluster = Cluster(name="mgmt", namespace="tkg-system", role="management")
    files = folder_with(targets=("tkg",), cluster=cluster)
    (secret,), (install,) = (documents(files, f"carvel/{name}.yaml") for name in ("values-secret", "packageinstall"))
    assert secret["metadata"]["name"] == "mgmt-load-balancer-and-ingress-service-addon"
    assert secret["type"] == "clusterbootstrap-secret"
    assert install["metadata"]["name"] == "load-balancer-and-ingress-service"
    assert install["metadata"]["labels"] == {"tkg.tanzu.vmware.com/package-type": "management"}
    assert install["spec"]["values"][0]["secretRef"]["name"] == secret["metadata"]["name"]


def test_the_values_pass_the_schema_of_the_package_and_a_typing_mistake_does_not(folder_with):
    files = folder_with()
    (package,), (secret,) = (documents(files, f"carvel/{name}.yaml") for name in ("package", "values-secret"))
    validator = jsonschema_rs.validator_for(package["spec"]["valuesSchema"]["openAPIv3"])
    values = yaml.safe_load(secret["stringData"]["values.yaml"])
    assert validator.is_valid(values)
    values["loadBalancerAndIngressService"]["config"]["ako_settings"]["layer_7_onyl"] = "true"
    assert not validator.is_valid(values)
    assert not validator.is_valid({"AKOSettings": {"enableEHV": True}})
    assert not validator.is_valid({"L7Settings": {"shardVSSize": "HUGE"}})
    assert not validator.is_valid({"AKOSettings": {"apiServerPort": 70000}})
    assert validator.is_valid({"AKOSettings": {"enableEVH": "true", "apiServerPort": 8081}})


def test_all_settings_are_written_out_and_say_the_same_on_every_path(folder_with, request_with):
    files = folder_with()
    wanted = request_with().intent.values
    adc = intent_of(documents(files, "tkg/akodeploymentconfig.yaml"), shape="adc").values
    addon_config = intent_of([documents(files, "vks/addonconfig.yaml")[0]["spec"]["values"]], shape="helm").values
    secret = documents(files, "carvel/values-secret.yaml")[0]["stringData"]["values.yaml"]
    package = intent_of([yaml.safe_load(secret)], shape="package").values
    for name in ("L7Settings.serviceType", "AKOSettings.disableStaticRouteSync", "L7Settings.shardVSSize",
                 "L7Settings.defaultIngController", "AKOSettings.logLevel", "ingressClass.create"):  # fmt: skip
        assert adc[name] == addon_config[name] == package[name] == wanted[name], name


def test_labels_of_the_cluster_are_those_that_the_configuration_selects(folder_with):
    files = folder_with()
    (adc,), (cluster,) = (documents(files, f"tkg/{name}.yaml") for name in ("akodeploymentconfig", "cluster-labels"))
    assert cluster["metadata"]["labels"] == adc["spec"]["clusterSelector"]["matchLabels"]


def test_a_custom_tkr_names_our_package_just_above_the_official_one(folder_with, release):
    files = folder_with(base_tkr=BASE_TKR)
    (tkr,), (package,) = (documents(files, f"tkg/{name}.yaml") for name in ("custom-tkr", "custom-tkr-package"))
    assert problems(tkr) == []
    assert problems(package) == []
    assert package["metadata"]["name"] in {item["name"] for item in tkr["spec"]["bootstrapPackages"]}
    assert tkr["spec"]["bootstrapPackages"][0] == BASE_TKR["spec"]["bootstrapPackages"][0]
    ours = parse_version(package["spec"]["version"])
    assert parse_version("1.11.2+vmware.2-tkg.2") < ours < parse_version("1.11.2+vmware.3-tkg.1")
    assert ours < parse_version("1.11.3+vmware.1-tkg.1")


def test_a_base_tkr_without_ako_is_refused(release):
    base = {**BASE_TKR, "spec": {**BASE_TKR["spec"], "bootstrapPackages": []}}
    with pytest.raises(UserError, match="names no load-balancer-and-ingress-service"):
        custom_tkr(base, release=release.version)


@pytest.mark.parametrize("payload", ["v1-networking", "ako-operator-values", "adc", "package-values"])
def test_a_tca_request_says_how_certain_each_part_is(folder_with, payload):
    text = folder_with(tca=TcaOptions(payload=payload))["tca/addon-request.yaml"].decode()
    head = [line for line in text.splitlines() if line.startswith("#")]
    assert any("Envelope: CERTAIN (A)" in line for line in head)
    assert any("UNVERIFIED (D)" in line for line in head)
    (request,) = yaml.safe_load_all(text)
    assert request["spec"]["name"] == "load-balancer-and-ingress-service"
    assert request["metadata"]["clusterName"] == request["spec"]["clusterRef"]["name"] == "example"
    assert all(isinstance(value, str) for value in request["spec"]["config"]["stringData"].values())


def test_no_payload_is_guessed_unless_somebody_chooses_one(folder_with):
    files = folder_with(tca=TcaOptions(api_version="g.example/v1"))
    (request,) = documents(files, "tca/addon-request.yaml")
    assert set(request["spec"]) == {"name", "clusterRef"}
    assert b"# Payload none: LEFT OUT" in files["tca/addon-request.yaml"]
    (addon,) = documents(files, "tca/tcaclusteraddon.yaml")
    assert set(addon["spec"]) == {"name", "clusterRef"}
    assert b"choose `--tca-payload`" in files["README.md"]


def test_the_raw_payload_is_the_users(folder_with):
    files = folder_with(tca=TcaOptions(payload="raw", raw={"a": "b"}))
    assert documents(files, "tca/addon-request.yaml")[0]["spec"]["config"]["stringData"] == {"a": "b"}


def test_no_api_version_is_invented(folder_with):
    assert "tca/tcaclusteraddon.yaml" not in folder_with()
    dump = {"kind": "APIResourceList", "groupVersion": "g.example/v9", "resources": [{"kind": "TcaClusterAddon"}]}
    version = api_version_in(dump, where="dump")
    chosen = TcaOptions(api_version=version, payload="adc")
    addon, secret = documents(folder_with(tca=chosen), "tca/tcaclusteraddon.yaml")
    assert addon["apiVersion"] == "g.example/v9"
    assert addon["spec"]["secretRef"]["name"] == secret["metadata"]["name"]
    with pytest.raises(UserError, match="describes no TcaClusterAddon"):
        api_version_in({"kind": "APIResourceList", "resources": []}, where="dump")


def test_folklore_pins_a_bom_only_on_request(folder_with, request_with):
    pin = pin_named(load_pins(), "1.6.1")
    row = tuple(tkr for tkr in pin.tkrs if tkr.title.startswith("v1.21.14"))
    plain = folder_with(pin=pin, tkrs=row)
    assert "tcaBomReleaseRef" not in documents(plain, "tca/addon-request.yaml")[0]["spec"]
    asked = folder_with(pin=pin, tkrs=row, tca=TcaOptions(unverified=True))
    assert documents(asked, "tca/addon-request.yaml")[0]["spec"]["tcaBomReleaseRef"]["name"].startswith(
        "tbr-bom-2.2.0-"
    )


@pytest.mark.parametrize("targets", [("tca",), TARGETS])
def test_on_a_management_cluster_tca_gets_the_request_and_nothing_else(folder_with, targets):
    cluster = Cluster(name="mgmt", namespace="tkg-system", role="management")
    files = folder_with(targets=targets, cluster=cluster, tca=TcaOptions(api_version="g.example/v1"))
    assert sorted(files) == ["README.md", "tca/CALLS.txt", "tca/addon-request.yaml"]
    assert documents(files, "tca/addon-request.yaml")[0]["spec"]["name"] == "ako-operator"
    assert b"unsupported" in files["README.md"]
    assert b"carvel/" not in files["README.md"]
    assert b"mgmtClusterName" not in files["tca/CALLS.txt"]


def test_vks_offers_exactly_what_the_repository_holds(folder_with, release):
    files = folder_with()
    (imgpkg,) = documents(files, "vks/addonrepository-imgpkg.yaml")
    offerings = json.loads(imgpkg["metadata"]["annotations"]["addons.kubernetes.vmware.com/package-offerings"])
    layer = layer_files(files, "carvel/repository")
    assert all(f"packages/{name}/{version}.yaml" in layer
               for name, offer in offerings["packages"].items() for version in offer["versions"])  # fmt: skip
    assert offerings["repositoryVersion"] == imgpkg["spec"]["version"] == release.version
    assert (
        imgpkg["spec"]["fetch"]["imgpkgBundle"]["imageURL"]
        == documents(files, "carvel/packagerepository.yaml")[0]["spec"]["fetch"]["imgpkgBundle"]["image"]
    )
    (helm,) = documents(files, "vks/addonrepository-helm.yaml")
    assert helm["spec"]["fetch"]["helmRepository"]["url"] == release.chart.repository


def test_vks_definition_in_the_package_is_the_one_beside_it_and_takes_the_settings(folder_with):
    files = folder_with()
    annotations = documents(files, "carvel/package.yaml")[0]["metadata"]["annotations"]
    packed = annotations["addons.kubernetes.vmware.com/addon-config-definition"]
    (definition,) = documents(files, "vks/addonconfigdefinition.yaml")
    assert yaml.safe_load(gzip.decompress(base64.b64decode(packed))) == definition
    schema = definition["spec"]["schema"]["openAPIV3Schema"]
    (config,) = documents(files, "vks/addonconfig.yaml")
    assert jsonschema_rs.validator_for(schema).is_valid(config["spec"]["values"])
    assert config["metadata"]["name"] == f"example-{annotations['addon.kubernetes.vmware.com/addon-name']}"


def test_vks_with_a_chart_repository_configures_by_the_managers_schema(folder_with, release):
    files = folder_with()
    own, generated = (documents(files, f"vks/{name}.yaml")[0] for name in ("addonconfig", "addonconfig-helm"))
    assert generated["spec"]["values"] == {"helmValues": own["spec"]["values"]}
    assert generated["metadata"]["name"] == f"example-{release.chart.name}"
    (helm,), (install,) = (
        documents(files, f"vks/{name}.yaml") for name in ("addonrepository-helm", "addoninstall-helm")
    )
    offerings = json.loads(helm["metadata"]["annotations"]["addons.kubernetes.vmware.com/package-offerings"])
    assert set(offerings["packages"]) == {install["spec"]["addonRef"]["name"]} == {release.chart.name}
    assert b"inferred (C)" in files["vks/addonconfig-helm.yaml"]


def test_vks_pins_exactly_the_release_that_the_repository_makes(folder_with, release):
    """AddonInstall has no version, and a resolution rule is pruned: only `releaseFilter` keeps it from floating."""
    files = folder_with()
    for flavour, offer in (("", release.addon.package), ("-helm", release.chart.name)):
        (install,) = documents(files, f"vks/addoninstall{flavour}.yaml")
        assert "releases" not in install["spec"]
        assert install["spec"]["releaseFilter"] == {
            "ref": {"name": f"{offer}.{release.version}", "namespace": "vmware-system-vks-public"}
        }
    (config,), (definition,) = (
        documents(files, f"vks/{name}.yaml") for name in ("addonconfig", "addonconfigdefinition")
    )
    named = config["spec"]["addonConfigDefinitionRef"]
    assert named == {"name": definition["metadata"]["name"], "namespace": definition["metadata"]["namespace"]}


@pytest.mark.parametrize(
    ("version", "release", "definition"),
    [
        ("0.1.0", "p.example.0.1.0", "p.example.0.1.0"),
        # As on a live system: the release and the definition of one official package.
        ("2.2.1+vmware.1-vks.1", "p.example.2.2.1-vmware.1-vks.1", "p.example.2.2.1---vmware.1-vks.1"),
    ],
)
def test_names_that_the_manager_makes_of_versions(version, release, definition):
    assert vks.release_name("p.example", version) == release
    assert vks.definition_name("p.example", version) == definition


def test_a_vks_repository_of_another_version_is_another_object(folder_with, release, monkeypatch):
    """Both are immutable once installed."""
    names = set()
    for version in (release.version, "0.2.0+site.1"):
        monkeypatch.setattr("ako_builder.release.__version__", version)
        for helm in (False, True):
            repository = vks.repositories(release, image="i")["helm" if helm else "imgpkg"]
            install = vks.repository_install(release, helm=helm)
            name = repository["metadata"]["name"]
            assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name)
            assert name == repository["spec"]["targetRepositoryName"] == install["spec"]["addonRepositoryRef"]["name"]
            names.add(name)
    assert len(names) == 4
    (helm,) = documents(folder_with(), "vks/addonrepository-helm.yaml")
    offerings = json.loads(helm["metadata"]["annotations"]["addons.kubernetes.vmware.com/package-offerings"])
    assert {item["name"]: item["versions"] for item in helm["spec"]["addonFilters"]} == {
        name: offer["versions"] for name, offer in offerings["packages"].items()
    }


def test_vks_switches_the_platforms_ako_off_and_leaves_its_clusters_alone(folder_with):
    files = folder_with()
    (cluster,), (install,) = (documents(files, f"vks/{name}.yaml") for name in ("cluster-labels", "addoninstall"))
    labels = cluster["metadata"]["labels"]
    (selector,) = [item["selector"] for item in install["spec"]["clusters"]]

    def selected(found):
        excluded = {item["key"]: item["values"] for item in selector["matchExpressions"] if item["operator"] == "NotIn"}
        return selector["matchLabels"].items() <= found.items() and all(
            found.get(key) not in values for key, values in excluded.items()
        )

    assert selected(labels)
    assert not selected({**labels, "ako.kubernetes.vmware.com/install": "true"})
    readme = files["README.md"].decode()
    order = [readme.index(f"vks/{name}.yaml") for name in ("addonrepositoryinstall", "cluster-labels", "addoninstall")]
    assert order == sorted(order)
    assert "fails on clusters below class 3.7" in readme
    assert b"WARNING: a repository of charts reaches every cluster" in files["vks/addonrepository-helm.yaml"]


def test_every_vks_field_has_a_grade_and_a_source(folder_with):
    """No published schema has AddonRepository, AddonInstall, AddonConfig: the table says why we believe a field."""
    files = folder_with()
    graded = {(fact.kind, fact.path) for fact in vks.FACTS}
    assert len(graded) == len(vks.FACTS)
    assert {fact.certainty for fact in vks.FACTS} <= {"B", "C"}
    written = {
        (document["kind"], path)
        for name in files
        if name.startswith("vks/") and "definition" not in name
        for document in documents(files, name)
        for path in fields(document)
    }
    assert written == graded


def fields(document):
    """Paths of what a document says, apart from names, up to what is free (values, labels, annotations)."""
    free = {"spec.values", "metadata.annotations", "metadata.labels", "spec.clusters[].selector.matchLabels"}

    def walk(value, path):
        if path in free or not isinstance(value, dict | list):
            yield path
        elif isinstance(value, dict):
            for key, inner in value.items():
                yield from walk(inner, f"{path}.{key}" if path else key)
        elif value and isinstance(value[0], dict):
            for inner in value:
                yield from walk(inner, f"{path}[]")
        else:
            yield path

    return set(walk(document, "")) - {"apiVersion", "kind", "metadata.name", "metadata.namespace"}


def test_the_readme_says_order_check_and_way_back_of_each_target(folder_with):
    text = folder_with()["README.md"].decode()
    for heading in ("## The package", "## TKG", "## Telco Cloud Automation", "## vSphere Kubernetes Service"):
        part = text.partition(heading)[2].partition("\n## ")[0]
        assert "Check" in part
        assert "Back:" in part
    assert "EXAMPLE" in text


def test_settings_that_an_adc_cannot_hold_are_not_forced_into_it(folder_with, request_with):
    request = request_with()
    values = {**request.intent.values, "AKOSettings.ipFamily": "V4_V6"}
    files = folder_with(intent=msgspec.structs.replace(request.intent, values=values))
    assert problems(documents(files, "tkg/akodeploymentconfig.yaml")[0]) == []


def test_the_installer_may_write_every_kind_that_the_chart_renders():
    templates = [path.read_text() for path in (chart_folder() / "templates").glob("*.yaml")]
    found = {pair for text in templates for pair in re.findall(r"^apiVersion: (\S+)\nkind: (\w+)$", text, re.MULTILINE)}
    rendered = {(api.rpartition("/")[0], plural(kind)) for api, kind in found}
    role = next(item for item in installer() if item["kind"] == "ClusterRole")
    granted = {
        (group, resource)
        for rule in role["rules"]
        if "create" in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert len(rendered) >= 15
    assert rendered - granted == set()


def plural(kind):
    name = kind.lower()
    if name.endswith("policy"):
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith("class") else f"{name}s"
