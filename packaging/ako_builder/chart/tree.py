"""The chart as a set of files, and its archive.

`chart_files` is the chart of this source tree with its generated files rendered now; `package` writes it as Helm would,
only reproducibly: entries sorted, times from one epoch, owners and modes fixed. The archive is then read back and held
against what Helm asks of one: a single top folder named like the chart, Chart.yaml first, the parts that have to be
YAML or JSON parse, the defaults satisfy the schema.
"""

import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import jsonschema_rs
import yaml

from ako_builder.archive.writer import BytesBlob, Member, write_tar_gz
from ako_builder.chart.documents import generated_files
from ako_builder.release import Release
from ako_builder.sources import source
from ako_runtime.errors import UserError

_VERSION: Final = re.compile(r"\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_LARGEST_FILE: Final = 5 << 20  # Helm refuses larger ones


def chart_folder() -> Path:
    """The chart's folder in this installation."""
    return source("helm", "ako")


def chart_files(release: Release) -> Mapping[str, bytes]:
    """Path inside the chart -> content: what is written by hand, with the generated files on top."""
    files = dict(_written(chart_folder()))
    files |= {path: text.encode() for path, text in generated_files(release).items()}
    return dict(sorted(files.items(), key=_order))


def archive_name(release: Release) -> str:
    """The archive's name, as Helm makes it."""
    return f"{release.chart.name}-{release.version}.tgz"


def package(release: Release, *, out: Path, epoch: int) -> Path:
    """Write the chart archive into a folder."""
    path = out / archive_name(release)
    members = (
        Member(name=f"{release.chart.name}/{name}", content=BytesBlob(content))
        for name, content in chart_files(release).items()
    )
    write_tar_gz(path, members, epoch=epoch)
    return path


def archive_faults(path: Path, *, release: Release) -> list[str]:
    """What is wrong with a chart archive; nothing if it is right."""
    try:
        with tarfile.open(path, "r:gz") as tar:
            members = tar.getmembers()
            files = {member.name: _content(tar, member) for member in members if member.isfile()}
    except (OSError, tarfile.TarError) as error:
        return [f"not a chart archive: {error}"]
    prefix = f"{release.chart.name}/"
    faults = [f"{member.name} is no plain file" for member in members if not member.isfile()]
    faults += [f"{name} lies outside {prefix}" for name in files if not name.startswith(prefix) or ".." in name]
    faults += [f"{name} is larger than Helm accepts" for name, data in files.items() if len(data) > _LARGEST_FILE]
    inside = {name.removeprefix(prefix): data for name, data in files.items()}
    return faults + _content_faults(inside, release=release)


def _content_faults(files: Mapping[str, bytes], *, release: Release) -> list[str]:
    missing = [name for name in ("Chart.yaml", "values.yaml", "values.schema.json") if name not in files]
    if missing:
        return [f"{', '.join(missing)} missing"]
    try:
        chart = yaml.safe_load(files["Chart.yaml"])
        values = yaml.safe_load(files["values.yaml"])
        schema = json.loads(files["values.schema.json"])
    except (yaml.YAMLError, ValueError) as error:
        return [f"does not parse: {' '.join(str(error).split())}"]
    faults = []
    if chart["name"] != release.chart.name or chart["version"] != release.version:
        faults.append(f"Chart.yaml says {chart['name']} {chart['version']}")
    if not _VERSION.fullmatch(str(chart["version"])):
        faults.append(f"version {chart['version']} is not semantic")
    validator = jsonschema_rs.validator_for(schema)
    faults += [f"default {'.'.join(map(str, e.instance_path))}: {e.message}" for e in validator.iter_errors(values)]
    return faults


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = tar.extractfile(member)
    return stream.read() if stream is not None else b""


def _written(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        # Hidden files are an editor's or a platform's, never the chart's.
        if path.is_symlink():
            raise UserError(f"{path} is a link; a chart holds plain files only")
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in Path(name).parts):
            yield name, path.read_bytes()


def _order(item: tuple[str, bytes]) -> tuple[bool, str]:
    return item[0] != "Chart.yaml", item[0]
