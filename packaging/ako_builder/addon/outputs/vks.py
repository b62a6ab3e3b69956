"""VKS outputs: our package and our chart as add-ons of vSphere Kubernetes Service.

VKS 3.5 and later have an add-on manager (`addons.kubernetes.vmware.com/v1alpha1`). An administrator registers a
repository, the manager makes Addon, AddonRelease and AddonConfigDefinition of what it offers, a tenant installs by
label and configures by AddonConfig. Two flavours of repository exist and both fit: a package repository (imgpkg), whose
packages bring their own configuration schema in an annotation, and a Helm repository, for which the manager makes a
fixed one.

An AddonInstall pins by `releaseFilter.ref`, the name of an AddonRelease: the kind has no version of its own, and what
it does not know is pruned without a word, so an install without the filter follows the newest release. A repository is
immutable once an AddonRepositoryInstall refers to it, so its names carry the version: the next version is a new pair
beside the old one. `FACTS` says how certain each field is.
"""

import base64
import gzip
import io
import json
import re
from collections.abc import Mapping

import msgspec

from ako_builder.addon.documents import Document, Value
from ako_builder.addon.request import Request
from ako_builder.addon.shapes.convert import conversion_of
from ako_builder.release import Release
from ako_builder.yaml_text import yaml_text

VERSION = "addons.kubernetes.vmware.com/v1alpha1"
PUBLIC_NAMESPACE = "vmware-system-vks-public"
GUEST_NAMESPACE = "vmware-system-tkg"
"""Where the manager installs packages inside a cluster, and so where their values have to be."""
DEFINITION_ANNOTATION = "addons.kubernetes.vmware.com/addon-config-definition"
NAME_ANNOTATION = "addon.kubernetes.vmware.com/addon-name"
PLACE_LABEL = "addon.kubernetes.vmware.com/addon-namespace"
OFFERINGS_ANNOTATION = "addons.kubernetes.vmware.com/package-offerings"
OWNED_ANNOTATION = "clusteraddon.addons.kubernetes.vmware.com/owned-for-deletion"
PLATFORM_LABEL = "ako.kubernetes.vmware.com/install"
"""The label by which the platform's own AddonInstall selects clusters for the official AKO."""
PLATFORM_ADDON = "ako"
"""The name of the platform's own add-on."""
HEADER = "Certainty B: published examples checked on VKS 3.7 and schemas exported from a live system."
HELM_HEADER = (
    f"{HEADER}\nThe fields inside helmRepository are inferred (C).\n"
    "WARNING: a repository of charts reaches every cluster of the Supervisor and cannot be limited to some; it needs\n"
    "helm-controller, which clusters below class 3.7 lack: there it fails, for all tenants. Prefer the imgpkg flavour."
)
HELM_CONFIG_HEADER = (
    f"{HEADER}\nFor a repository of the helm flavour: the manager's own schema has helmValues (B); that the add-on\n"
    "has the chart's name and that helmValues is a mapping is inferred (C): compare with the Addon of the manager."
)
LABELS_HEADER = (
    "Apply this before the AddonInstall: the platform's own AKO goes from the cluster when its label says false (B).\n"
    "Two AKOs on one cluster undo each other's work; our AddonInstall leaves out clusters whose label says true."
)


class Fact(msgspec.Struct, frozen=True):
    """One field as we write it: its certainty (B a live system, C inferred) and where that is known from."""

    kind: str
    path: str
    certainty: str
    source: str


_SKILL = "vks-addons-skill 9f52fad, measured on VKS 3.7"
_SERVICE = "dayzero-addon-service c93a784, an example that was run"
_DUMP = "dump of a live system, VKS 3.7.0"
FACTS = (
    Fact("AddonRepository", "metadata.annotations", "B", _SKILL),
    Fact("AddonRepository", "spec.fetch.imgpkgBundle.imageURL", "B", _SERVICE),
    Fact("AddonRepository", "spec.fetch.helmRepository.url", "C", "the field's name follows Flux; no example shows it"),
    Fact("AddonRepository", "spec.addonFilters[].name", "B", _SKILL),
    Fact("AddonRepository", "spec.addonFilters[].versions", "B", _SKILL),
    Fact("AddonRepository", "spec.targetRepositoryName", "B", _SERVICE),
    Fact("AddonRepository", "spec.version", "B", _SERVICE),
    Fact("AddonRepositoryInstall", "spec.addonRepositoryRef.name", "B", _SERVICE),
    Fact("AddonRepositoryInstall", "spec.addonRepositoryRef.namespace", "B", _SERVICE),
    Fact("AddonInstall", "spec.addonRef.name", "B", _SERVICE),
    Fact("AddonInstall", "spec.releaseFilter.ref.name", "B", _DUMP),
    Fact("AddonInstall", "spec.releaseFilter.ref.namespace", "B", _DUMP),
    Fact("AddonInstall", "spec.clusters[].selector.matchLabels", "B", _SKILL),
    Fact("AddonInstall", "spec.clusters[].selector.matchExpressions[].key", "B", _SERVICE),
    Fact("AddonInstall", "spec.clusters[].selector.matchExpressions[].operator", "B", _SERVICE),
    Fact("AddonInstall", "spec.clusters[].selector.matchExpressions[].values", "B", _SERVICE),
    Fact("AddonInstall", "spec.stopMatchingBehavior", "B", _SERVICE),
    Fact("AddonConfig", "metadata.annotations", "B", _SKILL),
    Fact("AddonConfig", "spec.clusterName", "B", _SERVICE),
    Fact("AddonConfig", "spec.addonConfigDefinitionRef.name", "B", _DUMP),
    Fact("AddonConfig", "spec.addonConfigDefinitionRef.namespace", "B", _DUMP),
    Fact("AddonConfig", "spec.values", "B", _SERVICE),
    Fact("Cluster", "metadata.labels", "B", _DUMP),
)
"""What no published schema covers; a test compares it with every field of every file."""


def install_label(release: Release) -> str:
    """The label by which a cluster asks for the add-on."""
    return f"{release.addon.package.partition('.')[2]}/install"


def release_name(offer: str, version: str) -> str:
    """The name of the AddonRelease that the manager makes of a package or chart: no name has a plus sign."""
    return f"{offer}.{version.replace('+', '-')}"


def definition_name(package: str, version: str) -> str:
    """The name of the AddonConfigDefinition of a package: the vendor's part stands behind three hyphens."""
    return f"{package}.{version.replace('+', '---')}"


def repository_name(release: Release, *, helm: bool = False) -> str:
    """The name of a repository of one version; each flavour has its own, because each is immutable."""
    version = re.sub(r"[^a-z0-9]+", "-", release.version.lower())
    return f"{release.product}{'-charts' if helm else ''}-{version}"


def repositories(release: Release, *, image: str) -> Mapping[str, Document]:
    """The AddonRepository of both flavours, by flavour."""
    chart = release.chart
    return {
        "imgpkg": _repository(release, fetch={"imgpkgBundle": {"imageURL": image}}, offer=release.addon.package),
        "helm": _repository(release, fetch={"helmRepository": {"url": chart.repository}}, offer=chart.name, helm=True),
    }


def _repository(release: Release, *, fetch: Document, offer: str, helm: bool = False) -> Document:
    name = repository_name(release, helm=helm)
    offerings = {"repositoryVersion": release.version, "packages": {offer: {"versions": [release.version]}}}
    # Only a repository of charts has filters: what a package repository offers is what is in it.
    filters = {"addonFilters": [{"name": offer, "versions": [release.version]}]} if helm else {}
    return {
        "apiVersion": VERSION,
        "kind": "AddonRepository",
        "metadata": {
            "name": name,
            "namespace": PUBLIC_NAMESPACE,
            "annotations": {OFFERINGS_ANNOTATION: json.dumps(offerings, sort_keys=True)},
        },
        "spec": {"fetch": fetch, **filters, "targetRepositoryName": name, "version": release.version},
    }


def repository_install(release: Release, *, helm: bool = False) -> Document:
    """The AddonRepositoryInstall of a flavour."""
    name = repository_name(release, helm=helm)
    return {
        "apiVersion": VERSION,
        "kind": "AddonRepositoryInstall",
        "metadata": {"name": name, "namespace": PUBLIC_NAMESPACE},
        "spec": {"addonRepositoryRef": {"name": name, "namespace": PUBLIC_NAMESPACE}},
    }


def addon_name(release: Release, *, helm: bool = False) -> str:
    """The name of the add-on: our package says it in an annotation, a chart repository can only say the chart's."""
    return release.chart.name if helm else release.product


def addon_install(request: Request, *, helm: bool = False) -> Document:
    """The AddonInstall: exactly this version, for clusters of the namespace with our label and without another AKO."""
    release = request.release
    name = addon_name(release, helm=helm)
    offer = release.chart.name if helm else release.addon.package
    selector = {
        "matchLabels": {install_label(release): "true"},
        "matchExpressions": [{"key": PLATFORM_LABEL, "operator": "NotIn", "values": ["true"]}],
    }
    return {
        "apiVersion": VERSION,
        "kind": "AddonInstall",
        "metadata": {"name": name, "namespace": request.cluster.namespace},
        "spec": {
            "addonRef": {"name": name},
            "releaseFilter": {"ref": {"name": release_name(offer, release.version), "namespace": PUBLIC_NAMESPACE}},
            "clusters": [{"selector": selector}],
            # A cluster that loses the label must not lose its load balancers by accident.
            "stopMatchingBehavior": "Retain",
        },
    }


def addon_config(request: Request, *, helm: bool = False) -> Document:
    """The AddonConfig of a cluster: the settings in the chart's words; `helm`: as the manager's schema takes them."""
    release, cluster = request.release, request.cluster
    values = conversion_of(request.intent, target="helm").documents[0]
    definition = {
        "name": definition_name(release.addon.package, release.version),
        "namespace": PUBLIC_NAMESPACE,
    }
    return {
        "apiVersion": VERSION,
        "kind": "AddonConfig",
        "metadata": {
            "name": f"{cluster.name}-{addon_name(release, helm=helm)}",
            "namespace": cluster.namespace,
            "annotations": {OWNED_ANNOTATION: "true"},
        },
        # The definition that the manager makes for a chart has a name of the manager's; it may be left out.
        "spec": {
            "clusterName": cluster.name,
            **({} if helm else {"addonConfigDefinitionRef": definition}),
            "values": {"helmValues": values} if helm else values,
        },
    }


def cluster_labels(request: Request) -> Document:
    """The labels of the cluster: the platform's own AKO off, ours on."""
    return {
        "apiVersion": "cluster.x-k8s.io/v1beta1",
        "kind": "Cluster",
        "metadata": {
            "name": request.cluster.name,
            "namespace": request.cluster.namespace,
            "labels": {PLATFORM_LABEL: "false", install_label(request.release): "true"},
        },
    }


def config_definition(release: Release, schema: Mapping[str, Value]) -> Document:
    """The AddonConfigDefinition that the manager makes from the package's annotation."""
    secret = "{{.Cluster.name}}-" + release.product + "-data-values"
    template = "type: Opaque\nstringData:\n  values.yaml: |\n    {{ .Values | toYaml | nindent 4 | trim }}\n"
    outputs = [
        {"supervisorNamespaceOutput": {**_secret(secret), "referenceType": "ValuesRef"}, "template": template},
        {"targetClusterOutput": {**_secret(secret), "namespace": GUEST_NAMESPACE}, "template": template},
    ]
    verbs = ["get", "list", "watch", "create", "update", "patch", "delete"]
    return {
        "apiVersion": VERSION,
        "kind": "AddonConfigDefinition",
        "metadata": {
            "name": definition_name(release.addon.package, release.version),
            "namespace": PUBLIC_NAMESPACE,
            "labels": {NAME_ANNOTATION: release.product, PLACE_LABEL: PUBLIC_NAMESPACE},
        },
        "spec": {
            "schema": {"openAPIV3Schema": dict(schema)},
            "templateOutputResources": outputs,
            "addonInstallPermission": {
                "accessPolicies": [
                    {"order": 0, "rules": [{"apiGroups": [""], "resources": ["secrets"], "verbs": verbs}]},
                ],
            },
        },
    }


def annotated(package: Document, definition: Document, release: Release) -> Document:
    """A Package with the annotations by which the manager knows it."""
    annotations = {NAME_ANNOTATION: release.product, DEFINITION_ANNOTATION: packed(definition)}
    return {**package, "metadata": {**package["metadata"], "annotations": annotations}}


def packed(definition: Document) -> str:
    """A document as the annotation holds it: gzip in base64, the same bytes every time."""
    stream = io.BytesIO()
    with gzip.GzipFile("", "wb", 9, stream, mtime=0) as file:
        file.write(yaml_text(definition).encode())
    return base64.b64encode(stream.getvalue()).decode()


def _secret(name: str) -> Document:
    return {"apiVersion": "v1", "kind": "Secret", "name": name}
