"""The catalogue: packages and their states.

A package is created empty, takes its content once, is processed (judged, for at least a while on the virtual clock)
and is then ONBOARDED and ENABLED, or in ERROR with the reason. A content whose upload broke off leaves the package as
it was created, so that it can be sent again.
"""

import asyncio
import contextlib
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec

from ako_lab.tca.clock import VirtualClock
from ako_lab.tca.config import TcaConfig
from ako_lab.tca.errors import Refused, problem
from ako_lab.tca.faults import Faults
from ako_lab.tca.judge import Content, Unfit, judged

State = Literal["CREATED", "UPLOADING", "PROCESSING", "ONBOARDED", "ERROR"]
BASE = "/telco/api/vnfpkgm/v2/vnf_packages"


class Package(msgspec.Struct, kw_only=True):
    """One package of the catalogue."""

    id: str
    name: str
    data: dict[str, Any]
    file: Path
    number: int
    state: State = "CREATED"
    enabled: bool = False
    content: Content | None = None
    failure: str = ""


class Catalogue:
    """The packages, in the order of their creation."""

    def __init__(self, *, config: TcaConfig, clock: VirtualClock, faults: Faults, folder: Path) -> None:
        self._config = config
        self._clock = clock
        self._faults = faults
        self._folder = folder
        self._packages: dict[str, Package] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.used: Callable[[str], bool] = lambda _: False
        self.judge: Callable[[Path], Content] = judged

    def create(self, data: dict[str, Any]) -> Package:
        """A new, empty package; its name must be given and not be taken."""
        name = data.get("name")
        if not isinstance(name, str) or not name:
            raise Refused(400, "userDefinedData.name is missing; a package needs a name")
        if any(item.name == name for item in self._packages.values()):
            raise Refused(409, f"a package with the name {name} is in the catalogue already")
        identifier = str(uuid.uuid4())
        package = Package(
            id=identifier,
            name=name,
            data=data,
            file=self._folder / f"{identifier}.csar",
            number=len(self._packages),
        )
        self._packages[identifier] = package
        return package

    def get(self, identifier: str) -> Package:
        """The package with an id; 404 if there is none."""
        found = self._packages.get(identifier)
        if found is None:
            raise Refused(404, f"no package has the id {identifier}")
        return found

    def listed(self, expression: str | None) -> list[Package]:
        """All packages, or those that a filter of SOL013 selects: `(eq,attribute,value)`, several joined by `;`."""
        found = list(self._packages.values())
        for part in expression.split(";") if expression else ():
            match = re.fullmatch(r"\((eq|neq),([A-Za-z/]+),([^)]*)\)", part)
            if match is None:
                raise Refused(400, f"the filter {part} is not understood; write (eq,ATTRIBUTE,VALUE)")
            operator, attribute, value = match.groups()
            found = [item for item in found if (_at(self.document(item), attribute) == value) == (operator == "eq")]
        return found

    def with_descriptor(self, vnfd_id: str) -> Package:
        """The package that was onboarded last with a descriptor id, or has this id itself; 404 if there is none."""
        found = [item for item in self._packages.values() if item.state == "ONBOARDED" and item.enabled]
        for package in reversed(found):
            if vnfd_id in {package.id, package.content.vnfd_id if package.content else ""}:
                return package
        raise Refused(404, f"no package with the descriptor id {vnfd_id} is onboarded and enabled")

    def upgrades_of(self, package: Package) -> list[Package]:
        """What is offered as an upgrade: the same descriptor id, or the same provider and product (grade A, A)."""
        mine = package.content
        return [
            item
            for item in self._packages.values()
            if mine is not None
            and item is not package
            and item.state == "ONBOARDED"
            and item.content is not None
            and (
                item.content.vnfd_id == mine.vnfd_id
                or (item.content.provider, item.content.product) == (mine.provider, mine.product)
            )
        ]

    def remove(self, identifier: str) -> None:
        """Delete a package and its file; 409 while an instance uses it or it is being uploaded."""
        package = self.get(identifier)
        if self.used(identifier):
            raise Refused(409, f"package {package.name} is used by an instance; terminate and delete that first")
        if package.state in {"UPLOADING", "PROCESSING"}:
            raise Refused(409, f"package {package.name} is in state {package.state}; wait until it has another one")
        del self._packages[identifier]
        package.file.unlink(missing_ok=True)

    def begin_upload(self, identifier: str) -> Package:
        """The package, ready to take its content; 409 if it has one."""
        package = self.get(identifier)
        if package.state != "CREATED":
            raise Refused(409, f"package {package.name} is in state {package.state} and takes no content")
        package.state = "UPLOADING"
        return package

    def abandon_upload(self, package: Package) -> None:
        """The upload broke off: the package is again as it was created."""
        package.file.unlink(missing_ok=True)
        package.state = "CREATED"

    def process(self, package: Package) -> None:
        """The content is whole: judge it."""
        package.state = "PROCESSING"
        task = asyncio.get_running_loop().create_task(self._processed(package))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Wait for no package any more."""
        for task in tuple(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _processed(self, package: Package) -> None:
        until = self._clock.now() + self._config.processing_seconds
        try:
            content = await asyncio.to_thread(self._judged, package.file)
            self._refuse_twin(content)
        except Unfit as unfit:
            await self._clock.reached(until)
            package.failure = str(unfit)
            package.state = "ERROR"
            return
        await self._clock.reached(until)
        package.content = content
        package.state = "ONBOARDED"
        package.enabled = True

    def _judged(self, path: Path) -> Content:
        failure = self._faults.taken("processing")
        if failure is not None:
            raise Unfit(failure)
        return self.judge(path)

    def _refuse_twin(self, content: Content) -> None:
        if not self._config.unique_descriptors:
            return
        for item in self._packages.values():
            if item.content is not None and item.content.vnfd_id == content.vnfd_id:
                raise Unfit(f"the descriptor id {content.vnfd_id} is that of package {item.name}")

    def document(self, package: Package) -> dict[str, Any]:
        """The package as an answer shows it."""
        place = f"{BASE}/{package.id}"
        document: dict[str, Any] = {
            "id": package.id,
            "onboardingState": package.state,
            "operationalState": "ENABLED" if package.enabled else "DISABLED",
            "usageState": "IN_USE" if self.used(package.id) else "NOT_IN_USE",
            "packageSecurityOption": f"OPTION_{package.content.option if package.content else 1}",
            "vnfmInfo": "",
            "userDefinedData": {**package.data, **({"nfType": "CNF"} if package.content else {})},
            "_links": {
                "self": {"href": place},
                "vnfd": {"href": f"{place}/vnfd"},
                "packageContent": {"href": f"{place}/package_content"},
            },
        }
        if package.failure:
            document["onboardingFailureDetails"] = problem(422, package.failure)
        if package.content is not None:
            document |= {
                "vnfdId": package.content.vnfd_id,
                "vnfProvider": package.content.provider,
                "vnfProductName": package.content.product,
                "vnfSoftwareVersion": package.content.software_version,
                "vnfdVersion": package.content.descriptor_version,
            }
        return document


def _at(document: dict[str, Any], attribute: str) -> object:
    """An attribute, of which `/` separates the levels."""
    value: Any = document
    for part in attribute.split("/"):
        value = value.get(part) if isinstance(value, dict) else None
    return value
