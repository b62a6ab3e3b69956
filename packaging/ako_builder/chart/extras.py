"""The chart's own values: what shapes the manifests and exists in no official chart, and what this chart makes of the
official ones that it does not act on.

Settings (what reaches the process) and the official chart's values stand in `ako_runtime.settings`; here stands only
what belongs to the manifests: Kubernetes structures, hence described by a JSON schema. `DEFAULTS` and `LIMITS` complete
official values whose catalogue entry leaves the structure open.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]

_OBJECT: Final[dict[str, Json]] = {"type": ["object", "null"]}
_LIST: Final[dict[str, Json]] = {"type": ["array", "null"], "items": {"type": "object"}}
_TEXTS: Final[dict[str, Json]] = {"type": ["array", "null"], "items": {"type": "string"}}
_TEXT: Final[dict[str, Json]] = {"type": ["string", "null"]}
_FLAG: Final[dict[str, Json]] = {"type": "boolean"}
_LABELS: Final[dict[str, Json]] = {"type": ["object", "null"], "additionalProperties": {"type": "string"}}
_DURATION: Final[dict[str, Json]] = {"type": "string", "pattern": "^([0-9]+(ms|s|m|h))+$"}
_SECRET_NAMES: Final[dict[str, Json]] = {
    "type": ["array", "null"],
    "items": {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string"}},
        "additionalProperties": False,
    },
}


class ExtraValue(msgspec.Struct, frozen=True, kw_only=True):
    """A value of our chart: path, JSON schema, default, meaning."""

    path: str
    schema: dict[str, Json]
    default: Json
    meaning: str


def _extra(path: str, schema: dict[str, Json], default: Json, meaning: str) -> ExtraValue:
    return ExtraValue(path=path, schema=schema, default=default, meaning=meaning)


def _integer(minimum: int) -> dict[str, Json]:
    return {"type": "integer", "minimum": minimum}


_DISRUPTION: Final[dict[str, Json]] = {"type": ["integer", "string", "null"], "minimum": 0, "pattern": "^[0-9]+%?$"}

EXTRAS: Final[tuple[ExtraValue, ...]] = (
    _extra("global.imageRegistry", _TEXT, "", "Registry that replaces the one of every image: one value for a site "
           "with its own."),
    _extra("global.imagePullSecrets", _SECRET_NAMES, [], "Pull secrets in addition to image.pullSecrets."),
    _extra("commonAnnotations", _LABELS, {}, "More annotations of every object."),
    _extra("updateStrategy", _OBJECT, {"type": "RollingUpdate"}, "Update strategy of the StatefulSet."),
    _extra("terminationGracePeriodSeconds", _integer(1), 45, "How long a pod may take to finish what it has begun."),
    _extra("topologySpreadConstraints", _LIST, [], "Spread of the pods; labelSelector is filled in where absent."),
    _extra("runtimeClassName", _TEXT, "", "Runtime class of the pod."),
    _extra("dnsPolicy", _TEXT, "", "DNS policy of the pod."),
    _extra("dnsConfig", _OBJECT, {}, "DNS configuration of the pod."),
    _extra("hostAliases", _LIST, [], "Entries for the pod's /etc/hosts, for a controller without a DNS name."),
    _extra("startupProbe", _OBJECT, {"periodSeconds": 2, "failureThreshold": 30}, "Numbers of the startup probe "
           "(/healthz); null turns it off."),
    _extra("livenessProbe", _OBJECT, {"periodSeconds": 10, "timeoutSeconds": 5, "failureThreshold": 3}, "Numbers of "
           "the liveness probe (/healthz); null turns it off."),
    _extra("readinessProbe", _OBJECT, {"periodSeconds": 5, "timeoutSeconds": 5}, "Numbers of the readiness probe "
           "(/readyz); null turns it off."),
    _extra("extraArgs", _TEXTS, [], "More arguments of `ako run`."),
    _extra("extraEnv", _LIST, [], "More environment variables, as Kubernetes writes them."),
    _extra("extraEnvFrom", _LIST, [], "ConfigMaps and Secrets to take environment variables from."),
    _extra("extraVolumes", _LIST, [], "More volumes of the pod."),
    _extra("extraVolumeMounts", _LIST, [], "More mounts of the container."),
    _extra("initContainers", _LIST, [], "Init containers of the pod."),
    _extra("extraContainers", _LIST, [], "More containers of the pod."),
    _extra("extraObjects", {"type": ["array", "null"], "items": {"type": ["object", "string"]}}, [], "More objects of "
           "the release; a string may be a template."),
    _extra("serviceAccount.create", _FLAG, True, "Make the ServiceAccount."),
    _extra("serviceAccount.name", _TEXT, "ako-sa", "Name of the ServiceAccount, made or existing."),
    _extra("serviceAccount.annotations", _LABELS, {}, "Annotations of the ServiceAccount."),
    _extra("service.annotations", _LABELS, {}, "Annotations of the Service in front of the pods' HTTP port."),
    _extra("service.labels", _LABELS, {}, "Labels of that Service."),
    _extra("rbac.create", _FLAG, True, "Make the roles and bindings."),
    _extra("rbac.extraRules", _LIST, [], "More rules of the ClusterRole."),
    _extra("ingressClass.create", _FLAG, True, "Make the IngressClass avi-lb (primary instance only)."),
    _extra("gatewayClass.create", _FLAG, True, "Make the GatewayClass avi-lb (primary instance with "
           "featureGates.GatewayAPI only)."),
    _extra("crds.asTemplates", _FLAG, False, "Make the custom resource definitions part of the release, so that an "
           "upgrade upgrades them; install with --skip-crds then."),
    _extra("podDisruptionBudget.enabled", _FLAG, True, "Make a PodDisruptionBudget (with more than one replica)."),
    _extra("podDisruptionBudget.minAvailable", _DISRUPTION, None, "Pods that must stay; wins over maxUnavailable."),
    _extra("podDisruptionBudget.maxUnavailable", _DISRUPTION, 1, "Pods that may be taken away at a time."),
    _extra("networkPolicy.enabled", _FLAG, False, "Make a NetworkPolicy for the pods."),
    _extra("networkPolicy.ingressFrom", _LIST, [], "Peers that may reach the HTTP port; none means everybody (the "
           "kubelet has to)."),
    _extra("networkPolicy.egressPorts", {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 65535}},
           [443, 6443], "TCP ports of the Kubernetes API and the Avi Controller."),
    _extra("networkPolicy.egressCidrs", _TEXTS, [], "Where these ports are; none means anywhere."),
    _extra("networkPolicy.extraEgress", _LIST, [], "More egress rules."),
    _extra("metrics.serviceMonitor.enabled", _FLAG, False, "Make a ServiceMonitor of the Prometheus operator."),
    _extra("metrics.serviceMonitor.namespace", _TEXT, "", "Its namespace; empty means the release's."),
    _extra("metrics.serviceMonitor.labels", _LABELS, {}, "Labels that your Prometheus selects by."),
    _extra("metrics.serviceMonitor.interval", _DURATION, "30s", "Time between two scrapes."),
    _extra("metrics.serviceMonitor.scrapeTimeout", _TEXT, "", "Longest time of a scrape."),
    _extra("metrics.serviceMonitor.relabelings", _LIST, [], "Relabelings of the target."),
    _extra("metrics.serviceMonitor.metricRelabelings", _LIST, [], "Relabelings of the samples."),
    _extra("metrics.prometheusRule.enabled", _FLAG, False, "Make a PrometheusRule with the alerts of the chart."),
    _extra("metrics.prometheusRule.namespace", _TEXT, "", "Its namespace; empty means the release's."),
    _extra("metrics.prometheusRule.labels", _LABELS, {}, "Labels that your Prometheus selects by."),
    _extra("metrics.prometheusRule.additionalRules", _LIST, [], "More rules for the group."),
    _extra("metrics.dashboard.enabled", _FLAG, False, "Make a ConfigMap with the Grafana dashboard."),
    _extra("metrics.dashboard.namespace", _TEXT, "", "Its namespace; empty means the release's."),
    _extra("metrics.dashboard.labels", _LABELS, {"grafana_dashboard": "1"}, "Labels that Grafana's sidecar "
           "selects by."),
    _extra("metrics.dashboard.annotations", _LABELS, {}, "Annotations, for example the folder."),
)  # fmt: skip

DEFAULTS: Final[Mapping[str, Json]] = {
    # The official chart's numbers, but for its CPU limit of 350m: a start and a burst of changes need a whole core.
    "resources": {"limits": {"memory": "400Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
    "podSecurityContext": {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
}

SCHEMAS: Final[Mapping[str, dict[str, Json]]] = {
    "image.digest": {"type": ["string", "null"], "pattern": "^(sha256:[0-9a-f]{64})?$"},
    "image.pullSecrets": _SECRET_NAMES,
    "commonLabels": _LABELS,
    "podLabels": _LABELS,
    "podAnnotations": _LABELS,
    "nodeSelector": _LABELS,
}

NOT_USED: Final[Mapping[str, str]] = {
    "GatewayAPI.image.repository": "one process serves the Gateway API too",
    "GatewayAPI.image.pullPolicy": "one process serves the Gateway API too",
    "rbac.pspEnable": "Kubernetes has no PodSecurityPolicy since 1.25",
    "persistentVolumeClaim": "logs go to standard output",
    "mountPath": "logs go to standard output",
    "logFile": "logs go to standard output",
    "akoGatewayLogFile": "logs go to standard output",
    "featureGates.EnableEndpointSlice": "EndpointSlices are always used",
    "fullnameOverride": "the objects have fixed names, as in the official chart",
    "ako-crd-operator.controllerManager.container.image.repository": "one process serves these resources too",
    "ako-crd-operator.controllerManager.container.image.imagePullPolicy": "one process serves these resources too",
    "ako-crd-operator.controllerManager.container.image.pullSecrets": "one process serves these resources too",
    "ako-crd-operator.controllerManager.container.resources": "one process serves these resources too",
    "ako-crd-operator.controllerManager.container.mountPath": "logs go to standard output",
    "ako-crd-operator.controllerManager.container.logFile": "logs go to standard output",
    "ako-crd-operator.controllerManager.persistentVolumeClaim": "logs go to standard output",
}
