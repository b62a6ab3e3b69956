"""Container images as OCI layouts: read from a folder or a tar, without Docker.

An OCI layout is `oci-layout`, `index.json` and `blobs/sha256/<digest>`. From a folder every file becomes a member of
the package; a tar stays one file, because repacking it would change nothing but the time it takes. What an image is
called stands in the annotation `org.opencontainers.image.ref.name` (or containerd's) of its index entry; its digest
is that of the manifest, its size the sum of what it refers to. Where the layout's files themselves are wanted (a bundle
is a layout too) those inside a tar are read in place.
"""

import io
import json
import re
import tarfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec

from ako_builder.archive.writer import Blob, FileBlob, Written
from ako_builder.oci.media_types import INDEX_TYPES
from ako_runtime.errors import UserError

_MAX_DOCUMENT = 4 << 20
_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_BLOB = re.compile(r"(?:^|/)blobs/sha256/([0-9a-f]{64})$")


class OciImage(msgspec.Struct, frozen=True, kw_only=True):
    """One image of a layout."""

    reference: str
    digest: str
    media_type: str
    size: int


class OciContent(msgspec.Struct, frozen=True, kw_only=True):
    """A layout: its images, its files by path, and the path that stands for the whole.

    `files` is what goes into a package (of a tar, the tar), `parts` the files of the layout wherever they are.
    """

    images: tuple[OciImage, ...]
    files: dict[str, Blob]
    entry: str
    parts: dict[str, Blob] = {}


class SliceBlob(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a file."""

    path: Path
    start: int
    size: int

    def open(self) -> BinaryIO:
        """Open a new stream over the part."""
        return cast("BinaryIO", _Slice(self.path.open("rb", buffering=0), start=self.start, size=self.size))


class _Slice(io.RawIOBase):
    def __init__(self, file: BinaryIO, *, start: int, size: int) -> None:
        self._file = file
        self._start = start
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        length = max(0, min(len(buffer), self._size - self._position))
        self._file.seek(self._start + self._position)
        count: int = self._file.readinto(memoryview(buffer)[:length])  # type: ignore[attr-defined]
        self._position += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


def load_oci(path: Path) -> OciContent:
    """Read an OCI layout."""
    if path.is_dir():
        return _from_folder(path)
    try:
        return _from_tar(path)
    except (OSError, tarfile.TarError) as error:
        raise UserError(f"{path}: not an OCI layout ({error}); give a folder or an uncompressed tar") from error


def _from_folder(path: Path) -> OciContent:
    if not (path / "oci-layout").is_file() or not (path / "index.json").is_file():
        raise UserError(f"{path}: no oci-layout and index.json in it; give the folder of an OCI layout")
    files: dict[str, Blob] = {}
    for file in sorted(path.rglob("*")):
        if file.is_symlink():
            raise UserError(f"{file}: a link in an OCI layout; copy what it points to")
        if file.is_file() and not file.name.endswith(".partial"):  # what an interrupted pull left
            files[file.relative_to(path).as_posix()] = FileBlob(file)

    def read(name: str) -> bytes:
        blob = files.get(name)
        if blob is None:
            raise UserError(f"{path}: {name} is missing; the layout is not complete")
        if blob.size > _MAX_DOCUMENT:
            raise UserError(f"{path}: {name} is too large for a manifest")
        with blob.open() as stream:
            return stream.read()

    return OciContent(images=images_of(read, origin=str(path)), files=files, entry="index.json", parts=files)


def _from_tar(path: Path) -> OciContent:
    with tarfile.open(path, "r:") as tar:
        members = {info.name.removeprefix("./"): info for info in tar if info.isfile() and not info.issparse()}

        def read(name: str) -> bytes:
            info = members.get(name)
            content = tar.extractfile(info) if info else None
            if info is None or content is None or info.size > _MAX_DOCUMENT:
                raise UserError(f"{path}: {name} is missing or too large; give an OCI layout as an uncompressed tar")
            return content.read()

        images = images_of(read, origin=str(path))
        parts: dict[str, Blob] = {
            name: SliceBlob(path=path, start=info.offset_data, size=info.size) for name, info in members.items()
        }
    return OciContent(images=images, files={"images.tar": FileBlob(path)}, entry="images.tar", parts=parts)


def images_of(read: Callable[[str], bytes], *, origin: str) -> tuple[OciImage, ...]:
    """The images that a layout's index lists; `read` gives the content of a file of the layout."""
    found = []
    for entry in _entries(_json(read("index.json"), name="index.json", origin=origin), origin=origin):
        name = image_name(entry)
        digest = str(entry.get("digest"))
        if not _DIGEST.fullmatch(digest):
            raise UserError(f"{origin}: index.json has an entry with the digest {digest!r}; sha256 is expected")
        found.append(
            OciImage(
                reference=name or f"image@{digest}",
                digest=digest,
                media_type=str(entry.get("mediaType", "")),
                size=_weight(entry, read=read, origin=origin, depth=0),
            )
        )
    if not found:
        raise UserError(f"{origin}: index.json lists no image")
    return tuple(found)


def image_name(entry: Mapping[str, Any]) -> str | None:
    """What an entry of an index calls its image, if it says so."""
    stated = entry.get("annotations")
    annotations = stated if isinstance(stated, dict) else {}
    return next((str(annotations[key]) for key in _NAMES if annotations.get(key)), None)


def refuse_false_blobs(written: Iterable[Written]) -> None:
    """Refuse members whose names promise another content: a layout that was damaged on its way or in a cache."""
    for item in written:
        blob = _BLOB.search(item.name)
        if blob and item.sha256 != blob[1]:
            raise UserError(
                f"{item.name}: the content is not what the name says (sha256:{item.sha256}); fetch it again"
            )


def _entries(document: dict[str, Any], *, origin: str) -> list[dict[str, Any]]:
    entries = document.get("manifests")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UserError(f"{origin}: no list of manifests in the index")
    return entries


def _weight(entry: dict[str, Any], *, read: Callable[[str], bytes], origin: str, depth: int) -> int:
    """Bytes of everything that an index entry refers to."""
    if depth > 2:
        raise UserError(f"{origin}: indexes are nested too deeply")
    digest = str(entry.get("digest"))
    name = f"blobs/{digest.replace(':', '/')}"
    document = _json(read(name), name=name, origin=origin)
    if entry.get("mediaType") in INDEX_TYPES or "manifests" in document:
        inner = _entries(document, origin=origin)
        return sum(_weight(child, read=read, origin=origin, depth=depth + 1) for child in inner)
    parts = [document.get("config") or {}, *(document.get("layers") or [])]
    return sum(int(part.get("size", 0)) for part in parts)


def _json(data: bytes, *, name: str, origin: str) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except ValueError as error:
        raise UserError(f"{origin}: {name} is not JSON ({error})") from error
    if not isinstance(document, dict):
        raise UserError(f"{origin}: {name} is not a JSON object")
    return document
