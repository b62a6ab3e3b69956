"""The chart of another project becomes a package: told little, verified by others, true to what Helm renders.

What docs/how-to/csar-foreign-chart.md tells is done here, command by command.
"""

import gzip
import re
import struct
import tarfile
import zlib

import click.testing
import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from support.chart.helm_binaries import helm  # noqa: F401 - a fixture
from support.csar.module_charts import CHARTS, module_chart
from support.csar.outside_tools import tosca_parser
from support.csar.workbench import EPOCH, certified, files_of, write_chart

from ako_builder.csar.cli import csar
from ako_builder.csar.profile import NAMES
from ako_runtime.errors import UserError

SIGN = ("--sign-key", "key.pem", "--sign-cert", "cert.pem")
WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet"}


@pytest.fixture
def ako(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    signer = certified()
    (tmp_path / "key.pem").write_bytes(signer.signer.key_pem)
    (tmp_path / "cert.pem").write_bytes(signer.signer.certificate_pem)
    (tmp_path / "ca.pem").write_bytes(signer.anchor.public_bytes(serialization.Encoding.PEM))

    def run(*arguments):
        result = click.testing.CliRunner().invoke(csar, arguments, standalone_mode=False)
        if result.exception is not None:
            raise result.exception
        assert (result.return_value or 0) == 0, result.output
        return result.output

    return run


def rendered_workloads(helm, chart, *, release):  # noqa: F811
    # A tab behind a value is YAML, but not for the parser in Python.
    documents = yaml.safe_load_all(helm.run(["template", release, str(chart)]).replace("\t", ""))
    found = [d for d in documents if d and d["kind"] in WORKLOADS]
    return {
        (d["kind"], d["metadata"]["name"])
        for d in found
        if "helm.sh/hook" not in (d["metadata"].get("annotations") or {})
    }


def described_workloads(files):
    tree = yaml.safe_load(files[next(name for name in files if name.endswith(".yaml") and "/" not in name)])
    units = [
        node["properties"]["mcio_identification_data"]
        for node in tree["topology_template"]["node_templates"].values()
        if node["type"].endswith("OsContainerDeployableUnit")
    ]
    return {(unit["type"], unit["name"]) for unit in units}


def test_a_chart_as_helm_creates_it(ako, helm, tmp_path, monkeypatch):  # noqa: F811
    helm.run(["create", str(tmp_path / "shop")])
    helm.run(["package", str(tmp_path / "shop"), "-d", str(tmp_path)])
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(EPOCH))
    ako("init", "--chart", "shop-0.1.0.tgz", "--provider", "Example", "-o", "start")
    assert "verified" in ako("build", "--from", "start/csar.yaml", *SIGN, "-o", "out")
    assert len(list((tmp_path / "out").glob("*.csar"))) == len(NAMES)
    path = tmp_path / "out" / "shop-1.16.0-etsi-4.csar"
    assert "good under policy strict" in ako("verify", str(path), "--trust", "ca.pem")
    assert tosca_parser(path) == ""
    files = files_of(path)
    assert described_workloads(files) == rendered_workloads(helm, tmp_path / "shop", release="shop")
    assert files["Artifacts/charts/shop.tgz"] == (tmp_path / "shop-0.1.0.tgz").read_bytes()
    ako("extract", str(path), "unpacked")
    inside = tmp_path / "unpacked" / "Artifacts" / "charts" / "shop.tgz"
    assert rendered_workloads(helm, inside, release="shop") == {("Deployment", "shop")}


# What a descriptor of these profiles has a place for.
PLACED = {"etsi-4": {"Deployment", "StatefulSet"}, "etsi-5": {"Deployment", "StatefulSet", "DaemonSet"}}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_of_a_public_project(ako, helm, tmp_path, monkeypatch, name):  # noqa: F811, PLR0917
    """Workloads and images are those of what Helm renders; what a profile cannot describe is told."""
    chart = module_chart(name)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(EPOCH))
    ako("init", "--chart", str(chart), "--provider", "Example", "-o", "start")
    text = helm.run(["template", name, str(chart), "--include-crds"])
    images = set(re.findall(r"""^ *(?:- )?image: *["']?([^"'\s]+)""", text, re.MULTILINE)) - {"description:"}
    assert images <= set(yaml.safe_load((tmp_path / "start" / "csar.yaml").read_text())["image"])
    rendered = rendered_workloads(helm, chart, release=name)
    for profile, kinds in PLACED.items():
        expected = {(kind, unit) for kind, unit in rendered if kind in kinds}
        build = ("build", "--from", "start/csar.yaml", "--profile", profile, *SIGN, "-o", f"{profile}.csar")
        if not expected:
            with pytest.raises(UserError, match="choose"):
                ako(*build)
            continue
        said = ako(*build)
        assert "verified" in said
        assert all(f"{kind}/{unit}" in said for kind, unit in rendered - expected)
        assert described_workloads(files_of(tmp_path / f"{profile}.csar")) == expected
        assert "good under policy strict" in ako("verify", f"{profile}.csar", "--trust", "ca.pem")
        assert tosca_parser(tmp_path / f"{profile}.csar") == ""
    assert "verified" in ako("build", "--from", "start/csar.yaml", "--profile", "tca-2x", *SIGN, "-o", "tca.csar")
    assert f"Artifacts/charts/{name}.tgz" in ako("inspect", f"{profile}.csar")


def test_a_folder_without_a_date_says_so(ako, tmp_path):
    folder = tmp_path / "shop" / "templates"
    folder.mkdir(parents=True)
    (tmp_path / "shop" / "Chart.yaml").write_text("apiVersion: v2\nname: shop\nversion: 0.1.0\n")
    (folder / "d.yaml").write_text("kind: Deployment\nmetadata:\n  name: shop\n")
    said = ako("build", "--chart", "shop", "--provider", "E", "--profile", "etsi-4", *SIGN, "-o", "s.csar")
    assert "set SOURCE_DATE_EPOCH" in said
    files = files_of(tmp_path / "s.csar")
    (tmp_path / "c.tgz").write_bytes(files["Artifacts/charts/shop.tgz"])
    with tarfile.open(tmp_path / "c.tgz") as tar:
        assert {info.mtime for info in tar} == {315532800}


def test_the_header_that_helm_writes_is_read(ako, tmp_path):
    # Helm's archives have an extra field and a comment in their gzip header.
    write_chart(tmp_path / "plain.tgz")
    raw = gzip.decompress((tmp_path / "plain.tgz").read_bytes())
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    header = b"\x1f\x8b\x08\x14" + bytes(6) + struct.pack("<H", 9) + b"+extra+++" + b"Helm\0"
    body = packer.compress(raw) + packer.flush() + struct.pack("<LL", zlib.crc32(raw), len(raw))
    (tmp_path / "helm.tgz").write_bytes(header + body)
    said = ako("build", "--chart", "helm.tgz", "--provider", "E", "--profile", "etsi-4", *SIGN, "-o", "h.csar")
    assert "verified" in said
