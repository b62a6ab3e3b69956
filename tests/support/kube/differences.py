"""The one table of behaviours in which servers differ, each with its reason: the embedded API from a real one, and one
line of Kubernetes from another.

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


@dataclass(frozen=True)
class LineDifference:
    """What 1.34 (and the embedded API, which follows it) does, and what other pinned lines do instead."""

    usual: Any
    others: dict[str, Any]
    reason: str


LINES: dict[str, LineDifference] = {
    "kinds-with-other-columns": LineDifference(
        usual=frozenset(),
        others={"1.37": frozenset({"serviceaccounts", "customresourcedefinitions"})},
        reason="1.37 prints other columns for them",
    ),
    "initial-events-status": LineDifference(
        usual=200,
        others={"1.30": 422},
        reason="initial events of a watch are behind a feature gate (WatchList) in 1.30",
    ),
    "version-that-is-no-number-status": LineDifference(
        usual=400, others={"1.30": 500}, reason="1.30 takes it for its own failure"
    ),
    "refused-definitions": LineDifference(
        usual=frozenset(),
        others={"1.30": frozenset({"tlsroutes.gateway.networking.k8s.io", "xbackends.gateway.networking.x-k8s.io"})},
        reason="their rules call the CEL functions isIP and format, which 1.30 does not have",
    ),
}


def expected(server: Any, key: str) -> Any:
    if key in DIFFERENCES:
        return getattr(DIFFERENCES[key], server.name)
    version = server.rest.get("/version").json
    return LINES[key].others.get(f"{version['major']}.{version['minor']}", LINES[key].usual)


def servers_with(key: str) -> list[Any]:
    """Parameters for the fixture `server`: the servers that have what the other one lacks."""
    marks = {"embedded": (), "real": (pytest.mark.cluster,)}
    return [pytest.param(name, marks=marks[name]) for name in marks if getattr(DIFFERENCES[key], name)]
