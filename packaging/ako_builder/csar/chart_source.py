"""Where a chart comes from: our own source, an archive, a folder, a registry.

A folder is packed here, reproducibly, without Helm: what `.helmignore` excludes by plain names and globs stays out,
everything else goes in, sorted. From a registry the chart's archive is pulled by the same client that pushes bundles;
its digest is checked on the way.
"""

import fnmatch
from pathlib import Path

import yaml

from ako_builder.archive.writer import FileBlob, Member, write_tar_gz
from ako_builder.chart.tree import package
from ako_builder.release import Release
from ako_runtime.errors import UserError


def chart_archive(chart: str, *, release: Release | None, folder: Path, epoch: int) -> Path:
    """The archive of the chart, made in `folder` if there is none yet."""
    if release is not None:
        return package(release, out=folder, epoch=epoch)
    if chart.startswith("oci://"):
        # Imported when wanted: what talks to registries takes longer to load than many packages take to build.
        from ako_builder.oci.pull import pull_chart  # noqa: PLC0415

        return pull_chart(chart, folder=folder)
    path = Path(chart)
    if path.is_dir():
        return _packed(path, folder=folder, epoch=epoch)
    if not path.is_file():
        raise UserError(f"--chart {chart}: no such file or folder; give 'ours', an archive, a folder or oci://…")
    return path


def _packed(path: Path, *, folder: Path, epoch: int) -> Path:
    try:
        document = yaml.safe_load((path / "Chart.yaml").read_text(encoding="utf-8"))
        name, version = str(document["name"]), str(document["version"])
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise UserError(f"{path}: no readable Chart.yaml with name and version in it") from error
    ignored = _ignored(path)
    members = []
    for file in sorted(path.rglob("*")):
        inner = file.relative_to(path).as_posix()
        if not file.is_file() or any(_matches(inner, pattern) for pattern in ignored):
            continue
        if file.is_symlink():
            raise UserError(f"{file}: a link in a chart; copy what it points to")
        members.append(Member(name=f"{name}/{inner}", content=FileBlob(file)))
    target = folder / f"{name}-{version}.tgz"
    write_tar_gz(target, members, epoch=epoch)
    return target


def _ignored(path: Path) -> list[str]:
    file = path / ".helmignore"
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return [".helmignore", *(line.strip() for line in lines if line.strip() and not line.startswith("#"))]


def _matches(inner: str, pattern: str) -> bool:
    plain = pattern.strip("/")
    parts = inner.split("/")
    if "/" in plain or pattern.startswith("/"):
        return fnmatch.fnmatch(inner, plain) or inner.startswith(f"{plain}/")
    return any(fnmatch.fnmatch(part, plain) for part in parts)
