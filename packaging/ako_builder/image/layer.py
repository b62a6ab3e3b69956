"""Layers: file trees as values, written as tar archives that are the same on every machine.

An `Entry` is a file, a folder or a symbolic link; a tree maps paths to entries. Everything belongs to root and carries
one time; folders that no package names are made on the way. Two layers of equal trees have equal bytes and so equal
digests, which is what lets a registry and a node share them.
"""

import gzip
import io
import tarfile
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

Kind = Literal["file", "folder", "link"]

_TAR_TYPES: Final[Mapping[Kind, bytes]] = {
    "file": tarfile.REGTYPE,
    "folder": tarfile.DIRTYPE,
    "link": tarfile.SYMTYPE,
}


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A file with its content, a folder, or a link with its target."""

    kind: Kind
    mode: int
    content: bytes = b""
    target: str = ""


Tree = Mapping[str, Entry]


def file(content: bytes, *, mode: int = 0o644) -> Entry:
    """A file."""
    return Entry(kind="file", mode=mode, content=content)


def folder(*, mode: int = 0o755) -> Entry:
    """A folder."""
    return Entry(kind="folder", mode=mode)


def link(target: str) -> Entry:
    """A symbolic link."""
    return Entry(kind="link", mode=0o777, target=target)


def with_folders(tree: Tree) -> dict[str, Entry]:
    """The tree with every missing folder on the way to an entry."""
    complete = dict(tree)
    for path in tree:
        parts = path.split("/")[:-1]
        for depth in range(1, len(parts) + 1):
            complete.setdefault("/".join(parts[:depth]), folder())
    return complete


def tar_bytes(tree: Tree, *, epoch: int) -> bytes:
    """The uncompressed layer; its digest is the layer's identity in the image's configuration."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, entry in sorted(with_folders(tree).items()):
            info = tarfile.TarInfo(path)
            info.type = _TAR_TYPES[entry.kind]
            info.mode = entry.mode
            info.mtime = epoch
            info.linkname = entry.target
            info.size = len(entry.content)
            tar.addfile(info, io.BytesIO(entry.content))
    return buffer.getvalue()


def compressed(data: bytes) -> bytes:
    """The layer as it is stored and pushed."""
    buffer = io.BytesIO()
    with gzip.GzipFile("", "wb", 9, buffer, mtime=0) as packed:
        packed.write(data)
    return buffer.getvalue()
