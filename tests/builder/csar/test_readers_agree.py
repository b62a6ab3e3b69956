"""Whatever `verify` accepts as an archive is the same package for every program that unpacks it.

The judges are the readers of `csar_readers_of_others`; the archives are sound ones as many tools write them, packages
and fuzzers' findings of others, sound ones damaged at random, and ones that are assembled at random from everything
that a ZIP may say. A reader that refuses an accepted archive is as wrong as one that sees something else.

AKO_FUZZ_EXAMPLES raises the number of random ones.
"""

import gzip
import hashlib
import io
import os
import struct
import subprocess
import zipfile
import zlib
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.csar.mutations import mutated, mutations
from support.csar.outside_tools import tool
from support.csar.readers_of_others import READERS, Refused, with_parents
from support.csar.workbench import build_package, files_of, write_files
from support.data_folder import test_cases

from ako_builder.archive.container import Container, Unreadable

EXAMPLES = int(os.environ.get("AKO_FUZZ_EXAMPLES", "60"))
relaxed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    derandomize="AKO_FUZZ_EXAMPLES" not in os.environ,
)


def accepted(path):
    """What we say is in an archive; None if anything is wrong with it."""
    with Container(path) as archive:
        if archive.breaches or not archive.entries:
            return None
        found = {}
        for name, entry in archive.entries.items():
            digest = hashlib.sha256()
            try:
                for chunk in archive.chunks(entry):
                    digest.update(chunk)
            except Unreadable:
                return None
            found[name.rstrip("/")] = None if entry.is_folder else digest.hexdigest()
        return found


def differing(path, readers=READERS):
    """The readers that do not see what we accept, and what they see; empty if all do, or if we refuse it."""
    ours = accepted(path)
    if ours is None:
        return {}
    found = {}
    for name, reader in readers.items():
        try:
            theirs = reader(path)
        except Refused as refusal:
            found[name] = str(refusal)
            continue
        if with_parents(theirs) != with_parents(ours):
            found[name] = sorted(set(theirs.items()) ^ set(ours.items()))
    return found


FILES = {"TOSCA-Metadata/TOSCA.meta": b"a: b\n", "Artifacts/": b"", "Artifacts/größe.txt": b"x" * 3000, "empty": b""}


def by_zipfile(path, method=zipfile.ZIP_DEFLATED, *, stream=None, **how):
    with zipfile.ZipFile(stream or path, "w", method) as archive:
        for name, data in FILES.items():
            if name.endswith("/"):
                archive.mkdir(name)
            else:
                with archive.open(name, "w", **how) as target:
                    target.write(data)
    if stream:
        path.write_bytes(bytes(stream.data))


class Unseekable(io.RawIOBase):
    """What `zipfile` cannot seek in gets data descriptors."""

    def __init__(self):
        self.data = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.data += data
        return len(data)


def by_zip(path, *options):
    folder = path.parent / "tree"
    for name, data in FILES.items():
        # Info-ZIP's zip writes other names than those of ASCII twice, and the first time without saying in which code.
        target = folder / name.replace("ö", "o").replace("ß", "ss")
        target.parent.mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            target.write_bytes(data)
    subprocess.run([tool("AKO_ZIP", "zip"), "-qr", *options, str(path), "."], cwd=folder, check=True)


def by_7z(path):
    by_zip(path)
    path.unlink()
    command = [tool("AKO_7Z", "7zz", "7z"), "a", "-tzip", "-bd", str(path), "."]
    subprocess.run(command, cwd=path.parent / "tree", check=True, capture_output=True)


WRITERS = {
    "zipfile, deflated": by_zipfile,
    "zipfile, stored": lambda path: by_zipfile(path, zipfile.ZIP_STORED),
    "zipfile, streamed": lambda path: by_zipfile(path, stream=Unseekable()),
    "zipfile, zip64 in local headers": lambda path: by_zipfile(path, force_zip64=True),
    "zip of Info-ZIP": by_zip,
    "zip of Info-ZIP, without extra fields": lambda path: by_zip(path, "-X"),
    "7-Zip": by_7z,
}


@pytest.mark.parametrize("reader", sorted(READERS))
@pytest.mark.parametrize("writer", sorted(WRITERS))
def test_what_honest_tools_write_is_accepted_and_read_alike(tmp_path, writer, reader):
    path = tmp_path / "a.zip"
    WRITERS[writer](path)
    assert accepted(path) is not None
    assert differing(path, {reader: READERS[reader]}) == {}


@pytest.mark.parametrize("reader", sorted(READERS))
def test_our_packages_are_read_alike(tmp_path, sound, signer, reader):
    outer = build_package(tmp_path, certified=signer, option=2, name="web.zip")
    for path in (sound, outer, write_files(tmp_path / "stored.csar", files_of(sound))):
        assert accepted(path) is not None
        assert differing(path, {reader: READERS[reader]}) == {}


def test_many_entries_without_zip64_are_read_alike(tmp_path):
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(0xFFFF):
            archive.writestr(f"{number:05d}", b"")
    assert b"PK\x06\x06" not in path.read_bytes()
    assert len(accepted(path)) == 0xFFFF
    # Unpacking so many files costs minutes; these readers do not.
    names = ("zipfile of Python", "ZipFile of Java", "ZipInputStream of Java", "archive/zip of Go")
    assert differing(path, {name: READERS[name] for name in names}) == {}


def test_packages_of_others_are_read_alike_or_refused(tmp_path):
    paths = [*test_cases("field").glob("*.csar"), *test_cases("packages", "fuzz-findings", "zip").glob("*.zip")]
    for path in sorted(test_cases("packages").glob("*.csar.gz")):
        paths.append(tmp_path / path.stem)
        paths[-1].write_bytes(gzip.decompress(path.read_bytes()))
    assert len(paths) > 60
    assert {path.name: found for path in paths if (found := differing(path))} == {}


@relaxed
@given(steps=mutations)
def test_damaged_packages_are_read_alike_or_refused(sound, tmp_path, steps):
    path = tmp_path / "a.csar"
    path.write_bytes(mutated(sound.read_bytes(), steps))
    assert differing(path) == {}


# -- archives assembled at random ------------------------------------------------------------------------------------

STAMP = 0x21 << 16
DESCRIPTORS = {
    "right": lambda crc, packed, size: b"PK\x07\x08" + struct.pack("<LLL", crc, packed, size),
    "bare": lambda crc, packed, size: struct.pack("<LLL", crc, packed, size),
    "wide": lambda crc, packed, size: b"PK\x07\x08" + struct.pack("<LQQ", crc, packed, size),
    "absent": lambda crc, packed, size: b"",  # noqa: ARG005
}


class Part(NamedTuple):
    """Everything that an archive says of one entry."""

    name: bytes = b"a.txt"
    data: bytes = b"some content"
    deflate: bool = False
    flags: int = 0x800
    version: int = 20
    made_by: int = 3 << 8 | 20
    external: int = 0o100644 << 16
    internal: int = 0
    stamp: int = STAMP
    central_extra: bytes = b""
    local_extra: bytes = b""
    comment: bytes = b""
    descriptor: str = ""
    local_size: bool = False
    local64: bool = False
    central64: bool = False
    twin: bytes = b""
    behind: bytes = b""


def record(kind, content):
    return struct.pack("<HH", kind, len(content)) + content


UNICODE = record(0x7075, struct.pack("<BL", 1, zlib.crc32(b"a.txt")) + b"b.txt")
EXTRAS = [
    record(0x5455, b"\x03" + bytes(8)),
    record(0x5455, b"\x01" + bytes(4)),
    record(0x5455, b"\x01" + bytes(40)),
    record(0x7875, b"\x01\x04" + bytes(4) + b"\x04" + bytes(4)),
    record(0x7875, b"\x01\x02" + bytes(2) + b"\x08" + bytes(8)),
    record(0x5855, bytes(8)),
    record(0x5855, bytes(12)),
    record(0x000A, struct.pack("<LHH", 0, 1, 24) + bytes(24)),
    record(0x000A, struct.pack("<LHH", 0, 1, 24) + bytes(4) + b"PK\x06\x07" + bytes(16)),
    record(0x000D, bytes(12) + b"/etc/passwd"),
    record(0x756E, struct.pack("<LHLHH", 0, 0o120777, 11, 0, 0) + b"/etc/passwd"),
    record(0xCAFE, b""),
    record(1, struct.pack("<QQ", 12, 12)),
    record(0x6375, struct.pack("<BL", 1, 0) + b"c"),
    UNICODE,
    b"\0",
    b"xx\xff\xffxx",
]
NAMES = [
    *(b"a.txt", b"A.TXT", b"b/", b"b/c", b"b", b"B/d", b"b//c", b"./e", b"../e", b"/e", b"b/../e", b"e:f", b"e\\f"),
    *(b"e ", b"e.", b"aux", b"com1.txt", "ü".encode(), "u\u0308".encode(), b"\x81", "e\u200b".encode(), b"e\x85", b""),
    *(b"e\x00f", b"PK\x05\x06", b"-e", b"b/c/d/", b"e*", b"con .x", "ﬁ".encode(), b"fi", b"e\n", b"e;1", b"~", b"b/c/"),
]
odd = st.one_of(
    *(
        st.tuples(st.just(field), st.sampled_from(values))
        for field, values in {
            "name": NAMES,
            "data": [b"", b"x" * 3000, b"PK\x05\x06" + bytes(18), b"PK\x03\x04"],
            "deflate": [True],
            "flags": [0, 1, 2, 6, 0x20, 0x40, 0x800, 0x802, 0x2000, 0x8000],
            "version": [0, 10, 45, 46, 51, 63, 255, 0x314],
            "made_by": [host << 8 | 20 for host in (0, 1, 3, 5, 7, 10, 11, 16, 19, 30, 255)],
            "external": [
                *(0, 0x10, 0x20, 0x08, 0x400, 0x41ED0010, 0xA1FF0000, 0x89ED0000, 0x61A40000, 0x11A40000, 0xC1A40000),
                *(0x81A48000, 0x01A40000, 0x41ED0000, 0xFFFFFFFF, 0x81FF0001),
            ],
            "internal": [1, 2, 0xFFFF],
            "stamp": [0, 0xFFFFFFFF, 0x5A21BF7D],
            "central_extra": EXTRAS,
            "local_extra": EXTRAS,
            "comment": [b"c", b"PK\x06\x07" + bytes(16)],
            "descriptor": list(DESCRIPTORS),
            "local_size": [True],
            "local64": [True],
            "central64": [True],
            "twin": [b"a.txt", b"z"],
            "behind": [b"\0", b"PK\x07\x08" + bytes(12)],
        }.items()
    )
)
parts = st.lists(odd, max_size=4).map(lambda changes: Part()._replace(**dict(changes)))
ends = st.sampled_from(["plain", "plain", "plain", "comment", "zip64", "zip64 lies", "count", "before"])


def assembled(entries, end):
    body = bytearray(b"x" if end == "before" else b"")
    directory = bytearray()
    for part in entries:
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = packer.compress(part.data) + packer.flush() if part.deflate else part.data
        numbers = (zlib.crc32(part.data), len(packed), len(part.data))
        flags = part.flags | (8 if part.descriptor else 0)
        method = 8 if part.deflate else 0
        offset = len(body)
        local = (0, 0, numbers[2] if part.local_size else 0) if part.descriptor else numbers
        local_extra, central_extra = part.local_extra, part.central_extra
        if part.local64:
            local_extra += record(1, struct.pack("<QQ", local[2], local[1]))
            local = (local[0], 0xFFFFFFFF, 0xFFFFFFFF)
        central = numbers
        if part.central64:
            central_extra += record(1, struct.pack("<QQ", numbers[2], numbers[1]))
            central = (numbers[0], 0xFFFFFFFF, 0xFFFFFFFF)
        name = part.twin or part.name
        lengths = (len(name), len(local_extra))
        head = struct.pack("<4sHHHLLLLHH", b"PK\x03\x04", part.version, flags, method, part.stamp, *local, *lengths)
        body += head + name + local_extra + packed
        if part.descriptor:
            body += DESCRIPTORS[part.descriptor](*numbers)
        body += part.behind
        lengths = (len(part.name), len(central_extra), len(part.comment))
        directory += struct.pack(
            "<4sHHHHLLLLHHHHHLL",
            *(b"PK\x01\x02", part.made_by, part.version, flags, method, part.stamp, *central, *lengths),
            *(0, part.internal, part.external, offset),
        )
        directory += part.name + central_extra + part.comment
    count, size, start = len(entries), len(directory), len(body)
    tail = b""
    if end.startswith("zip64"):
        other = 0 if end == "zip64 lies" else start
        tail = struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, other)
        tail += struct.pack("<4sLQL", b"PK\x06\x07", 0, start + size, 1)
    stated = count - 1 if end == "count" else count
    comment = b"c" if end == "comment" else b""
    tail += struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, stated, stated, size, start, len(comment)) + comment
    return bytes(body + directory + tail)


@settings(relaxed, max_examples=4 * EXAMPLES)
@given(entries=st.lists(parts, min_size=1, max_size=3, unique_by=lambda part: part.name), end=ends)
def test_assembled_archives_are_read_alike_or_refused(tmp_path, entries, end):
    path = tmp_path / "a.zip"
    path.write_bytes(assembled(entries, end))
    assert differing(path) == {}


@pytest.mark.parametrize(
    ("name", "good"),
    [
        # bsdtar puts the letters of a name together, the others keep it.
        ("u\u0308", False),
        ("\u212b", False),
        ("\u00fc", True),
        # Info-ZIP takes what follows a semicolon for a version.
        ("a;1", False),
        ("a;/b", False),
        ("a;b", True),
    ],
)
def test_a_name_is_one_that_every_reader_keeps(tmp_path, name, good):
    """Found by long runs of the test above."""
    path = tmp_path / "a.zip"
    path.write_bytes(assembled([Part(name=name.encode())], "plain"))
    assert (accepted(path) is not None) is good
    assert differing(path) == {}


@pytest.mark.parametrize("host", [0, 3, 10, 11, 19])
def test_letters_beyond_ascii_come_from_unix(tmp_path, host):
    """Found by long runs as well: Info-ZIP takes such a name from DOS or NTFS for the character set of DOS."""
    path = tmp_path / "a.zip"
    path.write_bytes(assembled([Part(name="größe".encode(), made_by=host << 8 | 20)], "plain"))
    assert (accepted(path) is not None) is (host in {3, 19})
    assert differing(path) == {}


def test_an_assembled_archive_is_accepted_where_nothing_is_odd(tmp_path):
    """Else the test above would prove nothing."""
    path = tmp_path / "a.zip"
    path.write_bytes(assembled([Part(), Part(name=b"b/c", deflate=True, descriptor="right", local_size=True)], "plain"))
    assert set(accepted(path)) == {"a.txt", "b/c"}
