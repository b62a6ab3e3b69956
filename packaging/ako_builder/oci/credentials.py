"""Who speaks to a registry: one rule for every command.

An account that a command names (`--user`, with the password from the environment) comes first, then
`AKO_REGISTRY_USERNAME` with `AKO_REGISTRY_PASSWORD`, then Docker's configuration file (`auths`; credential helpers are
programs and are not run). Nothing of it is ever printed.
"""

import base64
import json
import os
from pathlib import Path
from typing import Final

import msgspec

PASSWORD_VARIABLE: Final = "AKO_REGISTRY_PASSWORD"  # noqa: S105 - the name of a variable
USER_VARIABLE: Final = "AKO_REGISTRY_USERNAME"


USER_HELP: Final = (
    f"User of the registry; the password comes from ${PASSWORD_VARIABLE}. Without it: ${USER_VARIABLE}, then Docker's "
    "configuration file."
)


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """User and password for a registry; `basic` is both as HTTP wants them, empty for nobody."""

    basic: str = ""

    def __repr__(self) -> str:
        """The password never appears in a log or a traceback."""
        return "Account(…)" if self.basic else "Account()"


def account_of(user: str, password: str) -> Account:
    """The account of a user and a password; without a user nobody's."""
    return Account(basic=base64.b64encode(f"{user}:{password}".encode()).decode() if user else "")


def account_for(host: str, *, user: str = "") -> Account:
    """The account to use at a registry; `user` is what the command line names."""
    user = user or os.environ.get(USER_VARIABLE, "")
    password = os.environ.get(PASSWORD_VARIABLE, "")
    if user and password:
        return account_of(user, password)
    return _configured(host)


def _configured(host: str) -> Account:
    """What Docker's configuration file has for a registry."""
    folder = Path(os.environ.get("DOCKER_CONFIG", Path.home() / ".docker"))
    try:
        auths = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("auths", {})
        entry = auths.get(host) or auths.get(f"https://{host}") or {}
        return Account(basic=str(entry.get("auth") or ""))
    except (OSError, ValueError, AttributeError):
        return Account()
