"""Instances: what was created from packages, and where it stands.

This module holds what is there and how answers show it; what happens to an instance is in `operations.py`.
"""

import uuid
from typing import Any, Literal

import msgspec

from ako_lab.tca.errors import Refused, problem
from ako_lab.tca.helm import Release
from ako_lab.tca.packages import Package
from ako_lab.tca.requests import CreateInstance

BASE = "/telco/api/vnflcm/v2/vnf_instances"
OPERATIONS = "/telco/api/vnflcm/v2/vnf_lcm_op_occs"

Kind = Literal["INSTANTIATE", "CHANGE_VNFPKG", "HEAL", "TERMINATE"]
OperationState = Literal["STARTING", "PROCESSING", "COMPLETED", "FAILED_TEMP", "FAILED", "ROLLING_BACK", "ROLLED_BACK"]
RUNNING = frozenset({"STARTING", "PROCESSING", "ROLLING_BACK"})
# While an operation is in one of these, no other may begin (SOL003).
OPEN = RUNNING | {"FAILED_TEMP"}


class Operation(msgspec.Struct, kw_only=True):
    """One operation on an instance; `package` is the one that the instance has when it is completed."""

    id: str
    instance: "Instance"
    kind: Kind
    parameters: dict[str, Any]
    package: Package
    releases: tuple[Release, ...]
    vim: str
    automatic_rollback: bool
    started: str
    entered: str
    state: OperationState = "STARTING"
    cancel_pending: bool = False
    failure: str = ""

    def document(self) -> dict[str, Any]:
        """The operation as an answer shows it."""
        place = f"{OPERATIONS}/{self.id}"
        ways = {"FAILED_TEMP": ("retry", "rollback", "fail"), "STARTING": ("cancel",), "PROCESSING": ("cancel",)}
        links = {"self": place, "vnfInstance": f"{BASE}/{self.instance.id}"}
        links |= {name: f"{place}/{name}" for name in ways.get(self.state, ())}
        document: dict[str, Any] = {
            "id": self.id,
            "operationState": self.state,
            "stateEnteredTime": self.entered,
            "startTime": self.started,
            "vnfInstanceId": self.instance.id,
            "operation": self.kind,
            "isAutomaticInvocation": False,
            "isCancelPending": self.cancel_pending,
            "operationParams": self.parameters,
            "_links": {name: {"href": href} for name, href in links.items()},
        }
        if self.failure:
            document["error"] = problem(500, self.failure)
        return document


class Instance(msgspec.Struct, kw_only=True):
    """One network function."""

    id: str
    name: str
    description: str
    metadata: dict[str, Any]
    package: Package
    vim: str = ""
    releases: tuple[Release, ...] = ()
    instantiated: bool = False
    last: Operation | None = None

    def document(self) -> dict[str, Any]:
        """The instance as an answer shows it, the vendor's `metadata` included."""
        place = f"{BASE}/{self.id}"
        content = self.package.content
        links = {"self": place} | {
            name: f"{place}/{name}" for name in (("terminate", "heal") if self.instantiated else ("instantiate",))
        }
        document: dict[str, Any] = {
            "id": self.id,
            "vnfInstanceName": self.name,
            "vnfInstanceDescription": self.description,
            "vnfdId": content.vnfd_id if content else "",
            "vnfProvider": content.provider if content else "",
            "vnfProductName": content.product if content else "",
            "vnfSoftwareVersion": content.software_version if content else "",
            "vnfdVersion": content.descriptor_version if content else "",
            "instantiationState": "INSTANTIATED" if self.instantiated else "NOT_INSTANTIATED",
            "metadata": {**self.metadata, "vnfPkgId": self.package.id},
            "_links": {name: {"href": href} for name, href in links.items()},
        }
        if self.last is not None:
            document["metadata"] |= {
                "lcmOperation": self.last.kind,
                "lcmOperationState": self.last.state,
                "lcmOperationId": self.last.id,
            }
        if self.instantiated:
            document["instantiatedVnfInfo"] = {"flavourId": "default", "vnfState": "STARTED"}
        return document

    def inventory(self) -> dict[str, Any]:
        """What is installed where (the body of this answer is of grade D, its place of grade A)."""
        return {
            "id": self.id,
            "vimId": self.vim,
            "components": [
                {
                    "vduName": item.params.vdu_name,
                    "helmName": item.name,
                    "chartName": item.chart,
                    "chartVersion": item.version,
                    "namespace": item.params.namespace,
                    "overrides": item.params.overrides,
                }
                for item in self.releases
            ],
        }


class Instances:
    """All instances and operations."""

    def __init__(self) -> None:
        self._instances: dict[str, Instance] = {}
        self._operations: dict[str, Operation] = {}

    def create(self, request: CreateInstance, *, package: Package) -> Instance:
        """A new instance; its name must not be taken."""
        if any(item.name == request.vnf_instance_name for item in self._instances.values()):
            raise Refused(409, f"an instance with the name {request.vnf_instance_name} exists already")
        instance = Instance(
            id=str(uuid.uuid4()),
            name=request.vnf_instance_name,
            description=request.vnf_instance_description,
            metadata=request.metadata,
            package=package,
        )
        self._instances[instance.id] = instance
        return instance

    def get(self, identifier: str) -> Instance:
        """The instance with an id; 404 if there is none."""
        found = self._instances.get(identifier)
        if found is None:
            raise Refused(404, f"no instance has the id {identifier}")
        return found

    def all(self) -> list[Instance]:
        """In the order of their creation."""
        return list(self._instances.values())

    def operations(self) -> list[Operation]:
        """In the order of their begin."""
        return list(self._operations.values())

    def operation(self, identifier: str) -> Operation:
        """The operation with an id; 404 if there is none."""
        found = self._operations.get(identifier)
        if found is None:
            raise Refused(404, f"no operation has the id {identifier}")
        return found

    def remove(self, identifier: str) -> None:
        """Delete an instance that is not instantiated."""
        instance = self.get(identifier)
        if instance.instantiated:
            raise Refused(409, f"instance {instance.name} is instantiated; terminate it first")
        self.require_idle(instance)
        del self._instances[identifier]

    def begin(self, operation: Operation) -> None:
        """Note an operation; 409 if another one of the instance is not over."""
        self.require_idle(operation.instance)
        self._operations[operation.id] = operation
        operation.instance.last = operation

    def uses(self, package: str) -> bool:
        """Whether an instance is made from a package, or is about to be."""
        return any(
            package in {item.package.id, item.last.package.id if item.last and item.last.state in OPEN else ""}
            for item in self._instances.values()
        )

    def require_idle(self, instance: Instance) -> None:
        """409 if an operation of the instance is not over."""
        if instance.last is not None and instance.last.state in OPEN:
            raise Refused(
                409,
                f"operation {instance.last.id} of instance {instance.name} is in state {instance.last.state}; "
                "wait for it, or retry, roll back or fail it",
            )
