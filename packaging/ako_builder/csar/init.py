"""A starting point from a chart: a file with everything that a package needs to be told, filled in as far as possible.

`ako csar init` writes `csar.yaml`, `ako csar build --from csar.yaml` reads it. It holds what differs from chart to
chart and from site to site; what is the same in every build stays out of it. Options on the command line win.
"""

from pathlib import Path

import msgspec
import yaml

from ako_builder.archive import write_bytes
from ako_builder.csar.chart import ChartFacts
from ako_runtime.errors import UserError


class Start(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of csar.yaml."""

    chart: str
    provider: str
    product: str
    version: str
    image: tuple[str, ...] = ()
    workload: str | None = None
    change_log: str | None = None
    images: str | None = None
    types: str | None = None
    infra_requirements: str | None = None


def write_start(chart: ChartFacts, *, source: str, provider: str, folder: Path) -> Path:
    """Write csar.yaml and a change log."""
    path = folder / "csar.yaml"
    if path.exists():
        raise UserError(f"{path} is there already; remove it or choose another folder")
    write_bytes(path, _text(chart, source=source, provider=provider).encode())
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
    changes = {}
    for name in ("chart", "change_log", "images", "types", "infra_requirements"):
        value = getattr(start, name)
        if value is not None and value != "ours" and not value.startswith("oci://"):
            changes[name] = str(path.parent / value)
    return msgspec.structs.replace(start, **changes)


def _text(chart: ChartFacts, *, source: str, provider: str) -> str:
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
    if chart.images:
        lines += ["# Images that the values name.", "image:", *(f"  - {quoted(image)}" for image in chart.images)]
    lines.append("# What the chart runs: KIND/NAME[:REPLICAS[:MOST]]; found in its templates:")
    found = [f"{unit.kind}/{unit.name}:{unit.replicas}:{unit.most}" for unit in chart.workloads]
    lines.append(f"#   {', '.join(found) or 'nothing; say it'}")
    lines.append(f"workload: {quoted(found[0])}" if len(found) == 1 else "# workload: StatefulSet/NAME:1:3")
    lines.append("change_log: ChangeLog.txt")
    return "\n".join([*lines, ""])
