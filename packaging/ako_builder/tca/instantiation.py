"""Instances of a package: created, installed, upgraded and removed under names that the user chose."""

import base64
import binascii
import contextlib
from pathlib import Path
from typing import Any, Literal

import msgspec

from ako_builder.csar.instantiate import Component, Site, instantiate_body
from ako_builder.csar.predecessor import Predecessor
from ako_builder.tca.client import TcaClient, refusal
from ako_builder.tca.models import Instance, JsonObject, Package
from ako_builder.tca.session import OverridesForm, Session, UpgradeCall
from ako_builder.web import Answer
from ako_runtime.errors import Refused, UserError

_RUNNING = frozenset({"STARTING", "PROCESSING", "ROLLING_BACK"})
_NOT_UNDERSTOOD = frozenset({400, 422})
_NO_SUCH_CALL = frozenset({404, 405})


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """An operation that runs, or none where nothing was to be done; what was found out about TCA on the way."""

    instance: Instance
    operation: str
    overrides: OverridesForm | None = None
    upgrade: UpgradeCall | None = None


def instance_named(client: TcaClient, name: str) -> Instance:
    """The instance with a name; raises UserError unless there is exactly one."""
    found = [item for item in client.instances() if item.name == name]
    if len(found) != 1:
        raise UserError(
            f"{'several instances have' if found else 'no instance has'} the name {name}; see 'ako tca instances'"
        )
    return found[0]


def onboarded(client: TcaClient, mine: Predecessor) -> Package:
    """The package of the catalogue that a file is; raises UserError if there is none."""
    wanted = (mine.descriptor_id, mine.version, mine.descriptor_version)
    for item in client.packages():
        if item.state == "ONBOARDED" and (item.vnfd_id, item.software_version, item.descriptor_version) == wanted:
            return item
    raise UserError(f"{mine.path}: TCA has no such package onboarded; 'ako tca package push {mine.path}' first")


def instantiated(client: TcaClient, name: str, *, mine: Predecessor, request: "Request", session: Session) -> Begun:
    """Create the instance if it is not there, and install it if it is not installed."""
    package = onboarded(client, mine)
    found = [item for item in client.instances() if item.name == name]
    if found and found[0].state == "INSTANTIATED":
        if (found[0].vnfd_id, found[0].software_version) != (mine.descriptor_id, mine.version):
            raise UserError(
                f"instance {name} runs version {found[0].software_version} of {found[0].product}; "
                f"'ako tca upgrade {name} --to {mine.path}' changes it"
            )
        return Begun(instance=found[0], operation="")
    if found and found[0].operation_state in _RUNNING:
        return Begun(instance=found[0], operation=found[0].operation_id)
    instance = found[0] if found else client.create_instance(name, vnfd_id=package.vnfd_id)
    if instance.software_version not in {"", mine.version}:
        if not found:
            client.delete_instance(instance)
        raise UserError(
            f"TCA makes version {instance.software_version} of descriptor id {mine.descriptor_id}, not {mine.version}: "
            "two packages have this id; build them with different ones (--descriptor-id)"
        )
    first: OverridesForm = session.overrides or "base64"
    answer = client.instantiate(instance, request.body(plain=first == "plain"))
    if answer.status in _NOT_UNDERSTOOD and not session.overrides:
        first = "plain"
        again = client.instantiate(instance, request.body(plain=True))
        answer = again if again.status < 300 else answer
    return Begun(instance=instance, operation=_begun(answer), overrides=first)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What an instantiation asks."""

    components: tuple[Component, ...]
    site: Site
    values: bytes
    rollback: bool = True

    def body(self, *, plain: bool) -> JsonObject:
        """The body of the call."""
        body = instantiate_body(self.components, site=self.site, values=self.values, plain=plain)
        if not self.rollback:
            for item in body["additionalParams"]["vduParams"]:
                item["disableAutoRollback"] = True
            body["additionalParams"]["disableAutoRollback"] = True
        return body


def upgraded(
    client: TcaClient, instance: Instance, *, mine: Predecessor, components: tuple[Component, ...], change: "Change"
) -> Begun:
    """Bring an instance to the version of a package; nothing if it has that already."""
    package = onboarded(client, mine)
    if instance.operation_state in _RUNNING:
        raise UserError(f"{instance.operation} of instance {instance.name} runs; follow it with 'ako tca show --wait'")
    if (instance.vnfd_id, instance.software_version) == (package.vnfd_id, package.software_version):
        return Begun(instance=instance, operation="")
    if (instance.provider, instance.product) != (package.provider, package.product) and (
        instance.vnfd_id != package.vnfd_id
    ):
        raise UserError(
            f"{mine.path} is {package.product} of {package.provider}, instance {instance.name} is {instance.product} "
            f"of {instance.provider}: TCA would not offer this as an upgrade; keep provider and product over versions"
        )
    inventory = client.inventory(instance)
    body = change.body(package, inventory=inventory, components=components)
    call: UpgradeCall = change.call or "cnf"
    answer = client.upgrade(instance, body) if call == "cnf" else client.change_package(instance, sol003_change(body))
    if answer.status in _NO_SUCH_CALL and not change.call:
        # The place of the vendor's call is derived, that of SOL003's is documented.
        call, answer = "change_vnfpkg", client.change_package(instance, sol003_change(body))
    return Begun(instance=instance, operation=_begun(answer), upgrade=call)


def sol003_change(body: JsonObject) -> JsonObject:
    """The vendor's upgrade as SOL003's ChangeCurrentVnfPkgRequest; rollback is a matter of each component there."""
    changed: JsonObject = {**body["additionalParams"]}
    if not body["autoRollback"]:
        changed["disableAutoRollback"] = True
    return {"vnfdId": body["nfdId"], "additionalParams": changed}


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What an upgrade asks beside the package; without values those of the installed release stay."""

    values: bytes | None
    rollback: bool
    plain: bool
    call: UpgradeCall | Literal[""] = ""

    def body(self, package: Package, *, inventory: JsonObject, components: tuple[Component, ...]) -> JsonObject:
        """The body of the call (CnfUpgradeRequest)."""
        names = [component.vdu for component in components]
        there = {str(item.get("vduName")): item for item in _components(inventory)}
        strange = [name for name in names if name not in there]
        if strange and there:
            raise UserError(
                f"the instance has no component {', '.join(strange)} but {', '.join(there)}: "
                "keep the names of VDUs over versions"
            )
        overrides: JsonObject = {}
        if self.values is not None:
            text = self.values.decode() if self.plain else base64.b64encode(self.values).decode()
            overrides = {"overrides": text}
        return {
            "vimId": str(inventory.get("vimId") or ""),
            "nfdId": package.vnfd_id,
            "upgradeType": "UPGRADE",
            "autoRollback": self.rollback,
            "ignoreAdditionalParams": False,
            "componentMapping": [{"oldVduId": name, "newVduId": name} for name in names],
            "additionalParams": {
                "vduParams": [
                    {
                        "vduName": component.vdu,
                        "chartName": component.chart,
                        "helmName": str(there.get(component.vdu, {}).get("helmName") or component.chart),
                        "namespace": str(there.get(component.vdu, {}).get("namespace") or ""),
                        **overrides,
                    }
                    for component in components
                ]
            },
        }


def healed(client: TcaClient, instance: Instance, *, cause: str) -> Begun:
    """Repair an instance; one that is not instantiated has nothing to repair."""
    if instance.operation == "HEAL" and instance.operation_state in _RUNNING:
        return Begun(instance=instance, operation=instance.operation_id)
    if instance.state != "INSTANTIATED":
        raise UserError(f"instance {instance.name} is {instance.state}; only what is instantiated is healed")
    return Begun(instance=instance, operation=_begun(client.heal(instance, {"cause": cause})))


def installed_values(inventory: JsonObject) -> list[tuple[str, str]]:
    """(VDU, its values file) of each component, as far as TCA says."""
    found = []
    for item in _components(inventory):
        text = str(item.get("overrides") or "")
        # A TCA that takes the text itself gives it back.
        with contextlib.suppress(binascii.Error, ValueError):
            text = base64.b64decode(text, validate=True).decode()
        found.append((str(item.get("vduName") or ""), text))
    return found


def terminated(client: TcaClient, instance: Instance, *, graceful: int | None) -> Begun:
    """Remove what an instance installed; nothing if it is not instantiated."""
    if instance.operation == "TERMINATE" and instance.operation_state in _RUNNING:
        return Begun(instance=instance, operation=instance.operation_id)
    if instance.state != "INSTANTIATED":
        return Begun(instance=instance, operation="")
    body: JsonObject = {"terminationType": "FORCEFUL"}
    if graceful is not None:
        body = {"terminationType": "GRACEFUL", "gracefulTerminationTimeout": graceful}
    return Begun(instance=instance, operation=_begun(client.terminate(instance, body)))


def _components(inventory: JsonObject) -> list[JsonObject]:
    found: Any = inventory.get("components")
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _begun(answer: Answer) -> str:
    """The id of the operation that an answer tells, in its Location or its body."""
    if answer.status >= 300:
        raise refusal(answer)
    place = answer.headers.get("location", "")
    if place:
        return Path(place).name
    document = answer.json()
    found = document.get("operationId") if isinstance(document, dict) else None
    if not isinstance(found, str):
        raise Refused("TCA took the request but names no operation; look with 'ako tca show'")
    return found
