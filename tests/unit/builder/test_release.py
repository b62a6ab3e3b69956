import msgspec
import pytest

from ako_builder.release import load_release
from ako_builder.sources import source
from ako_runtime import __version__
from ako_runtime.errors import UserError

DIGEST = "sha256:" + "ab" * 32


def written(tmp_path, old="", new=""):
    path = tmp_path / "release.yaml"
    path.write_text(source("release.yaml").read_text().replace(old, new) if old else new)
    return path


def test_the_version_is_the_runtimes():
    release = load_release()
    assert release.version == __version__
    assert release.image_reference == f"{release.image.name}:{__version__}"


def test_a_digest_wins_over_the_tag():
    assert load_release().with_digest(DIGEST).image_reference.endswith(f"@{DIGEST}")


@pytest.mark.parametrize("digest", ["", "sha256:", "md5:" + "ab" * 32, DIGEST.upper(), DIGEST + "0"])
def test_a_wrong_digest_is_refused(digest):
    with pytest.raises(UserError, match="image digest"):
        load_release().with_digest(digest)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("product:", "prodct:", "prodct"),
        ("product: ako-toolkit\n", "", "product"),
        ("platforms: [linux/amd64, linux/arm64]", "platforms: linux", "platforms"),
        ("date: 2026-11-22", "date: soon", "date"),
        ("product:", "product: {", "not YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_its_key(tmp_path, old, new, words):
    path = written(tmp_path, old, new)
    with pytest.raises(UserError, match=words) as error:
        load_release(path)
    assert str(path) in str(error.value)


def test_a_missing_file_and_a_binary_one_are_refused(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        load_release(tmp_path / "none.yaml")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="UTF-8"):
        load_release(tmp_path / "binary")


def test_a_digest_of_the_file_is_checked_too(tmp_path):
    path = written(tmp_path, "  platforms:", "  digest: sha256:12\n  platforms:")
    with pytest.raises(UserError, match="image digest"):
        load_release(path)


def test_an_unknown_data_file_is_a_sentence():
    with pytest.raises(UserError, match="install ako-toolkit"):
        source("nothing", "here")


def test_release_is_a_value():
    release = load_release()
    with pytest.raises(AttributeError):
        release.product = "other"
    assert msgspec.structs.replace(release) == release
