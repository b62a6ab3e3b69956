"""Images that lie in a package as OCI layouts, by digest and name, read from the layouts' indexes."""

import json
import tarfile
from typing import Any

from ako_builder.archive.container import Container, Unreadable
from ako_builder.archive.member_stream import MemberStream
from ako_builder.csar.rules import Finding
from ako_builder.csar.tosca import mapping
from ako_builder.oci.reading import image_name

MAX_JSON = 4 << 20
_MAX_MEMBERS = 100_000
Images = dict[str, list[tuple[str, str]]]


class JsonProblem(ValueError):  # noqa: N818 - named after the finding
    """The document is not JSON that can be read."""


def layout_images(container: Container) -> tuple[Images, list[Finding]]:
    """Digest and name of each image in the package's image layouts, by the path that stands for the layout.

    A layout whose index cannot be read is a finding: its images are unknown, not absent.
    """
    found: Images = {}
    findings = []
    for name in container.entries:
        try:
            if name.endswith("images/index.json"):
                document = parse_json(container.read(name, limit=MAX_JSON), container=container)
            elif name.endswith("images.tar"):
                document = _index_in_tar(container, name)
            else:
                continue
        except (JsonProblem, Unreadable) as error:
            findings.append(Finding(rule="CON-012", where=name, text=str(error)))
            continue
        entries = mapping(document).get("manifests")
        if isinstance(entries, list):
            found[name] = [(str(mapping(entry).get("digest")), image_name(mapping(entry)) or "") for entry in entries]
    return found, findings


def read_json(container: Container, name: str) -> Any:  # noqa: ANN401 - a document
    """A JSON member; None if it is none."""
    try:
        return parse_json(container.read(name, limit=MAX_JSON), container=container)
    except (JsonProblem, Unreadable):
        return None


def parse_json(data: bytes, *, container: Container) -> Any:  # noqa: ANN401 - a document
    """A document, whose values draw on the package's budget; `JsonProblem` if it is none."""
    # A value stands behind each of these, so the number is known before memory is taken.
    container.budget.spend("values in documents", data.count(b",") + data.count(b"[") + data.count(b"{"))
    try:
        return json.loads(data)
    except RecursionError as error:
        raise JsonProblem("nested too deeply to be read") from error
    except ValueError as error:
        raise JsonProblem(f"not JSON ({error})") from error


def _index_in_tar(container: Container, name: str) -> Any:  # noqa: ANN401 - a document
    try:
        with MemberStream(container, container.entries[name]) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            for count, info in enumerate(tar):
                # Its own list of what it read would grow with the archive.
                tar.members.clear()  # type: ignore[attr-defined]
                if info.name.removeprefix("./") == "index.json" and info.isfile():
                    content = tar.extractfile(info)
                    if content is None or info.size > MAX_JSON:
                        raise JsonProblem(f"its index.json has {info.size} bytes (at most {MAX_JSON})")
                    container.budget.spend("bytes of documents", info.size)
                    return parse_json(content.read(), container=container)
                if count > _MAX_MEMBERS:
                    raise JsonProblem(f"more than {_MAX_MEMBERS} files and no index.json among them")
    except (tarfile.TarError, OSError, ValueError, OverflowError) as error:
        raise JsonProblem(f"not an archive of an image layout ({error})") from error
    # What docker save writes has another index.
    return None
