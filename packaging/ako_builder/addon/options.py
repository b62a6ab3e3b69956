"""What the commands of `ako addon` share: reading what a user named into a `Request`."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import click
import msgspec

from ako_builder.addon.admission.adc_files import load_adcs
from ako_builder.addon.admission.change import STANDING_KINDS, standing
from ako_builder.addon.admission.webhook import cluster_violations
from ako_builder.addon.build import example_request
from ako_builder.addon.documents import Document, lines_of, load_document, load_documents, located_at
from ako_builder.addon.outputs.tca import api_version_in
from ako_builder.addon.pins.releases import Pin, Tkr, load_pins, tkr_named
from ako_builder.addon.pins.seal import verify_signature
from ako_builder.addon.request import Request, TcaOptions
from ako_builder.addon.shapes.convert import SHAPES, How, Shape, intent_of
from ako_builder.addon.shapes.intent import Cluster, Intent, written_out
from ako_builder.addon.shapes.keys import OPERATOR_VERSIONS, operator_version
from ako_builder.addon.versions import numbers_of
from ako_builder.chart.catalogue import entries, tree
from ako_builder.chart.tree import package
from ako_builder.chart.values_files import schema_errors
from ako_builder.release import Release, load_release
from ako_runtime.errors import UserError

pins_option = click.option(
    "--pins", type=click.Path(path_type=Path), help="Folder of pin files instead of the ones of this installation."
)
verify_option = click.option(
    "--verify-cert", type=click.Path(path_type=Path), help="Accept only pins signed with this certificate (PEM)."
)
values_option = click.option("--values", type=click.Path(path_type=Path), help="Settings: a values file.")
shape_option = click.option(
    "--from", "shape", type=click.Choice(SHAPES), default="helm", show_default=True, help="What --values is."
)
operator_option = click.option(
    "--operator", default=OPERATOR_VERSIONS[-1], show_default=True, help="ako-operator version whose keys count."
)


def pins_at(folder: Path | None, *, certificate: Path | None = None) -> tuple[Pin, ...]:
    """The pins of a folder, verified."""
    if certificate is not None:
        if folder is None:
            raise UserError("--verify-cert needs the folder that was signed: give --pins")
        verify_signature(folder, trusted=certificate)
    return load_pins(folder)


def operator_at(text: str) -> str:
    """The key set of an ako-operator version that a user named."""
    try:
        if numbers_of(text) < numbers_of(OPERATOR_VERSIONS[0]):
            raise UserError(f"--operator {text}: older than {OPERATOR_VERSIONS[0]}, the oldest whose keys are known")
    except ValueError as error:
        raise UserError(f"--operator: {error}") from None
    return operator_version(text)


def settings_at(path: Path, *, shape: Shape, operator: str) -> Intent:
    """The settings in a file of any shape."""
    documents = load_adcs(path, operator=operator)[0] if shape == "adc" else load_documents(path)
    if shape != "configmap" and not documents:
        raise UserError(f"{path}: holds no settings")
    if shape == "helm":
        _refuse_what_the_chart_refuses(documents, path)
    # With several documents the key does not say in which it is.
    with lines_of(path) if len(load_documents(path)) == 1 else nullcontext():
        return intent_of(documents, shape=shape, how=How(operator=operator), where=str(path))


def _refuse_what_the_chart_refuses(documents: tuple[Document, ...], path: Path) -> None:
    """A mistyped key would leave its setting at the default, unnoticed until traffic is wrong."""
    listed = entries(load_release())
    for index, document in enumerate(documents):
        for finding in schema_errors(document, listed, defaults=tree(listed), strict=True):
            raise UserError(f"{located_at(path, finding.key, index=index)}: {finding.key}: {finding.message}")


def rows_of(pin: Pin, name: str | None) -> tuple[Tkr, ...]:
    """The TKrs that a user named, or all of the release."""
    return (tkr_named(pin, name),) if name else pin.tkrs


def request_of(release: Release, pin: Pin, given: dict[str, Any]) -> Request:
    """The request that the options of `ako addon build` make."""
    cluster = Cluster(
        name=given["cluster"], namespace=given["namespace"], role="management" if given["management"] else "workload"
    )
    operator = operator_at(given["operator"])
    request = example_request(release, pin, tkrs=rows_of(pin, given["tkr"]))
    if given["values"] is not None:
        intent = settings_at(given["values"], shape=given["shape"], operator=operator)
    else:
        intent = request.intent
    _refuse_cluster(cluster, given["pod_cidrs"], family=intent.text("AKOSettings.ipFamily"))
    base = load_document(given["base_tkr"]) if given["base_tkr"] else None
    return msgspec.structs.replace(
        request,
        cluster=cluster,
        kind=given["cluster_kind"],
        operator=operator,
        intent=written_out(intent, cluster=cluster),
        example=given["values"] is None,
        base_tkr=base,
        standing=_standing(given["old"]),
        tca=_tca_options(given),
    )


def _standing(paths: tuple[Path, ...]) -> tuple[Document, ...]:
    found: list[Document] = []
    for path in paths:
        objects = standing(load_documents(path))
        if not objects:
            raise UserError(f"--old {path}: holds no {', no '.join(STANDING_KINDS)}: nothing to compare with")
        found += objects
    return tuple(found)


def _refuse_cluster(cluster: Cluster, pod_cidrs: tuple[str, ...], *, family: str) -> None:
    try:
        found = cluster_violations(cluster.name, pod_cidrs=pod_cidrs, family=family)
    except ValueError as error:
        raise UserError(f"--pod-cidr: {error}") from None
    for violation in found:
        option = "--cluster" if violation.path == "metadata.name" else "--pod-cidr"
        raise UserError(f"{option}: {violation.why}")


def _tca_options(given: dict[str, Any]) -> TcaOptions:
    raw, dump = given["tca_raw"], given["tca_discovery"]
    if raw is not None and given["tca_payload"] != "raw":
        raise UserError("--tca-raw is the payload of --tca-payload raw: give both or neither")
    if dump is not None and given["tca_api_version"] is not None:
        raise UserError("--tca-api-version and --tca-discovery both name the apiVersion: give one")
    version = api_version_in(load_document(dump), where=str(dump)) if dump else given["tca_api_version"]
    return TcaOptions(
        payload=given["tca_payload"],
        raw=load_document(raw) if raw else None,
        api_version=version,
        unverified=given["unverified"],
    )


@contextmanager
def chart_at(path: Path | None, *, release: Release, epoch: int) -> Iterator[Path]:
    """Find the chart archive that a user named, or package the chart of this installation for the occasion."""
    if path is not None:
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="ako-addon-") as folder:
        yield package(release, out=Path(folder), epoch=epoch)
