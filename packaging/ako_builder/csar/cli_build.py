"""`ako csar build`: our own chart, or anybody's, into a package of one profile or of all."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import msgspec
import yaml

from ako_builder.archive.writer import FileBlob, file_sha256
from ako_builder.archive.zip_records import ZIP_EPOCH
from ako_builder.csar.build import Signing, write_csar
from ako_builder.csar.chart import ChartFacts, Workload, load_chart
from ako_builder.csar.chart_objects import CONTROLLERS
from ako_builder.csar.chart_source import chart_archive
from ako_builder.csar.chart_workloads import known_chart
from ako_builder.csar.check_signature import Trust
from ako_builder.csar.check_tca import infra_problem
from ako_builder.csar.companions import write_companions
from ako_builder.csar.epochs import build_epoch, chart_epoch
from ako_builder.csar.identity import Identity, chart_identity, checked_id, release_identity
from ako_builder.csar.image_source import load_images
from ako_builder.csar.init import Start, load_start, write_start
from ako_builder.csar.options import FILE
from ako_builder.csar.package import PackageRequest
from ako_builder.csar.placement import fitting_profile, place_lines, place_remarks, workload_problem
from ako_builder.csar.pod_security import needs_policy
from ako_builder.csar.predecessor import load_predecessor, succeeding
from ako_builder.csar.profile import NAMES, load_profile, type_files
from ako_builder.csar.progress import progress_bar
from ako_builder.csar.rendering import read_as_text
from ako_builder.csar.settings_properties import setting_properties
from ako_builder.csar.signing_options import signing_of, signing_options, taken_signing_options
from ako_builder.csar.strictyaml import YamlProblem, parse_yaml
from ako_builder.csar.verify import verify_csar
from ako_builder.oci.reading import OciContent
from ako_builder.release import Release, load_release
from ako_runtime.cli import EXIT_FINDINGS, print_rows
from ako_runtime.errors import UserError

_PATHS = {"types", "infra_requirements", "change_log", "rendered", "successor_of"}
_GOOD = ("verified", "good", "left out", "not checked")


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the user asked for, apart from signing."""

    chart: str
    images: tuple[str, ...]
    platform: str | None
    image: tuple[str, ...]
    types: Path | None
    provider: str | None
    product: str | None
    version: str | None
    workload: tuple[str, ...]
    rendered: Path | None
    descriptor_id: str | None
    successor_of: Path | None
    infra_requirements: Path | None
    change_log: Path | None


@click.command()
@click.option("--chart", help="'ours' (the default), a chart archive, a chart folder or oci://…")
@click.option("--from", "start", type=FILE, help="Defaults from the csar.yaml that 'ako csar init' writes.")
@click.option("--profile", type=click.Choice([*NAMES, "all"]), default="all", show_default=True, help="For whom.")
@click.option("--images", multiple=True, help="Images to include: an OCI layout (folder or tar), or oci://…@sha256:….")
@click.option("--platform", help="Of pulled images only this platform, like linux/amd64.")
@click.option("--image", multiple=True, help="Image that the chart runs (default: what its values name).")
@click.option("--types", type=FILE, help="Folder with type files to embed instead of our helpers.")
@click.option("--provider", help="Provider (a foreign chart needs it).")
@click.option("--product", help="Product name (default: the chart's).")
@click.option("--version", help="Software version (default: the chart's appVersion).")
@click.option(
    "--workload", multiple=True, metavar="KIND/NAME[:REPLICAS[:MOST]]", help="What the chart runs (may be repeated)."
)
@click.option("--rendered", type=FILE, help="What 'helm template' printed, where Helm is not at hand.")
@click.option("--descriptor-id", metavar="UUID", help="Identity of the descriptor (default: computed).")
@click.option("--successor-of", type=FILE, metavar="OLD", help="Keep the identity of this package of an older version.")
@click.option("--infra-requirements", type=FILE, help="YAML for TCA's node customisation. Nodes may be rebooted.")
@click.option("--change-log", type=FILE, help="Text to ship as ChangeLog.txt.")
@signing_options
@click.option("--unsigned", is_flag=True, help="Do not sign.")
@click.option("--check/--no-check", default=True, show_default=True, help="Verify what was built.")
@click.option(
    "-o", "--out", type=FILE, default=Path("dist"), show_default=True, help="Folder, or file for one profile."
)
@click.option(
    "--output", type=click.Choice(["table", "json"]), default="table", show_default=True, help="How to print."
)
def build(*, profile: str, unsigned: bool, check: bool, out: Path, output: str, **values: Any) -> int:  # noqa: ANN401
    """Build a package and put beside it what TCA needs to instantiate it.

    Without --sign-key or --sign-hook our own chart is signed with the public demo key; a foreign one needs a decision.
    """
    options = taken_signing_options(values)
    wanted = Wanted(**_with_start(values))
    if not unsigned and wanted.chart == "ours" and not (options.key or options.hook or options.certificate):
        options = msgspec.structs.replace(options, demo=True)
    signing = None if unsigned else signing_of(options)
    if signing is None and not unsigned:
        raise UserError("nothing to sign with: give --sign-key and --sign-cert, --sign-demo, or --unsigned")
    names = NAMES if profile == "all" else (profile,)
    if wanted.descriptor_id and len(names) > 1:
        raise UserError("--descriptor-id: each profile is a descriptor of its own; choose one with --profile")
    rows = []
    images = load_images(
        wanted.images, platform=wanted.platform, said=lambda line: click.echo(f"ako: {line}", err=True)
    )
    with _chart(wanted) as (archive, release):
        chart = _known(wanted, archive=archive, release=release)
        for name in names:
            request = _request(wanted, chart=chart, archive=archive, release=release, images=images, profile=name)
            problem = workload_problem(request)
            if problem and len(names) == 1:
                raise UserError(problem)
            if problem:
                rows.append({"package": "-", "size": "-", "profile": name, "verdict": f"left out: {problem}"})
                continue
            path = _path(request, out=out, single=len(names) == 1, option=signing.option if signing else 1)
            size = request.images and sum(blob.size for blob in request.images.files.values())
            with progress_bar(f"build {path.name}", total=size or 0) as progress:
                write_csar(request, path=path, signing=signing, progress=progress)
            write_companions(request, path=path)
            verdict = _verdict(path, signing=signing, demo=options.demo, request=request) if check else "not checked"
            rows.append({"package": str(path), "size": str(path.stat().st_size), "profile": name, "verdict": verdict})
    print_rows(rows, output=output)
    _say(request, ours=release is not None, demo=options.demo and not unsigned)
    return 0 if all(row["verdict"].startswith(_GOOD) for row in rows) else EXIT_FINDINGS


def _say(request: PackageRequest, *, ours: bool, demo: bool) -> None:
    """Remarks about what was built, on standard error."""
    chart = request.chart
    for remark in [*chart.remarks, *place_remarks(request), *_restricted(request, ours=ours)]:
        click.echo(f"ako: {remark}", err=True)
    if chart.unsure:
        click.echo(
            "ako: not sure, so not verified; say it in csar.yaml or with --workload and --image, or give --rendered:",
            err=True,
        )
        for item in chart.unsure:
            click.echo(f"ako:   {item}", err=True)
    if request.epoch == ZIP_EPOCH:
        click.echo("ako: the chart states no date, so the package says 1980: set SOURCE_DATE_EPOCH", err=True)
    if demo:
        click.echo(
            "ako: signed with the public DEMO key: not for production, give --sign-key and --sign-cert", err=True
        )


def _restricted(request: PackageRequest, *, ours: bool) -> list[str]:
    """Whether the chart needs a policy under TCA's isolation mode; of a foreign one it is known already."""
    if request.profile.dialect != "tca":
        return []
    chart = request.chart
    needed = needs_policy(read_as_text(chart.templates).objects) if ours else chart.restricted
    return [f"under TCA's isolation mode Restricted it needs a policy ({needed}): ako csar policy"] if needed else []


def _known(wanted: Wanted, *, archive: Path, release: Release | None) -> ChartFacts:
    """The chart; a foreign one with the best knowledge of what it runs."""
    if release is not None:
        return load_chart(archive)
    if not wanted.provider and wanted.successor_of is None:
        raise UserError("--provider is needed for a foreign chart: who answers for the package?")
    return known_chart(archive, workloads=parse_workloads(wanted.workload), images=wanted.image, file=wanted.rendered)


def _verdict(path: Path, *, signing: Signing | None, demo: bool, request: PackageRequest) -> str:
    """Verified is a package that is good and says nothing but what is known."""
    trust = Trust(anchors=tuple(signing.key.certificates) if signing else (), allow_demo=demo)
    policy = "tca" if signing is None or request.profile.dialect == "tca" else "strict"
    report = verify_csar(path, trust=trust, policy=policy)
    if not report.good:
        return f"{report.errors[0].rule}: {report.errors[0].text}"
    return f"good; {len(request.chart.unsure)} not sure" if request.chart.unsure else "verified"


def _with_start(values: dict[str, Any]) -> dict[str, Any]:
    """Fill what the command line leaves open from csar.yaml."""
    path = values.pop("start")
    if path is None:
        return {**values, "chart": values["chart"] or "ours"}
    start = load_start(path)
    filled = dict(values)
    for name in Start.__struct_fields__:
        stated = getattr(start, name)
        if not filled.get(name) and stated:
            filled[name] = _filled(name, stated)
    return filled


def _filled(name: str, stated: Any) -> Any:  # noqa: ANN401 - of the option's type
    if name in {"images", "workload"}:
        return stated if isinstance(stated, tuple) else (stated,)
    return Path(stated) if name in _PATHS else stated


@contextmanager
def _chart(wanted: Wanted) -> Iterator[tuple[Path, Release | None]]:
    """Find or make the chart's archive; our own comes with its release."""
    with tempfile.TemporaryDirectory(prefix="ako-csar-") as folder:
        release = load_release() if wanted.chart == "ours" else None
        epoch = build_epoch(default=release.epoch if release is not None else ZIP_EPOCH)
        yield chart_archive(wanted.chart, release=release, folder=Path(folder), epoch=epoch), release


def _request(
    wanted: Wanted,
    *,
    chart: ChartFacts,
    archive: Path,
    release: Release | None,
    images: OciContent | None,
    profile: str,
) -> PackageRequest:
    loaded = load_profile(profile)
    before = load_predecessor(wanted.successor_of) if wanted.successor_of else None
    if release is not None:
        identity = release_identity(release)
        references: tuple[str, ...] = (release.image_reference,)
    else:
        provider = wanted.provider or (before.provider if before else "")
        identity = chart_identity(chart, provider=provider, product=wanted.product, version=wanted.version)
        references = chart.images
    identity = _overridden(identity, wanted=wanted)
    if before is not None:
        identity = succeeding(identity, before=before, wanted=wanted.product, stable=loaded.dialect == "tca")
    if wanted.descriptor_id:
        identity = msgspec.structs.replace(identity, stated_id=checked_id(wanted.descriptor_id))
    return PackageRequest(
        identity=identity,
        profile=loaded,
        chart=chart,
        chart_archive=FileBlob(archive),
        chart_sha256=file_sha256(archive),
        types=type_files(loaded, replacements=wanted.types),
        epoch=build_epoch(default=chart_epoch(archive, release=release)),
        image_references=wanted.image or (() if images else references),
        images=images,
        properties=setting_properties() if release is not None and loaded.dialect == "mciop" else (),
        vdu=before.vdu if before and loaded.dialect == "tca" else "",
        infra_requirements=_infra(wanted.infra_requirements) if loaded.dialect == "tca" else None,
        change_log=_content(wanted.change_log) if wanted.change_log else None,
    )


def _overridden(identity: Identity, *, wanted: Wanted) -> Identity:
    changes = {"provider": wanted.provider, "product": wanted.product, "version": wanted.version}
    return msgspec.structs.replace(identity, **{key: value for key, value in changes.items() if value})


def parse_workloads(texts: tuple[str, ...]) -> tuple[Workload, ...]:
    """Read each KIND/NAME[:REPLICAS[:MOST]]; one that is named twice is refused."""
    found = tuple(_workload(text) for text in texts)
    names = [f"{unit.kind}/{unit.name}" for unit in found]
    for name in names:
        if names.count(name) > 1:
            raise UserError(f"--workload {name}: it is named twice; name each workload once")
    return found


def _workload(text: str) -> Workload:
    kind, _, rest = text.partition("/")
    name, *numbers = rest.split(":")
    if kind not in CONTROLLERS or not name or not all(n.isdigit() for n in numbers):
        raise UserError(f"--workload {text}: write KIND/NAME[:REPLICAS[:MOST]], KIND one of {', '.join(CONTROLLERS)}")
    replicas = int(numbers[0]) if numbers else 1
    most = int(numbers[1]) if len(numbers) > 1 else replicas
    return Workload(kind=kind, name=name, replicas=replicas, most=most)


def _infra(path: Path | None) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        document = parse_yaml(_content(path))
    except (YamlProblem, yaml.YAMLError) as error:
        raise UserError(f"{path}: {error}; correct the file") from error
    problem = infra_problem(document)
    if problem or not isinstance(document, dict):
        raise UserError(f"{path}: {problem}; see docs/how-to/csar-build.md for the form")
    click.echo("ako: infra_requirements are included: TCA may reconfigure and reboot worker nodes", err=True)
    return document


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}; name a readable file") from error


def _path(request: PackageRequest, *, out: Path, single: bool, option: int) -> Path:
    suffix = ".csar" if option == 1 else ".zip"
    if out.suffix in {".csar", ".zip"}:
        if not single:
            raise UserError(f"{out} is one file: choose one --profile, or give a folder")
        return out
    return out / f"{request.file_name}{suffix}"


@click.command()
@click.option("--chart", required=True, help="A chart archive, a chart folder or oci://…")
@click.option("--provider", required=True, help="Who answers for the package.")
@click.option("--rendered", type=FILE, help="What 'helm template' printed, where Helm is not at hand.")
@click.option("-o", "--out", type=FILE, default=Path(), help="Folder for csar.yaml (default: here).")
def init(*, chart: str, provider: str, rendered: Path | None, out: Path) -> None:
    """Write a csar.yaml from a chart, as a starting point for 'ako csar build --from'."""
    with tempfile.TemporaryDirectory(prefix="ako-csar-") as folder:
        archive = chart_archive(chart, release=None, folder=Path(folder), epoch=build_epoch())
        source = chart if chart.startswith("oci://") else str(Path(chart).resolve())
        facts = known_chart(archive, file=rendered)
        path = write_start(facts, source=source, provider=provider, folder=out, rendered=rendered)
    for line in [*facts.remarks, *(f"not sure: {item}" for item in facts.unsure), *place_lines(facts)]:
        click.echo(f"ako: {line}", err=True)
    click.echo(f"{path}: complete it, then run: ako csar build --from {path} --profile {fitting_profile(facts)}")
