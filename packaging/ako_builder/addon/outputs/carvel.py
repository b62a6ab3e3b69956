"""Carvel objects: the package, how it is installed, and its values.

The Package fetches our bundle by digest, lets ytt turn data values into values of the chart, renders the chart with
them, adds what kapp needs, resolves images by the bundle's lock and deploys. kapp-controller hands the values of a
PackageInstall to the first templating step that can take them, which is that translation.

Values come in the two shapes of the platform: for a plan-based (legacy) cluster a Secret whose YAML begins with a ytt
header and therefore is an overlay (the PackageInstall says so by an annotation), for a ClusterClass cluster plain YAML.
Its name depends on where it stands: `<cluster>-load-balancer-and-ingress-service-addon` on the management side, in the
namespace of the cluster object, and on a legacy or management cluster; `...-data-values` inside a ClusterClass workload
cluster, into which the platform copies what a ClusterBootstrap refers to.

The permissions of the installing service account are those that the chart needs, not everything.
"""

from collections.abc import Mapping

from ako_builder.addon.documents import Document, Value
from ako_builder.addon.request import ADDON_NAME, PACKAGES_NAMESPACE, Request
from ako_builder.addon.shapes.convert import How, conversion_of
from ako_builder.addon.shapes.intent import Intent, is_addon_only
from ako_builder.release import Release
from ako_builder.yaml_text import yaml_text

_DATA = "data.packaging.carvel.dev/v1alpha1"
_PACKAGING = "packaging.carvel.dev/v1alpha1"
YTT_HEADER = "#@data/values\n#@overlay/match-child-defaults missing_ok=True\n---\n"
_OVERLAY_VALUES = "ext.packaging.carvel.dev/ytt-data-values-overlays"
ACCOUNT = f"{ADDON_NAME}-package-sa"
_ROLE = f"{ADDON_NAME}-package-role"
_ALL = ["get", "list", "watch", "create", "update", "patch", "delete"]


def package_metadata(release: Release) -> Document:
    """The PackageMetadata."""
    return {
        "apiVersion": _DATA,
        "kind": "PackageMetadata",
        "metadata": {"name": release.addon.package},
        "spec": {
            "displayName": ADDON_NAME,
            "shortDescription": release.title,
            "longDescription": release.summary,
            "providerName": release.provider,
            "maintainers": [{"name": release.provider}],
            "categories": ["networking"],
            "supportDescription": release.home,
        },
    }


def package(
    release: Release, *, bundle: str, schema: Mapping[str, Value], name: str = "", version: str = ""
) -> Document:
    """The Package that fetches `bundle` (a reference by digest)."""
    ref_name, version = name or release.addon.package, version or release.version
    return {
        "apiVersion": _DATA,
        "kind": "Package",
        "metadata": {"name": f"{ref_name}.{version}"},
        "spec": {
            "refName": ref_name,
            "version": version,
            "licenses": [release.licence],
            "releaseNotes": f"{release.home}/releases/{release.version}",
            "capacityRequirementsDescription": "One pod: 200m CPU and 300Mi of memory requested, unless set otherwise.",
            "includedSoftware": [
                {"displayName": release.product, "version": release.version, "description": release.summary},
            ],
            "kubernetesVersionSelection": {"constraints": release.chart.kubernetes},
            "template": {"spec": _app(release, bundle=bundle)},
            "valuesSchema": {"openAPIv3": dict(schema)},
        },
    }


def _app(release: Release, *, bundle: str) -> Document:
    chart: Document = {
        "path": "chart",
        "name": release.chart.name,
        "namespace": release.chart.namespace,
        "valuesFrom": [{"path": "-"}],
    }
    return {
        "fetch": [{"imgpkgBundle": {"image": bundle}}],
        "template": [
            {"ytt": {"paths": ["translate"]}},
            {"helmTemplate": chart},
            {"ytt": {"paths": ["-", "config"]}},
            {"kbld": {"paths": ["-", ".imgpkg/images.yml"]}},
        ],
        "deploy": [{"kapp": {"rawOptions": ["--wait-timeout=5m"]}}],
    }


def package_repository(release: Release, *, image: str) -> Document:
    """The PackageRepository that offers the package."""
    return {
        "apiVersion": _PACKAGING,
        "kind": "PackageRepository",
        "metadata": {"name": release.product, "namespace": PACKAGES_NAMESPACE},
        "spec": {"fetch": {"imgpkgBundle": {"image": image}}},
    }


def package_install(request: Request) -> Document:
    """The PackageInstall for a cluster; pinned to exactly this version."""
    release = request.release
    annotations = {"kapp.k14s.io/disable-wait": ""}
    if request.kind == "legacy":
        annotations[_OVERLAY_VALUES] = ""
    labels = {"tkg.tanzu.vmware.com/package-type": "management"} if request.management else {}
    return {
        "apiVersion": _PACKAGING,
        "kind": "PackageInstall",
        "metadata": {
            "name": install_name(request),
            "namespace": PACKAGES_NAMESPACE,
            "annotations": annotations,
            **({"labels": labels} if labels else {}),
        },
        "spec": {
            "serviceAccountName": ACCOUNT,
            "packageRef": {
                "refName": release.addon.package,
                "versionSelection": {"constraints": release.version, "prereleases": {}},
            },
            "values": [{"secretRef": {"name": secret_name(request), "key": "values.yaml"}}],
        },
    }


def install_name(request: Request) -> str:
    """The name of the PackageInstall: bare on a management or legacy cluster, else after the cluster."""
    bare = request.management or request.kind == "legacy"
    return ADDON_NAME if bare else f"{request.cluster.name}-{ADDON_NAME}"


def secret_name(request: Request) -> str:
    """The name of the Secret with the values, where the PackageInstall reads it."""
    inside = request.kind == "classy" and not request.management
    return f"{request.cluster.name}-{ADDON_NAME}-data-values" if inside else managed_secret_name(request)


def managed_secret_name(request: Request) -> str:
    """The name of the Secret with the values on the management side, where a ClusterBootstrap refers to it."""
    return f"{request.cluster.name}-{ADDON_NAME}-addon"


def values_secret(request: Request) -> Document:
    """The values Secret in the shape of the cluster's kind, where the PackageInstall reads it."""
    return _values_secret(request, name=secret_name(request), namespace=PACKAGES_NAMESPACE)


def managed_values_secret(request: Request) -> Document:
    """The same values on the management side, beside the cluster object."""
    return _values_secret(request, name=managed_secret_name(request), namespace=request.cluster.namespace)


def _values_secret(request: Request, *, name: str, namespace: str) -> Document:
    text = yaml_text(data_values(request))
    legacy = request.kind == "legacy"
    labels = {
        "tkg.tanzu.vmware.com/addon-name": ADDON_NAME,
        "tkg.tanzu.vmware.com/cluster-name": request.cluster.name,
        "clusterctl.cluster.x-k8s.io/move": "",
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": labels,
            "annotations": {"tkg.tanzu.vmware.com/addon-type": f"networking/{ADDON_NAME}"},
        },
        "type": "tkg.tanzu.vmware.com/addon" if legacy else "clusterbootstrap-secret",
        "stringData": {"values.yaml": YTT_HEADER + text if legacy else text},
    }


def data_values(request: Request) -> Document:
    """The data values: what ako-operator would write, and beside it, in the chart's words, what it cannot say."""
    how = How(operator=request.operator, cluster=request.cluster, explicit=True)
    converted = conversion_of(request.intent, target="package", how=how)
    lost = {item.path for item in converted.losses}
    rest = {name: value for name, value in request.intent.values.items() if name in lost and not is_addon_only(name)}
    return {**converted.documents[0], **conversion_of(Intent(values=rest), target="helm").documents[0]}


def installer() -> tuple[Document, ...]:
    """The service account that installs, its role and the binding."""
    group = f"{ADDON_NAME}-packageinstall/serviceaccount"
    early = {"kapp.k14s.io/change-group": f"{group}-0"}
    return (
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": ACCOUNT, "namespace": PACKAGES_NAMESPACE, "annotations": early},
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": _ROLE, "annotations": early},
            "rules": _installer_rules(),
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {
                "name": f"{ADDON_NAME}-package-cluster-rolebinding",
                "annotations": {
                    "kapp.k14s.io/change-group": group,
                    "kapp.k14s.io/change-rule.0": f"upsert after upserting {group}-0",
                    "kapp.k14s.io/change-rule.1": f"delete before deleting {group}-0",
                },
            },
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": _ROLE},
            "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": PACKAGES_NAMESPACE}],
        },
    )


def _installer_rules() -> list[Document]:
    """What kapp writes for the chart, and what it has to see to know what it owns."""
    return [
        {
            "apiGroups": [""],
            "resources": ["namespaces", "configmaps", "secrets", "serviceaccounts", "services"],
            "verbs": _ALL,
        },
        {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": _ALL},
        {"apiGroups": ["apps"], "resources": ["controllerrevisions"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["pods", "endpoints"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["ako.vmware.com"], "resources": ["aviinfrasettings"], "verbs": _ALL},
        {"apiGroups": ["policy"], "resources": ["poddisruptionbudgets"], "verbs": _ALL},
        {"apiGroups": ["networking.k8s.io"], "resources": ["ingressclasses", "networkpolicies"], "verbs": _ALL},
        {"apiGroups": ["gateway.networking.k8s.io"], "resources": ["gatewayclasses"], "verbs": _ALL},
        {"apiGroups": ["monitoring.coreos.com"], "resources": ["servicemonitors", "prometheusrules"], "verbs": _ALL},
        {"apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": _ALL},
        {
            "apiGroups": ["rbac.authorization.k8s.io"],
            "resources": ["clusterroles", "clusterrolebindings", "roles", "rolebindings"],
            # Granting the controller its role needs either these verbs or every permission of that role.
            "verbs": [*_ALL, "bind", "escalate"],
        },
    ]
