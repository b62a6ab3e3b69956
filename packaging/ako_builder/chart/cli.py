"""`ako chart`: lint, template, package, push and documents of the chart, and its releases.

`package` writes the archive ourselves, reproducibly and without Helm. The others hand Helm a chart folder that was
rendered from the sources for the occasion, so what is linted, rendered and pushed is what a build ships.
"""

import os
import tempfile
from pathlib import Path

import click

from ako_builder.archive.writer import write_bytes
from ako_builder.artefact import VERIFIED, Artefact, artefact
from ako_builder.chart.artifacthub import FILE, TAG, load_metadata, metadata_layout
from ako_builder.chart.cli_releases import RELEASE_COMMANDS
from ako_builder.chart.documents import generated_files
from ako_builder.chart.folder import rendered_chart
from ako_builder.chart.helm import found_helm
from ako_builder.chart.provenance import write_provenance
from ako_builder.chart.tree import archive_faults, chart_folder
from ako_builder.chart.tree import package as package_chart
from ako_builder.oci.credentials import USER_HELP, account_for
from ako_builder.oci.push import push_layout
from ako_builder.oci.reference import parse_reference
from ako_builder.oci.registry import Registry
from ako_builder.release import Release, load_release
from ako_builder.times import source_date_epoch
from ako_runtime.cli import EXIT_FINDINGS, output_option, print_rows
from ako_runtime.errors import UserError

_PATH = click.Path(path_type=Path)


@click.group()
def chart() -> None:
    """The Helm chart (lint, template, package, push, docs) and its releases (install, upgrade, rollback, ...)."""


for _command in RELEASE_COMMANDS:
    chart.add_command(_command)


_helm_option = click.option("--helm", type=_PATH, help="The helm binary (default: $AKO_HELM, then helm on PATH).")
_digest_option = click.option("--image-digest", help="Digest of the image that the chart shall name (sha256:...).")


@chart.command()
@_digest_option
@click.option("--out", type=_PATH, default=Path("dist"), show_default=True, help="Folder for the archive.")
@click.option("--sign", is_flag=True, help="Sign it: write the provenance file (.prov) that 'helm verify' reads.")
@click.option("--key", help="Key of gpg to sign with (name, address or fingerprint); default: gpg's own.")
@output_option
def package(*, image_digest: str | None, out: Path, sign: bool, key: str | None, output: str) -> int:
    """Write the chart archive, byte for byte the same for the same sources.

    With --sign gpg is called; a passphrase comes from its agent or from $AKO_GPG_PASSPHRASE.
    """
    if key is not None and not sign:
        raise UserError("--key is the key to sign with: give --sign too")
    release = _release(image_digest)
    path = package_chart(release, out=out, epoch=source_date_epoch(os.environ, default=release.epoch))
    faults = archive_faults(path, release=release)
    found = [artefact(path, kind="chart", verdict="; ".join(faults) or VERIFIED)]
    if sign and not faults:
        proof = write_provenance(path, key=key)
        found.append(artefact(proof, kind="provenance", verdict=f"signs {path.name}"))
    print_rows([_row(item) for item in found], output=output)
    return EXIT_FINDINGS if faults else 0


def _row(item: Artefact) -> dict[str, str]:
    return {
        "artefact": str(item.path),
        "size": str(item.size),
        "digest": f"sha256:{item.sha256}",
        "verdict": item.verdict,
    }


@chart.command()
@_helm_option
@click.option("-f", "--values", type=_PATH, multiple=True, help="Values file to lint with.")
def lint(*, helm: Path | None, values: tuple[Path, ...]) -> None:
    """Let helm lint --strict judge the chart."""
    with rendered_chart(_release(None)) as folder:
        text = found_helm(helm).run(["lint", "--strict", str(folder), *_values_arguments(values)])
    click.echo(text.replace(str(folder.parent) + "/", ""), nl=False)


@chart.command()
@_helm_option
@_digest_option
@click.option("-f", "--values", type=_PATH, multiple=True, help="Values file.")
@click.option("--set", "sets", multiple=True, help="KEY=VALUE, as helm understands it.")
@click.option("-n", "--namespace", help="Namespace of the release.")
@click.option("--name", help="Name of the release.")
@click.option("--include-crds", is_flag=True, help="Print the custom resource definitions too.")
def template(  # noqa: PLR0913 - one parameter per option
    *,
    helm: Path | None,
    image_digest: str | None,
    values: tuple[Path, ...],
    sets: tuple[str, ...],
    namespace: str | None,
    name: str | None,
    include_crds: bool,
) -> None:
    """Print the objects that the chart makes of values."""
    release = _release(image_digest)
    arguments = ["--namespace", namespace or release.chart.namespace, *_values_arguments(values)]
    arguments += [part for text in sets for part in ("--set", text)]
    arguments += ["--include-crds"] if include_crds else []
    with rendered_chart(release) as folder:
        command = ["template", name or release.chart.name, str(folder), *arguments]
        click.echo(found_helm(helm).run(command), nl=False)


@chart.command()
@click.argument("target")
@_helm_option
@_digest_option
@click.option("--plain-http", is_flag=True, help="The registry speaks plain HTTP.")
@click.option("--ca-file", type=_PATH, help="Certificate authority of the registry.")
@click.option("--archive", type=_PATH, help="Push this archive instead of packaging one.")
def push(
    *,
    target: str,
    helm: Path | None,
    image_digest: str | None,
    plain_http: bool,
    ca_file: Path | None,
    archive: Path | None,
) -> None:
    """Push the chart archive to an OCI registry: TARGET is oci://REGISTRY/FOLDER."""
    if not target.startswith("oci://"):
        raise UserError(f"{target}: name the registry and folder as oci://REGISTRY/FOLDER")
    options = ["--plain-http"] if plain_http else []
    options += ["--ca-file", str(ca_file)] if ca_file else []
    release = _release(image_digest)
    epoch = source_date_epoch(os.environ, default=release.epoch)
    with tempfile.TemporaryDirectory() as folder:
        path = archive or package_chart(release, out=Path(folder), epoch=epoch)
        # Helm 3 prints what it pushed on standard output, Helm 4 on standard error; the target is what counts.
        click.echo(found_helm(helm).run(["push", str(path), target, *options]), nl=False)
        click.echo(f"pushed {path.name} to {target}")


@chart.command("push-metadata")
@click.argument("target")
@click.option("--file", type=_PATH, default=Path(FILE), show_default=True, help="The metadata file to publish.")
@click.option("--plain-http", is_flag=True, help="The registry speaks plain HTTP.")
@click.option("--ca-file", type=_PATH, help="Certificate authority of the registry.")
@click.option("--user", default="", help=USER_HELP)
def push_metadata(*, target: str, file: Path, plain_http: bool, ca_file: Path | None, user: str) -> None:
    """Publish Artifact Hub's metadata file beside the chart in an OCI registry: TARGET is oci://REGISTRY/FOLDER."""
    text = load_metadata(file)
    place = parse_reference(f"{target.rstrip('/')}/{load_release().chart.name}")
    account = account_for(place.host, user=user)
    registry = Registry(place.host, plain_http=plain_http, ca=ca_file, account=account)
    with tempfile.TemporaryDirectory() as folder:
        layout = metadata_layout(text, folder=Path(folder))
        digest = push_layout(layout, registry=registry, name=place.name, tag=TAG)
    click.echo(f"{place.host}/{place.name}:{TAG}@{digest}")


@chart.command()
@click.option("--check", is_flag=True, help="Write nothing; fail if a file is not what the sources give.")
def docs(*, check: bool) -> int:
    """Write the chart's generated files: Chart.yaml, values, schema, README, two helper templates."""
    folder = chart_folder()
    stale = [
        (path, text)
        for path, text in generated_files(load_release()).items()
        if not (folder / path).is_file() or (folder / path).read_text(encoding="utf-8") != text
    ]
    for path, text in stale:
        click.echo(f"{'differs' if check else 'written'}: {path}")
        if not check:
            write_bytes(folder / path, text.encode())
    if stale and check:
        click.echo("run 'ako chart docs'", err=True)
        return EXIT_FINDINGS
    return 0


def _release(image_digest: str | None) -> Release:
    release = load_release()
    return release.with_digest(image_digest) if image_digest is not None else release


def _values_arguments(values: tuple[Path, ...]) -> list[str]:
    return [part for path in values for part in ("--values", str(path))]
