"""Cells of built-in kinds that are worked out instead of looked up, as a real server's printers do.

A column whose path begins with `@` names one of these.
"""

from collections.abc import Callable, Mapping

from ako_lab.kube_api.documents import JsonObject


def _ports(service: JsonObject) -> str:
    texts = []
    for port in service.get("spec", {}).get("ports") or ():
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        texts.append(f"{port.get('port')}{node}/{port.get('protocol', 'TCP')}")
    return ",".join(texts) or "<none>"


def _external(service: JsonObject) -> str:
    spec = service.get("spec", {})
    if spec.get("type") == "ExternalName":
        return str(spec.get("externalName", ""))
    found = service.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
    addresses = [item.get("ip") or item.get("hostname", "") for item in found] + list(spec.get("externalIPs") or ())
    return ",".join(addresses) or ("<pending>" if spec.get("type") == "LoadBalancer" else "<none>")


def _is_ready(document: JsonObject) -> bool:
    conditions = document.get("status", {}).get("conditions") or ()
    return any(item.get("type") == "Ready" and item.get("status") == "True" for item in conditions)


def _pod_ready(pod: JsonObject) -> str:
    total = len(pod.get("spec", {}).get("containers") or ())
    statuses = pod.get("status", {}).get("containerStatuses")
    ready = sum(bool(item.get("ready")) for item in statuses) if statuses else total * _is_ready(pod)
    return f"{ready}/{total}"


def _node_status(node: JsonObject) -> str:
    held = ",SchedulingDisabled" if node.get("spec", {}).get("unschedulable") else ""
    return ("Ready" if _is_ready(node) else "NotReady") + held


def _replicas(workload: JsonObject) -> str:
    return f"{workload.get('status', {}).get('readyReplicas', 0)}/{workload.get('spec', {}).get('replicas', 0)}"


COMPUTED: Mapping[str, Callable[[JsonObject], str]] = {
    "@external": _external,
    "@node-status": _node_status,
    "@pod-ready": _pod_ready,
    "@ports": _ports,
    "@replicas": _replicas,
}
