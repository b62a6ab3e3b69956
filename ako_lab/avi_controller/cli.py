"""`ako lab avi`: the simulated Avi Controller as a process, and the comparison of two saved states."""

import signal
import threading
from pathlib import Path

import click
import msgspec

from ako_lab.avi_controller.config import LabConfig, load_config
from ako_lab.avi_controller.values import Json
from ako_runtime.cli import EXIT_FINDINGS, output_option, print_rows


@click.group(invoke_without_command=True)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=None, help="Port to listen on; 0 picks a free one. [8443]"
)
@click.option("--host", default=None, help="Address to listen on. [127.0.0.1]")
@click.option("--config", type=click.Path(path_type=Path), default=None, help="YAML file that describes the lab.")
@click.option("--state", type=click.Path(path_type=Path), default=None, help="File that keeps the state over restarts.")
@click.option("--lenient", is_flag=True, help="Accept unknown enum values, numbers out of range, missing fields.")
@click.pass_context
def avi(
    context: click.Context,
    *,
    port: int | None,
    host: str | None,
    config: Path | None,
    state: Path | None,
    lenient: bool,
) -> None:
    """Run a simulated Avi Controller until it is interrupted."""
    if context.invoked_subcommand is not None:
        return
    described = load_config(config) if config else LabConfig()
    changes: dict[str, Json] = {"port": port if port is not None else described.port or 8443}
    if host is not None:
        changes["host"] = host
    if state is not None:
        changes["state_file"] = str(state)
    if lenient:
        changes["lenient"] = True
    run(msgspec.structs.replace(described, **changes))


def run(config: LabConfig) -> None:
    """Serve until SIGINT or SIGTERM."""
    from ako_lab.avi_controller.lab import AviLab  # noqa: PLC0415 - `diff` needs no server

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with AviLab(config) as lab:
        click.echo(f"Avi Controller {config.version} (simulated): {lab.url}")
        click.echo(f"user {lab.username}, password {lab.password}")
        stopped.wait()
    click.echo("stopped")


@avi.command()
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@output_option
@click.pass_context
def diff(context: click.Context, before: Path, after: Path, output: str) -> None:
    """Compare two saved states.

    BEFORE and AFTER are documents of GET /lab/state or files of --state. Exit code 1 when they differ.
    """
    from ako_lab.avi_controller.comparison import differences, load_state  # noqa: PLC0415 - only this command needs it

    rows = differences(load_state(before), load_state(after))
    if not rows:
        click.echo("[]" if output == "json" else "no differences")
        return
    print_rows(rows, output=output)
    context.exit(EXIT_FINDINGS)
