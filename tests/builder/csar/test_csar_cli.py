"""The commands as a user types them: keys of every kind, clear refusals, exit codes."""

import base64
import contextlib
import functools
import json
import zipfile

import click.testing
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12
from lxml import etree
from support.csar.registry import LabRegistry
from support.csar.time_stamps import Authority, AuthorityServer
from support.csar.workbench import EPOCH, certified, chain_of_three, files_of, write_chart

from ako_builder.archive.container import Container
from ako_builder.archive.writer import BytesBlob, Member, write_zip
from ako_builder.csar.cli import csar
from ako_builder.csar.cli_bundle import bundle
from ako_builder.csar.epochs import package_epoch
from ako_runtime.errors import UserError


@pytest.fixture
def ako(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(EPOCH))
    monkeypatch.delenv("AKO_SIGN_PASSPHRASE", raising=False)
    write_chart(tmp_path / "web.tgz")

    def run(*arguments, code=0):
        result = click.testing.CliRunner().invoke(csar, arguments, standalone_mode=False)
        if isinstance(result.exception, UserError):
            assert code == 2, result.exception
            return str(result.exception)
        if result.exception is not None and not isinstance(result.exception, click.ClickException):
            raise result.exception
        if isinstance(result.exception, click.ClickException):
            assert code == 2
            return result.exception.format_message()
        assert (result.return_value or 0) == code, result.output
        return result.output

    return run


@pytest.fixture
def pair(tmp_path):
    signer = certified()
    (tmp_path / "key.pem").write_bytes(signer.signer.key_pem)
    (tmp_path / "cert.pem").write_bytes(signer.signer.certificate_pem)
    (tmp_path / "ca.pem").write_bytes(signer.anchor.public_bytes(serialization.Encoding.PEM))
    return signer


FOREIGN = ("build", "--chart", "web.tgz", "--provider", "Example", "--profile", "etsi-4", "-o", "a.csar")
SIGN = ("--sign-key", "key.pem", "--sign-cert", "cert.pem")


def test_build_verify_and_the_files_beside(ako, pair, tmp_path):
    assert "verified" in ako(*FOREIGN, *SIGN)
    assert "good under policy strict" in ako("verify", "a.csar", "--trust", "ca.pem")
    assert json.loads(ako("verify", "a.csar", "--trust", "ca.pem", "-o", "json"))["findings"] == []
    assert {path.name for path in tmp_path.iterdir()} >= {"a-values.yaml", "a-report.txt"}


def test_a_request_for_tca(ako, pair, tmp_path):
    ako("build", "--chart", "web.tgz", "--provider", "Example", "--profile", "tca-2x", "-o", "t.csar", *SIGN)
    body = json.loads((tmp_path / "t-instantiate.json").read_text())
    assert body["additionalParams"]["vduParams"][0]["chartName"] == "web"
    assert "package_content" in (tmp_path / "t-upload.md").read_text()


def test_pkcs12_with_a_passphrase_from_the_environment(ako, pair, tmp_path, monkeypatch):
    key = pair.signer.key
    data = pkcs12.serialize_key_and_certificates(
        b"k", key, pair.signer.certificates[0], None, serialization.BestAvailableEncryption(b"secret")
    )
    (tmp_path / "key.p12").write_bytes(data)
    assert "AKO_SIGN_PASSPHRASE" in ako(*FOREIGN, "--sign-key", "key.p12", code=2)
    monkeypatch.setenv("AKO_SIGN_PASSPHRASE", "wrong")
    assert "passphrase may be wrong" in ako(*FOREIGN, "--sign-key", "key.p12", code=2)
    monkeypatch.setenv("AKO_SIGN_PASSPHRASE", "secret")
    assert "verified" in ako(*FOREIGN, "--sign-key", "key.p12")


def test_an_encrypted_pem_key(ako, pair, tmp_path, monkeypatch):
    data = pair.signer.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )
    (tmp_path / "key.pem").write_bytes(data)
    assert "set AKO_SIGN_PASSPHRASE" in ako(*FOREIGN, *SIGN, code=2)
    monkeypatch.setenv("AKO_SIGN_PASSPHRASE", "secret")
    assert "verified" in ako(*FOREIGN, *SIGN)


def test_an_intermediate_is_shipped_with_the_signature(ako, tmp_path):
    """Who trusts the root alone needs the chain; it goes into the signature, or into the certificate's file."""
    signer, middle, root = chain_of_three()
    (tmp_path / "key.pem").write_bytes(signer[0])
    for name, certificate in (("cert", signer[1]), ("middle", middle), ("root", root)):
        (tmp_path / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    ako(*FOREIGN, *SIGN)
    assert "SIG-013" in ako("verify", "a.csar", "--trust", "root.pem", code=1)
    for option in ("1", "2"):
        for place in ("cms", "file"):
            ako(*FOREIGN, *SIGN, "--chain", "middle.pem", "--certificate-in", place, "--option", option)
            assert "no findings" in ako("verify", "a.csar", "--trust", "root.pem")


@pytest.mark.parametrize("form", ["text", "json", "junit", "sarif"])
@pytest.mark.parametrize(("trust", "code"), [("ca.pem", 0), ("other.pem", 1)])
def test_every_format_of_a_report(ako, pair, tmp_path, form, trust, code):  # noqa: PLR0917
    (tmp_path / "other.pem").write_bytes(certified().anchor.public_bytes(serialization.Encoding.PEM))
    ako(*FOREIGN, *SIGN)
    report = ako("verify", "a.csar", "--trust", trust, "--output", form, code=code)
    assert ("SIG-013" in report) == bool(code) or form == "junit"
    if form == "junit":
        failed = etree.fromstring(report.encode()).xpath("//testcase[failure]/@name")
        assert [name.split()[0] for name in failed] == ["SIG-013"] * code
    elif form in {"json", "sarif"}:
        json.loads(report)


def test_keys_from_the_environment(ako, pair, monkeypatch):
    """PEM as it is, PKCS#12 in base64; nothing of it lies on disk."""
    monkeypatch.setenv("SIGN_KEY", pair.signer.key_pem.decode())
    monkeypatch.setenv("SIGN_CERT", pair.signer.certificate_pem.decode())
    monkeypatch.setenv("CA", pair.anchor.public_bytes(serialization.Encoding.PEM).decode())
    environment = ("--sign-key", "env:SIGN_KEY", "--sign-cert", "env:SIGN_CERT", "--chain", "env:CA")
    assert "verified" in ako(*FOREIGN, *environment)
    assert "good under policy strict" in ako("verify", "a.csar", "--trust", "env:CA")
    data = pkcs12.serialize_key_and_certificates(
        b"k", pair.signer.key, pair.signer.certificates[0], None, serialization.BestAvailableEncryption(b"secret")
    )
    monkeypatch.setenv("SIGN_PKCS12", base64.encodebytes(data).decode())
    monkeypatch.setenv("AKO_SIGN_PASSPHRASE", "secret")
    assert "verified" in ako(*FOREIGN, "--sign-key", "env:SIGN_PKCS12")
    monkeypatch.setenv("SIGN_KEY", "no PEM, and no base64 either")
    assert "neither PEM nor base64" in ako(*FOREIGN, *environment, code=2)
    monkeypatch.delenv("SIGN_KEY")
    assert "the variable SIGN_KEY is not set" in ako(*FOREIGN, *environment, code=2)


@pytest.fixture
def stamping(tmp_path):
    """Start an authority over HTTP whose answers `reply` makes from what openssl says."""
    (tmp_path / "tsa").mkdir()
    authority = Authority(tmp_path / "tsa")
    (tmp_path / "tsa.pem").write_bytes((tmp_path / "tsa" / "c.pem").read_bytes())
    servers = []

    def start(reply=authority.answer):
        servers.append(AuthorityServer(reply))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.mark.parametrize("option", ["1", "2"])
def test_a_time_stamp_is_asked_for_and_read(ako, pair, stamping, option):
    server = stamping()
    ako(*FOREIGN, *SIGN, "--option", option, "--tsa-url", server.url)
    assert [kind for kind, _ in server.asked] == ["application/timestamp-query"]
    shown = ako("verify", "a.csar", "--trust", "ca.pem", "--trust-tsa", "tsa.pem")
    assert "time stamp 20" in shown
    assert "no findings" in shown
    assert "SIG-020" in ako("verify", "a.csar", "--trust", "ca.pem", "--trust-tsa", "ca.pem", code=1)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (lambda _request: b"", "no time stamp"),
        (lambda _request: b"hello", "not a time stamp"),
        # PKIStatusInfo with status 2 (rejection) and no token.
        (lambda _request: bytes.fromhex("30053003020102"), "refused (status 2"),
    ],
)
def test_an_authority_that_gives_no_time_stamp(ako, pair, stamping, tmp_path, reply, said):  # noqa: PLR0917
    assert said in ako(*FOREIGN, *SIGN, "--tsa-url", stamping(reply).url, code=2)
    assert not (tmp_path / "a.csar").exists()


def test_a_time_stamp_from_another_request_is_refused(ako, pair, stamping, tmp_path):
    """Replayed: the first answer is honest, the second one the same again."""
    answers = []
    honest = Authority.answer

    def replay(request):
        answers.append(answers[0] if answers else honest(authority, request))
        return answers[-1]

    (tmp_path / "other").mkdir()
    authority = Authority(tmp_path / "other")
    server = stamping(replay)
    ako(*FOREIGN, *SIGN, "--tsa-url", server.url)
    assert "not for this signature" in ako("resign", "a.csar", *SIGN, "--tsa-url", server.url, "-o", "b.csar", code=2)
    assert not (tmp_path / "b.csar").exists()


def test_a_chart_from_a_registry(ako, pair, monkeypatch, tmp_path):
    """What `bundle push` put there is a chart to build from, by tag and by digest."""
    monkeypatch.setenv("AKO_REGISTRY_PLAIN_HTTP", "true")
    monkeypatch.setenv("AKO_REGISTRY_USERNAME", "robot")
    monkeypatch.setenv("AKO_REGISTRY_PASSWORD", "secret")
    with contextlib.closing(LabRegistry()) as registry:
        run = functools.partial(click.testing.CliRunner().invoke, bundle, standalone_mode=False, catch_exceptions=False)
        run(["build", "--chart", "web.tgz", *SIGN, "-o", "web.zip"])
        run(["push", "web.zip", f"{registry.host}/charts", "--trust", "ca.pem", "--plain-http"])
        digest = next(point for name, point in registry.manifests if point.startswith("sha256:"))
        for reference in ("web:1.10.0", f"web@{digest}"):
            chart = ("--chart", f"oci://{registry.host}/charts/{reference}", "--provider", "Example")
            assert "verified" in ako("build", *chart, "--profile", "etsi-4", *SIGN, "-o", "a.csar")
            assert files_of(tmp_path / "a.csar")["Artifacts/charts/web.tgz"] == (tmp_path / "web.tgz").read_bytes()
        ako("init", *chart, "-o", "start")
        assert chart[1] in (tmp_path / "start" / "csar.yaml").read_text()
        missing = ("--chart", f"oci://{registry.host}/charts/none:1", "--provider", "Example", "--unsigned")
        assert "check the reference" in ako("build", *missing, code=2)


def test_a_hook_signs(ako, pair, tmp_path, monkeypatch):
    (tmp_path / "own_token.py").write_text(
        "from pathlib import Path\n"
        "from ako_builder.signer import Signer\n"
        "from ako_builder.signing.keys import LocalKey\n"
        "def key():\n"
        "    key, certificate = Path('key.pem').read_bytes(), Path('cert.pem').read_bytes()\n"
        "    return LocalKey(Signer(key_pem=key, certificate_pem=certificate, demo=False))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "verified" in ako(*FOREIGN, "--sign-hook", "own_token:key")
    assert "importable module" in ako(*FOREIGN, "--sign-hook", "own_token:missing", code=2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (FOREIGN, "nothing to sign with"),
        ((*FOREIGN, "--sign-cert", "cert.pem"), "--sign-cert needs its private key"),
        ((*FOREIGN, "--sign-key", "key.pem"), "needs its certificate"),
        ((*FOREIGN, "--sign-key", "missing.pem", "--sign-cert", "cert.pem"), "missing.pem"),
        ((*FOREIGN, "--sign-key", "cert.pem", "--sign-cert", "cert.pem"), "no PEM private key"),
        ((*FOREIGN, "--sign-key", "key.pem", "--sign-cert", "ca.pem"), "not for the signing key"),
        ((*FOREIGN, *SIGN, "--tsa-url", "ftp://x"), "give an http or https URL"),
        ((*FOREIGN, *SIGN, "--types", "empty"), "none of the type files"),
        ((*FOREIGN, *SIGN, "--images", "empty"), "no oci-layout"),
        ((*FOREIGN, *SIGN, "--workload", "Pod/x"), "--workload Pod/x"),
        (("build", "--chart", "web.tgz", "--unsigned"), "--provider is needed"),
        (("build", "--chart", "none.tgz", "--provider", "E", "--unsigned"), "no such file or folder"),
        (("build", "--chart", "key.pem", "--provider", "E", "--unsigned"), "not a chart archive"),
        (("build", "--from", "none.yaml"), "none.yaml"),
        (("verify", "none.csar"), "none.csar"),
        (("verify", "key.pem", "--trust", "key.pem"), "no PEM certificate"),
        (("rules", "ABC-1"), "rule 'ABC-1' is not known"),
        (("inspect", "none.csar"), "none.csar"),
        (("sign", "none.csar", "--sign-demo"), "none.csar"),
    ],
)
def test_refusals_say_what_where_and_what_to_do(ako, pair, tmp_path, arguments, said):  # noqa: PLR0917
    (tmp_path / "empty").mkdir()
    before = {path.name for path in tmp_path.iterdir()}
    assert said in ako(*arguments, code=2)
    assert {path.name for path in tmp_path.iterdir()} == before


def test_findings_are_exit_code_1(ako, pair, tmp_path):
    ako(*FOREIGN, "--unsigned")
    assert "SIG-001" in ako("verify", "a.csar", code=1)
    (tmp_path / "b.csar").write_bytes(b"")
    assert "ZIP-001" in ako("verify", "b.csar", code=1)


def test_sign_resign_diff_convert_extract_init(ako, pair, tmp_path):
    ako(*FOREIGN, "--unsigned")
    ako("sign", "a.csar", *SIGN, "-o", "s.csar")
    assert "signed already" in ako("sign", "s.csar", *SIGN, code=2)
    ako("resign", "s.csar", *SIGN, "--option", "2", "-o", "s.zip")
    assert "option 2" in ako("verify", "s.zip", "--trust", "ca.pem")
    assert "Signers (1)" in ako("diff", "a.csar", "s.csar", code=1)
    assert ako("diff", "s.csar", "s.csar") == "no difference\n"
    ako("convert", "s.csar", "--profile", "tca-2x", *SIGN, "-o", "t.csar")
    assert "tca-2x" in ako("inspect", "t.csar")
    ako("extract", "t.csar", "out")
    assert (tmp_path / "out" / "Definitions" / "NFD.yaml").is_file()
    ako("init", "--chart", "web.tgz", "--provider", "Example", "-o", "start")
    assert "there already" in ako("init", "--chart", "web.tgz", "--provider", "Example", "-o", "start", code=2)
    assert "verified" in ako("build", "--from", "start/csar.yaml", "--profile", "etsi-5", *SIGN, "-o", "f.csar")


def test_a_chart_folder_is_packed_without_helm(ako, pair, tmp_path):
    folder = tmp_path / "chart"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 0.1.0\n")
    (folder / ".helmignore").write_text("*.bak\n")
    (folder / "notes.bak").write_text("x")
    (folder / "templates" / "d.yaml").write_text("kind: DaemonSet\nmetadata:\n  name: agent\n")
    ako("build", "--chart", "chart", "--provider", "E", "--profile", "etsi-5", *SIGN, "-o", "c.csar")
    assert "DaemonSet agent" in ako("inspect", "c.csar")


def test_infra_requirements_are_checked_and_warned_of(ako, pair, tmp_path):
    (tmp_path / "infra.yaml").write_text("node_components: {kernel: {}}\n")
    tca = ("build", "--chart", "web.tgz", "--provider", "E", "--profile", "tca-2x", *SIGN, "-o", "t.csar")
    assert "caas_components missing" in ako(*tca, "--infra-requirements", "infra.yaml", code=2)
    (tmp_path / "infra.yaml").write_text(
        "node_components:\n  kernel:\n    kernel_type: {name: linux-rt, version: '4.19'}\n    kernel_args: []\n"
        "  network: {devices: []}\ncaas_components: []\n"
    )
    assert "reboot" in ako(*tca, "--infra-requirements", "infra.yaml")
    assert "TCA-004" in ako("verify", "t.csar", "--policy", "tca", "--trust", "ca.pem")


def test_without_an_epoch_everything_repeats_and_is_dated_by_its_content(ako, pair, tmp_path, monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    steps = {
        "plain": (*FOREIGN[:-1], "{}.csar", "--unsigned"),
        "signed": ("sign", "first/plain.csar", *SIGN, "-o", "{}.csar"),
        "other": ("resign", "first/signed.csar", *SIGN, "--option", "2", "-o", "{}.csar"),
        "converted": ("convert", "first/other.csar", "--profile", "etsi-5", *SIGN, "-o", "{}.csar"),
    }
    for step, arguments in steps.items():
        for turn in ("first", "second"):
            ako(*(word.format(f"{turn}/{step}") for word in arguments))
        first, second = (tmp_path / f"{turn}/{step}.csar" for turn in ("first", "second"))
        assert first.read_bytes() == second.read_bytes(), step
    with zipfile.ZipFile(tmp_path / "first/converted.csar") as archive:
        assert {info.date_time for info in archive.infolist()} == {(2025, 10, 9, 8, 53, 20)}
        manifest = next(name for name in archive.namelist() if name.endswith(".mf"))
        assert b"vnf_release_date_time: 2025-10-09T08:53:20Z" in archive.read(manifest)
    assert "2025-10-09" in ako("verify", "first/converted.csar", "--trust", "ca.pem")


def test_a_package_without_a_release_date_keeps_its_newest_time_stamp(ako, pair, tmp_path):
    files = {"a.mf": b"metadata:\n  vnf_release_date_time: soon\n", "b.txt": b""}
    write_zip(tmp_path / "x.csar", [Member(name=n, content=BytesBlob(d)) for n, d in files.items()], epoch=EPOCH)
    with Container(tmp_path / "x.csar") as container:
        assert package_epoch(container) == EPOCH
