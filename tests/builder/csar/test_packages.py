"""Building, signing anew, converting, comparing, unpacking: what goes in comes out, and tampering is noticed."""

import json
import random
import zipfile
from pathlib import Path

import msgspec
import pytest
from lxml import etree
from support.csar.workbench import (
    EPOCH,
    build_package,
    certified,
    files_of,
    request_for,
    write_files,
    write_layout,
)

from ako_builder.csar.build import Signing, write_csar
from ako_builder.csar.check_signature import Trust
from ako_builder.csar.convert import conversion_request
from ako_builder.csar.differences import differences
from ako_builder.csar.extract import extract_csar
from ako_builder.csar.opened import opened_package
from ako_builder.csar.package_contents import AREAS
from ako_builder.csar.profile import NAMES
from ako_builder.csar.render_report import rendered
from ako_builder.csar.render_summary import summary_html, summary_text
from ako_builder.csar.resign import is_signed, resign_csar
from ako_builder.csar.summary import package_summary
from ako_builder.csar.verify import verify_csar
from ako_builder.oci.reading import load_oci
from ako_runtime.errors import UserError


@pytest.mark.parametrize("profile", NAMES)
@pytest.mark.parametrize("option", [1, 2])
@pytest.mark.parametrize("in_cms", [True, False])
def test_every_profile_and_way_to_sign_verifies(tmp_path, signer, profile, option, in_cms):  # noqa: PLR0917
    path = build_package(tmp_path, certified=signer, profile=profile, option=option, in_cms=in_cms)
    report = verify_csar(path, trust=signer.trust, policy="tca" if profile.startswith("tca") else "strict")
    assert report.good, report.findings
    assert report.option == option
    assert [one.verified for one in report.signers] == [True]


@pytest.mark.parametrize("option", [1, 2])
def test_every_byte_that_is_changed_is_noticed(tmp_path, signer, option):
    """Header, content, digest, signature, directory: a flipped bit anywhere is an error under the strict policy."""
    path = build_package(tmp_path, certified=signer, option=option)
    data = path.read_bytes()
    generator = random.Random(option)  # noqa: S311
    for offset in sorted(generator.sample(range(len(data)), 400)):
        changed = bytearray(data)
        changed[offset] ^= 1 << generator.randrange(8)
        path.write_bytes(changed)
        report = verify_csar(path, trust=signer.trust)
        # Some fields of a ZIP carry no content: who made an entry, what unpacks it, and its attributes.
        # With option 2 even these are signed, except those of the outer archive itself.
        if report.good:
            assert changed_field(data, offset) in {"made by", "needs", "attributes"}, offset


def changed_field(data, offset):
    for number in range(offset, max(offset - 46, -1), -1):
        if data[number : number + 4] == b"PK\x01\x02":
            inside = offset - number
            if inside in {4, 5}:
                return "made by"
            return {6: "needs", 7: "needs"}.get(inside, "attributes" if 36 <= inside < 42 else f"central {inside}")
        if data[number : number + 4] == b"PK\x03\x04":
            return "needs" if offset - number in {4, 5} else f"local {offset - number}"
    return "content"


def test_images_lie_in_the_package_and_are_compared(tmp_path, signer):
    images = load_oci(write_layout(tmp_path / "oci"))
    path = build_package(tmp_path, certified=signer, images=images, image_references=())
    assert verify_csar(path, trust=signer.trust).good
    summary = package_summary(path)
    assert summary["images"][0]["digest"] == f"sha-256:{images.images[0].digest.removeprefix('sha256:')}"
    assert summary["images"][0]["file"] == "Artifacts/images/index.json"


def test_a_layout_in_a_tar_is_one_file_and_is_looked_into(tmp_path, signer):
    import tarfile

    from support.csar.workbench import signed_again

    folder = write_layout(tmp_path / "oci")
    with tarfile.open(tmp_path / "images.tar", "w:") as tar:
        for file in sorted(folder.rglob("*")):
            tar.add(file, file.relative_to(folder), recursive=False)
    images = load_oci(tmp_path / "images.tar")
    path = build_package(tmp_path, certified=signer, images=images, image_references=())
    assert verify_csar(path, trust=signer.trust).good
    files = files_of(path)
    digest = images.images[0].digest.removeprefix("sha256:").encode()
    files["web.yaml"] = files["web.yaml"].replace(digest, b"0" * 64)
    path = write_files(tmp_path / "b.csar", signed_again(files, certified=signer))
    assert "CON-004" in {finding.rule for finding in verify_csar(path, trust=signer.trust).errors}


def designer_export(folder):
    """A package as TCA's designer exports it: no digests, empty values, a blank before a colon, other keys."""
    files = files_of(build_package(folder, certified=None, profile="tca-classic", name="export.csar"))
    text = (
        "metadata:\n  vnfd_id: \n  vnf_provider_id: \n  vnf_product_name: \n"
        "  vnf_release_date_time : 2021-02-19T00:54:59.907\n  vnf_software_version: \n"
        "  compatible_specification_versions: 2.7.1\n  vnfm_info: \n  x_own_key: kept"
    )
    return write_files(folder / "export.csar", {**files, "NFD.mf": text.encode()}), text


def test_a_designer_export_is_signed_without_losing_a_field(tmp_path, signer):
    export, text = designer_export(tmp_path)
    before = verify_csar(export, policy="tca")
    assert before.good
    assert not is_signed(export)
    signed = tmp_path / "signed.csar"
    resign_csar(export, target=signed, signing=Signing(key=signer.key), epoch=EPOCH)
    old, new = files_of(export), files_of(signed)
    assert list(old) == list(new)
    assert {name: data for name, data in new.items() if name != "NFD.mf"} == {
        name: data for name, data in old.items() if name != "NFD.mf"
    }
    assert new["NFD.mf"].decode().startswith(text + "\n\nSource: ")
    after = verify_csar(signed, trust=signer.trust, policy="tca")
    assert after.good
    assert {"MF-027", "MF-005", "SIG-001"}.isdisjoint(finding.rule for finding in after.findings)


def test_signing_anew_replaces_digests_signature_and_certificate(tmp_path, signer):
    first = build_package(tmp_path, certified=signer, in_cms=False)
    other = certified()
    again = tmp_path / "again.csar"
    resign_csar(first, target=again, signing=Signing(key=other.key), epoch=EPOCH)
    assert verify_csar(again, trust=other.trust).good
    assert not verify_csar(again, trust=signer.trust).good
    old, new = files_of(first), files_of(again)
    assert "Artifacts/certificates/signer.cert" in old
    assert "Artifacts/certificates/signer.cert" not in new
    assert new["web.yaml"] == old["web.yaml"]
    twice = tmp_path / "twice.csar"
    resign_csar(again, target=twice, signing=Signing(key=other.key), epoch=EPOCH)
    assert twice.read_bytes() == again.read_bytes()


def test_option_1_becomes_option_2_and_back(tmp_path, signer):
    first = build_package(tmp_path, certified=signer)
    outer, back = tmp_path / "outer.zip", tmp_path / "back.csar"
    resign_csar(first, target=outer, signing=Signing(key=signer.key, option=2), epoch=EPOCH)
    assert verify_csar(outer, trust=signer.trust).good
    assert verify_csar(outer, trust=signer.trust).option == 2
    resign_csar(outer, target=back, signing=Signing(key=signer.key), epoch=EPOCH)
    assert verify_csar(back, trust=signer.trust).good
    assert files_of(back).keys() == files_of(first).keys()


def test_an_inner_package_that_another_tool_deflated_is_read_too(tmp_path, signer):
    outer = build_package(tmp_path, certified=signer, option=2)
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files_of(outer).items():
            archive.writestr(name, data)
    assert verify_csar(packed, trust=signer.trust).good


@pytest.mark.parametrize("target", NAMES)
@pytest.mark.parametrize("start", NAMES)
def test_any_profile_becomes_any_other(tmp_path, signer, start, target):
    path = build_package(tmp_path, certified=signer, profile=start)
    chart = tmp_path / "web.tgz" if start == "tca-classic" else None
    out = tmp_path / "out.csar"
    with opened_package(path) as container:
        request = conversion_request(container, profile=target, epoch=EPOCH, chart=chart)
        write_csar(request, path=out, signing=Signing(key=signer.key))
    report = verify_csar(out, trust=signer.trust, policy="tca" if target.startswith("tca") else "strict")
    assert report.good, report.findings
    assert package_summary(out)["descriptor"]["provider"] == "Example"


def test_a_package_is_unpacked_as_it_is(tmp_path, signer):
    path = build_package(tmp_path, certified=signer)
    extract_csar(path, target=tmp_path / "out")
    for name, data in files_of(path).items():
        if not name.endswith("/"):
            assert (tmp_path / "out" / name).read_bytes() == data
    with pytest.raises(UserError, match="not an empty folder"):
        extract_csar(path, target=tmp_path / "out")


@pytest.mark.parametrize("name", ["../evil", "/evil", "a\\..\\evil"])
def test_nothing_is_unpacked_from_a_hostile_package(tmp_path, sound_files, name):
    path = write_files(tmp_path / "a.csar", {**sound_files, name: b"x"})
    with pytest.raises(UserError, match="ZIP-02"):
        extract_csar(path, target=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "evil").exists()


def test_nothing_is_unpacked_if_a_digest_does_not_hold(tmp_path, sound_files):
    path = write_files(tmp_path / "a.csar", {**sound_files, "ChangeLog.txt": b"changed"})
    with pytest.raises(UserError, match="MF-021"):
        extract_csar(path, target=tmp_path / "out")
    assert not (tmp_path / "out").exists()
    extract_csar(path, target=tmp_path / "out", force=True)
    assert (tmp_path / "out" / "ChangeLog.txt").read_bytes() == b"changed"


UNCHANGED = ({area: {} for area in AREAS}, {area: {} for area in AREAS})


def test_differences_are_named(tmp_path, signer):
    one = build_package(tmp_path, certified=signer, name="one.csar")
    request = request_for(tmp_path)
    identity = msgspec.structs.replace(request.identity, version="2.1")
    two = build_package(tmp_path, certified=signer, name="two.csar", identity=identity)
    rows = differences(package_summary(one), package_summary(two), charts=UNCHANGED)
    assert {"area": "manifest", "what": "vnf_software_version", "old": "2.0", "new": "2.1"} in rows
    assert any(row["area"] == "files" and row["what"] == "web.yaml" for row in rows)
    assert differences(package_summary(one), package_summary(one), charts=UNCHANGED) == []


def test_the_page_says_what_is_wrong(tmp_path, sound_files):
    path = write_files(tmp_path / "a.csar", {**sound_files, "ChangeLog.txt": b"changed"})
    page = summary_html(package_summary(path))
    assert "2 errors: see Findings." in page  # the manifest's digest, and the provenance's
    assert "MF-021" in page
    assert "MF-021" in summary_text(package_summary(path))
    sound = write_files(tmp_path / "b.csar", sound_files)
    assert "Structure, digests and signature hold." in summary_html(package_summary(sound))
    unsigned = build_package(tmp_path, certified=None, profile="tca-classic", name="c.csar")
    assert "Nobody signed the package." in summary_html(package_summary(unsigned))


def test_the_page_stands_alone_and_escapes(tmp_path, signer):
    request = request_for(tmp_path)
    identity = msgspec.structs.replace(request.identity, provider="<script>alert(1)</script>")
    path = build_package(tmp_path, certified=signer, identity=identity)
    page = summary_html(package_summary(path))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "http" not in page.replace("https://", "")
    assert "src=" not in page
    assert "How sure we are" in summary_text(package_summary(path))


def test_reports_for_machines(tmp_path, sound_files, signer):
    path = write_files(tmp_path / "a.csar", {**sound_files, "ChangeLog.txt": b"changed\x07"})
    report = verify_csar(path, trust=signer.trust)
    document = json.loads(rendered(report, form="json"))
    assert document["good"] is False
    tree = etree.fromstring(rendered(report, form="junit").encode())
    etree.XMLSchema(etree.parse(Path(__file__).with_name("junit.xsd"))).assertValid(tree)
    failed = {case.get("name").split()[0] for case in tree.iter("testcase") if case.find("failure") is not None}
    assert "MF-021" in failed
    assert sum(int(suite.get("failures")) for suite in tree) == len(failed)
    sarif = json.loads(rendered(report, form="sarif"))
    assert {result["ruleId"] for result in sarif["runs"][0]["results"]} >= {"MF-021"}


def test_names_from_strangers_do_not_reach_the_terminal_raw(tmp_path, sound_files):
    path = write_files(tmp_path / "a.csar", {**sound_files, "\x1b[31mred": b"x"})
    report = verify_csar(path, trust=Trust())
    assert "\x1b" not in rendered(report, form="text")
    etree.fromstring(rendered(report, form="junit").encode())
