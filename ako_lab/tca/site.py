"""The parts of one simulated TCA, and its partner systems."""

import base64
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from ako_lab.tca.clock import VirtualClock
from ako_lab.tca.config import TcaConfig
from ako_lab.tca.errors import Refused
from ako_lab.tca.faults import Faults
from ako_lab.tca.instances import Instances
from ako_lab.tca.operations import Operations
from ako_lab.tca.packages import Catalogue
from ako_lab.tca.policies import Policies
from ako_lab.tca.registry import Registry
from ako_lab.tca.sessions import Sessions


class Extension(msgspec.Struct, frozen=True, kw_only=True):
    """A partner system: here a repository of charts."""

    id: str
    name: str
    url: str
    username: str = ""
    password: str = ""
    vims: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """As an answer shows it: without the password."""
        return {
            "extensionId": self.id,
            "id": self.id,
            "name": self.name,
            "type": "Repository",
            "extensionSubtype": "Harbor",
            "interfaceInfo": {"url": self.url},
            "vimInfo": [{"vimId": vim} for vim in self.vims],
            "state": "ENABLED",
        }


class Site:
    """Everything that the end points work on."""

    def __init__(self, config: TcaConfig, *, password: str, folder: Path) -> None:
        self.config = config
        self.clock = VirtualClock()
        self.faults = Faults()
        self.sessions = Sessions(config, password=password, clock=self.clock)
        self.packages = Catalogue(config=config, clock=self.clock, faults=self.faults, folder=folder)
        self.instances = Instances()
        self.operations = Operations(config=config, clock=self.clock, faults=self.faults, instances=self.instances)
        self.registry = Registry()
        self.policies = Policies()
        self.extensions: dict[str, Extension] = {}
        self.packages.used = self.instances.uses
        self.operations.repositories = self._repository

    def add_extension(self, document: Mapping[str, Any]) -> Extension:
        """A new partner system; its name must not be taken."""
        name, url = document.get("name"), (document.get("interfaceInfo") or {}).get("url")
        if not isinstance(name, str) or not isinstance(url, str) or not name or not url:
            raise Refused(400, "name and interfaceInfo.url are needed")
        if any(item.name == name for item in self.extensions.values()):
            raise Refused(409, f"a partner system with the name {name} is registered already")
        access = document.get("accessInfo") or {}
        try:
            password = base64.b64decode(str(access.get("password", "")), validate=True).decode()
        except ValueError as error:
            raise Refused(400, "accessInfo.password is not base64") from error
        extension = Extension(
            id=str(uuid.uuid4()),
            name=name,
            url=url,
            username=str(access.get("username", "")),
            password=password,
            vims=tuple(str(item.get("vimId", "")) for item in document.get("vimInfo") or ()),
        )
        self.extensions[extension.id] = extension
        return extension

    def _repository(self, identifier: str) -> Mapping[str, str]:
        extension = self.extensions.get(identifier)
        if extension is None:
            raise Refused(400, f"extensionId {identifier} is no partner system that is registered")
        return {"repo_url": extension.url, "username": extension.username, "password": extension.password}
