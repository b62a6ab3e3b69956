"""What Kubernetes' own `admin` of a namespace may do, and what of a rule is beyond it.

Who makes a Role must have every right that it gives. The rights below are those that the API server itself makes for
`admin`, `edit` and `view` (its ClusterRoles `system:aggregate-to-…`), which a test compares with a real one; a custom
resource whose operator adds to them is not known here. A right holds for one API group, one resource or subresource,
and one verb; `*` is had only by who has `*`.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from ako_builder.csar.chart_objects import Rule

_READ: Final = ("get", "list", "watch")
_WRITE: Final = ("create", "delete", "deletecollection", "patch", "update")
_ALL: Final = _READ + _WRITE
_ONLY_CREATE: Final = ("create",)
# API group, verbs, resources.
_RIGHTS: Final = (
    ("", _ALL, "pods pods/attach pods/exec pods/portforward pods/proxy configmaps events persistentvolumeclaims"),
    ("", _ALL, "secrets services replicationcontrollers replicationcontrollers/scale serviceaccounts services/proxy"),
    ("", _READ, "bindings endpoints limitranges namespaces namespaces/status persistentvolumeclaims/status pods/log"),
    ("", _READ, "pods/status replicationcontrollers/status resourcequotas resourcequotas/status services/status"),
    ("", _ONLY_CREATE, "pods/eviction serviceaccounts/token"),
    ("", ("impersonate",), "serviceaccounts"),
    (
        "apps",
        _ALL,
        "daemonsets deployments deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale",
    ),
    ("apps", _WRITE, "deployments/rollback"),
    ("apps", _READ, "controllerrevisions daemonsets/status deployments/status replicasets/status statefulsets/status"),
    ("authorization.k8s.io", _ONLY_CREATE, "localsubjectaccessreviews"),
    ("autoscaling", _ALL, "horizontalpodautoscalers"),
    ("autoscaling", _READ, "horizontalpodautoscalers/status"),
    ("batch", _ALL, "cronjobs jobs"),
    ("batch", _READ, "cronjobs/status jobs/status"),
    ("coordination.k8s.io", _ALL, "leases"),
    ("discovery.k8s.io", _READ, "endpointslices"),
    ("extensions", _ALL, "daemonsets deployments deployments/scale ingresses networkpolicies replicasets"),
    ("extensions", _ALL, "replicasets/scale replicationcontrollers/scale"),
    ("extensions", _WRITE, "deployments/rollback"),
    ("extensions", _READ, "daemonsets/status deployments/status ingresses/status replicasets/status"),
    ("networking.k8s.io", _ALL, "ingresses networkpolicies"),
    ("networking.k8s.io", _READ, "ingresses/status"),
    ("policy", _ALL, "poddisruptionbudgets"),
    ("policy", _READ, "poddisruptionbudgets/status"),
    ("rbac.authorization.k8s.io", _ALL, "rolebindings roles"),
)
ADMIN_RIGHTS: Final = frozenset(
    (group, resource, verb) for group, verbs, resources in _RIGHTS for resource in resources.split() for verb in verbs
)


def beyond_admin(rule: Rule) -> tuple[Rule, ...]:
    """What of a Role's rule an admin of the namespace has not, one rule for each set of verbs."""
    lacking: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for group, resource, verbs in _lacking(rule):
        lacking[group, verbs].append(resource)
    return tuple(
        Rule(groups=(group,), resources=tuple(resources), verbs=verbs, names=rule.names)
        for (group, verbs), resources in lacking.items()
    )


def _lacking(rule: Rule) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for group in rule.groups:
        for resource in rule.resources:
            verbs = tuple(verb for verb in rule.verbs if (group, resource, verb) not in ADMIN_RIGHTS)
            if verbs:
                yield group, resource, verbs
