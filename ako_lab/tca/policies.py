"""Policies of the isolation mode Restricted: drafts, and what is finalized (that a draft runs out is left out)."""

import uuid
from typing import Any, Final

import msgspec

from ako_lab.tca.errors import Refused
from ako_lab.tca.requests import CreatePolicy
from ako_lab.yaml_documents import yaml_documents

BASE: Final = "/telco/api/k8spolicy/v1/policies"


class Policy(msgspec.Struct, kw_only=True):
    """One policy."""

    id: str
    request: CreatePolicy
    state: str = "DRAFT"

    def document(self) -> dict[str, Any]:
        """As an answer shows it."""
        return {"id": self.id, "state": self.state, **msgspec.to_builtins(self.request)}


class Policies:
    """All policies, by id."""

    def __init__(self) -> None:
        self._policies: dict[str, Policy] = {}

    def all(self) -> list[Policy]:
        """In the order of their creation."""
        return list(self._policies.values())

    def create(self, request: CreatePolicy) -> Policy:
        """A new draft; its name must not be taken, and that of rights must be a ClusterRole."""
        if any(item.request.name == request.name for item in self._policies.values()):
            raise Refused(409, f"a policy with the name {request.name} exists already")
        try:
            content = yaml_documents(request.content)
        except ValueError as error:
            raise Refused(400, f"content is not YAML: {' '.join(str(error).split())}") from error
        if len(content) != 1 or not isinstance(content[0], dict):
            raise Refused(400, "content is not one YAML mapping")
        if request.type == "KUBERNETES_RBAC" and content[0].get("kind") != "ClusterRole":
            raise Refused(400, "content of a policy of rights is a ClusterRole")
        policy = Policy(id=str(uuid.uuid4()), request=request)
        self._policies[policy.id] = policy
        return policy

    def finalize(self, identifier: str) -> Policy:
        """End the draft."""
        found = self._policies.get(identifier)
        if found is None:
            raise Refused(404, f"no policy has the id {identifier}")
        found.state = "FINALIZED"
        return found
