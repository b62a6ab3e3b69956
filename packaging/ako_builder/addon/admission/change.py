"""What an add-on folder would change of the objects that are there already, and whether that would be refused.

A first installation can be wrong in itself only; a second one can also be impossible: selector, control-plane network
and tenant of an AKODeploymentConfig cannot change, a ClusterBootstrap neither drops nor lowers a package and names none
that the system namespace lacks (judged if the Packages are among the objects), and a PackageInstall is not taken to a
lower version. So the objects as they stand (`kubectl get ... -o yaml`, Lists are unpacked) are compared with
what the files of the folder would make of them, by the rules of `webhook`. Objects are matched as the API server
matches them, by name and namespace; what has no counterpart is a new object.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from ako_builder.addon.admission.webhook import (
    Violation,
    adc_violations,
    bootstrap_violations,
    is_older,
    split_reference,
)
from ako_builder.addon.documents import Document, parse_documents
from ako_builder.addon.request import OFFICIAL_PACKAGE, PACKAGES_NAMESPACE
from ako_builder.addon.shapes.intent import value_at
from ako_builder.addon.shapes.tkg import ADC_KIND

BOOTSTRAP_KIND: Final = "ClusterBootstrap"
INSTALL_KIND: Final = "PackageInstall"
PACKAGE_KIND: Final = "Package"
STANDING_KINDS: Final = (ADC_KIND, BOOTSTRAP_KIND, INSTALL_KIND, PACKAGE_KIND)


def standing(documents: tuple[Document, ...]) -> tuple[Document, ...]:
    """The objects that a change can be held against, out of single objects and Lists."""
    unpacked = (item for document in documents for item in document.get("items") or (document,))
    return tuple(item for item in unpacked if isinstance(item, dict) and item.get("kind") in STANDING_KINDS)


def counterpart(new: Document, old: tuple[Document, ...]) -> Document | None:
    """The object as it stands."""
    return next((item for item in old if _identity(item) == _identity(new)), None)


def packages_in(documents: Iterable[Document]) -> frozenset[str] | None:
    """The names of the Packages in the system namespace; None if none is shown, so that nothing is known of them."""
    names = (
        str(value_at(item, "metadata.name"))
        for item in documents
        if item.get("kind") == PACKAGE_KIND and value_at(item, "metadata.namespace") in (None, "", PACKAGES_NAMESPACE)
    )
    return frozenset(names) or None


def _identity(document: Document) -> tuple[str, str, str]:
    metadata = document.get("metadata") or {}
    # A cluster-wide object has no namespace, and neither has one that is applied into the current one.
    return str(document.get("kind")), str(metadata.get("name")), str(metadata.get("namespace") or "")


def with_entry(additions: list[Document], entry: Document) -> list[Document]:
    """The additional packages of a ClusterBootstrap with one more, or with another version of one."""
    name = split_reference(entry["refName"])[0]
    rest = [item for item in additions if split_reference(item.get("refName", ""))[0] != name]
    if len(rest) == len(additions):
        return [*additions, entry]
    return [entry if split_reference(item.get("refName", ""))[0] == name else item for item in additions]


def refusals(files: Mapping[str, bytes], old: tuple[Document, ...], *, operator: str) -> tuple[Violation, ...]:
    """Why the platform would refuse what the files of a folder make of the objects as they stand."""
    new = {name: parse_documents(files[name].decode(), where=name)[0] for name in _COMPARED if name in files}
    found: list[Violation] = []
    adc, bootstrap = new.get("tkg/akodeploymentconfig.yaml"), new.get("tkg/clusterbootstrap.yaml")
    if adc is not None and (before := counterpart(adc, old)) is not None:
        alone = adc_violations(adc, version=operator)
        found += [item for item in adc_violations(adc, version=operator, old=before) if item not in alone]
    if bootstrap is not None and (before := counterpart(bootstrap, old)) is not None:
        replacing = new.get("tkg/custom-tkr-package.yaml")
        after = _patched(before, bootstrap, replacing)
        found += bootstrap_violations(before, after, packages=_present(new, old))
    install = new.get("carvel/packageinstall.yaml")
    if install is not None:
        found += _install_violations(install, old)
    return tuple(found)


def _present(new: Mapping[str, Document], old: tuple[Document, ...]) -> frozenset[str] | None:
    """The Packages that are there when the ClusterBootstrap is changed: ours are applied before it."""
    standing_packages = packages_in(old)
    if standing_packages is None:
        return None
    return standing_packages | (packages_in(new.values()) or frozenset())


_COMPARED: Final = (
    "carvel/package.yaml",
    "tkg/akodeploymentconfig.yaml",
    "tkg/clusterbootstrap.yaml",
    "tkg/custom-tkr-package.yaml",
    "carvel/packageinstall.yaml",
)


def _patched(before: Document, patch: Document, replacing: Document | None) -> Document:
    """The ClusterBootstrap after the patch; a TKr that re-pins puts its package in the place of the official one."""
    spec = {**before["spec"], **patch["spec"]}
    if replacing is not None:
        version = value_at(replacing, "spec.version")
        official = [item for item in spec["additionalPackages"] if _is_official(item)]
        for item in official:
            entry = {**item, "refName": f"{OFFICIAL_PACKAGE}.{version}"}
            spec["additionalPackages"] = with_entry(spec["additionalPackages"], entry)
    return {**before, "spec": spec}


def _is_official(item: Document) -> bool:
    return split_reference(item.get("refName", ""))[0] == OFFICIAL_PACKAGE


def _install_violations(new: Document, old: tuple[Document, ...]) -> Iterator[Violation]:
    name = value_at(new, "spec.packageRef.refName")
    wanted = value_at(new, "spec.packageRef.versionSelection.constraints")
    for item in old:
        version = value_at(item, "status.version")
        if item.get("kind") != INSTALL_KIND or value_at(item, "spec.packageRef.refName") != name or not version:
            continue
        if is_older(wanted, version):
            where = f"PackageInstall {value_at(item, 'metadata.name')}"
            why = f"{wanted} is older than {version} that is installed: a package is not downgraded"
            yield Violation(path=f"{where}: spec.packageRef.versionSelection", judge="kapp-controller", why=why)
