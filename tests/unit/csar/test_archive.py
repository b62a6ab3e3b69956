"""The archive writers: the same bytes again, readable by others, nothing left behind."""

import errno
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ako_builder.archive.crc32 import crc32, crc32_combined
from ako_builder.archive.writer import (
    BytesBlob,
    FileBlob,
    Member,
    ZipWriter,
    blob_crc32,
    replaced,
    write_tar_gz,
    write_zip,
)
from ako_builder.times import source_date_epoch
from ako_runtime.errors import UserError

EPOCH = 1700000001


def members(folder):
    large = folder / "large.bin"
    large.write_bytes(bytes(range(256)) * 20000)
    return [
        Member(name="d/"),
        Member(name="d/a.txt", content=BytesBlob(b"hello" * 100), deflate=True),
        Member(name="d/ü.txt", content=BytesBlob(b"x")),
        Member(name="run.sh", content=BytesBlob(b"#!/bin/sh\n"), mode=0o755),
        Member(name="large.bin", content=FileBlob(large)),
    ]


def test_a_zip_is_what_python_reads(tmp_path):
    path = tmp_path / "a.zip"
    write_zip(path, members(tmp_path), epoch=EPOCH)
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["d/", "d/a.txt", "d/ü.txt", "run.sh", "large.bin"]
        assert archive.read("large.bin") == bytes(range(256)) * 20000
        assert archive.getinfo("run.sh").external_attr >> 16 == 0o100755
        assert archive.getinfo("large.bin").compress_type == zipfile.ZIP_STORED
        assert archive.getinfo("d/a.txt").date_time == (2023, 11, 14, 22, 13, 20)
        assert all(not info.flag_bits & 8 for info in archive.infolist())


def test_two_archives_are_equal_and_none_keeps_the_file_times(tmp_path):
    for name in ("a", "b"):
        write_zip(tmp_path / f"{name}.zip", members(tmp_path), epoch=EPOCH)
        write_tar_gz(tmp_path / f"{name}.tgz", members(tmp_path), epoch=EPOCH)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    assert (tmp_path / "a.tgz").read_bytes() == (tmp_path / "b.tgz").read_bytes()
    with tarfile.open(tmp_path / "a.tgz") as archive:
        assert {info.mtime for info in archive} == {EPOCH}
        assert archive.getmember("run.sh").mode == 0o755


def test_a_teed_archive_equals_a_patched_one_and_is_hashed_on_the_way(tmp_path):
    patched, teed = tmp_path / "patched.zip", tmp_path / "teed.zip"
    write_zip(patched, members(tmp_path), epoch=EPOCH)
    digest = hashlib.sha256()
    with replaced(teed) as raw, ZipWriter(raw, epoch=EPOCH, tee=digest.update) as archive:
        written = [archive.add(member) for member in members(tmp_path)]
    assert teed.read_bytes() == patched.read_bytes()
    assert digest.hexdigest() == hashlib.sha256(teed.read_bytes()).hexdigest()
    assert written[-1].sha256 == hashlib.sha256(bytes(range(256)) * 20000).hexdigest()


def test_a_failed_write_leaves_nothing_and_the_old_file(tmp_path):
    path = tmp_path / "f"
    path.write_text("old")

    def write_half():
        with replaced(path) as stream:
            stream.write(b"half")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        write_half()
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["f"]


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path):
    class Full(io.RawIOBase):
        size = 20 << 20

        def open(self):
            return self

        def readinto(self, _buffer):
            raise OSError(errno.ENOSPC, "No space left on device")

        def seek(self, offset):
            return offset

    path = tmp_path / "a.zip"
    with pytest.raises(UserError, match=r"a\.zip was not written: .*No space left on device"):
        write_zip(path, [Member(name="x", content=Full())], epoch=EPOCH)
    assert list(tmp_path.iterdir()) == []


def test_an_unusable_epoch_is_said():
    assert source_date_epoch({"SOURCE_DATE_EPOCH": "12"}) == 12
    assert source_date_epoch({}, default=7) == 7
    with pytest.raises(UserError, match="SOURCE_DATE_EPOCH is 'soon'"):
        source_date_epoch({"SOURCE_DATE_EPOCH": "soon"})


@given(st.lists(st.binary(max_size=200), max_size=8), st.booleans())
def test_any_content_comes_back(tmp_path_factory, contents, deflate):
    path = tmp_path_factory.mktemp("zip") / "a.zip"
    write_zip(
        path,
        [Member(name=f"{i}", content=BytesBlob(data), deflate=deflate) for i, data in enumerate(contents)],
        epoch=EPOCH,
    )
    with zipfile.ZipFile(path) as archive:
        assert [archive.read(info) for info in archive.infolist()] == contents
        assert all(zlib.crc32(data) == info.CRC for info, data in zip(archive.infolist(), contents, strict=True))


class Zeros(io.RawIOBase):
    """More than four gigabytes of nothing, on no disk and in no memory."""

    size = (1 << 32) + 5

    def __init__(self):
        self.left = self.size

    def open(self):
        return Zeros()

    def seek(self, offset):
        self.left = self.size - offset

    def readinto(self, buffer):
        count = min(len(buffer), self.left)
        self.left -= count
        return count


def test_zip64_only_where_it_is_needed():
    class Sink:
        """Counts instead of writing four gigabytes."""

        def __init__(self):
            self.head = bytearray()
            self.tail = b""

        def write(self, data):
            if len(self.head) < 200:
                self.head += bytes(data[:200])
            self.tail = (self.tail + bytes(data[-200:]))[-400:]

        def seek(self, offset):
            pass

        def flush(self):
            pass

    sink = Sink()
    with ZipWriter(sink, epoch=EPOCH, hashes=False) as archive:
        archive.add(Member(name="small", content=BytesBlob(b"x")))
        archive.add(Member(name="hole.bin", content=Zeros()))
    assert sink.head[4:6] == b"\x0a\x00"
    assert b"PK\x06\x06" in sink.tail
    assert sink.tail[-22:-18] == b"PK\x05\x06"


def test_a_nested_archive_is_a_member_like_any_other(tmp_path):
    alone, outer = tmp_path / "alone.zip", tmp_path / "outer.zip"
    write_zip(alone, members(tmp_path), epoch=EPOCH)
    digest = hashlib.sha256()
    with replaced(outer) as raw, ZipWriter(raw, epoch=EPOCH) as archive:
        with (
            archive.nested("inner.csar", bound=alone.stat().st_size + 1000) as stream,
            ZipWriter(stream, epoch=EPOCH, tee=digest.update) as inner,
        ):
            for member in members(tmp_path):
                inner.add(member)
        archive.add(Member(name="after.txt", content=BytesBlob(b"x")))
    with zipfile.ZipFile(outer) as read:
        assert read.testzip() is None
        assert read.read("inner.csar") == alone.read_bytes()
    assert digest.hexdigest() == hashlib.sha256(alone.read_bytes()).hexdigest()


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_crcs_of_neighbours_combine(first, second):
    combined = crc32_combined(zlib.crc32(first), zlib.crc32(second), size=len(second))
    assert combined == zlib.crc32(first + second)


def test_a_large_blob_is_summed_in_two_parts(tmp_path):
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(range(251)) * 150_000)
    assert blob_crc32(FileBlob(path)) == zlib.crc32(path.read_bytes())


# Below 64 KiB zlib sums, from there on ISA-L; a memoryview may start anywhere.
@given(
    st.binary(min_size=1, max_size=2_000),
    st.sampled_from([1, 30, 64, 500]),
    st.integers(0, 70),
    st.integers(0, 2**32 - 1),
)
def test_whoever_sums_the_sum_is_the_same(data, times, skipped, start):
    view = memoryview(data * times)[skipped:]
    assert crc32(view, start) == zlib.crc32(view, start)
    assert crc32(bytes(view), start) == zlib.crc32(view, start)


def test_after_a_large_sum_by_isal_the_registers_are_cleared(monkeypatch):
    """Where they are not, SHA-256 of the same thread takes a third longer (docs/adr/0145)."""
    calls = []
    module = sys.modules["ako_builder.archive.crc32"]
    monkeypatch.setattr(module, "_isal_crc32", lambda data, value: calls.append("crc") or zlib.crc32(data, value))
    monkeypatch.setattr(hashlib, "sha512", lambda data: calls.append(data) or hashlib.new("sha512", data))
    data = bytes(range(256)) * 256
    assert crc32(data[:-1]) == zlib.crc32(data[:-1])
    assert calls == []
    assert crc32(data, 7) == zlib.crc32(data, 7)
    assert calls == ["crc", b""]


def test_without_the_faster_library_zlib_sums():
    code = (
        "import sys, zlib\n"
        "sys.modules['isal'] = sys.modules['isal.isal_zlib'] = None\n"
        "from ako_builder.archive.crc32 import crc32\n"
        "assert crc32(bytes(1 << 20)) == zlib.crc32(bytes(1 << 20))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
