"""What objects of a dump must look like where they are read: the fields, by kind, and their types.

A dump may be cut, edited by hand, or of a system of another version. An object whose fields have other types than the
API gives them is refused where it comes in, in one sentence, so that no rule has to ask again. A field that is missing
is none of this: each rule says what it lacks.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from ako_builder.addon.documents import Document
from ako_runtime.errors import UserError

_Texts = dict[str, str] | None


class _Fields(msgspec.Struct, rename="camel"):
    """Fields that are not named here may be anything."""


class _Metadata(_Fields):
    name: str | None = None
    namespace: str | None = None
    labels: _Texts = None
    annotations: _Texts = None


class _Object(_Fields):
    metadata: _Metadata | None = None


class _Kubernetes(_Fields):
    version: str | None = None


class _Named(_Fields):
    name: str | None = None
    ref_name: str | None = None
    version: str | None = None


class _ReleaseSpec(_Fields):
    kubernetes: _Kubernetes | None = None
    kubernetes_version: str | None = None
    bootstrap_packages: list[_Named] | None = None


class _Release(_Object):
    spec: _ReleaseSpec | None = None


class _Package(_Object):
    spec: _Named | None = None


class _AddonSpec(_Fields):
    package: _Named | None = None


class _Addon(_Object):
    spec: _AddonSpec | None = None


class _InstallSpec(_Fields):
    package_ref: _Named | None = None


class _Install(_Object):
    spec: _InstallSpec | None = None
    status: _Kubernetes | None = None


class _Container(_Fields):
    name: str = ""
    image: str = ""
    image_id: str = msgspec.field(default="", name="imageID")


class _PodSpec(_Fields):
    containers: list[_Container] | None = None


class _Template(_Fields):
    spec: _PodSpec | None = None


class _WorkloadSpec(_Fields):
    template: _Template | None = None


class _Workload(_Object):
    spec: _WorkloadSpec | None = None


class _PodStatus(_Fields):
    container_statuses: list[_Container] | None = None


class _Pod(_Object):
    spec: _PodSpec | None = None
    status: _PodStatus | None = None


class _Data(_Object):
    data: _Texts = None
    string_data: _Texts = None


class _Locked(_Fields):
    image: str
    annotations: _Texts = None


class _Lock(_Object):
    images: list[_Locked] | None = None


class _BootstrapSpec(_Fields):
    additional_packages: list[_Named] | None = None


class _BootstrapStatus(_Fields):
    resolved_tkr: str | None = msgspec.field(default=None, name="resolvedTKR")


class _Bootstrap(_Object):
    spec: _BootstrapSpec | None = None
    status: _BootstrapStatus | None = None


_SHAPES: Final[Mapping[str, type[_Object]]] = {
    "TanzuKubernetesRelease": _Release,
    "Package": _Package,
    "AddonRelease": _Addon,
    "PackageInstall": _Install,
    "StatefulSet": _Workload,
    "Pod": _Pod,
    "ConfigMap": _Data,
    "Secret": _Data,
    "ImagesLock": _Lock,
    "ClusterBootstrap": _Bootstrap,
}


def fitting(document: Document) -> Document:
    """The document as it is; raises UserError where a field that is read has another type than the API gives it."""
    kind = document.get("kind")
    try:
        msgspec.convert(document, type=_SHAPES.get(kind, _Object) if isinstance(kind, str) else _Object)
    except msgspec.ValidationError as error:
        metadata = document.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        raise UserError(f"{kind or 'an object'} {name or 'without a name'}: {error}; is the dump whole?") from error
    return document
