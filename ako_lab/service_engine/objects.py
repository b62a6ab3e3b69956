"""The controller's objects as a Service Engine holds them: by key `type/uuid`, references being keys."""

from collections.abc import Iterator, Mapping
from typing import Any

Json = Any
Document = dict[str, Json]


class Objects:
    """A view on the objects; never changed by who reads it."""

    def __init__(self, documents: Mapping[str, Document]) -> None:
        self._documents = documents

    def find(self, key: str | None) -> Document | None:
        """The object of a key; None for none."""
        return self._documents.get(key) if key else None

    def get(self, key: str | None) -> Document:
        """The object of a key; an empty one for none."""
        return self.find(key) or {}

    def of_type(self, kind: str) -> Iterator[tuple[str, Document]]:
        """All objects of a type, in order of their keys: the same objects give the same model."""
        prefix = f"{kind}/"
        for key in sorted(key for key in self._documents if key.startswith(prefix)):
            yield key, self._documents[key]

    def named(self, kind: str, name: str) -> Document:
        """The object of a name, for those that the product ships; an empty one for none."""
        return next((document for _, document in self.of_type(kind) if document.get("name") == name), {})
