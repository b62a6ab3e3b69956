"""Reading archives: limits, look-alikes, data descriptors."""

import io
import struct
import zipfile

import pytest
from support.csar.workbench import signed_again, write_files

from ako_builder.archive.container import Container, Limits
from ako_builder.csar.verify import verify_csar


def test_limits_are_the_callers(sound, signer):
    report = verify_csar(sound, trust=signer.trust, limits=Limits(entries=5))
    assert [finding.rule for finding in report.errors] == ["ZIP-010"]
    report = verify_csar(sound, trust=signer.trust, limits=Limits(total=1000))
    assert "ZIP-011" in {finding.rule for finding in report.errors}


def test_a_stored_file_may_look_like_an_end_record(sound_files, tmp_path, signer):
    files = signed_again({**sound_files, "Tests/zip.bin": b"PK\x05\x06" + bytes(18)}, certified=signer)
    report = verify_csar(write_files(tmp_path / "a.csar", files), trust=signer.trust)
    assert report.good, report.findings


class Unseekable(io.RawIOBase):
    """What `zipfile` cannot seek in gets data descriptors."""

    def __init__(self):
        self.data = bytearray()

    def writable(self):
        return True

    def write(self, data):
        self.data += data
        return len(data)


def described(method):
    target = Unseekable()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name in ("one.txt", "two.txt"):
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with archive.open(info, "w") as stream:
                stream.write(b"x" * 1000)
    return bytes(target.data)


def rules_of(data, folder):
    (folder / "a.zip").write_bytes(data)
    with Container(folder / "a.zip") as container:
        return [breach.rule for breach in container.breaches]


def test_data_descriptors_are_read(tmp_path):
    assert b"PK\x07\x08" in described(zipfile.ZIP_DEFLATED)
    assert rules_of(described(zipfile.ZIP_DEFLATED), tmp_path) == []


def test_a_stored_entry_with_a_data_descriptor_has_no_end_for_readers_of_streams(tmp_path):
    assert rules_of(described(zipfile.ZIP_STORED), tmp_path) == ["ZIP-034", "ZIP-034"]


@pytest.mark.parametrize("place", [4, 8, 12])
def test_a_data_descriptor_that_says_something_else_is_found(tmp_path, place):
    """Readers of streams take CRC and sizes from there."""
    data = bytearray(described(zipfile.ZIP_DEFLATED))
    data[data.index(b"PK\x07\x08") + place] ^= 1
    assert rules_of(bytes(data), tmp_path) == ["ZIP-017"]


def test_a_data_descriptor_is_not_a_place_to_hide_bytes(tmp_path, sound_files):
    """Sixteen bytes between two entries of which none announces a descriptor."""
    data = bytearray(write_files(tmp_path / "a.csar", sound_files).read_bytes())
    second = data.index(b"PK\x03\x04", 4)
    data[second:second] = b"PK\x07\x08hidden bytes"
    assert rules_of(shifted(bytes(data), second, 16), tmp_path) == ["ZIP-004"]


def shifted(data, start, length):
    """The archive with all offsets corrected for `length` bytes that were put in at `start`."""
    data = bytearray(data)
    end = data.rindex(b"PK\x05\x06")
    position = struct.unpack_from("<L", data, end + 16)[0] + length
    struct.pack_into("<L", data, end + 16, position)
    while data[position : position + 4] == b"PK\x01\x02":
        lengths = struct.unpack_from("<HHH", data, position + 28)
        header = struct.unpack_from("<L", data, position + 42)[0]
        struct.pack_into("<L", data, position + 42, header + length if header >= start else header)
        position += 46 + sum(lengths)
    return bytes(data)
