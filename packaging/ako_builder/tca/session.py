"""The session of the user: one file in the user's cache, readable by the user alone.

It holds the address, the token, how the server is trusted, and what was found out about it: the form of an upload and
of `overrides` that it takes, the call that upgrades, and a size that is too large for it. The token is written nowhere
else and never printed.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from ako_builder.archive.writer import write_bytes
from ako_runtime.errors import UserError

UploadForm = Literal["multipart", "raw"]
OverridesForm = Literal["base64", "plain"]
UpgradeCall = Literal["cnf", "change_vnfpkg"]


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One session; an empty form is one that is not known yet."""

    url: str
    token: str
    ca: str = ""
    insecure: bool = False
    upload: UploadForm | Literal[""] = ""
    overrides: OverridesForm | Literal[""] = ""
    upgrade: UpgradeCall | Literal[""] = ""
    # Bytes of the smallest package that was refused as too large; 0 where none was.
    too_large: int = 0

    def __repr__(self) -> str:
        """The token never appears in a log or a traceback."""
        return f"Session({self.url})"


def session_file(environ: Mapping[str, str] | None = None) -> Path:
    """Where the session is: `AKO_TCA_SESSION`, or a file in the user's cache."""
    environ = os.environ if environ is None else environ
    if environ.get("AKO_TCA_SESSION"):
        return Path(environ["AKO_TCA_SESSION"])
    cache = environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "ako-toolkit" / "tca-session.json"


def load_session(path: Path) -> Session:
    """The session in a file; raises UserError if there is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Session)
    except FileNotFoundError as error:
        raise UserError("not logged in to a TCA: 'ako tca login URL' first") from error
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: no session in it ({error}); log in again with 'ako tca login URL'") from error


def save_session(session: Session, path: Path) -> None:
    """Write the session, for the user's eyes only from its first byte."""
    write_bytes(path, msgspec.json.encode(session), mode=0o600)
