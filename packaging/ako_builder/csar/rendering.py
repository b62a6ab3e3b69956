"""The objects that a chart makes: rendered by Helm where it is at hand, from a file, or read from its templates.

Rendering runs the chart's templates in Helm with the values that the chart ships, under the chart's name as the
release's, without a cluster and without the user's Helm configuration. That is done with charts that somebody packs,
compares or asks about, never by `verify`. Helm is the one that `AKO_HELM` names, the one in PATH, or the newest that
`scripts/tools` has fetched.

Where there is no Helm, templates are read as text: lines that hold only template actions are dropped, an action inside
a line becomes a placeholder, and what then is YAML is taken as an object. Nothing found this way is certain where an
action decides about it.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from ako_builder.chart.helm import VARIABLE, Helm
from ako_builder.csar.chart_objects import ChartObjects, chart_objects
from ako_runtime.errors import Refused, UserError

# What stands in a text where a template computes something.
PLACEHOLDER = "TEMPLATED"
MAX_RENDERED = 64 << 20
_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,51}[a-z0-9])?")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """Objects and where they come from."""

    objects: ChartObjects
    # How they were found, as part of a sentence.
    origin: str
    # Whether this is what a cluster would be given, rather than a reading of templates.
    certain: bool
    # Why Helm was not used, or could not.
    reason: str = ""


def helm_at_hand(environ: Mapping[str, str] = os.environ) -> Helm | None:
    """A helm to render with, or None."""
    given = environ.get(VARIABLE)
    found = shutil.which(given) if given else shutil.which("helm", path=environ.get("PATH"))
    if found is None and not given:
        base = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ako-toolkit"
        cache = Path(environ.get("AKO_CACHE") or base) / "tools"
        fetched = [path for path in cache.glob("helm-*/helm") if os.access(path, os.X_OK)]
        found = str(max(fetched, key=_version_in)) if fetched else None
    return Helm(executable=Path(found)) if found else None


def _version_in(path: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", path.parent.name)[:3])


def rendered_by_helm(archive: Path, *, release: str, helm: Helm) -> Rendered:
    """Render a chart's archive with its own values; `Refused` in Helm's words if that fails."""
    name = release.lower() if _NAME.fullmatch(release.lower()) else "release"
    with tempfile.TemporaryDirectory(prefix="ako-helm-") as folder:
        own = {f"HELM_{kind}_HOME": str(Path(folder) / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        environ = {"PATH": os.environ.get("PATH", ""), "HOME": folder, "KUBECONFIG": str(Path(folder) / "none"), **own}
        alone = Helm(executable=helm.executable, environ=environ)
        version = ".".join(map(str, alone.version()))
        text = alone.run(["template", name, str(archive), "--include-crds"])
    origin = f"rendered by Helm {version} with the chart's own values, release name {name!r}"
    return Rendered(objects=_objects(text, origin=str(archive)), origin=origin, certain=True)


def load_rendered(path: Path) -> Rendered:
    """Objects from a file: what `helm template` prints."""
    try:
        size = path.stat().st_size
        if size > MAX_RENDERED:
            raise UserError(f"{path}: {size} bytes are too many (at most {MAX_RENDERED}); is it what helm printed?")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name what 'helm template' printed") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8; name what 'helm template' printed") from error
    objects = _objects(text, origin=str(path))
    if not objects.owners:
        raise UserError(f"{path}: no object that runs pods in it; name what 'helm template' printed")
    return Rendered(objects=objects, origin=f"from {path.name}", certain=True)


def _objects(text: str, *, origin: str) -> ChartObjects:
    try:
        return chart_objects(yaml.load_all(text, Loader=_LOADER))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UserError(f"{origin}: not YAML ({' '.join(str(error).split())[:120]})") from error


def rendered(archive: Path, *, release: str, templates: Iterable[str], file: Path | None = None) -> Rendered:
    """The chart's objects by the best way that there is."""
    if file is not None:
        return load_rendered(file)
    helm = helm_at_hand()
    reason = f"no helm is at hand: install one, name it with {VARIABLE}, or give --rendered FILE"
    if helm is not None:
        try:
            return rendered_by_helm(archive, release=release, helm=helm)
        except UserError as error:
            reason = f"{' '.join(str(error).split())[:300]}: give --rendered FILE"
        except Refused as error:
            reason = f"{' '.join(str(error).split())[:300]}: give --rendered FILE"
    return msgspec.structs.replace(read_as_text(templates), reason=reason)


def read_as_text(templates: Iterable[str]) -> Rendered:
    """What templates say without being rendered."""
    documents = [document for template in templates for document in _approximated(template)]
    return Rendered(objects=chart_objects(documents), origin="read from the templates", certain=False)


def _approximated(template: str) -> Iterator[Any]:
    """The documents of a template as far as they are YAML without its actions."""
    for part in re.split(r"^---.*$", template, flags=re.MULTILINE):
        text = _ACTION.sub(lambda found: PLACEHOLDER + "\n" * found[0].count("\n"), part)
        lines = [line for line in text.splitlines() if not line.strip() or line.replace(PLACEHOLDER, "").strip(" -")]
        try:
            yield yaml.load("\n".join(lines), Loader=_LOADER)  # noqa: S506 - safe both
        except (yaml.YAMLError, RecursionError, ValueError):
            continue
