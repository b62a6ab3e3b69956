"""`ako bundle`: chart and images for a site without internet."""

import tempfile
from pathlib import Path
from typing import Any

import click
import msgspec

from ako_builder.csar.bundle import push_bundle, verify_bundle, write_bundle
from ako_builder.csar.chart_source import chart_archive
from ako_builder.csar.epochs import build_epoch, chart_epoch
from ako_builder.csar.image_source import load_images
from ako_builder.csar.options import FILE, taken_trust, trust_options
from ako_builder.csar.progress import progress_bar
from ako_builder.csar.render_report import rendered
from ako_builder.csar.rules import POLICIES
from ako_builder.csar.signing_options import signing_of, signing_options, taken_signing_options
from ako_builder.oci.pull import pull_image
from ako_builder.oci.reference import parse_reference
from ako_builder.oci.registry import Registry
from ako_builder.release import load_release
from ako_runtime.cli import EXIT_FINDINGS, output_option, print_rows
from ako_runtime.errors import UserError


@click.group()
def bundle() -> None:
    """Carry chart and images into a registry that has no internet: pull, build, verify, push."""


@bundle.command()
@click.argument("reference", nargs=-1, required=True)
@click.option("-o", "--out", type=FILE, required=True, help="Folder of the OCI layout to fill.")
@click.option("--platform", help="Only this platform, like linux/amd64.")
@click.option("--plain-http", is_flag=True, help="Talk to the registry without TLS.")
@click.option("--ca", type=FILE, help="CA certificates of the registry (PEM).")
def pull(*, reference: tuple[str, ...], out: Path, platform: str | None, plain_http: bool, ca: Path | None) -> None:
    """Pull images by tag or digest into an OCI layout, without Docker; broken downloads go on where they stopped."""
    for text in reference:
        host = parse_reference(text).host
        registry = Registry(host, plain_http=plain_http, ca=ca)
        digest = pull_image(text, layout=out, registry=registry, platform=platform)
        click.echo(f"{text}: {digest}")


@bundle.command()
@click.option("--chart", multiple=True, help="'ours', a chart archive, a chart folder or oci://…")
@click.option("--images", multiple=True, help="Images: an OCI layout (folder or tar), or oci://…@sha256:….")
@click.option("--platform", help="Of pulled images only this platform, like linux/amd64.")
@signing_options
@click.option("--unsigned", is_flag=True, help="Do not sign.")
@click.option("-o", "--out", type=FILE, required=True, help="File to write.")
def build(
    *,
    chart: tuple[str, ...],
    images: tuple[str, ...],
    platform: str | None,
    unsigned: bool,
    out: Path,
    **values: Any,  # noqa: ANN401
) -> None:
    """Build a bundle."""
    options = taken_signing_options(values)
    signing = None if unsigned else signing_of(options)
    if signing is None and not unsigned:
        raise UserError("nothing to sign with: give --sign-key and --sign-cert, --sign-demo, or --unsigned")
    content = load_images(images, platform=platform, said=lambda line: click.echo(f"ako: {line}", err=True))
    total = sum(blob.size for blob in content.parts.values()) if content else 0
    release = load_release() if "ours" in chart else None
    stated = build_epoch(default=release.epoch) if release is not None else build_epoch()
    with tempfile.TemporaryDirectory(prefix="ako-bundle-") as folder:
        archives = []
        for text in chart:
            own = release if text == "ours" else None
            archives.append(chart_archive(text, release=own, folder=Path(folder), epoch=stated))
        # Without a release of ours the newest chart tells the time.
        epoch = build_epoch(default=max((chart_epoch(path, release=release) for path in archives), default=stated))
        with progress_bar(f"build {out.name}", total=total) as progress:
            write_bundle(out, charts=tuple(archives), images=content, signing=signing, epoch=epoch, progress=progress)
    click.echo(str(out))


@bundle.command()
@click.argument("file", type=FILE)
@trust_options
@click.option("--policy", type=click.Choice(POLICIES), default="strict", show_default=True, help="How strict to be.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How.")
def verify(*, file: Path, policy: str, output: str, **trust: Any) -> int:  # noqa: ANN401
    """Verify a bundle."""
    report = verify_bundle(file, trust=taken_trust(trust), policy=policy)
    click.echo(rendered(report, form=output), nl=False)
    return 0 if report.good else EXIT_FINDINGS


@bundle.command()
@click.argument("file", type=FILE)
@click.argument("registry")
@trust_options
@click.option("--unverified", is_flag=True, help="Push although the bundle does not verify.")
@click.option("--plain-http", is_flag=True, help="Talk to the registry without TLS.")
@click.option("--ca", type=FILE, help="CA certificates of the registry (PEM).")
@output_option
def push(
    *,
    file: Path,
    registry: str,
    unverified: bool,
    plain_http: bool,
    ca: Path | None,
    output: str,
    **trust: Any,  # noqa: ANN401
) -> None:
    """Push a bundle below REGISTRY (HOST/PROJECT); what is there already is not sent again."""
    report = verify_bundle(file, trust=taken_trust(trust))
    if not report.good and not unverified:
        first = report.errors[0]
        raise UserError(f"{file}: {first.rule} {first.text}; not pushed, see 'ako bundle verify'")
    target = parse_reference(registry if "/" in registry else f"{registry}/", folder=True)
    client = Registry(target.host, plain_http=plain_http, ca=ca)
    pushed = push_bundle(file, target=target, registry=client, said=lambda line: click.echo(line, err=True))
    print_rows(
        [{key: str(value) for key, value in msgspec.to_builtins(item).items()} for item in pushed], output=output
    )
