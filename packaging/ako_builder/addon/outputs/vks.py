"""VKS outputs: our package and our chart as add-ons of vSphere Kubernetes Service.

VKS 3.5 and later have an add-on manager (`addons.kubernetes.vmware.com/v1alpha1`). An administrator registers a
repository, the manager makes Addon, AddonRelease and AddonConfigDefinition of what it offers, a tenant installs by
label and configures by AddonConfig. Two flavours of repository exist and both fit: a package repository (imgpkg), whose
packages bring their own configuration schema in an annotation, and a Helm repository, for which the manager makes a
fixed one. Certainty B: read from a published example that states it was checked on VKS 3.7, and from schemas exported
from a live system; the fields inside `helmRepository` are C.
"""

import base64
import gzip
import io
import json
from collections.abc import Mapping

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
HEADER = "Certainty B: a published example checked on VKS 3.7 and schemas exported from a live system."
HELM_HEADER = f"{HEADER}\nThe fields inside helmRepository are inferred (C)."
HELM_CONFIG_HEADER = (
    f"{HEADER}\nFor a repository of the helm flavour: the manager's own schema has helmValues (B); that the add-on\n"
    "has the chart's name and that helmValues is a mapping is inferred (C): compare with the Addon of the manager."
)


def install_label(release: Release) -> str:
    """The label by which a cluster asks for the add-on."""
    return f"{release.addon.package.partition('.')[2]}/install"


def repositories(release: Release, *, image: str) -> Mapping[str, Document]:
    """The AddonRepository of both flavours, by flavour."""
    return {
        "imgpkg": _repository(release, fetch={"imgpkgBundle": {"imageURL": image}}, package=release.addon.package),
        "helm": _repository(
            release, fetch={"helmRepository": {"url": release.chart.repository}}, package=release.chart.name
        ),
    }


def _repository(release: Release, *, fetch: Document, package: str) -> Document:
    offerings = {"repositoryVersion": release.version, "packages": {package: {"versions": [release.version]}}}
    return {
        "apiVersion": VERSION,
        "kind": "AddonRepository",
        "metadata": {
            "name": release.product,
            "namespace": PUBLIC_NAMESPACE,
            "annotations": {OFFERINGS_ANNOTATION: json.dumps(offerings, sort_keys=True)},
        },
        "spec": {"fetch": fetch, "targetRepositoryName": release.product, "version": release.version},
    }


def repository_install(release: Release) -> Document:
    """The AddonRepositoryInstall."""
    return {
        "apiVersion": VERSION,
        "kind": "AddonRepositoryInstall",
        "metadata": {"name": release.product, "namespace": PUBLIC_NAMESPACE},
        "spec": {"addonRepositoryRef": {"name": release.product, "namespace": PUBLIC_NAMESPACE}},
    }


def addon_name(release: Release, *, helm: bool = False) -> str:
    """The name of the add-on: our package says it in an annotation, a chart repository can only say the chart's."""
    return release.chart.name if helm else release.product


def addon_install(request: Request, *, helm: bool = False) -> Document:
    """The AddonInstall: every cluster of the namespace that carries the label."""
    release = request.release
    name = addon_name(release, helm=helm)
    return {
        "apiVersion": VERSION,
        "kind": "AddonInstall",
        "metadata": {"name": name, "namespace": request.cluster.namespace},
        "spec": {
            "addonRef": {"name": name},
            "clusters": [{"selector": {"matchLabels": {install_label(release): "true"}}}],
            "releases": {"resolutionRule": "PreferLatest"},
            # A cluster that loses the label must not lose its load balancers by accident.
            "stopMatchingBehavior": "Retain",
        },
    }


def addon_config(request: Request, *, helm: bool = False) -> Document:
    """The AddonConfig of a cluster: the settings in the chart's words; `helm`: as the manager's schema takes them."""
    release, cluster = request.release, request.cluster
    values = conversion_of(request.intent, target="helm").documents[0]
    return {
        "apiVersion": VERSION,
        "kind": "AddonConfig",
        "metadata": {
            "name": f"{cluster.name}-{addon_name(release, helm=helm)}",
            "namespace": cluster.namespace,
            "annotations": {OWNED_ANNOTATION: "true"},
        },
        "spec": {"clusterName": cluster.name, "values": {"helmValues": values} if helm else values},
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
            "name": f"{release.addon.package}.{release.version}",
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
