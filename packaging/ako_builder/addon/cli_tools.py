"""The commands of `ako addon` that judge, compare, plan and relocate."""

import os
from pathlib import Path
from typing import Any

import click
import msgspec

from ako_builder.addon.admission.change import packages_in, standing
from ako_builder.addon.admission.webhook import adc_violations, bootstrap_violations
from ako_builder.addon.advice.advise import advice, verdict
from ako_builder.addon.advice.plan import is_downgrade, plan
from ako_builder.addon.documents import load_documents, located_at
from ako_builder.addon.live.avi_reading import controller_login, controller_options, read_controller
from ako_builder.addon.live.cluster_dump import Namespaces, Shown, dumped, live
from ako_builder.addon.live.drift import Evidence, comparisons
from ako_builder.addon.options import (
    operator_at,
    operator_option,
    pins_at,
    pins_option,
    settings_at,
    shape_option,
    values_option,
)
from ako_builder.addon.outputs.relocate import archive_files, moves, problems, rewritten, uses_in
from ako_builder.addon.pins.releases import load_compatibility, pin_named, tkr_named
from ako_builder.addon.pins.seal import SIGNATURE, SUMS, sealed, sums_text
from ako_builder.addon.request import PACKAGES_NAMESPACE
from ako_builder.addon.shapes.convert import SHAPES, Shape
from ako_builder.addon.shapes.keys import LATEST_OPERATOR
from ako_builder.addon.shapes.tkg import ADC_KIND
from ako_builder.archive.writer import write_bytes
from ako_builder.release import load_release
from ako_builder.signing.keys import load_signing_pair
from ako_builder.times import source_date_epoch
from ako_builder.yaml_text import yaml_text
from ako_runtime.cli import EXIT_FINDINGS, output_option, print_rows
from ako_runtime.errors import UserError


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--old", type=click.Path(path_type=Path), help="The object as it is now: judge the change, too.")
@click.option(
    "--packages",
    "packages_file",
    type=click.Path(path_type=Path),
    help="The Packages of the system namespace as they are: refuse a reference to any other.",
)
@operator_option
@output_option
def validate(
    *, files: tuple[Path, ...], old: Path | None, packages_file: Path | None, operator: str, output: str
) -> int:
    """Say what the CRD or a webhook would refuse of AKODeploymentConfigs and ClusterBootstraps."""
    version = operator_at(operator)
    packages = _packages_at(packages_file) if packages_file else None
    before = {document.get("kind"): document for document in load_documents(old)} if old else {}
    rows = []
    for path in files:
        judged = 0
        for index, document in enumerate(load_documents(path)):
            kind = document.get("kind")
            if kind == ADC_KIND:
                violations = adc_violations(document, version=version, old=before.get(kind))
            elif kind == "ClusterBootstrap":
                violations = bootstrap_violations(before.get(kind, {}), document, packages=packages)
            else:
                continue
            judged += 1
            rows += [
                {"where": located_at(path, v.path, index=index), "key": v.path, "judge": v.judge, "why": v.why}
                for v in violations
            ]
        if not judged:
            raise UserError(f"{path}: holds no AKODeploymentConfig and no ClusterBootstrap: nothing to judge")
    print_rows(rows, output=output)
    return EXIT_FINDINGS if rows else 0


def _packages_at(path: Path) -> frozenset[str]:
    found = packages_in(standing(load_documents(path)))
    if found is None:
        raise UserError(f"--packages {path}: holds no Package of the namespace {PACKAGES_NAMESPACE}")
    return found


@click.command()
@click.option("--kubeconfig", type=click.Path(path_type=Path), help="Read a live cluster.")
@click.option("--context", help="Context of the kubeconfig.")
@click.option("-n", "--namespace", default="avi-system", show_default=True, help="Namespace of AKO in the cluster.")
@click.option(
    "--packages-namespace", default="tkg-system", show_default=True, help="Namespace of the package's values."
)
@click.option("--dump", type=click.Path(path_type=Path), help="Read a folder of dumped objects, locks, Avi answers.")
@click.option(
    "--artefacts", type=click.Path(path_type=Path), help="Folder of a build: compare chart, CSARs and bundle."
)
@controller_options
@click.option("--tkg", help="Compare with the pin of this TKG release.")
@click.option("--tkr", help="The TKr of the cluster.")
@pins_option
@output_option
def check(
    *,
    kubeconfig: Path | None,
    dump: Path | None,
    artefacts: Path | None,
    pins: Path | None,
    output: str,
    **given: Any,  # noqa: ANN401 - one parameter per option
) -> int:
    """Compare pin, image digests, cluster and Avi Controller, and print each comparison with its verdict.

    Exit 1 if anything differs, if nothing could be compared, or if something could not be seen.

    A cluster and a controller are only read. The controller's password comes from --password-file, from
    $AKO_AVI_PASSWORD or from a prompt.
    """
    login = controller_login(given)
    if kubeconfig is None and dump is None and artefacts is None and login is None:
        raise UserError("nothing to read: give --kubeconfig, --dump, --artefacts or --controller, or several of them")
    tkg, tkr = given["tkg"], given["tkr"]
    if (tkg is None) != (tkr is None):
        raise UserError("--tkg and --tkr name one row of the pins together: give both or neither")
    row = tkr_named(pin_named(pins_at(pins), tkg), tkr) if tkg and tkr else None
    namespaces = Namespaces(ako=given["namespace"], packages=given["packages_namespace"])
    shown = live(kubeconfig, context=given["context"], namespaces=namespaces) if kubeconfig else Shown()
    documents = (*(dumped(dump) if dump else ()), *shown.documents)
    controller, reports = read_controller(login) if login is not None else (None, ())
    found = comparisons(
        Evidence(
            documents=(*documents, *reports),
            tkr=row,
            release=load_release(),
            uses=uses_in(artefacts) if artefacts else (),
            controller=controller,
            support=load_compatibility(),
            hidden=(*shown.hidden, *(controller.hidden if controller is not None else ())),
        )
    )
    print_rows([msgspec.to_builtins(item) for item in found], output=output)
    verdicts = {item.verdict for item in found}
    return 0 if "equal" in verdicts and verdicts <= {"equal", "not found"} else EXIT_FINDINGS


@click.command("plan")
@click.option("--from", "source", required=True, help="TKG release now.")
@click.option("--to", "target", required=True, help="TKG release wanted.")
@values_option
@click.option(
    "--values-are", "shape", type=click.Choice(SHAPES), default="helm", show_default=True, help="What --values is."
)
@pins_option
@output_option
def show_plan(*, source: str, target: str, values: Path | None, shape: Shape, pins: Path | None, output: str) -> int:
    """Say what moving between two TKG releases means for AKO: keys, defaults, order, what cannot be undone."""
    loaded = pins_at(pins)
    before, after = pin_named(loaded, source), pin_named(loaded, target)
    if is_downgrade(before, after):
        raise UserError(f"from {source} to {target} is a downgrade, which no TKG supports: swap --from and --to")
    intent = settings_at(values, shape=shape, operator=LATEST_OPERATOR) if values else None
    steps = plan(before, after, support=load_compatibility(), intent=intent)
    print_rows([{"topic": step.topic, "what": step.what} for step in steps], output=output)
    return EXIT_FINDINGS if any(step.topic == "refused" for step in steps) else 0


@click.command("advise")
@click.option("--values", required=True, type=click.Path(path_type=Path), help="Settings: a values file.")
@shape_option
@operator_option
@output_option
def show_advice(*, values: Path, shape: Shape, operator: str, output: str) -> None:
    """Say which settings an add-on can have, and which need the CSAR or Helm."""
    version = operator_at(operator)
    found = advice(settings_at(values, shape=shape, operator=version), operator=version)
    rows = [{"setting": i.setting, "value": i.value, "possible by": i.path, "why": i.why} for i in found]
    print_rows(rows, output=output)
    if output == "table":
        click.echo(verdict(found))


@click.command()
@click.option("--registry", required=True, help="Registry (and path) to move to.")
@click.option(
    "--artefacts", type=click.Path(path_type=Path), default=Path("dist"), show_default=True, help="Folder of a build."
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the list and the rewritten files here.")
@output_option
def relocate(*, registry: str, artefacts: Path, out: Path | None, output: str) -> int:
    """List every image of chart, CSARs and add-ons with its place in another registry, by digest."""
    found = moves(uses_in(artefacts), registry=registry)
    print_rows(
        [{"source": m.source, "target": m.target, "proof": m.proof or "none", "by": ", ".join(m.by)} for m in found],
        output=output,
    )
    if out is not None:
        images = [{"source": m.source, "target": m.target, "digest": m.proof} for m in found]
        listed = {"images": images, "values": {"global": {"imageRegistry": registry}}}
        write_bytes(out / "relocation.yaml", yaml_text(listed).encode())
        for archive in sorted(artefacts.rglob("*.tar.gz")):
            texts = {name: data for name, data in archive_files(archive).items() if name.endswith(".yaml")}
            for name, data in rewritten(texts, found, registry=registry).items():
                write_bytes(out / archive.name.removesuffix(".tar.gz") / name, data)
    wrong = list(problems(found))
    for line in wrong:
        click.echo(f"ako: {line}", err=True)
    return EXIT_FINDINGS if wrong else 0


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--sign-key", type=click.Path(path_type=Path), help="Private key (PEM).")
@click.option("--sign-cert", type=click.Path(path_type=Path), help="Certificate of the key (PEM).")
def seal(*, folder: Path, sign_key: Path | None, sign_cert: Path | None) -> None:
    """Write checksums over a folder of pins and, with a key, sign them."""
    if (sign_key is None) != (sign_cert is None):
        raise UserError("--sign-key and --sign-cert belong together: give both or neither")
    pins = {path.name: path.read_bytes() for path in sorted(folder.glob("*.yaml"))}
    if not pins:
        raise UserError(f"{folder}: holds no pin files (<tkg>.yaml)")
    if sign_key is None or sign_cert is None:
        write_bytes(folder / SUMS, sums_text(pins).encode())
        # A signature over other checksums would only mislead.
        (folder / SIGNATURE).unlink(missing_ok=True)
        click.echo(f"{folder}: checksums of {len(pins)} pin files, not signed")
        return
    signer = load_signing_pair(sign_key, certificate=sign_cert)
    files = sealed(pins, signer=signer, epoch=source_date_epoch(os.environ))
    for name in (SUMS, SIGNATURE):
        write_bytes(folder / name, files[name])
    click.echo(f"{folder}: {len(pins)} pin files sealed")


COMMANDS = (validate, check, show_plan, show_advice, relocate, seal)
