"""The base: a root file system from Debian packages, without a shell and without a package manager.

A .deb is an ar archive with a compressed tar of files. The files of the pinned packages are laid over each other, /bin,
/lib and /sbin become links into /usr as on every Debian of today, and what no process of ours reads is left out: manual
pages, documentation other than licences, translations, and the parts of Python's library that only developers use. The
maintainer scripts do not run; the two things that they would do and that we need, the bundle of certificate authorities
and the library of accounts, are written here. What is installed is noted in /var/lib/dpkg/status.d, for
scanners.
"""

import io
import lzma
import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ako_builder.image.layer import Entry, file, folder, link
from ako_runtime.errors import UserError

USER: Final = 65532

_MERGED: Final = ("bin", "sbin", "lib", "lib64", "lib32", "libx32")
_LEFT_OUT: Final = re.compile(
    r"usr/share/(man|info|locale|lintian|bash-completion|applications|pixmaps|binfmts|python3/debpython)(/|$)"
    r"|usr/share/doc/[^/]+/(?!copyright$)"
    r"|usr/lib/python3\.\d+/(lib2to3|pydoc_data|ensurepip|idlelib|turtledemo|distutils|config-3[^/]*|__pycache__)(/|$)"
    r"|usr/lib/python3\.\d+/.*/__pycache__(/|$)"
    r"|usr/lib/python3\.\d+/(test|.*/tests?)(/|$)"
    r"|etc/python3\.\d+(/|$)|usr/s?bin/(?!python3)|etc/(ca-certificates|cron|init)"
)
_AUTHORITIES: Final = "usr/share/ca-certificates/"


def base_tree(packages: Sequence[bytes]) -> dict[str, Entry]:
    """The root file system made of .deb files, in the order given."""
    tree: dict[str, Entry] = {}
    for package in packages:
        parts = dict(_ar_members(package))
        control = _control(parts)
        tree.update(_data_entries(parts))
        tree[f"var/lib/dpkg/status.d/{control['Package']}"] = file(_status(control))
    tree |= _accounts()
    tree["etc/ssl/certs/ca-certificates.crt"] = file(_authority_bundle(tree))
    tree = {path: entry for path, entry in tree.items() if not path.startswith(_AUTHORITIES)}
    return tree | _system_links(tree)


def control_fields(package: bytes) -> Mapping[str, str]:
    """Package, Version, Architecture and so on of a .deb."""
    return _control(dict(_ar_members(package)))


def _ar_members(data: bytes) -> Iterator[tuple[str, bytes]]:
    if not data.startswith(b"!<arch>\n"):
        raise UserError("not a Debian package: the ar signature is missing")
    position = 8
    while position + 60 <= len(data):
        header = data[position : position + 60]
        size = int(header[48:58])
        yield header[:16].decode().strip().rstrip("/"), data[position + 60 : position + 60 + size]
        position += 60 + size + size % 2


def _tar_of(parts: Mapping[str, bytes], stem: str) -> tarfile.TarFile:
    for name, data in parts.items():
        if name == f"{stem}.tar.xz":
            return tarfile.open(fileobj=io.BytesIO(lzma.decompress(data)))
        if name in {f"{stem}.tar", f"{stem}.tar.gz"}:
            return tarfile.open(fileobj=io.BytesIO(data))
    raise UserError(f"a Debian package without {stem}.tar.xz: packages of Debian 12 have one")


def _control(parts: Mapping[str, bytes]) -> dict[str, str]:
    with _tar_of(parts, "control") as tar:
        stream = tar.extractfile("./control")
        text = stream.read().decode() if stream else ""
    fields = (line.split(":", 1) for line in text.splitlines() if ":" in line and not line.startswith(" "))
    return {key: value.strip() for key, value in fields}


def _data_entries(parts: Mapping[str, bytes]) -> Iterator[tuple[str, Entry]]:
    with _tar_of(parts, "data") as tar:
        for member in tar:
            path = _merged(member.name.removeprefix("./").strip("/"))
            if not path or path in _MERGED or _LEFT_OUT.search(path):
                continue
            if member.isdir():
                yield path, folder(mode=member.mode & 0o1777)
            elif member.issym():
                yield path, link(member.linkname)
            elif member.isfile():
                stream = tar.extractfile(member)
                yield path, file(stream.read() if stream else b"", mode=member.mode & 0o755)


def _merged(path: str) -> str:
    head, _, rest = path.partition("/")
    return f"usr/{head}/{rest}".rstrip("/") if head in _MERGED and rest else path


def _system_links(tree: Mapping[str, Entry]) -> dict[str, Entry]:
    links = {name: link(f"usr/{name}") for name in _MERGED if any(path.startswith(f"usr/{name}/") for path in tree)}
    python = next((path for path in tree if re.fullmatch(r"usr/bin/python3\.\d+", path)), None)
    if python is not None:
        links["usr/bin/python3"] = link(python.rsplit("/", 1)[1])
    return links


def _accounts() -> dict[str, Entry]:
    return {
        "etc/passwd": file(
            f"root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:{USER}:{USER}:nonroot:/:/sbin/nologin\n".encode()
        ),
        "etc/group": file(f"root:x:0:\nnonroot:x:{USER}:\n".encode()),
        "etc/nsswitch.conf": file(b"hosts: files dns\n"),
        "tmp": folder(mode=0o1777),
        "proc": folder(mode=0o555),
        "sys": folder(mode=0o555),
        "dev": folder(),
        "root": folder(mode=0o700),
    }


def _authority_bundle(tree: Mapping[str, Entry]) -> bytes:
    names = sorted(path for path in tree if path.startswith(_AUTHORITIES) and path.endswith(".crt"))
    return b"".join(tree[name].content.rstrip() + b"\n" for name in names)


def _status(control: Mapping[str, str]) -> bytes:
    fields = ("Package", "Version", "Architecture", "Maintainer", "Source", "Homepage")
    return "".join(f"{name}: {control[name]}\n" for name in fields if name in control).encode()
