"""JSON documents, and the decoding of request bodies.

An object of the embedded API is a plain JSON document. Documents that the store holds are never changed in place:
every write makes new dictionaries along the path that changes, so a reader may keep what it was given.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from ako_lab.kube_api.errors import ApiError, JsonObject
from ako_lab.yaml_documents import yaml_documents

JSON = "application/json"
YAML = "application/yaml"


def copied(value: Any) -> Any:  # noqa: ANN401 - JSON of any shape
    """A deep copy of a JSON value."""
    if isinstance(value, Mapping):
        return {name: copied(item) for name, item in value.items()}
    if isinstance(value, list):
        return [copied(item) for item in value]
    return value


def at(document: object, path: str) -> Any:  # noqa: ANN401 - JSON of any shape
    """The value at a dotted path; None where there is nothing."""
    value: Any = document
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def decoded_body(body: bytes, content_type: str) -> JsonObject:
    """The document of a JSON, YAML or (for a few kinds) protobuf body."""
    if content_type == "application/vnd.kubernetes.protobuf":
        from ako_lab.kube_api.protobuf import decoded_object  # noqa: PLC0415 - only Helm sends it

        return decoded_object(body)
    try:
        document = decoded_yaml(body) if "yaml" in content_type else msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError) as error:
        raise ApiError(400, f"the body of the request cannot be decoded: {error}") from error
    if not isinstance(document, dict):
        raise ApiError(400, "the body of the request must be an object")
    return document


def decoded_yaml(text: bytes | str) -> object:
    """One YAML document with JSON's types only (a date stays text)."""
    documents = yaml_documents(text)
    return documents[0] if documents else None
