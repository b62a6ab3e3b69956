"""Reading an Avi Controller for the drift check: a log-in by avisdk, four kinds of GET, nothing else.

The runtime's own session is used, so what the check can reach is what the controller's AKO can reach. A kind that this
controller version does not have (`akoamkocluster` came with 32.1.4) is left out. The password never stands on a command
line, where every user of the machine could read it: it comes from a file, from the environment or from a prompt.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import msgspec

from ako_builder.addon.documents import Document, read_text
from ako_builder.addon.live.avi_view import Claim, Controller
from ako_builder.addon.live.operator_role import ROLE
from ako_runtime.avi.reading import INVALID_CREDENTIALS, Credentials, Reading, host_and_port, opened
from ako_runtime.errors import AkoError, Fatal, Refused, UserError
from ako_runtime.settings import SecretText

PASSWORD_VARIABLE: Final = "AKO_AVI_PASSWORD"  # noqa: S105 - the name of a variable


Command = TypeVar("Command", bound=Callable[..., Any])
_CONTROLLER_OPTIONS = (
    click.option("--controller", metavar="URL", help="Ask this Avi Controller too."),
    click.option("--username", default="admin", show_default=True, help="User of the Avi Controller."),
    click.option("--password-file", type=click.Path(path_type=Path), help="File that holds the user's password."),
    click.option("--controller-ca", type=click.Path(path_type=Path), help="Authority of the controller's certificate."),
    click.option("--insecure", is_flag=True, help="Do not verify the controller's certificate."),
)


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """Where and as whom; without an authority the controller's certificate is not verified."""

    host: str
    username: str
    password: str
    authority: str = ""


def controller_options(command: Command) -> Command:
    """The options that name an Avi Controller and a user of it."""
    for option in reversed(_CONTROLLER_OPTIONS):
        command = option(command)
    return command


def controller_login(given: dict[str, Any]) -> Login | None:
    """The log-in that these options name, if they name a controller."""
    host, authority, insecure = given["controller"], given["controller_ca"], given["insecure"]
    if host is None:
        return None
    if (authority is None) == (not insecure):
        raise UserError("--controller needs a way to trust it: give --controller-ca FILE or --insecure, one of them")
    return login_of(host, username=given["username"], password_file=given["password_file"], authority=authority)


def login_of(host: str, *, username: str, password_file: Path | None, authority: Path | None) -> Login:
    """The log-in that a user named; asks for the password if neither file nor environment has it."""
    address = host.removeprefix("https://").rstrip("/")
    if not address or "/" in address or not host_and_port(address)[0]:
        raise UserError(f"--controller {host}: give HOST or HOST:PORT")
    if password_file is not None:
        password = read_text(password_file).rstrip("\r\n")
    else:
        password = os.environ.get(PASSWORD_VARIABLE) or _asked(username, address)
    return Login(
        host=address,
        username=username,
        password=password,
        authority=read_text(authority) if authority is not None else "",
    )


def _asked(username: str, address: str) -> str:
    try:
        text: str = click.prompt(f"Password of {username} at {address}", hide_input=True, err=True)
    except click.Abort:
        raise UserError(f"no password for {username}: give --password-file, or set {PASSWORD_VARIABLE}") from None
    return text


def read_controller(login: Login) -> tuple[Controller, tuple[Document, ...]]:
    """What a controller says, and its reports of the AKOs that it knows; it is only read."""
    credentials = Credentials(
        username=login.username, password=SecretText(login.password), certificate_authority=login.authority
    )
    try:
        with opened(login.host, credentials) as reading:
            role, hidden = _operator_role(reading)
            controller = Controller(
                host=login.host,
                version=reading.version,
                clouds=frozenset(str(item["name"]) for item in reading.objects("cloud", fields="name")),
                claims=tuple(map(_claim, reading.objects("virtualservice", fields="name,created_by,cloud_ref"))),
                operator_role=role,
                hidden=hidden,
            )
            known = reading.serves("akoamkocluster")
            return controller, tuple(reading.objects("akoamkocluster")) if known else ()
    except AkoError as error:
        if isinstance(error, Fatal) or error.reason == INVALID_CREDENTIALS:
            raise UserError(
                f"the controller at {login.host} refuses user '{login.username}': check --username and the password"
            ) from None
        raise UserError(f"--controller {login.host}: {error}") from error


def _operator_role(reading: Reading) -> tuple[dict[str, str] | None, tuple[str, ...]]:
    """The permissions of ako-operator's role if the controller has it, and what the user may not read."""
    try:
        roles = [item for item in reading.objects("role") if item.get("name") == ROLE]
    except Refused:
        return None, ("/api/role of the Avi Controller",)
    if not roles:
        return None, ()
    privileges = roles[0].get("privileges")
    listed = privileges if isinstance(privileges, list) else []
    return {str(item.get("resource")): str(item.get("type")) for item in listed if isinstance(item, dict)}, ()


def _claim(document: Document) -> Claim:
    # With include_name a reference ends in #NAME.
    cloud = str(document.get("cloud_ref", "")).rpartition("#")[2]
    return Claim(name=str(document["name"]), created_by=str(document.get("created_by") or ""), cloud=cloud)
