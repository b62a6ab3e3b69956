"""Where the drift check gets its documents: a folder of dumps, a live cluster, an Avi Controller's own answer.

A dump is any folder of YAML and JSON files with Kubernetes objects, Lists, ImagesLocks, `akoamkocluster` objects; files
that hold something else are skipped, files that cannot be read are an error. A live cluster is only read from: the
handful of kinds that say something about AKO, a kind that the cluster does not serve is left out.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from kubernetes import client, config
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import HTTPError

from ako_builder.addon.documents import Document, Value, parse_documents, read_text
from ako_builder.addon.live.object_shapes import fitting
from ako_runtime.errors import UserError, cause_of

_PATHS: Final = (
    "/apis/packaging.carvel.dev/v1alpha1/packageinstalls",
    "/apis/run.tanzu.vmware.com/v1alpha3/tanzukubernetesreleases",
    "/apis/apps/v1/namespaces/{ako}/statefulsets",
    "/api/v1/namespaces/{ako}/pods",
    "/api/v1/namespaces/{ako}/configmaps",
    "/api/v1/namespaces/{packages}/secrets",
)
_KINDS: Final = {
    "packageinstalls": "PackageInstall",
    "tanzukubernetesreleases": "TanzuKubernetesRelease",
    "statefulsets": "StatefulSet",
    "pods": "Pod",
    "configmaps": "ConfigMap",
    "secrets": "Secret",
    "packages": "Package",
    "addonreleases": "AddonRelease",
}
_VALUES_SUFFIXES: Final = ("-load-balancer-and-ingress-service-addon", "-load-balancer-and-ingress-service-data-values")


def dumped(folder: Path) -> tuple[Document, ...]:
    """Every object in the YAML and JSON files of a folder."""
    if not folder.is_dir():
        raise UserError(f"{folder}: is not a folder: give the folder of a cluster dump")
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".yaml", ".yml", ".json"))
    found = tuple(document for path in files for document in _objects(_parsed(path)))
    if not found:
        raise UserError(f"{folder}: holds no Kubernetes objects in .yaml or .json files")
    return tuple(readable(document) for document in found)


def objects_in(path: Path) -> tuple[Document, ...]:
    """Every object in one file, with Lists unpacked."""
    return tuple(_objects(_parsed(path)))


def _parsed(path: Path) -> list[Value]:
    text = read_text(path)
    if path.suffix == ".json":
        try:
            return [json.loads(text)]
        except RecursionError:
            raise UserError(f"{path}: not JSON that is meant well: it is nested too deep") from None
        except json.JSONDecodeError as error:
            raise UserError(f"{path}:{error.lineno}: not JSON: {error.msg}") from None
    return list(parse_documents(text, where=str(path)))


def _objects(values: list[Value]) -> Iterator[Document]:
    for value in values:
        if isinstance(value, list):
            yield from _objects(value)
        elif isinstance(value, dict):
            items = value.get("items", value.get("results"))
            if isinstance(items, list):
                kind = str(value.get("kind", "")).removesuffix("List")
                yield from _objects([{"kind": kind, **item} for item in items if isinstance(item, dict)])
            else:
                yield fitting(value)


def readable(document: Document) -> Document:
    """A Secret with its data decoded; anything else as it is."""
    if document.get("kind") != "Secret" or not document.get("data"):
        return document
    plain = dict(document.get("stringData") or {})
    for key, text in document["data"].items():
        try:
            plain.setdefault(key, base64.b64decode(text).decode())
        except (binascii.Error, UnicodeDecodeError):
            continue
    return {**document, "stringData": plain}


class Namespaces(msgspec.Struct, frozen=True, kw_only=True):
    """Where AKO runs, and where the values of its package are."""

    ako: str = "avi-system"
    packages: str = "tkg-system"


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What a cluster shows, and the paths that the user may not list."""

    documents: tuple[Document, ...] = ()
    hidden: tuple[str, ...] = ()


RELEASE_PATHS: Final = (
    "/apis/run.tanzu.vmware.com/v1alpha3/tanzukubernetesreleases",
    "/apis/data.packaging.carvel.dev/v1alpha1/packages",
    "/apis/addons.kubernetes.vmware.com/v1alpha1/addonreleases",
)
"""What says which releases a platform offers, in all namespaces."""


def live(kubeconfig: Path, *, context: str | None = None, namespaces: Namespaces | None = None) -> Shown:
    """What a cluster shows about AKO; it is only read."""
    namespaces = namespaces or Namespaces()
    paths = [path.format(ako=namespaces.ako, packages=namespaces.packages) for path in _PATHS]
    return shown_at(kubeconfig, paths, context=context)


def shown_at(kubeconfig: Path, paths: Iterable[str], *, context: str | None = None) -> Shown:
    """What a cluster shows at some paths; it is only read."""
    if not kubeconfig.is_file():
        raise UserError(f"{kubeconfig}: no such kubeconfig")
    try:
        api = config.new_client_from_config(  # type: ignore[no-untyped-call]
            config_file=str(kubeconfig), context=context
        )
    except ConfigException as error:
        raise UserError(f"{kubeconfig}: not a usable kubeconfig: {error}") from None
    documents: list[Document] = []
    hidden: list[str] = []
    try:
        for path in paths:
            listed = _listed(api, path)
            if listed is None:
                hidden.append(path)
            else:
                documents += [readable(item) for item in listed if _is_wanted(item)]
    except HTTPError as error:
        raise UserError(f"{kubeconfig}: the cluster cannot be reached: {cause_of(error)}") from None
    return Shown(documents=tuple(documents), hidden=tuple(hidden))


def _listed(api: client.ApiClient, path: str) -> list[Document] | None:
    """The objects at a path; none where the cluster does not serve the kind, None where the user may not list it."""
    kind = _KINDS[path.rpartition("/")[2]]
    request = api.param_serialize(
        "GET", path, auth_settings=["BearerToken"], header_params={"Accept": "application/json"}
    )
    response = api.call_api(*request)
    body = response.read()  # type: ignore[no-untyped-call]
    if response.status == 404:
        return []
    if response.status == 403:
        return None
    if response.status != 200:
        raise UserError(f"reading {path}: the cluster answers {response.status} {response.reason}")
    try:
        listed = msgspec.json.decode(body, type=_List)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"reading {path}: the answer is no list; is this a Kubernetes API server?") from error
    return [fitting({**item, "kind": kind}) for item in listed.items or ()]


class _List(msgspec.Struct):
    items: list[Document] | None = None


def _is_wanted(document: Document) -> bool:
    """Secrets are read only if they are the values of the package: nothing else about credentials is looked at."""
    return document["kind"] != "Secret" or str(document["metadata"]["name"]).endswith(_VALUES_SUFFIXES)
