"""A Kubernetes API as the demo sees it: a kubeconfig, and nothing that only one kind of server could do.

The same requests go to the embedded API and to a real control plane, so `--cluster` changes where the demo runs and
nothing of what it does. Kinds are looked up by discovery; a kind that was just defined is waited for.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from ako_lab.demo_runtime import StepFailed
from ako_lab.manifests import Document
from ako_runtime.kube.connection import KubeAnswer, connect

_MANAGER: Final = "ako-demo"
_PAUSE: Final = 0.05
_NOT_FOUND: Final = 404


class Kubernetes:
    """Objects of one API server."""

    def __init__(self, *, kubeconfig: Path, deadline: float) -> None:
        self._connection = connect(kubeconfig=str(kubeconfig))
        self._deadline = deadline
        self._places: dict[tuple[str, str], tuple[str, bool]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    @property
    def url(self) -> str:
        """The address of the server."""
        return self._connection.host

    def apply(self, document: Document, *, namespace: str = "") -> None:
        """Create the object or bring it to this form, as `kubectl apply --server-side` does."""
        path = self._path(document, namespace)
        answer = self._connection.request(
            "PATCH",
            path,
            params={"fieldManager": _MANAGER, "force": "true"},
            body=document,
            content_type="application/apply-patch+yaml",
        )
        _accepted(answer, f"PATCH {path}")

    def replace(self, document: Document) -> None:
        """Write the object as it is given; it carries the resourceVersion that was read."""
        path = self._path(document)
        _accepted(self._connection.request("PUT", path, body=document), f"PUT {path}")

    def delete(self, document: Document) -> None:
        """Delete the object; one that is not there is as good."""
        path = self._path(document)
        _accepted(self._connection.request("DELETE", path), f"DELETE {path}", missing=True)

    def find(self, document: Document) -> dict[str, Any] | None:
        """The object as it is now; None when it is not there."""
        return self._get(self._path(document))

    def read(self, document: Document) -> dict[str, Any]:
        """The object as it is now; raises `StepFailed` when it is not there."""
        found = self.find(document)
        if found is None:
            raise StepFailed(f"{document['kind']} {document['metadata']['name']} is gone")
        return found

    def until(self, fact: Callable[[], object], *, what: str) -> None:
        """Ask again until the fact holds; raises `StepFailed` after the deadline."""
        end = time.monotonic() + self._deadline
        while not fact():
            if time.monotonic() > end:
                raise StepFailed(f"{what}: not so within {self._deadline:.0f} s at {self.url}")
            time.sleep(_PAUSE)

    def _path(self, document: Document, namespace: str = "") -> str:
        version, kind = document["apiVersion"], document["kind"]
        if (version, kind) not in self._places:
            self.until(lambda: self._discovered(version, kind), what=f"the kind {kind} of {version} is served")
        plural, namespaced = self._places[version, kind]
        metadata = document["metadata"]
        scope = f"/namespaces/{metadata.get('namespace') or namespace or 'default'}" if namespaced else ""
        return f"{_root(version)}{scope}/{plural}/{metadata['name']}"

    def _discovered(self, version: str, kind: str) -> bool:
        found = self._get(_root(version)) or {"resources": ()}
        for item in found["resources"]:
            if "/" not in item["name"]:
                self._places[version, item["kind"]] = (item["name"], item["namespaced"])
        return (version, kind) in self._places

    def _get(self, path: str) -> dict[str, Any] | None:
        answer = self._connection.request("GET", path)
        _accepted(answer, f"GET {path}", missing=True)
        return None if answer.status == _NOT_FOUND else msgspec.json.decode(answer.body, type=dict[str, Any])


def _accepted(answer: KubeAnswer, request: str, *, missing: bool = False) -> None:
    """Raise `StepFailed` unless the answer is good; with `missing`, 404 is good too."""
    if answer.status >= 400 and not (missing and answer.status == _NOT_FOUND):
        raise StepFailed(f"the API server answered {request} with {answer.status}: {answer.message}")


def _root(version: str) -> str:
    return f"/apis/{version}" if "/" in version else f"/api/{version}"
