"""OCI image layouts: blobs by digest, manifests, one index.

Only what this project needs of the specification (image-spec 1.1): an index over platforms, image manifests with
layers and a configuration, and artefacts that refer to a manifest by `subject` (the SBOMs). JSON is written with sorted
keys and without blanks, so that equal documents have equal digests.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ako_builder.archive.writer import write_bytes
from ako_builder.oci.media_types import INDEX, MANIFEST
from ako_runtime.errors import UserError

Document = dict[str, Any]


class Descriptor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """A reference to a blob."""

    media_type: str
    digest: str
    size: int
    annotations: dict[str, str] | None = None
    platform: dict[str, str] | None = None
    artifact_type: str | None = None


class Layout:
    """A folder in the OCI image layout."""

    def __init__(self, *, path: Path) -> None:
        self.path = path

    def put(self, data: bytes, *, media_type: str) -> Descriptor:
        """Store a blob."""
        digest = hashlib.sha256(data).hexdigest()
        target = self.path / "blobs" / "sha256" / digest
        if not target.is_file():
            write_bytes(target, data)
        return Descriptor(media_type=media_type, digest=f"sha256:{digest}", size=len(data))

    def put_json(self, document: object, *, media_type: str) -> Descriptor:
        """Store a document."""
        return self.put(canonical_json(document), media_type=media_type)

    def blob(self, digest: str) -> bytes:
        """A stored blob, checked against its digest."""
        algorithm, _, name = digest.partition(":")
        try:
            data = (self.path / "blobs" / algorithm / name).read_bytes()
        except OSError as error:
            raise UserError(f"{self.path}: blob {digest} is missing; build the image again") from error
        if algorithm != "sha256" or hashlib.sha256(data).hexdigest() != name:
            raise UserError(f"{self.path}: blob {digest} is damaged; build the image again")
        return data

    def json(self, digest: str) -> Document:
        """A stored document."""
        document: Document = json.loads(self.blob(digest))
        return document

    def finish(self, tops: Sequence[Descriptor]) -> None:
        """Write index.json, which names what the layout holds, and the version file."""
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [msgspec.to_builtins(top) for top in tops]}
        write_bytes(self.path / "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        write_bytes(self.path / "index.json", canonical_json(index))

    def tops(self) -> tuple[Descriptor, ...]:
        """What index.json names."""
        try:
            index = json.loads((self.path / "index.json").read_bytes())
            return tuple(msgspec.convert(index["manifests"], list[Descriptor]))
        except (OSError, ValueError, KeyError, msgspec.ValidationError) as error:
            raise UserError(f"{self.path} is not an OCI image layout; build one with 'ako image build'") from error

    def reachable(self, top: Descriptor) -> Iterator[Descriptor]:
        """Everything below a descriptor, blobs before the documents that name them, then itself."""
        if top.media_type in {INDEX, MANIFEST}:
            document = self.json(top.digest)
            below = [document[key] for key in ("config",) if key in document]
            below += [*document.get("layers", []), *document.get("manifests", [])]
            for child in below:
                yield from self.reachable(msgspec.convert(child, Descriptor))
        yield top


def canonical_json(document: object) -> bytes:
    """JSON with sorted keys and without blanks."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
