"""Hostile and odd packages that others made: each ends as its maker says, with the rule that names the fault.

The packages are not in this repository; the folder's README says what each does. Nothing but what the command line
prints is judged, so a traceback ends the test.
"""

import gzip
import json

import click.testing
import pytest
from support.data_folder import test_cases

from ako_builder.csar.cli import csar

# The rules whose errors a package must have; none: it is good.
OUTCOMES = {
    "artifact_file_remote": {"TOSCA-017"},
    "c1_control_in_name": {"ZIP-024"},
    "chart_nested_subchart_bomb": {"CON-003"},
    "chart_nested_subchart_with_symlink": {"CON-003"},
    "chart_pax_bomb_header": {"CON-003"},
    # Nothing is wrong with it but the time that an expression would take.
    "chart_regex_trap_name": set(),
    "chart_two_top_folders": {"CON-003"},
    "cms-certificate-version-24": {"SIG-002"},
    "cms-unknown-certificate-signature-algorithm": {"SIG-002"},
    "content_type_attribute_differs": {"SIG-028"},
    "content_type_attribute_missing": {"SIG-028"},
    "deep_json_in_images_tar": {"CON-012"},
    "deflate_with_descriptor_64bit": {"ZIP-017"},
    "entry_comment_with_end_record": {"ZIP-005"},
    "file_marked_as_folder_unix": {"ZIP-034"},
    "flag_bit5_patched_data": {"ZIP-034"},
    "folders_differ_by_case": {"ZIP-021"},
    "import_from_a_repository": {"TOSCA-004"},
    "line_separator_in_name": {"MF-015", "ZIP-024"},
    "local_extra_hides_data": {"ZIP-030"},
    "manifest_60MiB_of_entries_for_missing_files": {"MF-028", "SIG-001", "SIG-025"},
    "manifest_vertical_tab_hides_a_line": {"MF-015"},
    "many_deep_folders": {"ZIP-010"},
    "meta_line_separator_trick": {"META-015"},
    "meta_second_block_repoints_entry": {"META-016"},
    # Its README calls the constraint kept. The name begins with CN, the constraint is O: no prefix (RFC 5280 7.1), and
    # OpenSSL refuses it, too. One that is kept: `test_whom_a_ca_may_issue_for`.
    "name_constraint_kept": {"SIG-013"},
    "name_constraint_uncritical_violated_relaxed": {"SIG-013"},
    "ntfs_default_stream_over_other_file": {"ZIP-023"},
    "option2_hidden_zip64": {"ZIP-007"},
    "option2_outer_crc_of_package_wrong": {"ZIP-018"},
    "option2_surplus_cms_and_crt": {"SIG-019"},
    "pss_parameters_name_sha1": {"SIG-008"},
    "redos_pem_whitespace": {"MF-018", "SIG-002"},
    "redos_pem_whitespace_1MiB": {"MF-018", "SIG-022"},
    # Broken otherwise, but no outer archive of option 2.
    "root_yaml_package_with_signed_artifact_at_root": {"TOSCA-002", "TOSCA-005", "ZIP-022"},
    "rsa_key_but_ecdsa_algorithm": {"SIG-008"},
    "setuid_host_macosx": {"ZIP-028"},
    "signing_time_in_the_future_with_future_certificate": {"SIG-029"},
    "stored_with_descriptor_streamed_other": {"ZIP-034"},
    "symlink_by_container_edit_only": {"ZIP-026"},
    "symlink_host_atari": {"ZIP-026"},
    "symlink_host_atheos": {"ZIP-026"},
    "terminal_escape_in_subject": set(),
    "two_manifests": {"MF-029"},
    "type_lineage_long": set(),
    "version_needed_99": {"ZIP-034"},
    "z64_record_hidden_in_last_comment": {"ZIP-007"},
    "zero_width_twins": {"ZIP-024"},
    "zip64_local_only_half": {"ZIP-007"},
    "zip64_two_extra_fields": {"ZIP-007", "ZIP-030"},
}


def anchors_of(name):
    """The certificate to trust: the package's own, or that of the cases of its kind."""
    folder = test_cases("packages")
    own = folder / f"{name}.ca.pem"
    return [own] if own.is_file() else [folder / "zip-cases-ca.pem", folder / "doc-cases-ca.pem"]


def verified(path, *options):
    """Exit code and report of the command."""
    result = click.testing.CliRunner().invoke(
        csar, ["verify", str(path), "-o", "json", *options], standalone_mode=False, catch_exceptions=False
    )
    return result.return_value, json.loads(result.output)


@pytest.fixture
def package(tmp_path):
    def unpacked(name):
        path = tmp_path / f"{name}.csar"
        path.write_bytes(gzip.decompress(test_cases("packages", f"{name}.csar.gz").read_bytes()))
        return path

    return unpacked


@pytest.mark.parametrize("name", sorted(OUTCOMES))
def test_package(package, tmp_path, name):
    (tmp_path / "ca.pem").write_bytes(b"".join(path.read_bytes() for path in anchors_of(name)))
    relaxed = ["--relaxed-chain"] if name.endswith("_relaxed") else []
    code, report = verified(package(name), "--trust", str(tmp_path / "ca.pem"), *relaxed)
    found = {finding["rule"] for finding in report["findings"] if finding["level"] == "error"}
    assert found == OUTCOMES[name], report["findings"]
    assert code == (1 if found else 0)
    assert report["good"] == (not found)


def test_every_package_of_the_folder_has_its_outcome():
    assert {path.name.removesuffix(".csar.gz") for path in test_cases("packages").glob("*.csar.gz")} == set(OUTCOMES)


@pytest.mark.parametrize(
    "command",
    [*(["verify", "-o", form] for form in ("text", "json", "sarif", "junit")), ["inspect"], ["inspect", "-o", "json"]],
    ids=" ".join,
)
@pytest.mark.parametrize("name", ["terminal_escape_in_subject", "c1_control_in_name", "line_separator_in_name"])
def test_nothing_of_a_package_reaches_the_terminal_raw(package, name, command):
    result = click.testing.CliRunner().invoke(
        csar, [command[0], str(package(name)), *command[1:]], standalone_mode=False, catch_exceptions=False
    )
    assert result.output
    assert {c for c in result.output if not c.isprintable()} <= {"\n"}


def test_what_holds_no_file_or_is_no_archive_is_never_good():
    for name in ("R1-only-a-folder.csar", "S1-no-archive.csar"):
        path = test_cases("field", name)
        code, report = verified(path)
        assert (code, report["good"]) == (1, False)
        inspected = click.testing.CliRunner().invoke(csar, ["inspect", str(path)], standalone_mode=False)
        assert inspected.return_value == 1
