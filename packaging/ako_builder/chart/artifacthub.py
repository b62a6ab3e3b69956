"""The repository metadata file of Artifact Hub, and its place beside the chart.

Artifact Hub finds a publisher's claims in `artifacthub-repo.yml`: the id that it gave the repository (which makes the
publisher a verified one), owners who may take it over, versions to leave out. A chart repository over HTTP serves the
file beside index.yaml. In an OCI registry it is an artefact of its own, under the tag `artifacthub.io` of the chart.
"""

import re
from pathlib import Path
from typing import Final

import msgspec
import yaml

from ako_builder.oci.layout import Layout
from ako_builder.oci.media_types import MANIFEST
from ako_runtime.errors import UserError

TAG: Final = "artifacthub.io"
FILE: Final = "artifacthub-repo.yml"
_CONFIG: Final = "application/vnd.cncf.artifacthub.config.v1+yaml"
_LAYER: Final = "application/vnd.cncf.artifacthub.repository-metadata.layer.v1.yaml"
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Owner(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody who may claim the repository on Artifact Hub."""

    name: str
    email: str


class Ignored(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Packages (by name, and by a pattern of versions) that Artifact Hub leaves out."""

    name: str
    version: str | None = None


class RepositoryMetadata(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`artifacthub-repo.yml`."""

    repository_id: str | None = msgspec.field(default=None, name="repositoryID")
    owners: tuple[Owner, ...] = ()
    ignore: tuple[Ignored, ...] = ()


def load_metadata(path: Path) -> bytes:
    """The file, judged: Artifact Hub itself says nothing about a key that it does not know."""
    try:
        text = path.read_bytes()
        metadata = msgspec.convert(yaml.safe_load(text) or {}, RepositoryMetadata)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name a readable {FILE}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not YAML ({' '.join(str(error).split())}); correct the file") from None
    except msgspec.ValidationError as error:
        raise UserError(f"{path}: {error}; correct the key or remove it") from None
    if metadata.repository_id is None and not metadata.owners:
        raise UserError(f"{path}: names neither a repositoryID nor owners: there is nothing to publish")
    if metadata.repository_id is not None and not _UUID.fullmatch(metadata.repository_id):
        raise UserError(f"{path}: repositoryID: not the id that Artifact Hub shows for a repository (a UUID)")
    return text


def metadata_layout(text: bytes, *, folder: Path) -> Layout:
    """The file as the artefact that Artifact Hub looks for."""
    layout = Layout(path=folder)
    config = layout.put(b"{}", media_type=_CONFIG)
    layer = layout.put(text, media_type=_LAYER)
    named = msgspec.structs.replace(layer, annotations={"org.opencontainers.image.title": FILE})
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": msgspec.to_builtins(config),
        "layers": [msgspec.to_builtins(named)],
    }
    layout.finish([layout.put_json(manifest, media_type=MANIFEST)])
    return layout
