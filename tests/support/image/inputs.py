"""Small made-up inputs of an image, and the image made of them: tests of images fetch nothing."""

import hashlib
import io
import lzma
import tarfile
import zipfile

import pytest

from ako_builder.image.assembly import Assembler
from ako_builder.image.lock import Depot, Lock, Pin
from ako_builder.oci.layout import Layout
from ako_builder.release import load_release

PLATFORM = "linux/amd64"


def tar_xz(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"./{name}")
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size, info.mode = len(content), 0o755
                tar.addfile(info, io.BytesIO(content))
    return lzma.compress(buffer.getvalue())


def deb(name, files):
    control = f"Package: {name}\nVersion: 1:2.0\nArchitecture: amd64\nDescription: x\n more\n".encode()
    data = b"!<arch>\n"
    for member, content in (
        ("debian-binary", b"2.0\n"),
        ("control.tar.xz", tar_xz({"control": control})),
        ("data.tar.xz", tar_xz(files)),
    ):
        data += f"{member:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content
        data += b"\n" * (len(content) % 2)
    return data


def wheel(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def source(name, files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for path, content in files.items():
            info = tarfile.TarInfo(f"{name}/{path}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


LIBC = deb("libc6", {"lib/x/libc.so.6": b"elf", "lib64/ld.so": "/lib/x/ld.so", "usr/share/man/man1/a.1": b"page"})
PYTHON = deb(
    "python3.11-minimal",
    {
        "usr/bin/python3.11": b"elf",
        "usr/lib/python3.11/os.py": b"os",
        "usr/lib/python3.11/lib2to3/x.py": b"gone",
        "usr/share/doc/python3.11/copyright": b"licence",
        "usr/share/doc/python3.11/README": b"gone",
    },
)
AUTHORITIES = deb(
    "ca-certificates",
    {"usr/share/ca-certificates/m/b.crt": b"B\n", "usr/share/ca-certificates/m/a.crt": b"A", "usr/sbin/update": b"sh"},
)
INPUTS = {
    ("debian", "libc6", "libc6.deb"): LIBC,
    ("debian", "python3.11-minimal", "python.deb"): PYTHON,
    ("debian", "ca-certificates", "ca.deb"): AUTHORITIES,
    ("wheel", "kubernetes", "kubernetes-1-py3-none-any.whl"): wheel(
        {"kubernetes/client.py": "x", "kubernetes/aio/client.py": "x", "kubernetes-1.dist-info/RECORD": "x"}
    ),
    ("source", "avisdk", "avisdk-1.tar.gz"): source(
        "avisdk-1",
        {"avi/sdk/api.py": b"x", "avi/sdk/samples/s.py": b"x", "PKG-INFO": b"Name: avisdk", "setup.py": b"x"},
    ),
}


@pytest.fixture
def inputs(tmp_path):
    folder = tmp_path / "inputs"
    folder.mkdir()
    pins = []
    for (kind, name, file), content in INPUTS.items():
        (folder / file).write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        pins.append(Pin(kind=kind, name=name, version="1", file=file, sha256=digest))
    return folder, Lock(platforms={PLATFORM: tuple(pins)})


def built(tmp_path, inputs, name="layout", base=None):
    folder, lock = inputs
    layout = Layout(path=tmp_path / name)
    depot = Depot(cache=tmp_path / "cache", given=folder)
    top = Assembler(release=load_release(), depot=depot, lock=lock, epoch=1_000_000_000, layout=layout).build(
        [PLATFORM], base=base
    )
    return layout, top
