"""The commands of `ako addon` that write pins: from what a live system says, and their checksums."""

from pathlib import Path

import click
import msgspec

from ako_builder.addon.live.cluster_dump import RELEASE_PATHS, objects_in, shown_at
from ako_builder.addon.options import pins_at, pins_option
from ako_builder.addon.pins.importing import imported, pin_document
from ako_builder.addon.pins.lint import range_of
from ako_builder.addon.pins.releases import pin_folder
from ako_builder.addon.pins.seal import SUMS
from ako_builder.addon.versions import numbers_of
from ako_builder.archive.writer import write_bytes
from ako_builder.release import load_release
from ako_builder.yaml_text import yaml_text
from ako_runtime.cli import EXIT_FINDINGS, output_option, print_rows
from ako_runtime.errors import UserError

_PATH = click.Path(path_type=Path)
_HEADER = (
    "What TKG {tkg} ships, each fact with its certainty (A vendor or official repository, B seen on a real system,\n"
    "C inferred, D folklore: never used unless asked for) and its source. A cell without a value is unknown, not empty."
)


@click.command("import")
@click.argument("files", nargs=-1, type=_PATH)
@click.option("--kubeconfig", type=_PATH, help="Read a live management cluster instead of FILES.")
@click.option("--context", help="Context of the kubeconfig.")
@click.option("--tkg", required=True, help="TKG release that the system runs.")
@click.option("--source", required=True, help="Where the dump comes from, for the pin: system and date.")
@click.option("--out", required=True, type=_PATH, help="Folder of pins to write; complete, for --pins of the others.")
@pins_option
@output_option
def import_pins(  # noqa: PLR0913 - one parameter per option
    *,
    files: tuple[Path, ...],
    kubeconfig: Path | None,
    context: str | None,
    tkg: str,
    source: str,
    out: Path,
    pins: Path | None,
    output: str,
) -> int:
    """Fill a pin from a dump: kubectl get tkr,packages,packagerepositories,addonreleases -A -o yaml > FILE.

    Prints what became of each fact. Nothing that is published or was seen is changed: a difference is a contradiction,
    exit 1.
    """
    if bool(files) == bool(kubeconfig):
        raise UserError("give FILES of a dump or --kubeconfig, one of them")
    _check_tkg(tkg)
    documents = [item for path in files for item in objects_in(path)]
    if kubeconfig is not None:
        shown = shown_at(kubeconfig, RELEASE_PATHS, context=context)
        documents += shown.documents
        for path in shown.hidden:
            click.echo(f"ako: {path}: the user may not list it, so nothing of it is imported", err=True)
    before = pins_at(pins)
    made = imported(
        documents,
        tkg=tkg,
        before=next((pin for pin in before if pin.tkg == tkg), None),
        source=source,
        kubernetes=range_of(load_release().chart.kubernetes),
    )
    if not made.rows:
        raise UserError(
            "nothing to import: no TanzuKubernetesRelease that is offered, no package of ako-operator, no AddonRelease "
            "of AKO; dump tkr, packages and addonreleases of all namespaces"
        )
    _write(out, pins or pin_folder(), tkg=tkg, text=yaml_text(pin_document(made.pin), header=_HEADER.format(tkg=tkg)))
    print_rows([msgspec.to_builtins(row) for row in made.rows], output=output)
    return EXIT_FINDINGS if any(row.verdict == "contradicts" for row in made.rows) else 0


def _write(out: Path, folder: Path, *, tkg: str, text: str) -> None:
    """All pins in one folder: those that there were, and the new one."""
    if out.resolve() != folder.resolve():
        for path in sorted(folder.glob("*.yaml")):
            write_bytes(out / path.name, path.read_bytes())
    write_bytes(out / f"{tkg}.yaml", text.encode())
    if (out / SUMS).is_file():
        click.echo(
            f"ako: {out / SUMS} speaks of the pins as they were: write it anew with 'ako addon seal {out}'", err=True
        )


def _check_tkg(text: str) -> None:
    try:
        numbers_of(text)
    except ValueError as error:
        raise UserError(f"--tkg: {error}") from None


COMMANDS = (import_pins,)
