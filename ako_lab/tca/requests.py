"""The bodies of requests: what SOL003 asks, and the vendor's extensions.

Unknown members are ignored, as clients send more than anybody knows. `vimConnectionInfo` is a list in the vendor's
reference, though version 2.0.0 of SOL003's interface has an object there; both are taken.
"""

import base64
import binascii
from typing import Any, Literal, TypeVar

import msgspec

from ako_lab.tca.errors import Refused
from ako_lab.yaml_documents import yaml_documents

_Body = TypeVar("_Body", bound=msgspec.Struct)


class Login(msgspec.Struct, frozen=True, kw_only=True):
    """`POST /hybridity/api/sessions`."""

    username: str
    password: str


class CreatePackage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`POST …/vnf_packages`."""

    user_defined_data: dict[str, Any] = {}


class CreatePolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A policy of the isolation mode Restricted."""

    name: str
    type: Literal["KUBERNETES_RBAC", "KUBERNETES_PSA"]
    content: str
    description: str = ""


class CreateInstance(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`POST …/vnf_instances`."""

    vnfd_id: str
    vnf_instance_name: str = ""
    vnf_instance_description: str = ""
    metadata: dict[str, Any] = {}


class VduParams(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the request says of one Helm VDU."""

    vdu_name: str
    namespace: str = "default"
    repo_url: str = ""
    username: str = ""
    password: str = ""
    extension_id: str = ""
    chart_name: str = ""
    helm_name: str = ""
    overrides: str = ""
    timeout_in_secs: int = 1200
    disable_auto_rollback: bool = False


class AdditionalParams(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The vendor's part of an instantiation or an upgrade."""

    vdu_params: tuple[VduParams, ...] = ()
    disable_auto_rollback: bool = False


class Instantiate(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`POST …/vnf_instances/{id}/instantiate`."""

    flavour_id: str
    vim_connection_info: list[dict[str, Any]] | dict[str, dict[str, Any]] = []
    additional_params: AdditionalParams = AdditionalParams()

    def vims(self) -> list[str]:
        """The ids of the VIMs that are named."""
        if isinstance(self.vim_connection_info, dict):
            named = self.vim_connection_info.items()
            return [str(item.get("vimId") or key) for key, item in named]
        return [str(item.get("vimId") or item.get("id") or "") for item in self.vim_connection_info]


class Upgrade(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`POST …/cnf_instances/{id}/upgrade`."""

    nfd_id: str
    vim_id: str = ""
    upgrade_type: str = ""
    auto_rollback: bool = True
    component_mapping: list[dict[str, str]] = []
    additional_params: AdditionalParams = AdditionalParams()


class ChangePackage(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`POST …/vnf_instances/{id}/change_vnfpkg`."""

    vnfd_id: str
    additional_params: AdditionalParams = AdditionalParams()


class Heal(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`POST …/vnf_instances/{id}/heal`."""

    cause: str = ""


class Terminate(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`POST …/vnf_instances/{id}/terminate`."""

    termination_type: Literal["FORCEFUL", "GRACEFUL"]
    graceful_termination_timeout: int = 0


def decoded(body: bytes, kind: type[_Body]) -> _Body:
    """A request's body; 400 names what is wrong in it."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(400, f"the body of the request is wrong: {error}") from error


def values_of(overrides: str, *, plain: bool) -> bytes:
    """The values file that `overrides` carries, in base64 (grade B) or as it is."""
    if plain:
        return _mapping(overrides)
    try:
        return base64.b64decode(overrides, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(400, "overrides is not base64 of a values file") from error


def _mapping(text: str) -> bytes:
    try:
        documents = yaml_documents(text)
    except ValueError as error:
        raise Refused(400, f"overrides is not YAML: {' '.join(str(error).split())}") from error
    if any(not isinstance(item, dict) for item in documents):
        raise Refused(400, "overrides is no mapping of values")
    return text.encode()
