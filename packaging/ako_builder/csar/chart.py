"""What a descriptor needs to know of a Helm chart, read from its archive without unpacking it.

The archive may be anybody's, so it is read defensively: regular files below one folder only, no links, no paths that
leave it, limited in number, size and ratio. Nothing is rendered. The kind and the name of the workloads are taken
from the text of the templates, because a rendering would make the bytes of a package depend on which helm is
installed; where a template computes its name, the chart's name is assumed, and `--workload KIND/NAME` says it better.
"""

import gzip
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import RawIOBase
from pathlib import Path
from typing import IO, Any, cast

import msgspec
import yaml

from ako_builder.csar.strictyaml import YamlProblem, parse_yaml
from ako_runtime.errors import UserError

MAX_FILES = 10_000
MAX_TOTAL = 64 << 20
# Pods that a VNFM may add to what the values say; `--workload KIND/NAME:REPLICAS:MOST` says it better.
_HEADROOM = 2
_WORKLOAD = re.compile(r"^kind:\s*[\"']?(Deployment|StatefulSet|DaemonSet)[\"']?\s*$", re.MULTILINE)
_NAME = re.compile(r"^metadata:\s*\n(?:\s+.*\n)*?\s+name:\s*(\S.*?)\s*$", re.MULTILINE)
_PLAIN_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


class ChartProblem(UserError):  # noqa: N818 - named after the finding
    """The archive is not a chart that can be trusted."""


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """What the chart runs: a controller's kind and name, and how many pods at most."""

    kind: str
    name: str
    replicas: int = 1
    most: int = 1
    # A regular expression for the names that it may have, where a template computes them.
    computed: str = ""

    @property
    def pattern(self) -> str:
        """The names that it may have, as a regular expression."""
        return self.computed or re.escape(self.name)


class ChartFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A chart, as far as a descriptor speaks of it."""

    name: str
    version: str
    app_version: str
    description: str
    home: str
    values: bytes
    licence: bytes | None
    workloads: tuple[Workload, ...]
    # Names of the charts that it depends on: each is a key of the values.
    subcharts: tuple[str, ...]
    images: tuple[str, ...]


def load_chart(path: Path, *, workload: Workload | None = None) -> ChartFacts:
    """Read a chart archive."""
    try:
        with path.open("rb") as stream:
            return chart_facts(stream, origin=str(path), workload=workload)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name a chart archive (.tgz)") from error


def chart_facts(stream: IO[bytes] | RawIOBase, *, origin: str, workload: Workload | None = None) -> ChartFacts:
    """Read a chart archive from an open stream."""
    files = _files(stream, origin=origin)
    chart = _document(files.get("Chart.yaml"), name="Chart.yaml", origin=origin)
    values = files.get("values.yaml", b"")
    parsed = _document(values, name="values.yaml", origin=origin) if values.strip() else {}
    name = _text(chart, "name")
    version = _text(chart, "version")
    if not name or not version:
        raise ChartProblem(f"{origin}: Chart.yaml lacks name or version; repair the chart")
    templates = [files[key].decode("utf-8", "replace") for key in sorted(files) if key.startswith("templates/")]
    found = (workload,) if workload else _workloads(templates, chart=name, values=parsed)
    return ChartFacts(
        name=name,
        version=version,
        app_version=_text(chart, "appVersion") or version,
        description=_text(chart, "description") or name,
        home=_text(chart, "home"),
        values=values,
        licence=files.get("LICENSE"),
        workloads=found,
        subcharts=_subcharts(chart, files=files),
        images=_images(parsed, app_version=_text(chart, "appVersion") or version),
    )


@contextmanager
def opened_tar(stream: IO[bytes] | RawIOBase) -> Iterator[tarfile.TarFile]:
    """Open a chart's archive, from its begin, to be read once and in order.

    tarfile's own detection misreads the extra field that Helm puts into the header of its archives, gzip does not.
    """
    plain = cast("IO[bytes]", stream)
    packed = plain.read(2) == b"\x1f\x8b"
    plain.seek(0)
    with ExitStack() as stack:
        source = stack.enter_context(gzip.GzipFile(fileobj=plain, mode="rb")) if packed else plain
        yield stack.enter_context(tarfile.open(fileobj=cast("IO[bytes]", source), mode="r|"))


def _files(stream: IO[bytes] | RawIOBase, *, origin: str) -> dict[str, bytes]:
    """Content of the chart's own files (not of its subcharts), by path inside the chart."""
    found: dict[str, bytes] = {}
    total = 0
    try:
        with opened_tar(stream) as tar:
            for count, info in enumerate(tar, start=1):
                total += info.size
                _check(info, origin=origin, count=count, total=total)
                _, _, inner = info.name.removeprefix("./").partition("/")
                content = tar.extractfile(info) if info.isfile() else None
                if content is not None and inner and not inner.startswith("charts/"):
                    found[inner] = content.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError) as error:
        raise ChartProblem(
            f"{origin}: not a chart archive ({error}); give the .tgz that 'helm package' makes"
        ) from error
    return found


def _check(info: tarfile.TarInfo, *, origin: str, count: int, total: int) -> None:
    if not (info.isfile() or info.isdir()):
        raise ChartProblem(f"{origin}: {info.name} is a link or a device; a chart holds plain files only")
    if info.name.startswith("/") or ".." in info.name.split("/") or "\\" in info.name or "\0" in info.name:
        raise ChartProblem(f"{origin}: the path {info.name!r} leaves the chart; do not use this archive")
    if count > MAX_FILES or total > MAX_TOTAL:
        raise ChartProblem(f"{origin}: more than {MAX_FILES} files or {MAX_TOTAL >> 20} MiB; this is not a chart")


def _document(data: bytes | None, *, name: str, origin: str) -> dict[str, Any]:
    if data is None:
        raise ChartProblem(f"{origin}: no {name} in it; give the .tgz that 'helm package' makes")
    try:
        document = parse_yaml(data)
    except YamlProblem as error:
        raise ChartProblem(f"{origin}: {name}: {error}; correct the chart") from error
    except yaml.YAMLError as error:
        raise ChartProblem(f"{origin}: {name} is not YAML; correct the chart") from error
    if not isinstance(document, dict):
        raise ChartProblem(f"{origin}: {name} is not a mapping; correct the chart")
    return document


def _text(document: dict[str, Any], key: str) -> str:
    value = document.get(key)
    return "" if value is None else str(value)


def _workloads(templates: Iterable[str], *, chart: str, values: dict[str, Any]) -> tuple[Workload, ...]:
    found: dict[tuple[str, str], Workload] = {}
    replicas = values.get("replicaCount", 1)
    replicas = replicas if isinstance(replicas, int) and not isinstance(replicas, bool) and replicas > 0 else 1
    for template in templates:
        for text in re.split(r"^---\s*$", template, flags=re.MULTILINE):
            kind = _WORKLOAD.search(text)
            if kind is None:
                continue
            stated = _NAME.search(text)
            computed = "" if stated is None else _computed(stated[1].strip("\"'"))
            plain = stated and _PLAIN_NAME.fullmatch(stated[1].strip("\"'"))
            name = plain[0] if plain else chart
            found[kind[1], name if plain else computed] = Workload(
                kind=kind[1],
                name=name,
                replicas=replicas,
                most=_most(kind[1], replicas=replicas),
                computed="" if plain else computed,
            )
    return tuple(found.values())


def _computed(text: str) -> str:
    """What a name may be that a template computes: its fixed parts, and anything between them."""
    return ".*".join(re.escape(part) for part in re.split(r"\{\{.*?\}\}", text)) or ".*"


def _subcharts(chart: dict[str, Any], *, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Charts that this one depends on, by the names that the values know them under."""
    stated = chart.get("dependencies")
    listed = [item for item in stated if isinstance(item, dict)] if isinstance(stated, list) else []
    names = [str(item.get("alias") or item.get("name")) for item in listed]
    names += [path.split("/")[1] for path in files if path.startswith("charts/") and path.count("/") > 1]
    return tuple(dict.fromkeys(names))


def _most(kind: str, *, replicas: int) -> int:
    """How far the replica count may go; a DaemonSet follows the nodes and is not scaled."""
    return replicas if kind == "DaemonSet" else replicas + _HEADROOM


def _images(values: Any, *, app_version: str) -> tuple[str, ...]:  # noqa: ANN401 - a YAML document
    """References that values.yaml spells as `repository` (with registry, tag, digest) or as one string `image`."""
    found: dict[str, None] = {}
    stack = [values]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            repository = node.get("repository")
            if isinstance(repository, str) and ("tag" in node or "digest" in node):
                found[_reference(node, repository=repository, app_version=app_version)] = None
            image = node.get("image")
            if isinstance(image, str) and "{{" not in image and ("/" in image or ":" in image):
                found[image] = None
            stack += [node[key] for key in reversed(list(node))]
        elif isinstance(node, list):
            stack += reversed(node)
    return tuple(found)


def _reference(node: dict[str, Any], *, repository: str, app_version: str) -> str:
    registry = node.get("registry")
    name = f"{registry}/{repository}" if isinstance(registry, str) and registry else repository
    digest = node.get("digest")
    if isinstance(digest, str) and digest:
        return f"{name}@{digest}"
    return f"{name}:{node.get('tag') or app_version}"
