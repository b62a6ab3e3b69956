"""Values of the chart that shape manifests only: images, resources, security contexts, volumes.

The process never sees them; they are here so that one place knows every value that may be written, and an unknown one
is reported with its nearest neighbour. Under an `object` everything is free (it is a Kubernetes structure).

`CHART_SUBTREES` names what our own chart adds for its manifests. The chart describes and checks these itself (`ako
values check`); here they only have to be known, so that `ako config check` does not call its values files wrong.
"""

from typing import Final

from msgspec import structs

from ako_runtime.settings.description import EARLY, OURS, ChartValue, Default, ValueType


def _value(path: str, kind: ValueType, default: Default | None, meaning: str) -> ChartValue:
    return ChartValue(path=path, type=kind, default=default, meaning=meaning, since=EARLY)


def _later(since: str, *values: ChartValue) -> tuple[ChartValue, ...]:
    return tuple(structs.replace(value, since=since) for value in values)


_PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
_OPERATOR: Final = "ako-crd-operator.controllerManager"

CHART_VALUES: Final[tuple[ChartValue, ...]] = (
    ChartValue(
        path="replicaCount", type="integer", default=1, minimum=0, since=EARLY,
        meaning="Number of pods; more than one elect a leader.",
    ),
    _value("image.repository", "string", None, "Image without tag."),
    ChartValue(
        path="image.pullPolicy", type="string", default="IfNotPresent", enum=_PULL_POLICIES, since=EARLY,
        meaning="When to pull the image.",
    ),
    _value("resources", "object", None, "Requests and limits of the container."),
    _value("securityContext", "object", None, "Security context of the container."),
    _value("podSecurityContext", "object", None, "Security context of the pod."),
    _value("rbac.pspEnable", "boolean", False, "PodSecurityPolicy; gone from Kubernetes since 1.25, not used."),
    _value("persistentVolumeClaim", "string", "", "Claim for log files; logs go to standard output, not used."),
    _value("mountPath", "string", "/log", "Where the claim is mounted; not used."),
    _value("logFile", "string", "avi.log", "Name of the log file; not used."),
    _value("nodeSelector", "object", None, "Node selector of the pod."),
    _value("tolerations", "object-list", (), "Tolerations of the pod."),
    _value("nameOverride", "string", "", "Replaces the chart's name in labels."),
    _value("fullnameOverride", "string", "", "Replaces the full name."),
    _value("global", "object", None, "Values that Helm hands to subcharts."),
    *_later(
        "1.11.1",
        _value("image.pullSecrets", "object-list", (), "Secrets for the registry, a list of {name}."),
        _value("GatewayAPI.image.repository", "string", None, "The official Gateway container's image; not used."),
        _value("GatewayAPI.image.pullPolicy", "string", "IfNotPresent", "Not used, as its repository."),
        _value("akoGatewayLogFile", "string", "avi-gw.log", "The official Gateway container's log file; not used."),
    ),
    *_later(
        "1.13.1",
        _value("featureGates.EnableEndpointSlice", "boolean", True, "In 1.13 only; EndpointSlices are always used."),
    ),
    *_later(
        "2.1.1",
        _value(f"{_OPERATOR}.container.image.repository", "string", None, "Official CRD operator's image; not used."),
        _value(f"{_OPERATOR}.container.image.imagePullPolicy", "string", "IfNotPresent", "Not used."),
        _value(f"{_OPERATOR}.container.image.pullSecrets", "object-list", (), "Not used."),
        _value(f"{_OPERATOR}.container.resources", "object", None, "Not used."),
        _value(f"{_OPERATOR}.container.mountPath", "string", "/log", "Not used."),
        _value(f"{_OPERATOR}.container.logFile", "string", "ako-crd-operator.log", "Not used."),
        _value(f"{_OPERATOR}.persistentVolumeClaim", "string", "", "Not used."),
    ),
    *_later(
        OURS,
        _value("image.tag", "string", "", "Tag; empty means the chart's appVersion."),
        _value("image.digest", "string", "", "Digest (sha256:...); wins over the tag."),
        _value("affinity", "object", None, "Affinity of the pod; none means apart from each other, one a node."),
        _value("priorityClassName", "string", "", "Priority class of the pod."),
        _value("podAnnotations", "object", None, "More annotations of the pod."),
        _value("podLabels", "object", None, "More labels of the pod."),
        _value("commonLabels", "object", None, "More labels of every object."),
        _value("avicredentials.existingSecret", "string", "", "Name of a Secret to use instead of avi-secret."),
    ),
)  # fmt: skip

CHART_SUBTREES: Final = (
    "commonAnnotations", "updateStrategy", "terminationGracePeriodSeconds", "topologySpreadConstraints",
    "runtimeClassName", "dnsPolicy", "dnsConfig", "hostAliases", "startupProbe", "livenessProbe", "readinessProbe",
    "extraArgs", "extraEnv", "extraEnvFrom", "extraVolumes", "extraVolumeMounts", "initContainers", "extraContainers",
    "extraObjects", "serviceAccount", "service", "rbac.create", "rbac.extraRules", "ingressClass",
    "gatewayClass", "crds", "podDisruptionBudget", "networkPolicy", "metrics",
)  # fmt: skip
