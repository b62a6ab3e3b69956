"""What `kubectl get` shows of built-in kinds: the headings and cells of a real server's hand-written printers.

Headings are written in one line: `+` marks a column of `-o wide`, `#` an integer, `@` a date. Cells come in the same
order. The contract suite compares both with a real server. A kind that is not here shows its name and when it was
created, as a real server does with kinds for which nobody wrote a printer.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ako_lab.kube_api.catalog import Column
from ako_lab.kube_api.cells import (
    NONE,
    UNKNOWN,
    age,
    balancer_addresses,
    conditions,
    containers,
    count,
    labels,
    selector,
    shortened,
)
from ako_lab.kube_api.documents import at
from ako_lab.kube_api.errors import JsonObject
from ako_lab.kube_api.events import core_form

Cells = list[Any]
_ROLE_LABEL = "node-role.kubernetes.io/"


def _name(document: JsonObject) -> str:
    return str(document["metadata"]["name"])


def _age(document: JsonObject) -> str:
    return age(document["metadata"].get("creationTimestamp"))


def _created(document: JsonObject) -> Cells:
    return [_name(document), document["metadata"].get("creationTimestamp")]


def _namespace(document: JsonObject) -> Cells:
    return [_name(document), at(document, "status.phase") or "", _age(document)]


def _node(node: JsonObject) -> Cells:
    ready = conditions(node).get("Ready")
    status = "Unknown" if ready is None else "Ready" if ready == "True" else "NotReady"
    held = ",SchedulingDisabled" if at(node, "spec.unschedulable") else ""
    names = node["metadata"].get("labels") or {}
    roles = ",".join(sorted(name.removeprefix(_ROLE_LABEL) for name in names if name.startswith(_ROLE_LABEL)))
    addresses = {item["type"]: item["address"] for item in reversed(at(node, "status.addresses") or [])}
    info = at(node, "status.nodeInfo") or {}
    wide = [info.get(field) or UNKNOWN for field in ("osImage", "kernelVersion", "containerRuntimeVersion")]
    places = [addresses.get(kind, NONE) for kind in ("InternalIP", "ExternalIP")]
    return [_name(node), status + held, roles or NONE, _age(node), info.get("kubeletVersion", ""), *places, *wide]


def _pod(pod: JsonObject) -> Cells:
    total = count(pod, "spec.containers")
    statuses = at(pod, "status.containerStatuses")
    # Pods do not run here: without statuses of containers, the condition speaks for all of them.
    ready = sum(bool(item.get("ready")) for item in statuses or ())
    if statuses is None and conditions(pod).get("Ready") == "True":
        ready = total
    restarts = sum(item.get("restartCount", 0) for item in statuses or ())
    status = at(pod, "status.reason") or at(pod, "status.phase") or ""
    if pod["metadata"].get("deletionTimestamp"):
        status = "Terminating"
    places = [at(pod, path) or NONE for path in ("status.podIP", "spec.nodeName", "status.nominatedNodeName")]
    gates = at(pod, "spec.readinessGates") or ()
    passed = sum(conditions(pod).get(gate["conditionType"]) == "True" for gate in gates)
    shown = f"{passed}/{len(gates)}" if gates else NONE
    return [_name(pod), f"{ready}/{total}", status, str(restarts), _age(pod), *places, shown]


def _service(service: JsonObject) -> Cells:
    spec = service.get("spec", {})
    texts = []
    for port in spec.get("ports") or ():
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        texts.append(f"{port['port']}{node}/{port.get('protocol', 'TCP')}")
    cluster = spec.get("clusterIP") or NONE
    ports = ",".join(texts) or NONE
    name = [_name(service), spec.get("type", ""), cluster, _external(service), ports, _age(service)]
    return [*name, labels(spec.get("selector"))]


def _external(service: JsonObject) -> str:
    spec = service.get("spec", {})
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", ""))
    others = list(spec.get("externalIPs") or ())
    if spec.get("type") != "LoadBalancer":
        return ",".join(others) or NONE
    return ",".join(balancer_addresses(service) + others) or "<pending>"


def _config_map(document: JsonObject) -> Cells:
    return [_name(document), count(document, "data") + count(document, "binaryData"), _age(document)]


def _secret(document: JsonObject) -> Cells:
    return [_name(document), document.get("type", ""), count(document, "data"), _age(document)]


def _service_account(document: JsonObject) -> Cells:
    return [_name(document), count(document, "secrets"), _age(document)]


def _endpoints(document: JsonObject) -> Cells:
    found = [
        f"{address['ip']}:{port['port']}" if port else address["ip"]
        for subset in document.get("subsets") or ()
        for port in subset.get("ports") or (None,)
        for address in subset.get("addresses") or ()
    ]
    return [_name(document), shortened(found, NONE), _age(document)]


def _event(document: JsonObject) -> Cells:
    event = core_form(document) if "regarding" in document else document
    first = age(event.get("firstTimestamp") or event.get("eventTime"))
    series = event.get("series") or {}
    last = age(series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("eventTime"))
    times = series.get("count") or event.get("count") or 1
    about = event.get("involvedObject") or {}
    kind, name = about.get("kind", "").lower(), about.get("name")
    source = event.get("source") or {}
    component = source.get("component") or event.get("reportingComponent") or ""
    host = source.get("host") or event.get("reportingInstance")
    return [
        last if last != UNKNOWN else first,
        event.get("type", ""),
        event.get("reason", ""),
        f"{kind}/{name}" if name else kind,
        about.get("fieldPath", ""),
        f"{component}, {host}" if host else component,
        (event.get("message") or "").strip(),
        first,
        times,
        _name(document),
    ]


def _replicas(workload: JsonObject) -> str:
    return f"{count(workload, 'status.readyReplicas')}/{count(workload, 'spec.replicas')}"


def _deployment(document: JsonObject) -> Cells:
    numbers = [count(document, f"status.{field}") for field in ("updatedReplicas", "availableReplicas")]
    wide = [*containers(document), selector(at(document, "spec.selector"))]
    return [_name(document), _replicas(document), *numbers, _age(document), *wide]


def _replica_set(document: JsonObject) -> Cells:
    numbers = [count(document, path) for path in ("spec.replicas", "status.replicas", "status.readyReplicas")]
    return [_name(document), *numbers, _age(document), *containers(document), selector(at(document, "spec.selector"))]


def _stateful_set(document: JsonObject) -> Cells:
    return [_name(document), _replicas(document), _age(document), *containers(document)]


def _daemon_set(document: JsonObject) -> Cells:
    scheduled = ("desiredNumberScheduled", "currentNumberScheduled", "numberReady")
    fields = (*scheduled, "updatedNumberScheduled", "numberAvailable")
    numbers = [count(document, f"status.{field}") for field in fields]
    nodes = labels(at(document, "spec.template.spec.nodeSelector"))
    wide = [*containers(document), selector(at(document, "spec.selector"))]
    return [_name(document), *numbers, nodes, _age(document), *wide]


def _ingress(document: JsonObject) -> Cells:
    hosts = [rule["host"] for rule in at(document, "spec.rules") or () if rule.get("host")]
    ports = "80, 443" if at(document, "spec.tls") else "80"
    balancers = ",".join(balancer_addresses(document))
    kind = at(document, "spec.ingressClassName") or NONE
    return [_name(document), kind, shortened(hosts, "*"), balancers, ports, _age(document)]


def _ingress_class(document: JsonObject) -> Cells:
    parameters = at(document, "spec.parameters")
    shown = NONE
    if parameters:
        group = f".{parameters['apiGroup']}" if parameters.get("apiGroup") else ""
        shown = f"{parameters['kind']}{group}/{parameters['name']}"
    return [_name(document), at(document, "spec.controller") or "", shown, _age(document)]


def _network_policy(document: JsonObject) -> Cells:
    return [_name(document), selector(at(document, "spec.podSelector")), _age(document)]


def _endpoint_slice(document: JsonObject) -> Cells:
    ports = [str(port.get("port") or port.get("name") or "*") for port in document.get("ports") or ()]
    addresses = [address for item in document.get("endpoints") or () for address in item.get("addresses") or ()]
    shown = [shortened(ports, "<unset>"), shortened(addresses, "<unset>")]
    return [_name(document), document.get("addressType", ""), *shown, _age(document)]


def _lease(document: JsonObject) -> Cells:
    return [_name(document), at(document, "spec.holderIdentity") or "", _age(document)]


def _disruption_budget(document: JsonObject) -> Cells:
    bounds = [at(document, f"spec.{field}") for field in ("minAvailable", "maxUnavailable")]
    texts = ["N/A" if bound is None else str(bound) for bound in bounds]
    return [_name(document), *texts, count(document, "status.disruptionsAllowed"), _age(document)]


def _binding(document: JsonObject) -> Cells:
    role = document.get("roleRef") or {}
    names: dict[str, list[str]] = {"User": [], "Group": [], "ServiceAccount": []}
    for one in document.get("subjects") or ():
        place = f"{one.get('namespace', '')}/" if one["kind"] == "ServiceAccount" else ""
        names.setdefault(one["kind"], []).append(place + one["name"])
    subjects = [", ".join(names[kind]) for kind in ("User", "Group", "ServiceAccount")]
    return [_name(document), f"{role.get('kind', '')}/{role.get('name', '')}", _age(document), *subjects]


def _policy(document: JsonObject) -> Cells:
    kind = at(document, "spec.paramKind")
    shown = f"{kind['apiVersion']}/{kind['kind']}" if kind else "<unset>"
    return [_name(document), count(document, "spec.validations"), shown, _age(document)]


def _policy_binding(document: JsonObject) -> Cells:
    parameter = at(document, "spec.paramRef")
    shown = "<unset>"
    if parameter:
        place = f"{parameter['namespace']}/" if parameter.get("namespace") else ""
        shown = place + (parameter.get("name") or "*")
    return [_name(document), at(document, "spec.policyName") or "", shown, _age(document)]


_WIDE_WORKLOAD = "+Containers|+Images"
_EVENT = "Last Seen|Type|Reason|Object|+Subobject|+Source|Message|+First Seen|+Count|+Name"
_SUBJECTS = "Name|Role|Age|+Users|+Groups|+ServiceAccounts"
_CREATED = ("Name|@Created At", _created)
_PRINTERS: Mapping[str, tuple[str, Callable[[JsonObject], Cells]]] = {
    "namespaces": ("Name|Status|Age", _namespace),
    "nodes": (
        "Name|Status|Roles|Age|Version|+Internal-IP|+External-IP|+OS-Image|+Kernel-Version|+Container-Runtime",
        _node,
    ),
    "pods": ("Name|Ready|Status|Restarts|Age|+IP|+Node|+Nominated Node|+Readiness Gates", _pod),
    "services": ("Name|Type|Cluster-IP|External-IP|Port(s)|Age|+Selector", _service),
    "configmaps": ("Name|Data|Age", _config_map),
    "secrets": ("Name|Type|Data|Age", _secret),
    "serviceaccounts": ("Name|Secrets|Age", _service_account),
    "endpoints": ("Name|Endpoints|Age", _endpoints),
    "events": (_EVENT, _event),
    "deployments": (f"Name|Ready|Up-to-date|Available|Age|{_WIDE_WORKLOAD}|+Selector", _deployment),
    "replicasets": (f"Name|#Desired|#Current|#Ready|Age|{_WIDE_WORKLOAD}|+Selector", _replica_set),
    "statefulsets": (f"Name|Ready|Age|{_WIDE_WORKLOAD}", _stateful_set),
    "daemonsets": (
        f"Name|#Desired|#Current|#Ready|#Up-to-date|#Available|Node Selector|Age|{_WIDE_WORKLOAD}|+Selector",
        _daemon_set,
    ),
    "ingresses": ("Name|Class|Hosts|Address|Ports|Age", _ingress),
    "ingressclasses": ("Name|Controller|Parameters|Age", _ingress_class),
    "networkpolicies": ("Name|Pod-Selector|Age", _network_policy),
    "endpointslices": ("Name|AddressType|Ports|Endpoints|Age", _endpoint_slice),
    "leases": ("Name|Holder|Age", _lease),
    "poddisruptionbudgets": ("Name|Min Available|Max Unavailable|#Allowed Disruptions|Age", _disruption_budget),
    "rolebindings": (_SUBJECTS, _binding),
    "clusterrolebindings": (_SUBJECTS, _binding),
    "validatingadmissionpolicies": ("Name|#Validations|ParamKind|Age", _policy),
    "validatingadmissionpolicybindings": ("Name|PolicyName|ParamRef|Age", _policy_binding),
}
_TYPES = {"#": "integer", "@": "date"}


def printed_columns(plural: str) -> tuple[Column, ...]:
    """The columns of a built-in kind; their paths are empty, because the cells are worked out together."""
    return tuple(_column(text) for text in _PRINTERS.get(plural, _CREATED)[0].split("|"))


def printed_cells(plural: str, document: JsonObject) -> Cells:
    """The cells of a built-in object, in the order of its columns."""
    return _PRINTERS.get(plural, _CREATED)[1](document)


def _column(text: str) -> Column:
    name = text.lstrip("+#@")
    return Column(name=name, path="", type=_TYPES.get(text[0], "string"), priority=int(text[0] == "+"))
