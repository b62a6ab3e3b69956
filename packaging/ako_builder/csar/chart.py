"""What a descriptor needs to know of a Helm chart, read from its archive without unpacking it.

The archive may be anybody's and is read by `chart_archive`. Nothing is rendered here (`chart_facts` does that where a
chart is packed): kind and name of the workloads are taken from the text of the templates, subcharts included. Where a
template computes a name, or an action decides whether the object exists, the workload is marked as unsure.
"""

import functools
import re
from collections.abc import Callable, Mapping
from io import RawIOBase
from pathlib import Path
from typing import IO, Any

import msgspec
import yaml

from ako_builder.csar.chart_archive import ChartProblem, chart_files
from ako_builder.csar.strictyaml import YamlProblem, parse_yaml
from ako_builder.csar.tosca import mapping
from ako_runtime.errors import UserError

# Pods that a VNFM may add to what the values say; `--workload KIND/NAME:REPLICAS:MOST` says it better.
_HEADROOM = 2
_WORKLOAD = re.compile(r"^kind:[ \t]*[\"']?(Deployment|StatefulSet|DaemonSet|Job|CronJob)[\"']?[ \t\r]*$", re.MULTILINE)
_IMAGE_KEYS = {"tag", "digest", "pullPolicy"}
_ACTION = re.compile(r"\{\{.*?\}\}")
_CONDITION = re.compile(r"\{\{-?\s*(if|range|with)\b")
# Longer than any name in Kubernetes, and than any template of one that is meant to be read.
_MAX_NAME = 512
_OF_VERSION = re.compile(r"-v?[0-9]+\.[0-9]+\.[0-9]+[^/]*$")
_PLAIN_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """What the chart runs: a controller's kind and name, and how many pods at most."""

    kind: str
    name: str
    replicas: int = 1
    most: int = 1
    # A regular expression for the names that it may have, where a template computes them.
    computed: str = ""
    # What makes the workload uncertain; empty where it is a fact.
    unsure: str = ""
    # References of the images that its pods run; empty where that is not known.
    images: tuple[str, ...] = ()

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
    # The text of all templates, subcharts included.
    templates: tuple[str, ...] = ()
    # How workloads and images were found, and what of them is not certain: sentences.
    origin: str = "read from the templates"
    unsure: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    # What needs a policy under TCA's isolation mode Restricted.
    restricted: str = ""


def load_chart(path: Path) -> ChartFacts:
    """Read a chart archive."""
    try:
        with path.open("rb") as stream:
            return chart_facts(stream, origin=str(path))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name a chart archive (.tgz)") from error


def chart_facts(
    stream: IO[bytes] | RawIOBase, *, origin: str, spend: Callable[[str, int], None] | None = None
) -> ChartFacts:
    """Read a chart archive from an open stream; `spend` hears what it costs."""
    files = chart_files(stream, origin=origin, spend=spend)
    chart = _document(files.get("Chart.yaml"), name="Chart.yaml", origin=origin, spend=spend)
    values = files.get("values.yaml", b"")
    parsed = _document(values, name="values.yaml", origin=origin, spend=spend) if values.strip() else {}
    name = _text(chart, "name")
    version = _text(chart, "version")
    if not name or not version:
        raise ChartProblem(f"{origin}: Chart.yaml lacks name or version; repair the chart")
    templates = {key: files[key].decode("utf-8", "replace") for key in sorted(files) if _is_template(key)}
    found = _workloads(templates, chart=name, values=parsed)
    return ChartFacts(
        name=name,
        version=version,
        app_version=_text(chart, "appVersion") or version,
        description=_text(chart, "description") or name,
        home=_text(chart, "home"),
        values=values,
        licence=files.get("LICENSE"),
        workloads=found,
        templates=tuple(templates.values()),
        subcharts=_subcharts(chart, files=files),
        images=_images(_all_values(files, parsed, spend=spend), app_version=_text(chart, "appVersion") or version),
    )


def _owner(path: str) -> tuple[str, list[str]]:
    """The subchart that a path lies in (empty: the chart itself), and the parts of the path inside of it.

    Archives of subcharts are called NAME-VERSION.tgz; the version is no part of the name.
    """
    parts = path.split("/")
    name = ""
    while len(parts) > 2 and parts[0] == "charts":
        name, parts = _OF_VERSION.sub("", parts[1]), parts[2:]
    return name, parts


def _is_template(path: str) -> bool:
    """Whether it makes objects: a template or a definition, of the chart or of one of its subcharts."""
    _, parts = _owner(path)
    return len(parts) > 1 and parts[0] in {"templates", "crds"} and path.endswith((".yaml", ".yml"))


def _all_values(
    files: Mapping[str, bytes], own: dict[str, Any], *, spend: Callable[[str, int], None] | None
) -> list[Any]:
    """The chart's values and those of its subcharts, as far as they can be read."""
    found: list[Any] = [own]
    for path in sorted(files):
        if path.startswith("charts/") and path.endswith("/values.yaml"):
            try:
                found.append(parse_yaml(files[path], spend=_of_values(spend)))
            except (YamlProblem, yaml.YAMLError):
                continue
    return found


def _of_values(spend: Callable[[str, int], None] | None) -> Callable[[int], None] | None:
    return None if spend is None else functools.partial(spend, "values in documents")


def _document(
    data: bytes | None, *, name: str, origin: str, spend: Callable[[str, int], None] | None = None
) -> dict[str, Any]:
    if data is None:
        raise ChartProblem(f"{origin}: no {name} in it; give the .tgz that 'helm package' makes")
    try:
        document = parse_yaml(data, spend=_of_values(spend))
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


def _workloads(templates: Mapping[str, str], *, chart: str, values: dict[str, Any]) -> tuple[Workload, ...]:
    found: dict[tuple[str, str], Workload] = {}
    replicas = values.get("replicaCount", 1)
    replicas = replicas if isinstance(replicas, int) and not isinstance(replicas, bool) and replicas > 0 else 1
    for path, template in templates.items():
        owner = _owner(path)[0] or chart
        for text in re.split(r"^---\s*$", template, flags=re.MULTILINE):
            kind = _WORKLOAD.search(text)
            conditional = bool(_CONDITION.search(text, 0, kind.start() if kind else len(text)))
            if kind is None:
                continue
            spelt = _stated_name(text)
            plain = _PLAIN_NAME.fullmatch(spelt)
            computed = "" if plain else _computed(spelt)
            unsure = "" if plain else "a template computes its name"
            if conditional or owner != chart:
                unsure = unsure or "its template has conditions"
            name = plain[0] if plain else _guessed_name(spelt, release=chart, owner=owner)
            found[kind[1], name if plain else computed] = Workload(
                kind=kind[1],
                name=name,
                replicas=replicas,
                most=most_for(kind[1], replicas=replicas),
                computed=computed,
                unsure=unsure,
            )
    return tuple(found.values())


def _stated_name(text: str) -> str:
    """What a document says as `metadata.name`, without quotes; line by line, for a template may be anything."""
    inside = False
    for line in text.split("\n"):
        if line[:1].strip():
            inside = line.rstrip() == "metadata:"
        elif inside and (value := line.strip().removeprefix("name:")) != line.strip() and value.strip():
            return value.strip()[:_MAX_NAME].strip("\"'")
    return ""


def _guessed_name(text: str, *, release: str, owner: str) -> str:
    """A computed name as it probably is where the release is called as the chart."""
    guess = _ACTION.sub(lambda action: release if ".Release.Name" in action[0] else owner, text)
    return re.sub(r"[^a-z0-9.-]+", "-", guess.lower()).strip("-.") or owner


def _computed(text: str) -> str:
    """What a name may be that a template computes: its fixed parts, and anything between them."""
    return ".*".join(re.escape(part) for part in _ACTION.split(text)) or ".*"


def _subcharts(chart: dict[str, Any], *, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Charts that this one depends on, by the names that the values know them under."""
    stated = chart.get("dependencies")
    listed = [item for item in stated if isinstance(item, dict)] if isinstance(stated, list) else []
    names = [str(item.get("alias") or item.get("name")) for item in listed]
    below = [path.split("/")[1] for path in files if path.startswith("charts/") and path.count("/") > 1]
    names += [name for folder in below for name in (folder, _OF_VERSION.sub("", folder))]
    return tuple(dict.fromkeys(names))


def most_for(kind: str, *, replicas: int) -> int:
    """How far the replica count may go; a DaemonSet follows the nodes and is not scaled."""
    return replicas + _HEADROOM if kind in {"Deployment", "StatefulSet"} else replicas


def _images(values: Any, *, app_version: str) -> tuple[str, ...]:  # noqa: ANN401 - a YAML document
    """References that values.yaml spells as `repository` (with registry, tag, digest) or as one string `image`."""
    found: dict[str, None] = {}
    stack = [values]
    registry = _global_registry(values)
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            name = _image_name(node)
            if name is not None:
                found[_reference(node, repository=name, app_version=app_version, registry=registry)] = None
            image = node.get("image")
            if isinstance(image, str) and name is None and "{{" not in image and ("/" in image or ":" in image):
                found[image] = None
            stack += [node[key] for key in reversed(list(node))]
        elif isinstance(node, list):
            stack += reversed(node)
    return tuple(found)


def _image_name(node: dict[str, Any]) -> str | None:
    """The repository that a mapping names, in the spellings that charts have for it."""
    if not _IMAGE_KEYS & set(node):
        return None
    for key in ("repository", "image", "name"):
        value = node.get(key)
        if isinstance(value, str) and value and (key == "repository" or "/" in value):
            return value
    return None


def _global_registry(values: Any) -> str:  # noqa: ANN401 - a YAML document
    """The registry that `global` states for all images."""
    for document in values if isinstance(values, list) else [values]:
        stated = mapping(mapping(document).get("global"))
        for found in (stated.get("imageRegistry"), mapping(stated.get("image")).get("registry")):
            if isinstance(found, str) and found:
                return found
    return ""


def _reference(node: dict[str, Any], *, repository: str, app_version: str, registry: str) -> str:
    own = node.get("registry")
    host = own if isinstance(own, str) and own else registry
    named = "." in repository.split("/", 1)[0] and "/" in repository
    name = f"{host}/{repository}" if host and not named else repository
    tag = node.get("tag") or app_version
    digest = node.get("digest")
    if isinstance(digest, str) and digest:
        return f"{name}:{node['tag']}@{digest}" if node.get("tag") else f"{name}@{digest}"
    return f"{name}:{tag}"
