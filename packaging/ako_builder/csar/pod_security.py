"""What of a chart a namespace alone does not allow: objects of the cluster, and pods that pod security forbids."""

from ako_builder.csar.chart_objects import ChartObjects


def needs_policy(objects: ChartObjects) -> str:
    """What of a chart fails under Restricted without a policy; empty where nothing does."""
    parts = [f"{len(names)} {kind}" for kind, names in objects.cluster_scoped.items()]
    if pod_security_level(objects) == "privileged":
        parts.append("pods that pod security 'baseline' forbids")
    return ", ".join(parts)


def pod_security_level(objects: ChartObjects) -> str:
    """The strictest level of the Pod Security Standards that the chart's pods keep to."""
    levels = {level for level, _, _ in objects.privileges}
    return "privileged" if "baseline" in levels else "baseline" if "restricted" in levels else "restricted"
