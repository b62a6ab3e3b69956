"""The kinds that the embedded API serves: the built-in ones and those that CustomResourceDefinitions add.

A `Resource` is one kind in one version. Versions of one kind share their objects (`storage`); nothing but `apiVersion`
differs between them, except for the two forms of Event. The catalogue is what discovery prints and what a request
path is resolved against. A built-in kind that is missing here is missing on purpose: the embedded API serves what the
controller, its samples and Helm touch, and the real control plane serves the rest.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ako_lab.kube_api.errors import JsonObject

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a table: a heading, a type, and the JSONPath of its cell."""

    name: str
    path: str
    type: str = "string"
    description: str = ""
    priority: int = 0


class Scale(msgspec.Struct, frozen=True, kw_only=True):
    """Where a kind keeps what its scale subresource shows."""

    spec_replicas: str = ".spec.replicas"
    status_replicas: str = ".status.replicas"
    selector: str | None = None


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """One kind in one version, and how requests for it behave."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    singular: str = ""
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    status: bool = False
    scale: Scale | None = None
    generation: bool = False
    fields: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    custom: bool = False
    blind_update: bool = True
    schema: Mapping[str, Any] | None = None
    deprecation: str | None = None

    @property
    def storage(self) -> str:
        """The collection that holds the objects; both Event groups share one."""
        return "events" if self.plural == "events" else f"{self.plural}.{self.group}"

    @property
    def group_version(self) -> str:
        """The `apiVersion` of an object."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """The name that messages use: `services`, `ingresses.networking.k8s.io`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def discovery(self) -> list[JsonObject]:
        """The entries of this kind in an APIResourceList, subresources included."""
        entry: JsonObject = {
            "name": self.plural,
            "singularName": self.singular or self.kind.lower(),
            "namespaced": self.namespaced,
            "kind": self.kind,
            "verbs": list(VERBS),
        }
        if self.short:
            entry["shortNames"] = list(self.short)
        if self.categories:
            entry["categories"] = list(self.categories)
        entries = [entry]
        base = {"singularName": "", "namespaced": self.namespaced, "verbs": ["get", "patch", "update"]}
        if self.status:
            entries.append({"name": f"{self.plural}/status", "kind": self.kind, **base})
        if self.scale:
            scale = {"name": f"{self.plural}/scale", "group": "autoscaling", "version": "v1", "kind": "Scale"}
            entries.append({**scale, **base})
        return entries


class Catalog:
    """What is served now: changes when a CustomResourceDefinition comes, changes or goes."""

    def __init__(self, resources: tuple[Resource, ...]) -> None:
        self._resources = {(item.group, item.version, item.plural): item for item in resources}

    def __iter__(self) -> Iterator[Resource]:
        return iter(tuple(self._resources.values()))

    def find(self, group: str, version: str, plural: str) -> Resource | None:
        """The resource of a request path."""
        return self._resources.get((group, version, plural))

    def named(self, name: str, *, group: str | None = None, api_version: str | None = None) -> Resource | None:
        """The first resource whose plural, singular, short name or kind is `name` (in any case of letters)."""
        wanted = name.lower()
        for item in self._resources.values():
            names = {item.plural, item.kind.lower(), item.singular, *item.short}
            right_group = group is None or item.group == group
            right_version = api_version is None or item.group_version == api_version
            if wanted in names and right_group and right_version:
                return item
        return None

    def versions(self, group: str) -> list[str]:
        """The versions of a group, most stable and newest first."""
        return sorted({item.version for item in self._resources.values() if item.group == group}, key=stability)

    def groups(self) -> list[str]:
        """The named groups, in order of registration (built-in first)."""
        return list(dict.fromkeys(item.group for item in self._resources.values() if item.group))

    def replace(self, group: str, plural: str, resources: tuple[Resource, ...]) -> None:
        """Serve `resources` as the versions of one custom kind; none means that it is no longer served."""
        for key in [key for key in self._resources if key[0] == group and key[2] == plural]:
            del self._resources[key]
        for item in resources:
            self._resources[item.group, item.version, item.plural] = item


def stability(version: str) -> tuple[int, int, int, str]:
    """Kubernetes' order of version names: v2 before v1 before v1beta2 before v1alpha1 before anything else."""
    digits = version[1:]
    for rank, word in ((1, "beta"), (2, "alpha")):
        major, found, minor = digits.partition(word)
        if version.startswith("v") and found and major.isdigit() and minor.isdigit():
            return rank, -int(major), -int(minor), ""
    if version.startswith("v") and digits.isdigit():
        return 0, -int(digits), 0, ""
    return 3, 0, 0, version
