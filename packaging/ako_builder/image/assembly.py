"""The image: base, dependencies and runtime as three layers a platform, under one index.

The layers are ordered by how often they change, so that an update of the runtime moves some kilobytes. A base may be
given as an OCI layout by digest (distroless, or a site's own hardened root with Python 3.11); otherwise it is made from
the pinned Debian packages. Nothing is executed: files are laid over each other and described, so an image for a foreign
platform is made as easily as one for this machine.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

import ako_runtime
from ako_builder.image.bill import image_bill
from ako_builder.image.debian import USER, base_tree
from ako_builder.image.layer import Entry, Tree, compressed, tar_bytes
from ako_builder.image.lock import SOURCE_PACKAGES, Depot, Lock, Pin
from ako_builder.image.python_packages import application_entries, source_entries, wheel_entries
from ako_builder.oci.layout import Descriptor, Layout
from ako_builder.oci.media_types import CONFIG, EMPTY, INDEX, LAYER, MANIFEST
from ako_builder.release import Release
from ako_builder.sbom.spdx import MEDIA_TYPE, spdx_document
from ako_builder.times import rfc3339
from ako_runtime.errors import UserError

ENTRYPOINT: Final = ("/usr/bin/python3", "-I", "-m", "ako_runtime")
ENVIRONMENT: Final = (
    "PATH=/usr/bin", "LANG=C.UTF-8", "PYTHONDONTWRITEBYTECODE=1", "PYTHONUNBUFFERED=1",
    "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
)  # fmt: skip


class Base(msgspec.Struct, frozen=True, kw_only=True):
    """A base image for one platform: its layers as they are stored, and their uncompressed digests."""

    layers: tuple[Descriptor, ...]
    diff_ids: tuple[str, ...]
    name: str


class Assembler:
    """Builds one image into a layout."""

    def __init__(self, *, release: Release, depot: Depot, lock: Lock, epoch: int, layout: Layout) -> None:
        self._release = release
        self._depot = depot
        self._lock = lock
        self._epoch = epoch
        self._layout = layout

    def build(self, platforms: Sequence[str], *, base: Path | None) -> Descriptor:
        """Write every platform's image with its SBOM, and the index over them; gives the index."""
        manifests: list[Descriptor] = []
        sboms: list[Descriptor] = []
        for platform in platforms:
            pins = self._lock.pins(platform)
            used = [pin for pin in pins if base is None or pin.kind != "debian"]
            self._depot.ensure(used, platform=platform)
            ground = self._given_base(base, platform) if base else self._debian_base(pins, platform)
            manifest = self._image(ground, pins, platform)
            manifests.append(manifest)
            sboms.append(self._sbom(manifest, used, platform))
        annotations = self._annotations()
        index = {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [msgspec.to_builtins(manifest) for manifest in manifests],
            "annotations": annotations,
        }
        top = self._layout.put_json(index, media_type=INDEX)
        named = msgspec.structs.replace(top, annotations={"org.opencontainers.image.ref.name": self._release.version})
        self._layout.finish([named, *sboms])
        return named

    def _debian_base(self, pins: Iterable[Pin], platform: str) -> Base:
        packages = [self._depot.content(pin, platform=platform) for pin in pins if pin.kind == "debian"]
        descriptor, diff_id = self._layer(base_tree(packages))
        return Base(layers=(descriptor,), diff_ids=(diff_id,), name="debian packages")

    def _given_base(self, folder: Path, platform: str) -> Base:
        source = Layout(path=folder)
        for top in source.tops():
            for manifest in self._manifests(source, top):
                config = source.json(manifest["config"]["digest"])
                if f"{config.get('os')}/{config.get('architecture')}" != platform:
                    continue
                layers = tuple(msgspec.convert(layer, Descriptor) for layer in manifest["layers"])
                for layer in layers:
                    self._layout.put(source.blob(layer.digest), media_type=layer.media_type)
                return Base(layers=layers, diff_ids=tuple(config["rootfs"]["diff_ids"]), name=top.digest)
        raise UserError(f"{folder} holds no image for {platform}; give a base that does, or other --platform")

    def _manifests(self, source: Layout, top: Descriptor) -> list[dict[str, Any]]:
        document = source.json(top.digest)
        if "config" in document:
            return [document]
        return [source.json(child["digest"]) for child in document.get("manifests", [])]

    def _image(self, base: Base, pins: Sequence[Pin], platform: str) -> Descriptor:
        operating_system, _, architecture = platform.partition("/")
        libraries, libraries_id = self._layer(self._libraries(pins, platform))
        application, application_id = self._layer(
            dict(application_entries(self._release, package=Path(ako_runtime.__file__).parent))
        )
        config = self._layout.put_json(
            {
                "architecture": architecture,
                "os": operating_system,
                "created": self._created(),
                "config": {
                    "User": f"{USER}:{USER}",
                    "Entrypoint": list(ENTRYPOINT),
                    "Cmd": ["run"],
                    "WorkingDir": "/",
                    "Env": list(ENVIRONMENT),
                    "ExposedPorts": {"8080/tcp": {}},
                    "Labels": self._annotations(),
                },
                "rootfs": {"type": "layers", "diff_ids": [*base.diff_ids, libraries_id, application_id]},
                "history": [
                    *({"created": self._created(), "created_by": f"base: {base.name}"} for _ in base.layers),
                    {"created": self._created(), "created_by": "libraries"},
                    {"created": self._created(), "created_by": f"{self._release.product} {self._release.version}"},
                ],
            },
            media_type=CONFIG,
        )  # fmt: skip
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": msgspec.to_builtins(config),
            "layers": [msgspec.to_builtins(layer) for layer in (*base.layers, libraries, application)],
            "annotations": self._annotations(),
        }
        stored = self._layout.put_json(manifest, media_type=MANIFEST)
        return msgspec.structs.replace(stored, platform={"os": operating_system, "architecture": architecture})

    def _libraries(self, pins: Sequence[Pin], platform: str) -> Tree:
        tree: dict[str, Entry] = {}
        for pin in pins:
            if pin.kind == "wheel":
                tree.update(wheel_entries(self._depot.content(pin, platform=platform)))
            elif pin.kind == "source":
                content = self._depot.content(pin, platform=platform)
                tree.update(source_entries(content, package=SOURCE_PACKAGES[pin.name]))
        return tree

    def _layer(self, tree: Tree) -> tuple[Descriptor, str]:
        data = tar_bytes(tree, epoch=self._epoch)
        descriptor = self._layout.put(compressed(data), media_type=LAYER)
        return descriptor, f"sha256:{hashlib.sha256(data).hexdigest()}"

    def _sbom(self, manifest: Descriptor, pins: Sequence[Pin], platform: str) -> Descriptor:
        bill = image_bill(self._release, pins, platform=platform, manifest_digest=manifest.digest, epoch=self._epoch)
        content = self._layout.put_json(spdx_document(bill), media_type=MEDIA_TYPE)
        empty = self._layout.put(b"{}", media_type=EMPTY)
        subject = Descriptor(media_type=MANIFEST, digest=manifest.digest, size=manifest.size)
        artefact = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": MEDIA_TYPE,
            "config": msgspec.to_builtins(empty),
            "layers": [msgspec.to_builtins(content)],
            "subject": msgspec.to_builtins(subject),
            "annotations": {"org.opencontainers.image.created": self._created()},
        }
        stored = self._layout.put_json(artefact, media_type=MANIFEST)
        return msgspec.structs.replace(stored, artifact_type=MEDIA_TYPE)

    def _annotations(self) -> dict[str, str]:
        release = self._release
        return {
            "org.opencontainers.image.created": self._created(),
            "org.opencontainers.image.title": release.title,
            "org.opencontainers.image.description": release.summary,
            "org.opencontainers.image.version": release.version,
            "org.opencontainers.image.vendor": release.provider,
            "org.opencontainers.image.licenses": release.licence,
            "org.opencontainers.image.url": release.home,
        }

    def _created(self) -> str:
        return rfc3339(self._epoch)
