"""Options and conversations that the commands share."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from ako_builder.tca.client import TcaClient
from ako_builder.tca.session import Session, load_session, session_file

FILE = click.Path(path_type=Path, dir_okay=False)
_Command = TypeVar("_Command", bound=Callable[..., Any])

wait_option = click.option("--wait/--no-wait", default=False, show_default=True, help="Follow it to its end.")
timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(1, 86400),
    default=1800.0,
    show_default=True,
    help="Seconds to follow it at most.",
)


def opened() -> tuple[TcaClient, Session]:
    """The client of the user's session."""
    session = load_session(session_file())
    return TcaClient(session), session


def site_options(command: _Command) -> _Command:
    """What a site decides about an installation."""

    @wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - a click command
        return command(*args, **kwargs)

    for option in reversed(
        (
            click.option("--values", type=FILE, required=True, help="Values of the site, in YAML."),
            click.option("--namespace", required=True, help="Namespace to install into."),
            click.option("--vim", required=True, metavar="ID", help="Id of the VIM."),
            click.option("--node-pool", default="", metavar="ID", help="Id of the node pool."),
            click.option("--repo-url", required=True, help="Repository that holds the chart: oci://… or https://…."),
            click.option("--extension-id", default="", help="Id of the repository as TCA's partner system."),
            click.option("--username", default="", help="User of the repository; password in $AKO_REPO_PASSWORD."),
            click.option("--helm-name", help="Name of the release (default: the chart's)."),
            click.option("--vdu", help="Which Helm VDU, if the package has several."),
            click.option("--rollback/--no-rollback", default=True, show_default=True, help="Undo what fails."),
        )
    ):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]
