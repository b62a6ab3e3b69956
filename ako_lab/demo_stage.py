"""The lab with the example in it: what the demo does to it, and the facts that it waits for.

Kubernetes is asked over its API, whichever server that is; the simulated controller is looked at directly. A fact is
looked at again when the controller has answered another request, and at the latest after a short while, because a
status that is written afterwards is announced by nothing.
"""

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from ako_lab import demo_facts as facts
from ako_lab.avi_controller import AviLab
from ako_lab.demo_kubernetes import Kubernetes
from ako_lab.demo_runtime import RuntimeProcess, StepFailed
from ako_lab.manifests import Document

_LOOK_AGAIN: Final = 0.1


class Stage:
    """What is done to the lab, and what is seen in it."""

    def __init__(
        self,
        *,
        avi: AviLab,
        kube: Kubernetes,
        examples: Sequence[Document],
        placement: facts.Placement,
        deadline: float,
    ) -> None:
        self.avi = avi
        self.kube = kube
        self.examples = tuple(examples)
        self._placement = placement
        self._deadline = deadline
        self._runtime: RuntimeProcess | None = None
        self._before = self._objects(facts.CONTROLLER_TYPES)
        self._places = self._objects(facts.PLACES)
        services = facts.of_kind(self.examples, "Service")
        self._right = [item for item in services if not facts.expects_refusal(item)]
        self._wrong = [item for item in services if facts.expects_refusal(item)]

    def watch(self, runtime: RuntimeProcess) -> None:
        """Whose last words to report when a fact does not come."""
        self._runtime = runtime

    def apply(self) -> None:
        """Create the example's objects, in their order."""
        for document in self.examples:
            self.kube.apply(document)

    def delete(self) -> None:
        """Delete them again, the last first."""
        for document in reversed(self.examples):
            self.kube.delete(document)

    def services(self) -> list[facts.Served]:
        """The Services that are served, completely and exactly as the example asks: members and placement."""
        objects = self._objects((*facts.CONTROLLER_TYPES, *facts.PLACES))
        gateways, slices = self._current("Gateway"), self._current("EndpointSlice")
        views = [(item, facts.served(item, objects, gateways)) for item in self._alive(self._right)]
        return [
            view
            for item, view in views
            if view is not None
            and frozenset(view.members) == facts.expected_members(item, slices)
            and view.placement == facts.expected_placement(item, self.examples, self._placement)
        ]

    def verdicts(self) -> list[tuple[str, str]]:
        """(object, what its status says) of the AviInfraSettings and Gateways that are accepted and ready."""
        found = [*self._current("AviInfraSetting"), *self._current("Gateway")]
        told = [(f"{item['kind']} {facts.identity(item).lstrip('/')}", facts.verdict(item)) for item in found]
        return [(name, said) for name, said in told if said]

    def refusals(self) -> list[tuple[str, str]]:
        """(Service, reason) of the Services that are wrong on purpose and were refused."""
        objects = self._objects((*facts.CONTROLLER_TYPES, *facts.PLACES))
        return [
            (facts.identity(item), facts.refusal(item))
            for item in self._alive(self._wrong)
            if facts.refusal(item) and facts.served(item, objects) is None
        ]

    def wait_served(self) -> None:
        """Until every right Service is served, every wrong one refused, and what they name is accepted."""
        named = [item for item in self.examples if item["kind"] in {"AviInfraSetting", "Gateway"}]
        self._await(
            lambda: (
                len(self.services()) == len(self._right)
                and len(self.refusals()) == len(self._wrong)
                and len(self.verdicts()) == len(named)
            ),
            what=f"{len(self._right)} Services served and {len(self._wrong)} refused",
        )

    def members(self) -> list[Document]:
        """The slices of the example, with the address that an endpoint moves to."""
        slices = facts.of_kind(self.examples, "EndpointSlice")
        moved = {**slices[0], "endpoints": [{"addresses": [self._moved_address()]}]}
        return [*slices, moved]

    def _moved_address(self) -> str:
        old: str = facts.of_kind(self.examples, "EndpointSlice")[0]["endpoints"][0]["addresses"][0]
        return f"{old.rsplit('.', 1)[0]}.200"

    def move_endpoint(self) -> tuple[str, str, str, float]:
        """Give one endpoint another address: Service, old and new address, seconds until all its pools followed."""
        document = facts.of_kind(self.examples, "EndpointSlice")[0]
        current = self.kube.read(document)
        address = current["endpoints"][0]["addresses"]
        old = address[0]
        new = address[0] = self._moved_address()
        metadata = document["metadata"]
        service = f"{metadata['namespace']}/{metadata['labels']['kubernetes.io/service-name']}"
        began = time.perf_counter()
        self.kube.replace(current)
        self._await(
            lambda: any(
                view.service == service and any(member.startswith(f"{new}:") for member in view.members)
                for view in self.services()
            ),
            what=f"pools of {service} with {new}",
        )
        return service, old, new, time.perf_counter() - began

    def left(self) -> list[str]:
        """Objects on the controller that were not there before the runtime came, and others that it changed."""
        before = frozenset(item["uuid"] for items in self._before.values() for item in items)
        made = facts.created(self._objects(facts.CONTROLLER_TYPES), before)
        return made + facts.changed(self._objects(facts.PLACES), self._places)

    def remaining(self) -> list[str]:
        """Objects of the example that Kubernetes still has."""
        return [f"{item['kind']} {facts.identity(item)}" for item in self._alive(self.examples)]

    def wait_gone(self) -> None:
        """Until nothing is left, neither on the controller nor in Kubernetes."""
        try:
            self._await(lambda: not self.left() and not self.remaining(), what="nothing left")
        except StepFailed as error:
            raise StepFailed(f"{error}; left: {', '.join([*self.left(), *self.remaining()])}") from error

    def _await(self, fact: Callable[[], bool], *, what: str) -> None:
        """Look again and again, until the fact holds or the deadline passes."""
        end = time.monotonic() + self._deadline
        while True:
            # Read first: a request that comes while the fact is looked at makes the wait below end at once.
            seen = self._requests()
            if fact():
                return
            if time.monotonic() > end:
                words = self._runtime.last_words() if self._runtime else "not started"
                raise StepFailed(f"{what}: not so within {self._deadline:.1f} s; the runtime: {words}")
            with contextlib.suppress(TimeoutError):
                self.avi.wait_for(lambda _avi, seen=seen: self._requests() > seen, timeout=_LOOK_AGAIN)  # type: ignore[misc]

    def _requests(self) -> int:
        """How many requests the controller has answered."""
        return max((request.sequence for request in self.avi.requests()[-1:]), default=0)

    def _objects(self, kinds: Sequence[str]) -> dict[str, Sequence[dict[str, Any]]]:
        return {kind: self.avi.objects(kind) for kind in kinds}

    def _current(self, kind: str) -> list[dict[str, Any]]:
        """The example's objects of a kind, as Kubernetes has them now."""
        return self._alive(facts.of_kind(self.examples, kind))

    def _alive(self, documents: Sequence[Document]) -> list[dict[str, Any]]:
        found = (self.kube.find(item) for item in documents)
        return [item for item in found if item is not None]
