"""Images that lie in a package as OCI layouts, by digest and name, read from the layouts' indexes."""

import json
import tarfile
from typing import Any

from ako_builder.csar.container import Container, Unreadable
from ako_builder.csar.member_stream import MemberStream
from ako_builder.csar.tosca import mapping
from ako_builder.oci.reading import image_name

MAX_JSON = 16 << 20
_MAX_MEMBERS = 100_000


def layout_images(container: Container) -> dict[str, list[tuple[str, str]]]:
    """Digest and name of each image in the package's image layouts, by the path that stands for the layout."""
    found = {}
    for name in container.entries:
        document: Any = None
        if name.endswith("images/index.json"):
            document = read_json(container, name)
        elif name.endswith("images.tar"):
            document = _index_in_tar(container, name)
        entries = mapping(document).get("manifests")
        if isinstance(entries, list):
            found[name] = [(str(mapping(entry).get("digest")), image_name(mapping(entry)) or "") for entry in entries]
    return found


def read_json(container: Container, name: str) -> Any:  # noqa: ANN401 - a document
    """A JSON member; None if it is none."""
    try:
        return json.loads(container.read(name, limit=MAX_JSON))
    except (ValueError, Unreadable, RecursionError):
        return None


def _index_in_tar(container: Container, name: str) -> Any:  # noqa: ANN401 - a document
    try:
        with MemberStream(container, container.entries[name]) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            for count, info in enumerate(tar):
                if info.name.removeprefix("./") == "index.json" and info.isfile() and info.size <= MAX_JSON:
                    content = tar.extractfile(info)
                    return json.loads(content.read()) if content else None
                if count > _MAX_MEMBERS:
                    return None
    except (tarfile.TarError, Unreadable, OSError, ValueError, RecursionError):
        return None
    return None
