"""What TCA answers, as far as the client looks at it; each keeps the whole document in `raw`.

Field names are SOL003's and SOL005's. A member that is missing or has another type than expected is empty here, because
TCA's versions differ in more than their documentation says.
"""

from typing import Any

import msgspec

JsonObject = dict[str, Any]


class Package(msgspec.Struct, frozen=True, kw_only=True):
    """A package in the catalogue."""

    id: str
    name: str
    state: str
    operational: str
    usage: str
    vnfd_id: str
    provider: str
    product: str
    software_version: str
    descriptor_version: str
    failure: str
    raw: JsonObject


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """A network function; `operation*` are those of its last operation, empty where TCA does not say them."""

    id: str
    name: str
    vnfd_id: str
    provider: str
    product: str
    software_version: str
    state: str
    operation: str
    operation_state: str
    operation_id: str
    raw: JsonObject


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """An operation on an instance."""

    id: str
    kind: str
    state: str
    failure: str
    raw: JsonObject


def package_of(document: JsonObject) -> Package:
    """A package from an answer."""
    return Package(
        id=_text(document, "id"),
        name=_text(_part(document, "userDefinedData"), "name"),
        state=_text(document, "onboardingState"),
        operational=_text(document, "operationalState"),
        usage=_text(document, "usageState"),
        vnfd_id=_text(document, "vnfdId"),
        provider=_text(document, "vnfProvider"),
        product=_text(document, "vnfProductName"),
        software_version=_text(document, "vnfSoftwareVersion"),
        descriptor_version=_text(document, "vnfdVersion"),
        failure=_text(_part(document, "onboardingFailureDetails"), "detail"),
        raw=document,
    )


def instance_of(document: JsonObject) -> Instance:
    """An instance from an answer."""
    metadata = _part(document, "metadata")
    return Instance(
        id=_text(document, "id"),
        name=_text(document, "vnfInstanceName"),
        vnfd_id=_text(document, "vnfdId"),
        provider=_text(document, "vnfProvider"),
        product=_text(document, "vnfProductName"),
        software_version=_text(document, "vnfSoftwareVersion"),
        state=_text(document, "instantiationState"),
        operation=_text(metadata, "lcmOperation"),
        operation_state=_text(metadata, "lcmOperationState"),
        operation_id=_text(metadata, "lcmOperationId"),
        raw=document,
    )


def operation_of(document: JsonObject) -> Operation:
    """An operation from an answer."""
    return Operation(
        id=_text(document, "id"),
        kind=_text(document, "operation"),
        state=_text(document, "operationState"),
        failure=_text(_part(document, "error"), "detail"),
        raw=document,
    )


def _text(document: JsonObject, key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""


def _part(document: JsonObject, key: str) -> JsonObject:
    value = document.get(key)
    return value if isinstance(value, dict) else {}
