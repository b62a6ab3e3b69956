"""What the platform would refuse, said before anything is applied.

Two judges stand behind an AKODeploymentConfig (ADC): the schema of its CRD, and ako-operator's admission webhook. A
third stands behind ClusterBootstrap. Their rules are re-stated here as pure functions over documents, so that they hold
without a cluster; rules that need the Avi Controller (does the cloud have an IPAM profile, do the Service Engine group
and the networks exist) or Secrets of the cluster are not here and remain the webhook's. A data network may change, its
new value is judged like a first one; what never changes is what `_IMMUTABLE` lists.

Types are strict, as the CRD's are: a quoted "true" is text and refused, which is why the official sample is refused.
"""

import ipaddress
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from ako_builder.addon.documents import Document, Value
from ako_builder.addon.shapes.intent import flattened, value_at
from ako_builder.addon.shapes.keys import ADC_ENUMS, KEYS, OPERATOR_FIELDS, adc_keys
from ako_builder.addon.shapes.tkg import ADC_KIND, ADC_VERSION
from ako_builder.addon.versions import parse_version

FOR_ALL: Final = "install-ako-for-all"
FOR_MANAGEMENT: Final = "install-ako-for-management-cluster"
MANAGEMENT_LABEL: Final = "cluster-role.tkg.tanzu.vmware.com/management"
MAX_CLUSTER_NAME: Final = 25

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_REQUIRED: Final = (
    "cloudName",
    "controller",
    "serviceEngineGroup",
    "adminCredentialRef.name",
    "adminCredentialRef.namespace",
    "certificateAuthorityRef.name",
    "certificateAuthorityRef.namespace",
    "dataNetwork.name",
    "dataNetwork.cidr",
)
_LISTS: Final = (
    "extraConfigs.blockedNamespaceList",
    "extraConfigs.ingress.nodeNetworkList",
    "extraConfigs.networksConfig.bgpPeerLabels",
)
_FREE: Final = frozenset({"clusterSelector", "adminCredentialRef", "certificateAuthorityRef", "workloadCredentialRef"})
_IMMUTABLE: Final = ("clusterSelector", "controlPlaneNetwork", "tenant")
_SLOTS: Final = ("cni", "csi", "cpi", "kapp")
_SOURCES: Final = ("inline", "secretRef", "providerRef")


class Violation(msgspec.Struct, frozen=True, kw_only=True):
    """One reason for a refusal: the field, who refuses (crd or webhook), and why."""

    path: str
    judge: str
    why: str
    missing: bool = False
    """Only that a required field is not there (yet): what is there has its meaning all the same."""


def adc_violations(document: Document, *, version: str, old: Document | None = None) -> tuple[Violation, ...]:
    """Why an ADC would be refused; with `old`, also why this change of it would be."""
    schema = tuple(_schema(document, version=version))
    if schema:
        # A document of the wrong shape has no meaning that the other rules could judge.
        return schema
    rules = (_selector, _versions, _networks, _tenant)
    found = [violation for rule in rules for violation in rule(document)]
    return (*found, *(_changes(document, old) if old is not None else ()))


def cluster_violations(name: str, *, pod_cidrs: Sequence[str] = (), family: str = "V4") -> tuple[Violation, ...]:
    """Why a cluster could not get AKO: its name, its address families."""
    found = []
    if len(name) > MAX_CLUSTER_NAME:
        why = f"'{name}' has {len(name)} characters, a cluster with AKO may have at most {MAX_CLUSTER_NAME}"
        found.append(Violation(path="metadata.name", judge="webhook", why=why))
    versions = [ipaddress.ip_network(cidr, strict=False).version for cidr in pod_cidrs]
    if versions and versions[0] == 6:
        why = "IPv6-only and IPv6-primary clusters are not supported"
        found.append(Violation(path="spec.clusterNetwork.pods", judge="webhook", why=why))
    elif versions == [4] and family == "V6":
        why = "the AKODeploymentConfig says V6 but the cluster is IPv4-only"
        found.append(Violation(path="spec.extraConfigs.ipFamily", judge="webhook", why=why))
    return tuple(found)


def _schema(document: Document, *, version: str) -> Iterator[Violation]:
    api, kind = document.get("apiVersion"), document.get("kind")
    if api != ADC_VERSION or kind != ADC_KIND:
        yield _crd("apiVersion", f"expected {ADC_VERSION} {ADC_KIND}, found {api} {kind}")
    spec = document.get("spec")
    if not isinstance(spec, dict):
        yield _crd("spec", "is missing")
        return
    for path in _REQUIRED:
        if value_at(spec, path) is None:
            yield Violation(path=f"spec.{path}", judge="crd", why="is required", missing=True)
    types = {key.adc: key.encoding for key in adc_keys(version)}
    for path, value in flattened(spec, leaves=_FREE | frozenset(_LISTS) | {"dataNetwork.ipPools"}).items():
        yield from _field(path, value, types=types, version=version)


def _field(path: str, value: Value, *, types: Mapping[str, str], version: str) -> Iterator[Violation]:
    where = f"spec.{path}"
    expected = _expected(path, types)
    if expected is None:
        lacks = any(key.adc == path for key in KEYS)
        yield _crd(where, f"ako-operator {version} lacks this field" if lacks else "is not a field: check its spelling")
    elif not _is(value, expected):
        yield _crd(where, f"must be {expected}, found {_named(value)}")
    elif path in ADC_ENUMS and value not in ADC_ENUMS[path]:
        yield _crd(where, f"must be one of {', '.join(ADC_ENUMS[path])}, found '{value}'")
    elif path == "extraConfigs.replicaCount" and value not in (1, 2):
        yield _crd(where, f"must be 1 or 2, found {value}")


def _expected(path: str, types: Mapping[str, str]) -> str | None:
    if path in _LISTS and path in types:
        return "a list"
    if path == "dataNetwork.ipPools":
        return "a list"
    if path in types:
        return {"integer": "a whole number"}.get(types[path], "a boolean" if "boolean" in types[path] else "text")
    if path in _FREE:
        return "a mapping"
    return "text" if path in (*OPERATOR_FIELDS, "dataNetwork.name", "dataNetwork.cidr") else None


def _is(value: Value, expected: str) -> bool:
    kinds = {"a list": list, "a boolean": bool, "text": str, "a mapping": dict}
    if expected == "a whole number":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, kinds[expected])


def _named(value: Value) -> str:
    return f"the text '{value}'" if isinstance(value, str) else type(value).__name__


def _selector(document: Document) -> Iterator[Violation]:
    name, selector = value_at(document, "metadata.name"), value_at(document, "spec.clusterSelector") or {}
    empty = not selector.get("matchLabels") and not selector.get("matchExpressions")
    if empty and name != FOR_ALL:
        yield _webhook("spec.clusterSelector", f"may be empty only in '{FOR_ALL}': give labels of the clusters")
    for index, expression in enumerate(selector.get("matchExpressions") or []):
        why = _expression_fault(expression)
        if why:
            yield _webhook(f"spec.clusterSelector.matchExpressions[{index}]", why)
    if name == FOR_MANAGEMENT and MANAGEMENT_LABEL not in (selector.get("matchLabels") or {}):
        yield _webhook("spec.clusterSelector", f"'{FOR_MANAGEMENT}' selects by the label {MANAGEMENT_LABEL}")


def _expression_fault(expression: Value) -> str:
    """Why the API's own rules refuse a label expression; empty if they do not."""
    if not isinstance(expression, dict) or not expression.get("key"):
        return "needs a key and an operator"
    operator, values = expression.get("operator"), expression.get("values")
    if operator not in ("In", "NotIn", "Exists", "DoesNotExist"):
        return f"operator must be one of In, NotIn, Exists, DoesNotExist, found '{operator}'"
    if bool(values) != (operator in ("In", "NotIn")):
        return f"{operator} {'takes no values' if values else 'needs values'}"
    return ""


def _versions(document: Document) -> Iterator[Violation]:
    version = value_at(document, "spec.controllerVersion")
    if version and not re.fullmatch(r"\d+(\.\d+)*", version):
        yield _webhook("spec.controllerVersion", f"'{version}' is not a version such as 30.2.1")


def _networks(document: Document) -> Iterator[Violation]:
    network = _network(value_at(document, "spec.dataNetwork.cidr"))
    if network is None:
        yield _webhook("spec.dataNetwork.cidr", "is not a network such as 10.0.0.0/24")
    for index, pool in enumerate(value_at(document, "spec.dataNetwork.ipPools") or []):
        path = f"spec.dataNetwork.ipPools[{index}]"
        if not isinstance(pool, dict) or pool.get("type") != "V4":
            yield _crd(path, "needs start, end and type V4")
        elif network is not None:
            yield from _pool(path, pool, network)
    control = value_at(document, "spec.controlPlaneNetwork")
    if control is None:
        return
    if "name" not in control or "cidr" not in control:
        yield _crd("spec.controlPlaneNetwork", "needs a name and a cidr")
    elif control["name"] and control["cidr"] and _network(control["cidr"]) is None:
        # With an empty one of the two the webhook looks no further, and the data network serves.
        yield _webhook("spec.controlPlaneNetwork", f"cidr: '{control['cidr']}' is not a network such as 10.0.0.0/24")


def _pool(path: str, pool: Mapping[str, str], network: _Network) -> Iterator[Violation]:
    try:
        start, end = ipaddress.IPv4Address(pool.get("start", "")), ipaddress.IPv4Address(pool.get("end", ""))
    except ValueError:
        yield _webhook(path, "start and end must be IPv4 addresses")
        return
    if start not in network or end not in network:
        yield _webhook(path, f"{start} to {end} is not inside {network}")
    if start > end:
        yield _webhook(path, f"ends at {end} before it starts at {start}")


def _network(cidr: Value) -> _Network | None:
    try:
        return ipaddress.ip_network(cidr, strict=False) if isinstance(cidr, str) and "/" in cidr else None
    except ValueError:
        return None


def _tenant(document: Document) -> Iterator[Violation]:
    tenant = value_at(document, "spec.tenant")
    if tenant is not None and not tenant.get("name"):
        yield _crd("spec.tenant.name", "is required")


def _changes(new: Document, old: Document) -> Iterator[Violation]:
    for path in _IMMUTABLE:
        before, after = value_at(old, f"spec.{path}"), value_at(new, f"spec.{path}")
        if before != after and not (before is None and path == "tenant"):
            yield _webhook(f"spec.{path}", "cannot be changed: delete the object and create it again")


def bootstrap_violations(
    old: Document, new: Document, *, packages: frozenset[str] | None = None
) -> tuple[Violation, ...]:
    """Why a change of a ClusterBootstrap would be refused; an empty `old` means that it is created.

    `packages` are the names of the Packages in the system namespace, if they are known: a reference to any other is
    refused.
    """
    found = [*_sources(new), *(_absent_packages(new, packages) if packages is not None else ())]
    for slot in _SLOTS:
        before, after = value_at(old, f"spec.{slot}"), value_at(new, f"spec.{slot}")
        if before is not None:
            found += _package_change(f"spec.{slot}", before, after)
    additions = value_at(new, "spec.additionalPackages") or []
    names = [split_reference(item.get("refName", ""))[0] for item in additions]
    for name in sorted({name for name in names if names.count(name) > 1}):
        found.append(_webhook("spec.additionalPackages", f"{name} stands more than once"))
    by_name = dict(zip(names, additions, strict=True))
    for index, before in enumerate(value_at(old, "spec.additionalPackages") or []):
        after = by_name.get(split_reference(before.get("refName", ""))[0])
        found += _package_change(f"spec.additionalPackages[{index}]", before, after)
    return tuple(found)


def _references(document: Document) -> Iterator[tuple[str, Document]]:
    """Every package that a ClusterBootstrap names, with the place where it stands."""
    for slot in _SLOTS:
        item = value_at(document, f"spec.{slot}")
        if item is not None:
            yield f"spec.{slot}", item
    for index, item in enumerate(value_at(document, "spec.additionalPackages") or []):
        yield f"spec.additionalPackages[{index}]", item


def _sources(document: Document) -> Iterator[Violation]:
    for path, item in _references(document):
        given = [name for name in _SOURCES if (item.get("valuesFrom") or {}).get(name)]
        if len(given) > 1:
            yield _webhook(f"{path}.valuesFrom", f"has {' and '.join(given)}: keep one")


def _absent_packages(document: Document, packages: frozenset[str]) -> Iterator[Violation]:
    for path, item in _references(document):
        name = item.get("refName", "")
        if name not in packages:
            yield _webhook(f"{path}.refName", f"there is no Package {name} in the system namespace: apply it first")


def _package_change(path: str, before: Document, after: Document | None) -> Iterator[Violation]:
    name, version = split_reference(before.get("refName", ""))
    if after is None:
        yield _webhook(path, f"{name} cannot be removed")
        return
    new_name, new_version = split_reference(after.get("refName", ""))
    if new_name != name:
        yield _webhook(f"{path}.refName", f"{name} cannot become {new_name}")
    elif is_older(new_version, version):
        yield _webhook(f"{path}.refName", f"{new_version} is older than {version}: a package is never downgraded")
    if (before.get("valuesFrom") or {}).get("providerRef") and not (after.get("valuesFrom") or {}).get("providerRef"):
        yield _webhook(f"{path}.valuesFrom", "providerRef cannot become another source of values")


def is_older(version: str, other: str) -> bool:
    """Whether a package version is lower than another; versions that follow no known grammar are not compared."""
    try:
        return parse_version(version) < parse_version(other)
    except ValueError:
        return False


def split_reference(ref_name: str) -> tuple[str, str]:
    """`name.version` of a package: the version begins at the first part that is a number."""
    match = re.search(r"\.(\d+\.)", ref_name)
    return (ref_name[: match.start()], ref_name[match.start() + 1 :]) if match else (ref_name, "0")


def _crd(path: str, why: str) -> Violation:
    return Violation(path=path, judge="crd", why=why)


def _webhook(path: str, why: str) -> Violation:
    return Violation(path=path, judge="webhook", why=why)
