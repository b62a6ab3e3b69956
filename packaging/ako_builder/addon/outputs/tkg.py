"""TKG outputs: the AKODeploymentConfig, labels of the cluster, the ClusterBootstrap entry, a TKr that re-pins.

ClusterBootstrap neither forgets nor downgrades a package, so "a newer AKO" on an add-on cluster is not an edit: either
our package is one more entry (its own name), or a custom TKr names our package in place of the official one and the
cluster resolves that TKr. The second needs the official TKr as it stands in the user's cluster, because a TKr lists
every package and image of the platform and nobody can guess those.
"""

import msgspec

from ako_builder.addon.admission.change import counterpart, with_entry
from ako_builder.addon.documents import Document
from ako_builder.addon.outputs.carvel import managed_secret_name
from ako_builder.addon.request import OFFICIAL_PACKAGE, Request
from ako_builder.addon.shapes.convert import How, conversion_of
from ako_builder.addon.shapes.intent import value_at
from ako_builder.addon.shapes.keys import ADDON_PREFIX
from ako_builder.addon.versions import PackageVersion, parse_version
from ako_runtime.errors import UserError

RUN_VERSION = "run.tanzu.vmware.com/v1alpha3"
AVI_LABEL = "networking.tkg.tanzu.vmware.com/avi"
DEFAULT_REFERENCES = {
    "metadata.name": "ako-toolkit",
    "adminCredentialRef": {"name": "avi-controller-credentials", "namespace": "tkg-system-networking"},
    "certificateAuthorityRef": {"name": "avi-controller-ca", "namespace": "tkg-system-networking"},
    "clusterSelector": {"matchLabels": {"ako-toolkit": "enabled"}},
}


def deployment_config(request: Request) -> Document:
    """The ADC from the settings, with every value that it can hold."""
    references = {f"{ADDON_PREFIX}{name}": value for name, value in DEFAULT_REFERENCES.items()}
    values = {**references, **request.intent.values}
    intent = msgspec.structs.replace(request.intent, values=values)
    return conversion_of(intent, target="adc", how=How(operator=request.operator)).documents[0]


def cluster_labels(request: Request, adc: Document) -> Document:
    """A merge patch for the Cluster: the labels that the ADC selects by."""
    labels = value_at(adc, "spec.clusterSelector.matchLabels") or {}
    return {
        "apiVersion": "cluster.x-k8s.io/v1beta1",
        "kind": "Cluster",
        "metadata": {"name": request.cluster.name, "namespace": request.cluster.namespace, "labels": dict(labels)},
    }


def bootstrap_entry(request: Request) -> Document:
    """A merge patch for the ClusterBootstrap: our package as one more entry, its values from the managed Secret.

    A merge patch replaces a list, so if the object as it stands is known, its entries are in the patch, too.
    """
    release = request.release
    patch: Document = {
        "apiVersion": RUN_VERSION,
        "kind": "ClusterBootstrap",
        "metadata": {"name": request.cluster.name, "namespace": request.cluster.namespace},
    }
    entry = {
        "refName": f"{release.addon.package}.{release.version}",
        "valuesFrom": {"secretRef": managed_secret_name(request)},
    }
    before = counterpart(patch, request.standing) or {}
    return {
        **patch,
        "spec": {"additionalPackages": with_entry(value_at(before, "spec.additionalPackages") or [], entry)},
    }


def replacing_version(official: PackageVersion, *, release: str) -> PackageVersion:
    """The version under which our package stands in for an official one: just above it, below the vendor's next."""
    build = f"{official.build}-akotoolkit.{release}" if official.build else f"akotoolkit.{release}"
    return msgspec.structs.replace(official, build=build)


def custom_tkr(base: Document, *, release: str) -> tuple[Document, PackageVersion]:
    """The official TKr with our package in place of AKO, and the version that our package must carry for it."""
    packages = value_at(base, "spec.bootstrapPackages") or []
    names = [item.get("name", "") for item in packages]
    found = next((name for name in names if name.startswith(f"{OFFICIAL_PACKAGE}.")), None)
    if base.get("kind") != "TanzuKubernetesRelease" or found is None:
        raise UserError(f"the base TKr names no {OFFICIAL_PACKAGE}: give a TanzuKubernetesRelease that carries AKO")
    version = replacing_version(parse_version(found.removeprefix(f"{OFFICIAL_PACKAGE}.")), release=release)
    spec = dict(base["spec"])
    renamed = f"{OFFICIAL_PACKAGE}.{version}"
    spec["bootstrapPackages"] = [{"name": renamed if name == found else name} for name in names]
    spec["version"] = f"{spec['version']}-akotoolkit.{release}"
    name = f"{value_at(base, 'metadata.name')}-akotoolkit.{release}"
    return {
        "apiVersion": RUN_VERSION,
        "kind": "TanzuKubernetesRelease",
        "metadata": {"name": name},
        "spec": spec,
    }, version
