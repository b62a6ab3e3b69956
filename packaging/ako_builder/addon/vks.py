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

from ako_builder.addon.convert import conversion_of
from ako_builder.addon.documents import Document, Value, yaml_text
from ako_builder.addon.request import PACKAGES_NAMESPACE, Request
from ako_builder.release import Release

VERSION = "addons.kubernetes.vmware.com/v1alpha1"
PUBLIC_NAMESPACE = "vmware-system-vks-public"
DEFINITION_ANNOTATION = "addons.kubernetes.vmware.com/addon-config-definition"
NAME_ANNOTATION = "addon.kubernetes.vmware.com/addon-name"
OFFERINGS_ANNOTATION = "addons.kubernetes.vmware.com/package-offerings"
OWNED_ANNOTATION = "clusteraddon.addons.kubernetes.vmware.com/owned-for-deletion"
HEADER = "Certainty B: a published example checked on VKS 3.7 and schemas exported from a live system."
HELM_HEADER = f"{HEADER}\nThe fields inside helmRepository are inferred (C)."


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


def addon_install(request: Request) -> Document:
    """The AddonInstall: every cluster of the namespace that carries the label."""
    release = request.release
    return {
        "apiVersion": VERSION,
        "kind": "AddonInstall",
        "metadata": {"name": release.product, "namespace": request.cluster.namespace},
        "spec": {
            "addonRef": {"name": release.product},
            "clusters": [{"selector": {"matchLabels": {install_label(release): "true"}}}],
            "releases": {"resolutionRule": "PreferLatest"},
            # A cluster that loses the label must not lose its load balancers by accident.
            "stopMatchingBehavior": "Retain",
        },
    }


def addon_config(request: Request) -> Document:
    """The AddonConfig of a cluster: the settings in the chart's words."""
    release, cluster = request.release, request.cluster
    return {
        "apiVersion": VERSION,
        "kind": "AddonConfig",
        "metadata": {
            "name": f"{cluster.name}-{release.product}",
            "namespace": cluster.namespace,
            "annotations": {OWNED_ANNOTATION: "true"},
        },
        "spec": {
            "clusterName": cluster.name,
            "values": conversion_of(request.intent, target="helm").documents[0],
        },
    }


def config_definition(release: Release, schema: Mapping[str, Value]) -> Document:
    """The AddonConfigDefinition that the manager makes from the package's annotation."""
    secret = "{{.Cluster.name}}-" + release.product + "-data-values"
    template = "type: Opaque\nstringData:\n  values.yaml: |\n    {{ .Values | toYaml | nindent 4 | trim }}\n"
    outputs = [
        {"supervisorNamespaceOutput": {**_secret(secret), "referenceType": "ValuesRef"}, "template": template},
        {"targetClusterOutput": {**_secret(secret), "namespace": PACKAGES_NAMESPACE}, "template": template},
    ]
    verbs = ["get", "list", "watch", "create", "update", "patch", "delete"]
    return {
        "apiVersion": VERSION,
        "kind": "AddonConfigDefinition",
        "metadata": {"name": f"{release.addon.package}.{release.version}", "namespace": PUBLIC_NAMESPACE},
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
