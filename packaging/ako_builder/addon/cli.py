"""`ako addon`: the second deployment path, AKO as an add-on whose version the platform fixes.

This module holds the commands that look at platform releases and make add-ons; `ako_builder.addon.cli_tools` holds
those that compare, plan and relocate. Commands read arguments and files, call the pure parts and print; findings decide
the exit code (1), what cannot be understood is a sentence and exit code 2, and then nothing is written.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ako_builder.addon import cli_pins, cli_tools
from ako_builder.addon.admission.change import refusals
from ako_builder.addon.build import write_folder
from ako_builder.addon.options import (
    chart_at,
    operator_option,
    pins_at,
    pins_option,
    request_of,
    shape_option,
    values_option,
    verify_option,
)
from ako_builder.addon.outputs.bundle import chart_files
from ako_builder.addon.outputs.folder import Files, allowed_targets, images, outputs
from ako_builder.addon.outputs.tca import CERTAINTY
from ako_builder.addon.outputs.verify import faults
from ako_builder.addon.pins.lint import findings, range_of
from ako_builder.addon.pins.matrix import Query, matrix
from ako_builder.addon.pins.releases import Pin, load_compatibility, pin_named
from ako_builder.addon.request import TARGETS, Request, Target
from ako_builder.addon.versions import numbers_of
from ako_builder.release import Release, load_release
from ako_builder.times import source_date_epoch
from ako_runtime.cli import EXIT_FINDINGS, output_option, print_rows
from ako_runtime.errors import UserError


@click.group()
def addon() -> None:
    """AKO as an add-on of TKG, Telco Cloud Automation and VKS."""


@addon.command("list")
@pins_option
@verify_option
@click.option("--tkg", help="Only this TKG release.")
@click.option("--tca", help="Only rows said to belong to this TCA release (see --unverified).")
@click.option("--kubernetes", help="Only TKrs of this Kubernetes version or minor.")
@click.option("--avi", help="Only official AKO versions that support this Avi Controller.")
@click.option("--at-least", metavar="AKO", help="Only rows whose official AKO is this version or newer.")
@click.option("--unverified", is_flag=True, help="Show and match facts of grade D (folklore) too.")
@output_option
def list_pins(
    *, pins: Path | None, verify_cert: Path | None, unverified: bool, output: str, **filters: str | None
) -> None:
    """Show which AKO each platform release carries, and which of ours is offered for it."""
    loaded = pins_at(pins, certificate=verify_cert)
    if filters["tkg"] is not None:
        pin_named(loaded, filters["tkg"])
    for name in ("kubernetes", "avi", "at_least"):
        _check_version(name, filters[name])
    query = Query(unverified=unverified, **filters)
    rows = matrix(loaded, query, support=load_compatibility(), release=load_release().version)
    print_rows(list(rows), output=output)


@addon.command()
@pins_option
@output_option
def lint(*, pins: Path | None, output: str) -> int:
    """Look for contradictions in the pin files; exit 1 if there is one that nobody accepted."""
    release = load_release()
    found = findings(
        pins_at(pins),
        support=load_compatibility(),
        release=release.version,
        kubernetes=range_of(release.chart.kubernetes),
    )
    rows = [
        {
            "rule": item.rule,
            "where": item.where,
            "finding": item.what,
            "verdict": f"accepted: {item.accepted}" if item.accepted else "contradiction",
        }
        for item in found
    ]
    print_rows(rows, output=output)
    return EXIT_FINDINGS if any(not item.accepted for item in found) else 0


@addon.command()
@click.option("--tkg", required=True, help="TKG release to make the add-on for.")
@click.option("--tkr", help="Only this TKr (full name or Kubernetes version).")
@click.option("--target", type=click.Choice([*TARGETS, "all"]), default="all", show_default=True, help="What to make.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write; default addon-tkg-RELEASE.")
@values_option
@shape_option
@click.option("--cluster", default="example", show_default=True, help="Name of the cluster.")
@click.option("--namespace", default="default", show_default=True, help="Namespace of the cluster object.")
@click.option("--cluster-kind", type=click.Choice(["classy", "legacy"]), default="classy", show_default=True)
@click.option("--pod-cidr", "pod_cidrs", multiple=True, help="Pod network of the cluster, to judge its address family.")
@click.option("--management", is_flag=True, help="The cluster is a management cluster.")
@operator_option
@click.option("--base-tkr", type=click.Path(path_type=Path), help="The official TKr as dumped: makes one that re-pins.")
@click.option(
    "--old",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Objects as they are now (kubectl get -o yaml): refuse a change of them that the platform would refuse.",
)
@click.option("--registry", help="Registry that the images are published in, instead of the release's.")
@click.option("--image-digest", help="Digest of the controller's image (sha256:...).")
@click.option("--chart", type=click.Path(path_type=Path), help="Chart archive to wrap instead of packaging it now.")
@click.option(
    "--tca-payload",
    type=click.Choice(list(CERTAINTY)),
    default="none",
    show_default=True,
    help="Candidate for the keys of stringData, none of which is documented: choosing one asks for it.",
)
@click.option("--tca-raw", type=click.Path(path_type=Path), help="The stringData object for --tca-payload raw.")
@click.option("--tca-api-version", help="apiVersion of TcaClusterAddon; without it that object is not made.")
@click.option("--tca-discovery", type=click.Path(path_type=Path), help="CRD or APIResourceList to read it from.")
@click.option("--unverified", is_flag=True, help="Use facts of grade D (folklore) too.")
@click.option("--explain", is_flag=True, help="Say what would be made and how certain it is; write nothing.")
@pins_option
@verify_option
def build(*, tkg: str, target: str, out: Path | None, explain: bool, **given: Any) -> int:  # noqa: ANN401
    """Make the add-on of one TKG release for one cluster."""
    release = load_release()
    if given["image_digest"]:
        release = release.with_digest(given["image_digest"])
    pin = pin_named(pins_at(given["pins"], certificate=given["verify_cert"]), tkg)
    request = request_of(release, pin, given)
    _refuse_without_offer(request, pin, release)
    targets: tuple[Target, ...] = TARGETS if target == "all" else tuple(item for item in TARGETS if item == target)
    if explain:
        _explain(request, targets)
        return 0
    epoch = source_date_epoch(os.environ)
    with chart_at(given["chart"], release=release, epoch=epoch) as chart:
        made = images(release, chart_files(chart), epoch=epoch, registry=given["registry"])
    files = outputs(request, made, targets=targets)
    wrong = (*faults(files, release=release), *_refused_changes(files, request))
    if wrong:
        raise UserError(f"the add-on would be refused, nothing is written: {'; '.join(wrong)}")
    out = out or Path(f"addon-tkg-{pin.tkg}")
    write_folder(files, out)
    click.echo(f"{out}: {len(files)} files, start with {out / 'README.md'}")
    for remark in _remarks(request, targets):
        click.echo(remark, err=True)
    return 0


def _remarks(request: Request, targets: tuple[Target, ...]) -> Iterator[str]:
    """What was left out of the folder, and why."""
    if "tca" in targets and request.tca.payload == "none":
        yield f"note: the request to TCA holds no settings: {CERTAINTY['none']}"
    if allowed_targets(request, targets) != targets:
        yield (
            "note: only the request to TCA is made: on a management cluster of TCA anything else is unsupported and "
            "removed by its next upgrade; a management cluster of TKG alone takes --target tkg"
        )


def _refused_changes(files: Files, request: Request) -> tuple[str, ...]:
    found = refusals(files, request.standing, operator=request.operator)
    return tuple(f"{item.path}: the {item.judge} would refuse it: {item.why}" for item in found)


def _refuse_without_offer(request: Request, pin: Pin, release: Release) -> None:
    if request.offered:
        return
    reasons = sorted({tkr.offered.reason for tkr in request.tkrs if tkr.offered.reason})
    why = "; ".join(reasons) or "none of its TKrs is known"
    raise UserError(f"nothing of {release.product} {release.version} is offered for TKG {pin.tkg}: {why}")


def _explain(request: Request, targets: tuple[Target, ...]) -> None:
    click.echo(f"TKG {request.pin.tkg}, cluster {request.cluster.avi_name} ({request.kind}, {request.cluster.role})")
    for tkr in request.tkrs:
        fact = tkr.official.package
        click.echo(f"  {tkr.title}: official AKO {fact.shown()} ({fact.grade or '-'}: {fact.source})")
    if "tca" in targets:
        click.echo(f"  TCA payload {request.tca.payload}: {CERTAINTY[request.tca.payload]}")


def _check_version(name: str, text: str | None) -> None:
    if text is None:
        return
    try:
        numbers_of(text)
    except ValueError as error:
        raise UserError(f"--{name.replace('_', '-')}: {error}") from None


for _command in (*cli_tools.COMMANDS, *cli_pins.COMMANDS):
    addon.add_command(_command)
