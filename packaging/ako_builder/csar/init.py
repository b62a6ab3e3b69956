"""A starting point from a chart: a file with everything that a package needs to be told, filled in as far as possible.

`ako csar init` writes `csar.yaml`, `ako csar build --from csar.yaml` reads it. It holds what differs from chart to
chart and from site to site; what is the same in every build stays out of it. Options on the command line win.
"""

from pathlib import Path

import msgspec
import yaml

from ako_builder.archive.writer import write_bytes
from ako_builder.csar.chart import ChartFacts
from ako_runtime.errors import UserError


class Start(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of csar.yaml."""

    chart: str
    provider: str
    product: str
    version: str
    image: tuple[str, ...] = ()
    workload: str | tuple[str, ...] = ()
    change_log: str | None = None
    images: str | tuple[str, ...] | None = None
    types: str | None = None
    infra_requirements: str | None = None
    rendered: str | None = None
    descriptor_id: str | None = None
    successor_of: str | None = None


# Keys that name a file or folder, from where csar.yaml lies; a reference to a registry stays what it is.
PLACES = ("chart", "change_log", "images", "types", "infra_requirements", "rendered", "successor_of")


def write_start(chart: ChartFacts, *, source: str, provider: str, folder: Path, rendered: Path | None = None) -> Path:
    """Write csar.yaml and a change log; `rendered` is the file that the chart's facts come from."""
    path = folder / "csar.yaml"
    if path.exists():
        raise UserError(f"{path} is there already; remove it or choose another folder")
    write_bytes(path, _text(chart, source=source, provider=provider, rendered=rendered).encode())
    log = f"{chart.name} {chart.version}\n  What changed for those who operate it.\n"
    write_bytes(folder / "ChangeLog.txt", log.encode())
    return path


def load_start(path: Path) -> Start:
    """Read csar.yaml; paths in it are relative to it."""
    try:
        start = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Start)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; 'ako csar init' makes one") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not YAML ({' '.join(str(error).split())[:120]}); correct it") from error
    except msgspec.ValidationError as error:
        raise UserError(f"{path}: {error}; correct the key or remove it") from error
    return msgspec.structs.replace(
        start, **{name: _placed(getattr(start, name), folder=path.parent) for name in PLACES}
    )


def _placed(value: str | tuple[str, ...] | None, *, folder: Path) -> str | tuple[str, ...] | None:
    """A place, or several, as seen from where the command runs."""
    if isinstance(value, tuple):
        return tuple(str(_placed(item, folder=folder)) for item in value)
    if value is None or value == "ours" or value.startswith("oci://"):
        return value
    return str(folder / value)


def _text(chart: ChartFacts, *, source: str, provider: str, rendered: Path | None) -> str:
    def quoted(value: str) -> str:
        return yaml.safe_dump(value, default_style='"', width=1000).strip()

    lines = [
        "# What 'ako csar build --from csar.yaml' needs to know. Options on the command line win.",
        f"chart: {quoted(source)}",
        "# Who answers for the package.",
        f"provider: {quoted(provider)}",
        f"product: {quoted(chart.name)}",
        f"version: {quoted(chart.app_version)}",
    ]
    lines += [f"# Images and workloads: {chart.origin}.", *(f"# {remark}" for remark in chart.remarks)]
    doubtful = any(item.startswith("image") for item in chart.unsure)
    lines += _listed("image", [quoted(image) for image in chart.images], doubtful=doubtful, example="registry/name:tag")
    lines.append("# What the chart runs: KIND/NAME[:REPLICAS[:MOST]].")
    found = [quoted(f"{unit.kind}/{unit.name}:{unit.replicas}:{unit.most}") for unit in chart.workloads]
    doubtful = any(item.startswith("workload") for item in chart.unsure)
    lines += _listed("workload", found, doubtful=doubtful, example="StatefulSet/NAME:1:3")
    lines.append("change_log: ChangeLog.txt")
    if rendered is not None:
        lines += [
            "# What 'helm template' printed: what is written above is compared with it.",
            f"rendered: {quoted(str(rendered.resolve()))}",
        ]
    lines += [
        "# From the second version on: the package before, whose identity this one keeps.",
        "# successor_of: OLD.csar",
    ]
    return "\n".join([*lines, ""])


def _listed(key: str, values: list[str], *, doubtful: bool, example: str) -> list[str]:
    """A list of csar.yaml; commented out where it is only a guess, so that nobody states what nobody has looked at."""
    if not values:
        return ["# Nothing was found; say it:", f"# {key}:", f"#   - {example}"]
    mark = "# " if doubtful else ""
    head = ["# Not sure: look at the chart, correct the list and take the marks away."] if doubtful else []
    return [*head, f"{mark}{key}:", *(f"{mark}  - {value}" for value in values)]
