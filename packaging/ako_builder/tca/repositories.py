"""The chart repositories that TCA knows: partner systems of the type Repository.

The members of a partner system are those of a client that works (grade B, `docs/explanation/tca.md`). The password
travels in base64, as that client sends it, and comes back in no answer.
"""

import base64
from typing import Final

import msgspec

from ako_builder.tca.client import TcaClient
from ako_builder.tca.models import JsonObject
from ako_builder.web import split_address
from ako_runtime.errors import UserError

_SCHEMES: Final = frozenset({"oci", "https", "http"})


class Repository(msgspec.Struct, frozen=True, kw_only=True):
    """A chart repository; without `vims` it serves every VIM."""

    name: str
    url: str
    id: str = ""
    state: str = ""
    vims: tuple[str, ...] = ()


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Who TCA is at the repository."""

    username: str
    password: str

    def __repr__(self) -> str:
        """The password never appears in a log or a traceback."""
        return f"Account({self.username})"


def repositories(client: TcaClient) -> list[Repository]:
    """All repositories that are registered."""
    return [_repository_of(item) for item in client.extensions()]


def registered(client: TcaClient, wanted: Repository, *, account: Account | None) -> tuple[Repository, bool]:
    """The repository as TCA has it, and whether it was registered now.

    Raises UserError for an address that is none of a repository, and where another repository has the name.
    """
    parts = split_address(wanted.url, form="oci://HOST/PROJECT")
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise UserError(f"{wanted.url}: not the address of a repository; write oci://HOST/PROJECT")
    if parts.username is not None or parts.password is not None:
        raise UserError(
            f"the address of repository {wanted.name} holds an account; give --username and $AKO_REPO_PASSWORD"
        )
    there = next((item for item in repositories(client) if item.name == wanted.name), None)
    if there is None:
        return _repository_of(client.add_extension(_document(wanted, account))), True
    if there.url.rstrip("/") != wanted.url.rstrip("/"):
        raise UserError(
            f"repository {wanted.name} is registered already with the address {there.url}; give this one another name"
        )
    missing = [vim for vim in wanted.vims if there.vims and vim not in there.vims]
    if missing:
        raise UserError(
            f"repository {wanted.name} is registered already, but not for VIM {', '.join(missing)}; "
            "add the VIM to this partner system in TCA"
        )
    return there, False


def _document(wanted: Repository, account: Account | None) -> JsonObject:
    document: JsonObject = {
        "name": wanted.name,
        "type": "Repository",
        "extensionSubtype": "Harbor",
        "interfaceInfo": {"url": wanted.url},
        "vimInfo": [{"vimId": vim} for vim in wanted.vims],
    }
    if account is not None:
        password = base64.b64encode(account.password.encode()).decode()
        document["accessInfo"] = {"username": account.username, "password": password}
    return document


def _repository_of(document: JsonObject) -> Repository:
    interface, vims = document.get("interfaceInfo"), document.get("vimInfo")
    return Repository(
        name=str(document.get("name") or ""),
        url=str(interface.get("url") or "") if isinstance(interface, dict) else "",
        id=str(document.get("extensionId") or document.get("id") or ""),
        state=str(document.get("state") or ""),
        vims=tuple(str(item.get("vimId")) for item in vims if isinstance(item, dict)) if isinstance(vims, list) else (),
    )
