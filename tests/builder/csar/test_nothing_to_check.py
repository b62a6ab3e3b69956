"""What a rule is about may be missing: each rule says in the catalogue what is said then.

Every rule has a subject, and every subject is taken away here. The package without it is listed and signed again, so
that nothing but the absence can be what is wrong. `absent` of a rule names the rule that is then broken, or says `good`
where a package may do without.
"""

import pytest
import yaml
from support.csar.workbench import build_package, files_of, manifest_name, signed_again, stated_again, write_files

from ako_builder.csar.rules import GOOD, POLICIES, rules
from ako_builder.csar.verify import verify_csar

META = "TOSCA-Metadata/TOSCA.meta"
ENTRY = {"etsi-4": "web.yaml", "tca-2x": "Definitions/NFD.yaml"}
NEEDED = ("TOSCA-Meta-File-Version", "CSAR-Version", "Created-By", "Entry-Definitions", "ETSI-Entry-M", "ETSI-Entry-C")


def without(*starts):
    """Take away the files whose names begin so."""
    return lambda files: {name: data for name, data in files.items() if not name.startswith(starts)}


def descriptor(change, profile="etsi-4"):
    """Change the tree of the descriptor."""

    def take(files):
        tree = yaml.safe_load(files[ENTRY[profile]])
        change(tree)
        return {**files, ENTRY[profile]: yaml.safe_dump(tree, sort_keys=False).encode()}

    return take


def head(keep):
    """Keep those lines of the manifest's metadata for which `keep` says so."""

    def take(files):
        name = manifest_name(files)
        block, rest = files[name].split(b"\n\n", 1)
        lines = [line for line in block.splitlines() if keep(line.decode().strip())]
        return {**files, name: b"\n".join([*lines, b"", rest])}

    return take


def plain_meta(files):
    """TOSCA.meta with the keys of its first block that every package has."""
    kept = [line for line in files[META].decode().splitlines() if line.startswith(NEEDED)]
    return {**files, META: "\n".join([*kept, ""]).encode()}


def nodes(tree, *, keep):
    template = tree["topology_template"]
    template.pop("policies", None)
    template["node_templates"] = {k: v for k, v in template["node_templates"].items() if keep(str(v["type"]))}


def no_artifacts(tree):
    for node in tree["topology_template"]["node_templates"].values():
        node.pop("artifacts", None)


# By subject: the kind of package, what takes the subject away, what is said then, and the rules that are about it.
SUBJECTS = {
    "entries": ("etsi-4", lambda _: {}, "ZIP-002", "ZIP"),
    "definitions": ("etsi-4", without(META, "web.yaml"), "META-001", "META-001 META-002"),
    "descriptor": ("etsi-4", without("web.yaml"), "META-006", "META-005 META-006"),
    "TOSCA.meta": (
        "etsi-4",
        without(META),
        "good",
        "META-003 META-004 META-007 META-009 META-012 META-013 META-014 META-015 META-020",
    ),
    "optional keys": ("etsi-4", plain_meta, "good", "META-008 META-010 META-011 META-016"),
    "manifest": (
        "etsi-4",
        lambda files: {name: data for name, data in files.items() if not name.endswith(".mf")},
        "MF-001",
        "MF-001 MF-015 MF-019 MF-022 MF-024 MF-025 MF-028 MF-029",
    ),
    "metadata": ("etsi-4", head(lambda _: False), "MF-002", "MF-002 MF-003 MF-023 MF-026 CON-001 CON-006"),
    "release date": ("etsi-4", head(lambda line: "date" not in line), "MF-003", "MF-020"),
    "digests": (
        "etsi-4",
        lambda files: files,
        "MF-027",
        "MF-004 MF-005 MF-006 MF-007 MF-008 MF-009 MF-010 MF-011 MF-013 MF-014 MF-021 MF-027 MF-030",
    ),
    "places outside": ("etsi-4", lambda files: files, "good", "MF-012"),
    "signature": ("etsi-4", lambda files: files, "SIG-001", "MF-016 MF-017 MF-018 SIG"),
    "time stamp": ("etsi-4", lambda files: files, "good", "SIG-020 SIG-026"),
    "signatures of files": ("etsi-4", lambda files: files, "good", "SIG-024"),
    "outer archive": ("etsi-4", lambda files: files, "good", "SIG-019"),
    "text": ("etsi-4", lambda files: {**files, "web.yaml": b""}, "YAML-007", "YAML"),
    "topology": (
        "etsi-4",
        descriptor(lambda tree: tree.pop("topology_template")),
        "TOSCA-015",
        "TOSCA-001 TOSCA-007 TOSCA-010 TOSCA-014 TOSCA-015 TOSCA-016",
    ),
    "imports": (
        "etsi-4",
        descriptor(lambda tree: tree.pop("imports")),
        "TOSCA-005",
        "TOSCA-002 TOSCA-003 TOSCA-004 TOSCA-005 TOSCA-006",
    ),
    "properties": (
        "etsi-4",
        descriptor(lambda tree: tree["topology_template"]["node_templates"]["vdu-web"].pop("properties")),
        "TOSCA-009",
        "TOSCA-008 TOSCA-009 TOSCA-011",
    ),
    "policies": (
        "etsi-4",
        descriptor(lambda tree: tree["topology_template"].pop("policies")),
        "good",
        "TOSCA-012 SOL-008 SOL-009",
    ),
    "artifacts": ("etsi-4", descriptor(no_artifacts), "SOL-004", "TOSCA-013 TOSCA-017 SOL-004 SOL-006"),
    "VNF": (
        "etsi-4",
        descriptor(lambda tree: nodes(tree, keep=lambda kind: not kind.startswith("example"))),
        "SOL-001",
        "SOL-001 SOL-010 SOL-011 SOL-012",
    ),
    "workloads": (
        "etsi-4",
        descriptor(lambda tree: nodes(tree, keep=lambda kind: kind.startswith("example"))),
        "SOL-002",
        "SOL-002 SOL-003 SOL-007",
    ),
    "parameter mappings": ("etsi-4", lambda files: files, "good", "SOL-005"),
    "Helm VDUs": (
        "tca-2x",
        descriptor(lambda tree: nodes(tree, keep=lambda kind: "Vdu" not in kind), "tca-2x"),
        "TCA-003",
        "TCA-001 TCA-002 TCA-003 TCA-007",
    ),
    "infra_requirements": ("tca-2x", lambda files: files, "good", "TCA-004 TCA-005"),
    "interface policies": (
        "tca-2x",
        descriptor(lambda tree: tree["topology_template"].pop("policies"), "tca-2x"),
        "good",
        "TCA-006",
    ),
    "chart": ("etsi-4", without("Artifacts/charts/web.tgz"), "TOSCA-013", "CON-002 CON-003 CON-008"),
    "values file": ("etsi-4", without("Artifacts/charts/web-values"), "good", "CON-011"),
    "image layouts": ("etsi-4", lambda files: files, "good", "CON-004 CON-012"),
    "bills": ("etsi-4", without("Artifacts/sbom"), "good", "CON-005 CON-009 CON-010"),
    "provenance": ("etsi-4", without("Artifacts/provenance"), "good", "CON-007 CON-013"),
}


def about(subject):
    """The rules of a subject; a group alone names those of it that no other subject has."""
    words = SUBJECTS[subject][3].split()
    named = {word for *_, text in SUBJECTS.values() for word in text.split() if "-" in word}
    found = {word for word in words if "-" in word}
    for group in set(words) - found:
        found |= {name for name in rules() if name.startswith(f"{group}-") and name not in named}
    return found


def test_every_rule_has_one_subject_and_says_what_its_absence_is():
    assert sorted(name for subject in SUBJECTS for name in about(subject)) == sorted(rules())
    assert {name: SUBJECTS[subject][2] for subject in SUBJECTS for name in about(subject)} == {
        name: rule.absent for name, rule in rules().items()
    }


@pytest.mark.parametrize("policy", ["auto", *POLICIES])
@pytest.mark.parametrize("subject", SUBJECTS)
def test_where_there_is_nothing_to_check(tmp_path, signer, subject, policy):
    profile, take, said, _ = SUBJECTS[subject]
    whole = build_package(tmp_path, certified=signer, profile=profile)
    files = take(files_of(whole))
    if any(name.endswith(".mf") for name in files):
        files = signed_again(
            stated_again(files),
            certified=None if subject == "signature" else signer,
            text=files[manifest_name(files)].decode().split("\n\n")[0] + "\n" if subject == "digests" else None,
        )
    report = verify_csar(write_files(tmp_path / "a.csar", files), trust=signer.trust, policy=policy)
    found = {finding.rule: finding.level for finding in report.findings}
    if said == GOOD:
        before = verify_csar(whole, trust=signer.trust, policy=policy)
        assert not found.keys() & about(subject)
        assert report.good == before.good
    else:
        assert found[said] == rules()[said].level_under(report.policy)
        assert not report.good or found[said] == "warning"
