"""Every rule about descriptor, manifest and TOSCA.meta beyond the list of a hundred: one slip, one rule.

A slip is a text of the document and what stands there instead; the package is signed again, so that nothing else is
left to be found. `also` are rules that the same slip cannot help breaking.
"""

import pytest
from support.csar.hostile_documents import META, entry
from support.csar.workbench import build_package, files_of, signed_again, stated_again, write_files

from ako_builder.csar.verify import verify_csar

MCIOP = "      requirements:\n        - associatedVdu: vdu-web\n"
CHART = "          file: Artifacts/charts/web.tgz\n"
CONTAINER = "      requirements:\n        - container: container-web\n"
LEVEL = '              description: "as the chart\'s values say"\n'
SWIMAGE = "      artifacts:\n        sw_image:\n          type: tosca.artifacts.nfv.SwImage\n"
TARGET = "    - vdu-web_initial_delta:\n"

# rule, what stands there, what stands there instead, rules that follow.
ETSI = [
    ("TOSCA-001", "tosca_simple_yaml_1_3", "tosca_simple_yaml_9_9", ()),
    ("TOSCA-005", "type: tosca.nodes.nfv.VirtualCp", "type: tosca.nodes.nfv.VirtualCq", ()),
    ("TOSCA-005", "type: tosca.artifacts.nfv.HelmChart", "type: tosca.artifacts.nfv.HelmChert", ("SOL-004",)),
    (
        "TOSCA-008",
        "        provider: Example\n        product",
        "        vendor: x\n        provider: Example\n        product",
        (),
    ),
    ("TOSCA-009", "        description: Deployment web of the chart\n", "", ()),
    (
        "TOSCA-009",
        "        mcio_identification_data:\n          name: web\n          type: Deployment\n",
        "",
        ("CON-008",),
    ),
    ("TOSCA-009", "            container_format: docker\n", "", ()),
    ("TOSCA-008", "            container_format", "            colour: red\n            container_format", ()),
    ("TOSCA-010", "- target: vdu-web", "- target: vdu-wob", ()),
    ("TOSCA-011", "          type: Deployment\n", "          type: CronJob\n", ("CON-008",)),
    ("TOSCA-011", "min_number_of_instances: 1", "min_number_of_instances: -1", ()),
    ("TOSCA-011", "min_number_of_instances: 1", "min_number_of_instances: one", ()),
    ("TOSCA-011", "container_format: docker", "container_format: zip", ()),
    ("TOSCA-012", "        targets:\n          - vdu-web\n", "        targets:\n          - vdu-wob\n", ()),
    ("TOSCA-013", CHART, "          file: Artifacts/charts/wob.tgz\n", ()),
    ("TOSCA-013", CHART, "          file: ../web.tgz\n", ()),
    ("TOSCA-015", "  node_templates:\n", "  node_tomplates:\n", ()),
    ("TOSCA-016", "      requirements:\n        - target: vdu-web\n", "", ()),
    ("SOL-001", "    mciop:\n", "    VNF2:\n      type: example.nodes.web\n    mciop:\n", ()),
    ("SOL-004", CHART, f"{CHART}        second:\n          type: tosca.artifacts.nfv.HelmChart\n{CHART}", ()),
    (
        "SOL-004",
        "      artifacts:\n        helm_chart:\n          type: tosca.artifacts.nfv.HelmChart\n" + CHART,
        "",
        (),
    ),
    ("SOL-006", SWIMAGE, SWIMAGE.replace(".nfv.SwImage", ".File"), ()),
    (
        "SOL-006",
        SWIMAGE,
        SWIMAGE.replace(
            "        sw", f"        more:\n{SWIMAGE.splitlines()[2]}\n          file: web.yaml\n        sw"
        ),
        ("TOSCA-009",),
    ),
    ("SOL-007", MCIOP, "", ()),
    ("SOL-009", "default_level: default", "default_level: other", ()),
    ("SOL-009", "aspect: replicas", "aspect: pods", ()),
    (
        "SOL-010",
        "    node_type: example.nodes.web\n",
        "    node_type: example.nodes.web\n    properties:\n      flavour_id: big\n",
        (),
    ),
    ("SOL-011", '        vnfm_info:\n          - "etsivnfm:v4.3.1"', "        vnfm_info:\n          - gvnfmdriver", ()),
]
LEVELS = f"            default:\n{LEVEL}"
MAPPING_RULE = (
    "artifact_types:\n  tosca.artifacts.nfv.HelmParamMappingRule: {derived_from: tosca.artifacts.Root}\n"
    "  tosca.artifacts.Root: {}\n"
)
TCA = [
    ("TCA-001", '        chartVersion: "1.10.0"\n', "", ("CON-002", "TOSCA-009")),
    (
        "TCA-003",
        "type: tosca.nodes.nfv.VMware.CNF.web\n      prop",
        "type: tosca.nodes.nfv.Vdu.Compute.Helm\n      prop",
        None,
    ),
    ("TCA-005", "        vendor: Example\n", "        vendor: Example\n        infra_requirements: {a: b}\n", None),
    ("TCA-006", "interface_name: scale", "interface_name: dance", ()),
    ("TCA-007", "helmVersion: v3", "helmVersion: v2", ()),
]
METAS = [
    ("META-013", "CSAR-Version: 1.1\n", "CSAR-Version: 1.1\nno key at all\n", ()),
]
MANIFESTS = [
    (
        "MF-012",
        "Source: TOSCA-Metadata",
        "Source: https://example.org/x\nAlgorithm: SHA-256\nHash: " + "0" * 64 + "\n\nSource: TOSCA-Metadata",
        (),
    ),
    ("MF-022", "  vnfm_info", "gibberish\n  vnfm_info", ()),
    ("MF-023", "  vnfm_info: ", "  vnf_provider_id: Example\n  vnfm_info: ", ()),
    ("MF-026", "vnfm_info: etsivnfm:v4.3.1", "vnfm_info:", ()),
    ("CON-006", "vnf_provider_id: Example", "vnf_provider_id: Somebody", ()),
]


def rules_of(path, signer, policy="strict"):
    return {finding.rule for finding in verify_csar(path, trust=signer.trust, policy=policy).findings}


def written(folder, files, signer):
    return write_files(folder / "a.csar", signed_again(stated_again(files), certified=signer))


@pytest.mark.parametrize(("rule", "old", "new", "also"), ETSI)
def test_descriptor(sound_files, signer, tmp_path, rule, old, new, also):  # noqa: PLR0917
    path = written(tmp_path, entry(sound_files, old, new), signer)
    assert rules_of(path, signer) == {rule, *also}


def test_a_mapping_rule_without_its_script(sound_files, signer, tmp_path):
    files = entry(sound_files, "node_types:\n", f"{MAPPING_RULE}node_types:\n")
    rule = f"        rule:\n          type: tosca.artifacts.nfv.HelmParamMappingRule\n          file: web.yaml\n{MCIOP}"
    assert rules_of(written(tmp_path, entry(files, MCIOP, rule), signer), signer) == {"SOL-005"}


def test_a_unit_with_neither_container_nor_chart(sound_files, signer, tmp_path):
    files = entry(entry(sound_files, CONTAINER, ""), MCIOP, "")
    assert rules_of(written(tmp_path, files, signer), signer) == {"SOL-003", "SOL-007"}


def test_several_levels_need_a_default(sound_files, signer, tmp_path):
    files = entry(sound_files, LEVELS, f"            large:\n{LEVEL}{LEVELS}")
    assert rules_of(written(tmp_path, files, signer), signer) == set()
    files = entry(files, "          default_level: default\n", "")
    assert rules_of(written(tmp_path, files, signer), signer) == {"SOL-008"}


def test_a_descriptor_id_that_is_no_uuid(sound_files, signer, tmp_path):
    text = sound_files["web.mf"].decode().partition("Source:")[0]
    identifier = text.split("vnfd_id: ")[1].split("\n")[0]
    files = dict(sound_files)
    for name in ("web.mf", "web.yaml"):
        files[name] = files[name].replace(identifier.encode(), b"web-of-example")
    assert rules_of(written(tmp_path, files, signer), signer) == {"SOL-012"}


def test_no_workload_at_all(sound_files, signer, tmp_path):
    text = sound_files["web.yaml"].decode()
    head, _, rest = text.partition("    container-web:\n")
    files = {**sound_files, "web.yaml": head.encode()}
    assert rest
    assert rules_of(written(tmp_path, files, signer), signer) == {"SOL-002"}


@pytest.mark.parametrize(("rule", "old", "new", "also"), TCA)
def test_tca_descriptor(signer, tmp_path, rule, old, new, also):  # noqa: PLR0917
    files = files_of(build_package(tmp_path, certified=signer, profile="tca-2x"))
    text = files["Definitions/NFD.yaml"].decode()
    assert old in text
    path = written(tmp_path, {**files, "Definitions/NFD.yaml": text.replace(old, new, 1).encode()}, signer)
    found = rules_of(path, signer, "tca")
    assert (rule in found) if also is None else (found == {rule, *also})


@pytest.mark.parametrize(("rule", "old", "new", "also"), METAS)
def test_tosca_meta(sound_files, signer, tmp_path, rule, old, new, also):  # noqa: PLR0917
    text = sound_files[META].decode()
    assert old in text
    path = written(tmp_path, {**sound_files, META: text.replace(old, new, 1).encode()}, signer)
    assert rules_of(path, signer) == {rule, *also}


@pytest.mark.parametrize(("rule", "old", "new", "also"), MANIFESTS)
def test_manifest(sound_files, signer, tmp_path, rule, old, new, also):  # noqa: PLR0917
    text = sound_files["web.mf"].decode().partition("-----BEGIN")[0]
    assert old in text
    files = signed_again(sound_files, certified=signer, text=text.replace(old, new, 1))
    assert rules_of(write_files(tmp_path / "a.csar", files), signer) == {rule, *also}


@pytest.mark.parametrize(
    ("name", "data", "rule"),
    [
        ("web.yaml", b"a: " + b"x" * (9 << 20), "YAML-001"),
        ("web.yaml", b"\xff\xfea\x00", "YAML-002"),
        ("web.yaml", b"a: [", "YAML-007"),
        ("web.mf", b"\xff\xfem\x00", "MF-024"),
    ],
)
def test_text(sound_files, signer, tmp_path, name, data, rule):  # noqa: PLR0917
    files = {**sound_files, name: data}
    path = written(tmp_path, files, signer) if name != "web.mf" else write_files(tmp_path / "a.csar", files)
    assert rule in rules_of(path, signer)


def test_manifest_and_descriptor_of_two_names(sound_files, signer, tmp_path):
    files = {("other.mf" if name == "web.mf" else name): data for name, data in sound_files.items()}
    files[META] = files[META].replace(b"web.mf", b"other.mf")
    assert rules_of(written(tmp_path, files, signer), signer) == {"MF-025"}
