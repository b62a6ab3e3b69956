"""What happens to instances: instantiate, upgrade, terminate, and the ways out of FAILED_TEMP.

An operation runs as a task; Helm runs in a thread. After a failure with automatic rollback the operation ends in
ROLLED_BACK: what was installed is removed, what was upgraded goes back to the revision before. Without, it waits in
FAILED_TEMP for `retry`, `rollback` or `fail`. After each change of a cluster `changed` is called with its VIM, so that
whoever plays its nodes can look.
"""

import asyncio
import contextlib
import tempfile
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ako_lab.tca.clock import VirtualClock
from ako_lab.tca.config import TcaConfig
from ako_lab.tca.errors import Refused
from ako_lab.tca.faults import Faults
from ako_lab.tca.helm import Helm, HelmFailed, Release
from ako_lab.tca.instances import RUNNING, Instance, Instances, Kind, Operation, OperationState
from ako_lab.tca.packages import Package
from ako_lab.tca.requests import AdditionalParams, Instantiate, Terminate, Upgrade, VduParams, values_of


class Operations:
    """Begins operations and carries them out."""

    def __init__(self, *, config: TcaConfig, clock: VirtualClock, faults: Faults, instances: Instances) -> None:
        self._config = config
        self._clock = clock
        self._faults = faults
        self._instances = instances
        self._tasks: set[asyncio.Task[None]] = set()
        self._running: dict[str, Helm] = {}
        self.changed: Callable[[str], None] = lambda _: None
        self.repositories: Callable[[str], Mapping[str, str]] = lambda _: {}

    def instantiate(self, instance: Instance, request: Instantiate, *, parameters: dict[str, Any]) -> Operation:
        """Install the components of the instance's package."""
        if instance.instantiated:
            raise Refused(409, f"instance {instance.name} is instantiated already")
        vims = request.vims()
        if len(vims) != 1:
            raise Refused(400, "vimConnectionInfo must name one VIM")
        return self._begin(
            instance,
            kind="INSTANTIATE",
            parameters=parameters,
            package=instance.package,
            vim=vims[0],
            additional=request.additional_params,
            automatic=not request.additional_params.disable_auto_rollback,
        )

    def upgrade(
        self, instance: Instance, request: Upgrade, *, package: Package, parameters: dict[str, Any]
    ) -> Operation:
        """Bring the components to the charts of another package."""
        if not instance.instantiated:
            raise Refused(409, f"instance {instance.name} is not instantiated; there is nothing to upgrade")
        return self._begin(
            instance,
            kind="CHANGE_VNFPKG",
            parameters=parameters,
            package=package,
            vim=request.vim_id or instance.vim,
            additional=request.additional_params,
            automatic=request.auto_rollback,
        )

    def heal(self, instance: Instance, *, parameters: dict[str, Any]) -> Operation:
        """Have Helm put the components again as they were installed (what TCA does: grade D)."""
        if not instance.instantiated:
            raise Refused(409, f"instance {instance.name} is not instantiated; there is nothing to heal")
        operation = self._operation(instance, kind="HEAL", parameters=parameters, vim=instance.vim)
        operation.releases = instance.releases
        return self._started(operation)

    def terminate(self, instance: Instance, request: Terminate, *, parameters: dict[str, Any]) -> Operation:
        """Remove the components."""
        del request
        if not instance.instantiated:
            raise Refused(409, f"instance {instance.name} is not instantiated")
        operation = self._operation(instance, kind="TERMINATE", parameters=parameters, vim=instance.vim)
        operation.releases = instance.releases
        return self._started(operation)

    def retry(self, operation: Operation) -> None:
        """Carry it out again."""
        self._require(operation, "FAILED_TEMP", "retried")
        operation.failure = ""
        self._enter(operation, "PROCESSING")
        self._spawn(operation)

    def rollback(self, operation: Operation) -> None:
        """Undo it."""
        self._require(operation, "FAILED_TEMP", "rolled back")
        if operation.kind == "TERMINATE":
            raise Refused(409, "a termination cannot be rolled back; retry or fail it")
        self._enter(operation, "ROLLING_BACK")
        self._spawn(operation)

    def fail(self, operation: Operation) -> None:
        """Give it up as it is."""
        self._require(operation, "FAILED_TEMP", "failed")
        self._enter(operation, "FAILED")

    def cancel(self, operation: Operation) -> None:
        """End it where it is; it is then FAILED_TEMP."""
        if operation.state not in RUNNING - {"ROLLING_BACK"}:
            raise Refused(409, f"operation {operation.id} is in state {operation.state} and cannot be cancelled")
        operation.cancel_pending = True
        operation.automatic_rollback = False
        if operation.id in self._running:
            self._running[operation.id].cancel()

    async def close(self) -> None:
        """End what runs."""
        for helm in tuple(self._running.values()):
            helm.cancel()
        for task in tuple(self._tasks):
            with contextlib.suppress(asyncio.CancelledError):
                await task

    # Inside

    def _begin(  # noqa: PLR0913 - what the three kinds differ in
        self,
        instance: Instance,
        *,
        kind: Kind,
        parameters: dict[str, Any],
        package: Package,
        vim: str,
        additional: AdditionalParams,
        automatic: bool,
    ) -> Operation:
        if vim not in self._config.clusters:
            raise Refused(400, f"no VIM has the id {vim}; there are {', '.join(self._config.clusters) or 'none'}")
        operation = self._operation(instance, kind=kind, parameters=parameters, vim=vim)
        operation.package = package
        operation.releases = self._releases(package, additional, before=instance.releases)
        silenced = any(item.params.disable_auto_rollback for item in operation.releases)
        operation.automatic_rollback = automatic and not silenced
        return self._started(operation)

    def _operation(self, instance: Instance, *, kind: Kind, parameters: dict[str, Any], vim: str) -> Operation:
        now = self._clock.text()
        return Operation(
            id=str(uuid.uuid4()),
            instance=instance,
            kind=kind,
            parameters=parameters,
            package=instance.package,
            releases=(),
            vim=vim,
            automatic_rollback=False,
            started=now,
            entered=now,
        )

    def _releases(
        self, package: Package, additional: AdditionalParams, *, before: tuple[Release, ...]
    ) -> tuple[Release, ...]:
        """One release for each Helm VDU of the package; what an upgrade does not say stays as it was."""
        given = {item.vdu_name: item for item in additional.vdu_params}
        known = {item.params.vdu_name: item.params for item in before}
        charts = {item.vdu: item for item in package.content.charts} if package.content else {}
        strange = set(given) - set(charts)
        if strange:
            raise Refused(
                400, f"the package has no VDU {', '.join(sorted(strange))}; it has {', '.join(charts) or 'none'}"
            )
        found = []
        for name, chart in charts.items():
            params = given.get(name) or known.get(name)
            if params is None:
                raise Refused(400, f"additionalParams.vduParams says nothing of VDU {name}")
            params = self._completed(params, before=known.get(name))
            values = values_of(params.overrides, plain=self._config.overrides == "plain")
            found.append(Release(params=params, chart=chart.name, version=chart.version, values=values))
        return tuple(found)

    def _completed(self, params: VduParams, *, before: VduParams | None) -> VduParams:
        if before is not None:
            params = msgspec.structs.replace(
                params,
                overrides=params.overrides or before.overrides,
                repo_url=params.repo_url or before.repo_url,
                helm_name=before.helm_name,
                namespace=before.namespace,
            )
        if params.extension_id:
            params = msgspec.structs.replace(params, **self.repositories(params.extension_id))
        if not params.repo_url:
            raise Refused(400, f"VDU {params.vdu_name} has no repoUrl and no extensionId")
        return params

    def _started(self, operation: Operation) -> Operation:
        self._instances.begin(operation)
        self._spawn(operation)
        return operation

    def _spawn(self, operation: Operation) -> None:
        task = asyncio.get_running_loop().create_task(self._carried_out(operation))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carried_out(self, operation: Operation) -> None:
        if operation.state != "ROLLING_BACK":
            self._enter(operation, "PROCESSING")
            try:
                await self._with_helm(operation, self._forward)
            except HelmFailed as failed:
                operation.failure = str(failed)
                self._enter(operation, "FAILED_TEMP")
                if not operation.automatic_rollback:
                    return
                self._enter(operation, "ROLLING_BACK")
            else:
                self._completed_operation(operation)
                return
        try:
            await self._with_helm(operation, self._back)
        except HelmFailed as failed:
            operation.failure = f"{operation.failure}; and the rollback failed: {failed}"
            operation.automatic_rollback = False
            self._enter(operation, "FAILED_TEMP")
            return
        self._enter(operation, "ROLLED_BACK")
        self.changed(operation.vim)

    async def _with_helm(self, operation: Operation, work: Callable[[Helm, Operation], None]) -> None:
        with tempfile.TemporaryDirectory(prefix="ako-tca-") as folder:
            helm = Helm(
                executable=self._config.helm or Path("helm"),
                kubeconfig=self._config.clusters[operation.vim],
                folder=Path(folder),
            )
            self._running[operation.id] = helm
            try:
                if operation.cancel_pending and operation.state == "PROCESSING":
                    helm.cancel()
                await asyncio.to_thread(work, helm, operation)
            finally:
                del self._running[operation.id]
                operation.cancel_pending = False

    def _forward(self, helm: Helm, operation: Operation) -> None:
        for release in operation.releases:
            if operation.kind == "TERMINATE":
                helm.uninstall(release)
            else:
                helm.install(release)
        message = self._faults.taken("helm")
        if message is not None:
            raise HelmFailed(message)

    @staticmethod
    def _back(helm: Helm, operation: Operation) -> None:
        for release in operation.releases:
            if operation.kind == "INSTANTIATE":
                helm.uninstall(release)
            else:
                helm.rollback(release)

    def _completed_operation(self, operation: Operation) -> None:
        instance = operation.instance
        instance.package = operation.package
        instance.instantiated = operation.kind != "TERMINATE"
        instance.releases = operation.releases if instance.instantiated else ()
        instance.vim = operation.vim if instance.instantiated else ""
        self.changed(operation.vim)
        self._enter(operation, "COMPLETED")

    def _enter(self, operation: Operation, state: OperationState) -> None:
        operation.state = state
        operation.entered = self._clock.text()

    @staticmethod
    def _require(operation: Operation, state: OperationState, done: str) -> None:
        if operation.state != state:
            raise Refused(409, f"operation {operation.id} is in state {operation.state}; only one in {state} is {done}")
