"""A file that somebody writes to while it is packed or read gives an error or a finding, never a wrong archive."""

import hashlib
import random
from contextlib import closing

import pytest

from ako_builder.archive import writer as archive
from ako_builder.archive.container import Container, Unreadable
from ako_builder.archive.crc32 import crc32
from ako_builder.archive.writer import FileBlob, Member, ZipWriter, blob_crc32, write_zip
from ako_builder.csar.digesting import member_digests
from ako_runtime.errors import UserError

# Larger than what two threads share, and no multiple of a chunk.
SIZE = (33 << 20) + 12_345


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "large.bin"
    path.write_bytes(random.Random(3).randbytes(SIZE))  # noqa: S311
    return path


@pytest.fixture
def copy(large, tmp_path):
    path = tmp_path / "changing.bin"
    path.write_bytes(large.read_bytes())
    return path


def packed(path, target, *, teed):
    """Pack a file, as option 2 does (`teed`: the archive's own bytes are hashed) or as option 1 does."""
    digest = hashlib.sha256()
    with (
        archive.replaced(target) as raw,
        ZipWriter(raw, epoch=0, tee=digest.update if teed else None) as writer,
    ):
        written = writer.add(Member(name="x", content=FileBlob(path)))
    return written, digest.hexdigest()


@pytest.mark.parametrize("teed", [False, True])
def test_what_is_packed_is_what_was_hashed(large, tmp_path, teed):
    written, whole = packed(large, tmp_path / "a.zip", teed=teed)
    data = large.read_bytes()
    assert written.sha256 == hashlib.sha256(data).hexdigest()
    if teed:
        assert whole == hashlib.sha256((tmp_path / "a.zip").read_bytes()).hexdigest()
    with Container(tmp_path / "a.zip") as container:
        (entry,) = container.entries.values()
        assert entry.crc == crc32(data) == blob_crc32(FileBlob(large))
        digests = member_digests(container, wanted={"x": frozenset({"SHA-256"})})["x"].digests
    assert digests == {"SHA-256": written.sha256}


@pytest.mark.parametrize("teed", [False, True])
@pytest.mark.parametrize("change", ["shorter", "other bytes"])
def test_a_file_that_changes_is_not_packed(copy, monkeypatch, teed, change):
    # The place where another process would come in.
    real = archive._chunks

    def changing(stream, *, buffers):
        with copy.open("r+b") as other:
            if change == "shorter":
                other.truncate(9 << 20)
            else:
                other.write(b"changed")
        yield from real(stream, buffers=buffers)

    monkeypatch.setattr(archive, "_chunks", changing)
    with pytest.raises(UserError, match="changed while it was packed"):
        packed(copy, copy.with_name("a.zip"), teed=teed)
    assert not copy.with_name("a.zip").exists()


def test_an_archive_that_shrinks_while_it_is_read_ends_in_a_finding(large, tmp_path):
    path = tmp_path / "a.zip"
    write_zip(path, [Member(name="x", content=FileBlob(large))], epoch=0)
    with Container(path) as container, closing(container.chunks(container.entries["x"])) as chunks:
        next(chunks)
        with path.open("r+b") as stream:
            stream.truncate(1 << 20)
        with pytest.raises(Unreadable, match="ends inside"):
            list(chunks)
