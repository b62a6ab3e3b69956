"""Where there is nothing to check, some rule says so: what rules are about may not be missing and the package good.

Each group of the catalogue judges one thing. The package without that thing is listed and signed again, so that nothing
but the absence can be what is wrong.
"""

import pytest
import yaml
from support.csar.workbench import build_package, files_of, manifest_name, signed_again, stated_again, write_files

from ako_builder.csar.rules import rule_groups
from ako_builder.csar.verify import verify_csar

META = "TOSCA-Metadata/TOSCA.meta"
HEAD = b"tosca_definitions_version: tosca_simple_yaml_1_2\n"
# By group of rules: the kind of package, what takes its subject away, and what then is said under every policy.
ABSENT = {
    "Container": ("etsi-4", lambda _: {}, "ZIP-002"),
    "Metadata": ("etsi-4", lambda files: without(files, META, "web.yaml"), "META-001"),
    "Manifest": ("etsi-4", lambda files: without(files, manifest_name(files)), "MF-001"),
    "Signature": ("etsi-4", lambda files: files, "SIG-025"),
    "YAML": ("etsi-4", lambda files: {**files, "web.yaml": b""}, "YAML-007"),
    "TOSCA": ("etsi-4", lambda files: without(files, "web.yaml"), "META-006"),
    "Descriptor": ("etsi-4", lambda files: {**files, "web.yaml": HEAD}, "TOSCA-015"),
    "TCA": (
        "tca-2x",
        lambda files: {**files, "Definitions/NFD.yaml": no_nodes(files["Definitions/NFD.yaml"])},
        "TCA-003",
    ),
    "Consistency": ("etsi-4", lambda files: without(files, "Artifacts/charts/web.tgz"), "TOSCA-013"),
}


def without(files, *names):
    return {name: data for name, data in files.items() if name not in names}


def no_nodes(data):
    """The descriptor whose VDUs are gone; its network function stays."""
    tree = yaml.safe_load(data)
    nodes = tree["topology_template"]["node_templates"]
    tree["topology_template"]["node_templates"] = {
        name: node for name, node in nodes.items() if "Vdu" not in str(node.get("type"))
    }
    return yaml.safe_dump(tree, sort_keys=False).encode()


def test_every_group_of_rules_has_its_absence():
    assert set(ABSENT) == set(rule_groups())


@pytest.mark.parametrize("policy", ["auto", "strict", "tca", "lenient"])
@pytest.mark.parametrize("group", ABSENT)
def test_what_is_not_there_is_not_good(tmp_path, signer, group, policy):
    profile, take, rule = ABSENT[group]
    files = take(files_of(build_package(tmp_path, certified=signer, profile=profile)))
    if files and any(name.endswith(".mf") for name in files):
        files = signed_again(stated_again(files), certified=None if group == "Signature" else signer)
    report = verify_csar(write_files(tmp_path / "a.csar", files), trust=signer.trust, policy=policy)
    assert not report.good
    assert rule in {finding.rule for finding in report.errors}
