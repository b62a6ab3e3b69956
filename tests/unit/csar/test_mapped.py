"""Mapped windows are the file's bytes; what cannot be read is an error, never a signal."""

import errno
import hashlib
import random

import pytest
from support.skips import Missing, skip_without

from ako_builder.archive import container as container_module
from ako_builder.archive import mapped
from ako_builder.archive import writer as archive
from ako_builder.archive.container import Container, Unreadable
from ako_builder.archive.crc32 import crc32
from ako_builder.archive.mapped import MAPPED_FROM, can_map, windows
from ako_builder.archive.writer import FileBlob, Member, blob_crc32, write_zip
from ako_builder.csar.digesting import member_digests
from ako_runtime.errors import UserError

SIZE = MAPPED_FROM + 12_345


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "large.bin"
    path.write_bytes(random.Random(3).randbytes(SIZE))  # noqa: S311
    with path.open("rb") as stream:
        if not can_map(stream.fileno()):
            skip_without(Missing.KERNEL, "the kernel or the file system does not populate mappings with an answer")
    return path


def test_what_cannot_be_mapped_is_read(tmp_path, monkeypatch):
    def refused(*_arguments, **_options):
        raise OSError(errno.ENODEV, "No such device")

    path = tmp_path / "large.bin"
    path.write_bytes(bytes(range(256)) * (SIZE // 256))
    monkeypatch.setattr(mapped.mmap, "mmap", refused)
    assert blob_crc32(FileBlob(path)) == crc32(path.read_bytes())


@pytest.mark.parametrize(("start", "length"), [(0, SIZE), (1, 5), (4095, 2 << 20), (4096, 1 << 20), (SIZE - 3, 3)])
def test_windows_are_the_bytes(large, start, length):
    with large.open("rb") as stream:
        kept = list(windows(stream.fileno(), start=start, length=length))
    # All of them are kept: a window lives as long as its views.
    assert b"".join(kept) == large.read_bytes()[start : start + length]


def test_nothing_is_mapped_for_nothing(large):
    with large.open("rb") as stream:
        assert list(windows(stream.fileno(), start=17, length=0)) == []


def test_a_file_that_became_shorter_is_an_error(large, tmp_path):
    path = tmp_path / "shrinking.bin"
    path.write_bytes(large.read_bytes())
    with path.open("r+b") as stream:
        found = windows(stream.fileno(), start=0, length=SIZE)
        next(found)
        stream.truncate(2 << 20)
        next(found)
        with pytest.raises(OSError, match="shorter"):
            next(found)


def test_a_shrinking_file_is_not_packed(large, tmp_path, monkeypatch):
    path = tmp_path / "shrinking.bin"
    path.write_bytes(large.read_bytes())
    real = archive.windows

    def shrinking(handle, *, start, length):
        path.write_bytes(b"short")
        yield from real(handle, start=start, length=length)

    monkeypatch.setattr(archive, "windows", shrinking)
    with pytest.raises(UserError, match="nothing writes"):
        write_zip(tmp_path / "a.zip", [Member(name="x", content=FileBlob(path))], epoch=0)
    assert not (tmp_path / "a.zip").exists()


def test_with_and_without_mapping_the_same_comes_out(large, tmp_path, monkeypatch):
    def outcome(name):
        write_zip(tmp_path / name, [Member(name="x", content=FileBlob(large))], epoch=0)
        with Container(tmp_path / name) as container:
            digests = member_digests(container, wanted={"x": frozenset({"SHA-256"})})["x"].digests
        return (tmp_path / name).read_bytes(), digests, blob_crc32(FileBlob(large))

    mapping = outcome("mapped.zip")
    for module in (archive, container_module):
        monkeypatch.setattr(module, "can_map", lambda _handle: False)
    assert outcome("read.zip") == mapping
    data = large.read_bytes()
    assert mapping[1:] == ({"SHA-256": hashlib.sha256(data).hexdigest()}, crc32(data))


def test_an_archive_that_shrinks_while_it_is_read_ends_in_a_finding(large, tmp_path, monkeypatch):
    path = tmp_path / "a.zip"
    write_zip(path, [Member(name="x", content=FileBlob(large))], epoch=0)
    with Container(path) as container:
        monkeypatch.setattr(mapped, "_WINDOW", 1 << 20)
        chunks = container.chunks(container.entries["x"])
        next(chunks)
        with path.open("r+b") as stream:
            stream.truncate(1 << 20)
        with pytest.raises(Unreadable, match="cannot be read"):
            list(chunks)
