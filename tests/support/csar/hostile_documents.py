"""Bad packages 36 to 66 and 87 to 100: sound archives whose documents lie."""

import hashlib
import io
import json
import tarfile

from support.csar.hostile import Bad, bench_case, case
from support.csar.workbench import build_package, files_of, signed_again, write_chart, write_layout

from ako_builder.oci.reading import load_oci

META = "TOSCA-Metadata/TOSCA.meta"
ENTRY = "web.yaml"
CHART = "Artifacts/charts/web.tgz"


def meta(files, old, new):
    return {**files, META: files[META].replace(old, new)}


def manifest(files, old, new):
    assert old in files["web.mf"], old
    return {**files, "web.mf": files["web.mf"].replace(old, new, 1)}


def entry(files, old, new):
    text = files[ENTRY].decode()
    assert old in text, old
    return {**files, ENTRY: text.replace(old, new, 1).encode()}


def without(files, *names):
    return {name: data for name, data in files.items() if name not in names}


# -- TOSCA.meta


@case(36, "META-001")
def no_meta_and_no_root_yaml(files):
    return without(files, META, ENTRY)


@case(37, "META-002")
def no_meta_and_two_root_yaml(files):
    return {**without(files, META), "b.yaml": b"b: 1\n"}


@case(38, "META-003")
def huge_meta(files):
    return {**files, META: files[META] + b"\n" + b"x" * 100_000}


@case(39, "META-004")
def meta_with_byte_order_mark(files):
    return {**files, META: b"\xef\xbb\xbf" + files[META]}


@case(39, "META-004", "META-005", "META-009")
def meta_in_utf16(files):
    return {**files, META: files[META].decode().encode("utf-16")}


@case(40, "META-005")
def no_entry_definitions(files):
    return meta(files, b"Entry-Definitions: web.yaml\n", b"")


@case(41, "META-006")
def entry_outside(files):
    return meta(files, b"Entry-Definitions: web.yaml", b"Entry-Definitions: ../../etc/passwd")


@case(41, "META-006")
def entry_is_a_folder(files):
    return meta(files, b"Entry-Definitions: web.yaml", b"Entry-Definitions: Definitions/")


@case(42, "META-007")
def key_twice(files):
    return meta(files, b"CSAR-Version: 1.1\n", b"CSAR-Version: 1.1\nCSAR-Version: 1.1\n")


@case(43, "META-008")
def prefixed_and_plain_keys_differ(files):
    return meta(files, b"ETSI-Entry-Manifest", b"Entry-Manifest: ChangeLog.txt\nETSI-Entry-Manifest")


@case(44, "META-009")
def wrong_csar_version(files):
    return meta(files, b"CSAR-Version: 1.1", b"CSAR-Version: 9.0")


@case(45, "META-010", level="warning")
def colon_in_value(files):
    return meta(files, b"Created-By: ", b"Created-By: me: ")


@case(46, "META-011", level="warning")
def other_definitions(files):
    again = {**files, "a.yaml": files["web.yaml"], "b.yaml": files["web.yaml"]}
    return meta(again, b"ETSI-Entry-Manifest", b"Other-Definitions: a.yaml, b.yaml\nETSI-Entry-Manifest")


@case(46, "META-006")
def other_definitions_that_are_missing(files):
    return meta(files, b"ETSI-Entry-Manifest", b"Other-Definitions: a.yaml, b.yaml\nETSI-Entry-Manifest")


@case(47, "META-012")
def lower_case_meta(files):
    return {(name.lower() if name.startswith("TOSCA") else name): data for name, data in files.items()}


# -- manifest


@case(48, "MF-001", "META-006", "SIG-001", "SIG-025", again=False)
def no_manifest(files):
    return without(files, "web.mf")


@case(49, "MF-002", "SIG-005", again=False)
def no_metadata(files):
    text = files["web.mf"]
    return {**files, "web.mf": text[text.index(b"Source:") :]}


@case(50, "MF-003")
def mixed_keys(files):
    return manifest(files, b"  vnf_package_version: 1.10.0\n", b"  pnfd_name: web\n")


@case(51, "MF-004", "META-006", again=False)
def listed_file_missing(files):
    return without(files, "ChangeLog.txt")


@case(52, "MF-005", again=False)
def unlisted_file(files):
    return {**files, "extra.sh": b"rm -rf /\n"}


@case(53, "MF-006", "MF-021", "SIG-005", again=False)
def listed_twice(files):
    double = b"Source: ChangeLog.txt\nAlgorithm: SHA-256\nHash: " + b"0" * 64 + b"\n\nSource: ChangeLog.txt\n"
    return manifest(files, b"Source: ChangeLog.txt\n", double)


@case(54, "MF-007", "SIG-005", again=False)
def hash_before_algorithm(files):
    digest = hashlib.sha256(files["ChangeLog.txt"]).hexdigest().encode()
    old = b"Source: ChangeLog.txt\nAlgorithm: SHA-256\nHash: " + digest
    return manifest(files, old, b"Source: ChangeLog.txt\nHash: " + digest + b"\nAlgorithm: SHA-256")


@case(55, "MF-008", "MF-022", "SIG-005", again=False)
def sha1(files):
    digest = hashlib.sha1(files["ChangeLog.txt"]).hexdigest().encode()  # noqa: S324 - that is the point
    old = b"Source: ChangeLog.txt\nAlgorithm: SHA-256\nHash: "
    return manifest(files, old, b"Source: ChangeLog.txt\nAlgorithm: SHA-1\nHash: " + digest + b"\n")


@case(56, "MF-009", "SIG-005", again=False)
def upper_case_hash(files):
    digest = hashlib.sha256(files["ChangeLog.txt"]).hexdigest()
    return manifest(files, digest.encode(), digest.upper().encode())


@case(57, "MF-010", "MF-005", "SIG-005", again=False)
def source_outside(files):
    return manifest(files, b"Source: ChangeLog.txt", b"Source: ../../etc/passwd")


@case(58, "MF-011", "MF-005", "SIG-005", again=False)
def source_with_file_scheme(files):
    return manifest(files, b"Source: ChangeLog.txt", b"Source: file:///etc/passwd")


@case(58, "MF-011", "MF-005", "SIG-005", again=False)
def source_at_the_metadata_service(files):
    return manifest(files, b"Source: ChangeLog.txt", b"Source: http://169.254.169.254/latest")


@case(58, "MF-011", "MF-005", "SIG-005", again=False)
def source_on_a_share(files):
    return manifest(files, b"Source: ChangeLog.txt", b"Source: \\\\server\\share")


@case(59, "MF-013", "MF-005", "MF-021", "SIG-005", again=False)
def manifest_lists_itself(files):
    return manifest(files, b"Source: ChangeLog.txt", b"Source: web.mf")


@case(60, "MF-014", "SIG-005", again=False)
def meta_not_listed(files):
    digest = hashlib.sha256(files[META]).hexdigest().encode()
    return manifest(files, b"Source: " + META.encode() + b"\nAlgorithm: SHA-256\nHash: " + digest + b"\n\n", b"")


@case(61, "MF-015", "SIG-005", again=False)
def mixed_line_ends(files):
    return manifest(files, b"metadata:\n", b"metadata:\r\n")


@case(61, "MF-015", "MF-018", "SIG-005", again=False)
def bare_carriage_returns(files):
    return {**files, "web.mf": files["web.mf"].replace(b"\n", b"\r")}


@case(62, "MF-016", again=False)
def second_signature(files):
    block = files["web.mf"][files["web.mf"].index(b"-----BEGIN CMS") :]
    return {**files, "web.mf": files["web.mf"] + block}


@case(63, "MF-017", again=False)
def text_after_signature(files):
    return {**files, "web.mf": files["web.mf"] + b"Source: evil\n"}


@case(64, "MF-018", again=False)
def labelled_pkcs7(files):
    return {**files, "web.mf": files["web.mf"].replace(b"N CMS", b"N PKCS7").replace(b"D CMS", b"D PKCS7")}


@case(65, "MF-019", "SIG-005", again=False)
def endless_line(files):
    return manifest(files, b"metadata:\n", b"metadata:\n  x: " + b"y" * (10 << 20) + b"\n")


@case(66, "MF-020")
def date_without_zone(files):
    return manifest(files, b"2025-10-09T08:53:20Z", b"2025-10-09T08:53:20.1")


# -- descriptor


@case(87, "YAML-004")
def alias_bomb(files):
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    return {**files, ENTRY: ("\n".join(lines) + "\n").encode()}


@case(88, "YAML-003")
def deep_nesting(files):
    return {**files, ENTRY: b"x: " + b"[" * 20_000 + b"]" * 20_000 + b"\n"}


@case(89, "YAML-005")
def duplicate_yaml_key(files):
    return entry(files, "description:", "tosca_definitions_version: tosca_simple_yaml_1_0\ndescription:")


@case(90, "YAML-006")
def python_object(files):
    return entry(files, "description:", "evil: !!python/object/apply:os.system ['id']\ndescription:")


@case(91, "TOSCA-003", level="warning")
def import_circle(files):
    name = "Definitions/etsi_nfv_sol001_common_types.yaml"
    return {**files, name: files[name] + b"imports: [../web.yaml]\n"}


@case(92, "TOSCA-004")
def import_of_an_absolute_path(files):
    return entry(files, "  - Definitions/etsi_nfv_sol001_common_types.yaml", "  - /etc/passwd")


@case(92, "TOSCA-004")
def import_of_a_url(files):
    return entry(files, "  - Definitions/etsi_nfv_sol001_common_types.yaml", "  - https://example.org/types.yaml")


@case(92, "TOSCA-004")
def import_outside(files):
    return entry(files, "  - Definitions/etsi_nfv_sol001_common_types.yaml", "  - ../../types.yaml")


@case(92, "TOSCA-002")
def import_missing(files):
    return entry(files, "  - Definitions/etsi_nfv_sol001_common_types.yaml", "  - missing.yaml")


@case(93, "TOSCA-006")
def types_in_a_circle(files):
    return entry(files, "node_types:\n", "node_types:\n  a: {derived_from: b}\n  b: {derived_from: a}\n")


@case(94, "TOSCA-007")
def node_type_key(files):
    return entry(files, "      type: tosca.nodes.nfv.Mciop", "      node_type: tosca.nodes.nfv.Mciop")


@case(95, "TOSCA-014", "TOSCA-011")
def version_as_float(files):
    return entry(files, '        descriptor_version: "1.10.0"', "        descriptor_version: 1.10")


@case(96, "CON-001")
def descriptor_ids_differ(files):
    text = files["web.mf"].decode()
    old = text.split("vnfd_id: ")[1].split("\n")[0]
    return manifest(files, old.encode(), b"00000000-0000-4000-8000-000000000000")


@bench_case(97, "CON-002", "CON-005", "CON-007")
def chart_that_the_descriptor_does_not_name(bench):
    files = files_of(build_package(bench.folder, certified=bench.signer, profile="tca-2x"))
    other = write_chart(bench.folder / "other.tgz", {"Chart.yaml": "name: web\nversion: 9.9.9\n"})
    files = signed_again({**files, CHART: other.read_bytes()}, certified=bench.signer)
    return Bad(files, policy="tca")


@case(98, "CON-003", "CON-005")
def chart_with_a_link(files):
    return {**files, CHART: tarred([("web/Chart.yaml", b"name: web\nversion: 1.0.0\n")], link="web/evil")}


@case(98, "CON-003", "CON-005")
def chart_that_leaves_its_folder(files):
    return {**files, CHART: tarred([("web/../../evil", b"x")])}


@case(98, "CON-003", "CON-005")
def chart_that_is_none(files):
    return {**files, CHART: b"not a tar"}


@case(98, "CON-003", "CON-005")
def chart_bomb(files):
    return {**files, CHART: tarred([("web/Chart.yaml", b"name: web\nversion: 1\n"), ("web/z", bytes(80 << 20))])}


@case(99, "CON-004")
def blob_of_another_digest(files):
    return {**files, "Artifacts/images/blobs/sha256/" + "0" * 64: b"not this"}


@bench_case(99, "CON-004")
def image_that_the_values_do_not_name(bench):
    reference = f"registry.example.org/shop/web:2.0@sha256:{'0' * 64}"
    values = f"image:\n  repository: registry.example.org/shop/web\n  tag: {reference.partition(':')[2]}\n"
    write_chart(bench.folder / "web.tgz", {"values.yaml": values})
    images = load_oci(write_layout(bench.folder / "oci"))
    path = build_package(bench.folder, certified=bench.signer, images=images, image_references=())
    return Bad(path.read_bytes())


@case(100, "CON-005")
def sbom_of_another_chart(files):
    name = "Artifacts/sbom/web.cdx.json"
    document = json.loads(files[name])
    document["components"][0]["hashes"][0]["content"] = "0" * 64
    return {**files, name: json.dumps(document).encode()}


@case(100, "CON-007")
def provenance_of_other_files(files):
    name = "Artifacts/provenance/build.intoto.jsonl"
    document = json.loads(files[name])
    document["subject"][0]["digest"]["sha256"] = "0" * 64
    return {**files, name: json.dumps(document).encode()}


def tarred(members, link=None):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        if link:
            info = tarfile.TarInfo(link)
            info.type = tarfile.SYMTYPE
            info.linkname = "/etc/passwd"
            tar.addfile(info)
    return target.getvalue()
