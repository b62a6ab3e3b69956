"""Random damage: whatever is done to a package, a report comes out, in bounded memory, and never a crash.

AKO_FUZZ_EXAMPLES raises the number of examples and draws other ones each time: `tox -e fuzz`, for a nightly run.
"""

import contextlib
import os
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.csar.mutations import mutated, mutations
from support.csar.workbench import EPOCH, build_package, manifest_name, signed_again, write_chart, write_files

from ako_builder.csar.build import Signing
from ako_builder.csar.bundle import verify_bundle, write_bundle
from ako_builder.csar.chart import chart_facts
from ako_builder.csar.chart_archive import ChartProblem
from ako_builder.csar.manifest import parse_manifest
from ako_builder.csar.meta import parse_meta
from ako_builder.csar.strictyaml import YamlProblem, parse_yaml
from ako_builder.csar.verify import verify_csar
from ako_builder.signing.cms import NotCms, der_of, parse

EXAMPLES = int(os.environ.get("AKO_FUZZ_EXAMPLES", "60"))
relaxed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=False,
    derandomize="AKO_FUZZ_EXAMPLES" not in os.environ,
)

PARTS = ["TOSCA-Metadata/TOSCA.meta", "web.yaml", "web.mf", "Artifacts/charts/web.tgz"]


@pytest.fixture(scope="module")
def wrapped(tmp_path_factory, signer):
    folder = tmp_path_factory.mktemp("wrapped")
    return build_package(folder, certified=signer, option=2, name="web.zip").read_bytes()


@relaxed
@given(steps=mutations)
def test_damaged_archives(sound, tmp_path, steps):
    path = tmp_path / "a.csar"
    path.write_bytes(mutated(sound.read_bytes(), steps))
    verify_csar(path)


@relaxed
@given(steps=mutations)
def test_damaged_archives_of_option_2(signer, wrapped, tmp_path, steps):
    path = tmp_path / "a.zip"
    path.write_bytes(mutated(wrapped, steps))
    verify_csar(path, trust=signer.trust)


@relaxed
@given(steps=mutations)
def test_damaged_bundles(signer, tmp_path, steps):
    path = tmp_path / "a.bundle.zip"
    if not (tmp_path / "sound.zip").exists():
        chart = write_chart(tmp_path / "web.tgz")
        write_bundle(tmp_path / "sound.zip", charts=(chart,), images=None, signing=Signing(key=signer.key), epoch=EPOCH)
    path.write_bytes(mutated((tmp_path / "sound.zip").read_bytes(), steps))
    verify_bundle(path, trust=signer.trust)


@relaxed
@given(
    steps=mutations,
    part=st.sampled_from(PARTS),
)
def test_damaged_documents_in_sound_archives(sound_files, signer, tmp_path, steps, part):  # noqa: PLR0917
    files = {**sound_files, part: mutated(sound_files[part], steps)}
    if part != manifest_name(files):
        files = signed_again(files, certified=signer)
    verify_csar(write_files(tmp_path / "a.csar", files), trust=signer.trust)


@relaxed
@given(steps=mutations)
def test_damaged_signatures(sound_files, steps):
    text = sound_files["web.mf"]
    der = der_of(text[text.index(b"-----BEGIN") :])
    with contextlib.suppress(NotCms):
        parse(mutated(der, steps))


@relaxed
@given(steps=mutations)
def test_damaged_charts(sound_files, steps):
    import io

    packed = sound_files["Artifacts/charts/web.tgz"]
    for data in (packed, zlib.decompress(packed, 31)):
        with contextlib.suppress(ChartProblem):
            chart_facts(io.BytesIO(mutated(data, steps)), origin="test")


@relaxed
@given(st.text(alphabet="ab:-[]{}&*!'\"\n #<|>1.,", max_size=120))
def test_any_text_as_yaml(text):
    with contextlib.suppress(YamlProblem):
        parse_yaml(text.encode())


@relaxed
@given(st.binary(max_size=300))
def test_any_bytes_as_documents(data):
    parse_meta(data)
    parse_manifest(data)
    with contextlib.suppress(YamlProblem):
        parse_yaml(data)


@pytest.mark.parametrize("name", ["TOSCA-Metadata/TOSCA.meta", "web.yaml", "web.mf"])
@relaxed
@given(data=st.binary(max_size=200))
def test_any_bytes_in_the_place_of_a_document(sound_files, signer, tmp_path, name, data):  # noqa: PLR0917
    verify_csar(write_files(tmp_path / "a.csar", {**sound_files, name: data}), trust=signer.trust)
