"""The one table of behaviours in which the embedded API differs from a real API server, each with its reason.

A test that meets a difference asks `expected(server, KEY)`, or takes the servers that have it from `servers_with(KEY)`;
nothing else in the contract suite looks at which server it talks to. docs/explanation/kubernetes-lab.md shows this
table to users.
"""

from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(frozen=True)
class Difference:
    embedded: Any
    real: Any
    reason: str


DIFFERENCES: dict[str, Difference] = {
    "cel-rule-refuses": Difference(
        embedded=False, real=True, reason="CEL is not evaluated; the answer to the CRD carries a warning that says so"
    ),
    "cel-warning": Difference(embedded=True, real=False, reason="the same, seen from the other side"),
    "apply-conflict-status": Difference(
        embedded=200, real=409, reason="apply is a merge without field ownership: managers never conflict"
    ),
    "managed-fields": Difference(embedded=False, real=True, reason="the same: no managedFields are kept"),
    "built-in-unknown-field-status": Difference(
        embedded=201, real=400, reason="built-in kinds have no schema here; unknown fields are kept"
    ),
    "anonymous-may-list": Difference(
        embedded=True,
        real=False,
        reason="kubectl sends no credentials without TLS, so requests without a token are let in; a wrong token is not",
    ),
    "scheduled-pod-waits-for-kubelet": Difference(
        embedded=False, real=True, reason="there is no kubelet to finish a graceful deletion; Pods go at once"
    ),
    "foreground-deletion-keeps-owner": Difference(
        embedded=False, real=True, reason="garbage collection is in the background only"
    ),
    "watches-end-on-command": Difference(
        embedded=True, real=False, reason="nobody can tell a real server to drop a watch or to forget its history"
    ),
    "service-account-in-namespace": Difference(
        embedded=False, real=True, reason="no ServiceAccount controller: Pods do not run here"
    ),
}

# The embedded API prints tables as Kubernetes 1.34 does. Kinds whose columns another pinned line has changed, by line.
OTHER_COLUMNS: dict[str, frozenset[str]] = {
    "1.37": frozenset({"serviceaccounts", "customresourcedefinitions"}),
}


def has_other_columns(server: Any, plural: str) -> bool:
    version = server.rest.get("/version").json
    return plural in OTHER_COLUMNS.get(f"{version['major']}.{version['minor']}", frozenset())


def expected(server: Any, key: str) -> Any:
    return getattr(DIFFERENCES[key], server.name)


def servers_with(key: str) -> list[Any]:
    """Parameters for the fixture `server`: the servers that have what the other one lacks."""
    marks = {"embedded": (), "real": (pytest.mark.cluster,)}
    return [pytest.param(name, marks=marks[name]) for name in marks if getattr(DIFFERENCES[key], name)]
