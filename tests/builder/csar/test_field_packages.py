"""Packages as the field writes them: read without a false finding, and judged by the policy that they are meant for."""

import struct
import zipfile
import zlib

import click.testing
import pytest
from support.csar.workbench import (
    build_package,
    certified,
    files_of,
    signature_over,
    signed_again,
    stated_again,
    write_files,
)
from support.data_folder import test_data

from ako_builder.csar.cli import csar
from ako_builder.csar.summary import package_summary
from ako_builder.csar.verify import AUTO, verify_csar


def field(name):
    return test_data("..", "cases", "field", name)


def rules_of(path, **options):
    return {(item.rule, item.level) for item in verify_csar(path, **options).findings}


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("D1-two-levels.csar", {"SIG-001"}),
        ("D2-two-levels-with-a-link.csar", {"SIG-001"}),
        ("E1-chart-in-another-folder.csar", {"SIG-001", "SOL-004"}),
        ("F1-archive-of-the-finder.csar", {"SIG-017"}),
        ("G1-listed-without-digest.csar", {"SIG-001", "MF-030"}),
        ("Q1-meta-file-version-1.1.csar", {"SIG-001", "META-020"}),
        ("R1-only-a-folder.csar", {"SIG-001", "META-001", "MF-001", "ZIP-002"}),
        ("S1-no-archive.csar", {"ZIP-001"}),
    ],
)
def test_what_is_said_of_packages_of_the_field(name, found):
    report = verify_csar(field(name))
    assert {item.rule for item in report.findings} == found
    assert sum(item.rule == "MF-030" for item in report.findings) <= 1


def test_both_levels_are_shown():
    summary = package_summary(field("D1-two-levels.csar"))
    small = {row["name"]: row["says"] for row in summary["nodes"] if row["flavour"] == "small"}
    assert small["vdu-worker"] == "Deployment worker"
    assert small["mciop"].endswith("core.tgz")
    assert [image["name"] for image in summary["images"]] == ["worker"]


def test_a_chart_is_found_wherever_it_lies(tmp_path):
    out = tmp_path / "out.csar"
    arguments = ["convert", str(field("E1-chart-in-another-folder.csar")), "--profile", "tca-2x", "--unsigned"]
    result = click.testing.CliRunner().invoke(csar, [*arguments, "-o", str(out)], standalone_mode=False)
    assert result.exception is None, result.output
    assert "Artifacts/charts/core.tgz" in files_of(out)


@pytest.mark.parametrize(("name", "code"), [("S1-no-archive.csar", 1), ("D1-two-levels.csar", 1)])
def test_inspect_and_verify_agree(name, code):
    for command in ("inspect", "verify"):
        result = click.testing.CliRunner().invoke(csar, [command, str(field(name))], standalone_mode=False)
        assert result.return_value == code, command


# -- two levels ------------------------------------------------------------------------------------------------------

_FLAVOUR = b"""tosca_definitions_version: tosca_simple_yaml_1_3
imports: [etsi_nfv_sol001_vnfd_types.yaml]
topology_template:
  substitution_mappings:
    node_type: %s
    substitution_filter:
      properties: [flavour_id: {equal: large}]
  node_templates:
"""


_CP_TYPE = b"""node_types:
  example.nodes.Cp:
    derived_from: tosca.nodes.Root
    requirements:
      - virtual_link: {capability: tosca.capabilities.Node, occurrences: [1, 1]}
"""


def split_in_two(files):
    """The same package in two levels: the entry keeps the VNF, Other-Definitions names the flavour."""
    name = next(name for name in files if name.endswith(".yaml") and "/" not in name)
    text = files[name].decode()
    head, nodes = text.split("  node_templates:\n")
    nodes, policies = nodes.split("  policies:\n")
    vnf, others = nodes.split("    container-web:\n")
    node_type = head.split("node_type: ")[1].split()[0]
    others = "    container-web:\n" + others.replace("file: Artifacts", "file: ../Artifacts")
    meta = files["TOSCA-Metadata/TOSCA.meta"].rstrip(b"\n") + b'\nOther-Definitions: "Definitions/large.yaml"\n'
    head = head.split("  substitution_mappings:")[0]
    return {
        **files,
        "TOSCA-Metadata/TOSCA.meta": meta,
        name: f"{head}  node_templates:\n{vnf}".encode(),
        "Definitions/large.yaml": _FLAVOUR % node_type.encode() + f"{others}  policies:\n{policies}".encode(),
    }


def test_a_flavour_that_only_other_definitions_names(tmp_path):
    one = certified()
    files = files_of(build_package(tmp_path, certified=one))
    path = write_files(tmp_path / "two.csar", signed_again(stated_again(split_in_two(files)), certified=one))
    report = verify_csar(path, trust=one.trust)
    assert report.good, report.findings
    assert {row["flavour"] for row in package_summary(path)["nodes"]} == {"", "large"}


def test_rules_hold_on_the_second_level(tmp_path):
    one = certified()
    files = split_in_two(files_of(build_package(tmp_path, certified=one)))
    files["Definitions/large.yaml"] = files["Definitions/large.yaml"].replace(
        b"container: container-web", b"container: x"
    )
    path = write_files(tmp_path / "two.csar", signed_again(stated_again(files), certified=one))
    findings = verify_csar(path, trust=one.trust).errors
    assert [(item.rule, item.where) for item in findings] == [("TOSCA-010", "Definitions/large.yaml")]


def test_a_requirement_that_the_mapping_hands_on(tmp_path):
    one = certified()
    files = split_in_two(files_of(build_package(tmp_path, certified=one)))
    node = b"  node_templates:\n    outer-cp: {type: example.nodes.Cp}\n"
    large = files["Definitions/large.yaml"].replace(b"  node_templates:\n", node)
    large = large.replace(b"topology_template:", _CP_TYPE + b"topology_template:")
    mapped = b"    requirements: {external: [outer-cp, virtual_link]}\n  node_templates:\n"
    for text, found in ((large, {"TOSCA-016"}), (large.replace(b"  node_templates:\n", mapped), set())):
        again = stated_again({**files, "Definitions/large.yaml": text})
        path = write_files(tmp_path / "two.csar", signed_again(again, certified=one))
        assert {item.rule for item in verify_csar(path, trust=one.trust).errors} == found


def test_a_flavour_that_is_named_and_missing(tmp_path):
    one = certified()
    files = split_in_two(files_of(build_package(tmp_path, certified=one)))
    del files["Definitions/large.yaml"]
    path = write_files(tmp_path / "two.csar", signed_again(stated_again(files), certified=one))
    assert ("META-006", "error") in rules_of(path, trust=one.trust)


# -- archives of macOS -----------------------------------------------------------------------------------------------


def as_macos(path, target, *, wrong=0):
    """The archive with descriptors behind its entries and local headers that keep the unpacked size alone."""
    out, central = b"", b""
    with zipfile.ZipFile(path) as archive:
        names = archive.infolist()
        contents = [archive.read(info) for info in names]
    for info, content in zip(names, contents, strict=True):
        name = info.filename.encode()
        crc, size = zipfile.crc32(content), len(content)
        start = len(out)
        head = (20, 8, 8, 0x6000, 0x5A21) if size else (20, 0, 0, 0x6000, 0x5A21)
        packed = zlib.compress(content, wbits=-15) if size else b""
        out += struct.pack("<4s5H3L2H", b"PK\3\4", *head, 0, 0, size + (wrong if size else 0), len(name), 0) + name
        out += packed + (struct.pack("<4s3L", b"PK\7\x08", crc, len(packed), size) if size else b"")
        mode = (0o040755 if info.is_dir() else 0o100644) << 16
        central += struct.pack(
            "<4s6H3L5H2L", b"PK\1\2", 0x0314, *head, crc, len(packed), size, len(name), 0, 0, 0, 0, mode, start
        )
        central += name
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, len(names), len(names), len(central), len(out), 0)
    target.write_bytes(out + central + end)
    return target


def test_the_size_in_the_local_header_of_macos(tmp_path):
    one = certified()
    path = build_package(tmp_path, certified=one)
    assert verify_csar(as_macos(path, tmp_path / "mac.csar"), trust=one.trust).good
    wrong = as_macos(path, tmp_path / "wrong.csar", wrong=1)
    assert ("ZIP-017", "error") in rules_of(wrong, trust=one.trust)


# -- manifests -------------------------------------------------------------------------------------------------------


def plainly_listed(files):
    """The files with a manifest that lists them without digests, itself included."""
    name = next(name for name in files if name.endswith(".mf"))
    head = files[name].decode().split("\nSource:")[0]
    lines = "".join(f"Source: {other}\n" for other in files if not other.endswith("/"))
    return {**files, name: f"{head}\n{lines}".encode()}


def test_option_2_with_a_plain_list(tmp_path):
    one = certified()
    outer = files_of(build_package(tmp_path, certified=one, option=2, name="outer.zip"))
    inner_name = next(name for name in outer if name.endswith(".csar"))
    (tmp_path / "inner.csar").write_bytes(outer[inner_name])
    inner = write_files(tmp_path / "plain.csar", plainly_listed(files_of(tmp_path / "inner.csar")))
    assert {"MF-027", "SIG-001"} == {item.rule for item in verify_csar(inner).errors}
    resigned = tmp_path / "resigned.zip"
    outer_files = {inner_name: inner.read_bytes()}
    base = inner_name.removesuffix(".csar")
    outer_files[f"{base}.cms"] = signature_over(inner.read_bytes(), certified=one).encode()
    report = verify_csar(write_files(resigned, outer_files), trust=one.trust)
    assert report.good, report.findings
    assert "MF-030" not in {item.rule for item in report.findings}


def test_a_plain_list_must_be_complete_too(tmp_path):
    files = plainly_listed(files_of(build_package(tmp_path, certified=None)))
    name = next(name for name in files if name.endswith(".mf"))
    files[name] = files[name].replace(b"Source: ChangeLog.txt\n", b"Source: ../ChangeLog.txt\n")
    found = {rule for rule, _ in rules_of(write_files(tmp_path / "plain.csar", files))}
    assert {"MF-005", "MF-010"} <= found


# -- policies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profile", "policy"), [("tca-2x", "tca"), ("tca-classic", "tca"), ("etsi-2.7", "strict"), ("etsi-5", "strict")]
)
def test_a_package_is_judged_by_the_policy_of_its_dialect(tmp_path, profile, policy):
    one = certified()
    report = verify_csar(build_package(tmp_path, certified=one, profile=profile), trust=one.trust, policy=AUTO)
    assert (report.good, report.policy) == (True, policy)
    assert bool(report.reason) is (policy == "tca")


def test_the_policy_of_tca_does_not_make_an_unsigned_package_trusted(tmp_path):
    one = certified()
    report = verify_csar(build_package(tmp_path, certified=None, profile="tca-2x"), trust=one.trust, policy=AUTO)
    assert "SIG-025" in {item.rule for item in report.errors}
