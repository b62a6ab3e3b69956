"""Manifests at hand: the samples, and the definitions of our custom kinds.

The definitions come from this installation, or from a chart archive when what matters is what the archive holds. In a
source tree samples and definitions stand in their folders; a wheel carries them as packages without code.
"""

import importlib.util
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from ako_lab.yaml_documents import yaml_documents
from ako_runtime.errors import UserError

Document: TypeAlias = Mapping[str, Any]


def examples() -> tuple[Document, ...]:
    """The objects of examples/cnf, in the order of the file names."""
    folder = _folder("examples/cnf", "ako_examples", "cnf")
    return tuple(item for path in sorted(folder.glob("*.yaml")) for item in _documents(path.read_bytes(), str(path)))


def definitions() -> tuple[Document, ...]:
    """The definitions of our custom kinds, as this installation has them."""
    folder = _folder("packaging/helm/ako/crds", "ako_builder_data", "helm/ako/crds")
    return tuple(item for path in sorted(folder.glob("*.yaml")) for item in _documents(path.read_bytes(), str(path)))


def definitions_of(chart: Path) -> tuple[Document, ...]:
    """The definitions in the `crds/` folder of a chart archive, as `helm install` would install them."""
    with tarfile.open(chart) as archive:
        members = [
            member
            for member in archive.getmembers()
            if member.isfile() and member.name.split("/")[1:2] == ["crds"] and member.name.endswith(".yaml")
        ]
        texts = [(member.name, archive.extractfile(member)) for member in sorted(members, key=lambda item: item.name)]
        return tuple(item for name, file in texts if file for item in _documents(file.read(), f"{chart}:{name}"))


def _documents(text: bytes, source: str) -> list[Document]:
    try:
        found = yaml_documents(text)
    except ValueError as error:
        raise UserError(f"{source} is not YAML: {' '.join(str(error).split())}") from error
    return [item for item in found if isinstance(item, dict)]


def _folder(place: str, package: str, inside: str) -> Path:
    """A folder of the source tree, or its copy in a wheel."""
    found = [Path(__file__).resolve().parents[1] / place]
    spec = importlib.util.find_spec(package)
    if spec is not None and spec.submodule_search_locations:
        found += [Path(location) / inside for location in spec.submodule_search_locations]
    for folder in found:
        if folder.is_dir():
            return folder
    raise UserError(f"{place} is not part of this installation: install ako-toolkit[build,lab] again")
