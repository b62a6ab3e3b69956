"""Rules about VMware's dialect: what TCA needs to find, and what it would do that nobody may have wanted."""

from collections.abc import Iterator
from typing import Any

from ako_builder.csar.rules import Finding
from ako_builder.csar.tosca import Node, Template, mapping, word

CNF = "tosca.nodes.nfv.VMware.CNF"
HELM_VDU = "tosca.nodes.nfv.Vdu.Compute.Helm"
_TCA_POLICIES = {"scale", "workflow", "reconfigure", "update", "upgrade", "upgrade_package"}


def is_tca(template: Template) -> bool:
    """Whether the descriptor is in VMware's dialect."""
    return any(template.derives(node.type, CNF) or template.derives(node.type, HELM_VDU) for node in template.nodes)


def tca_findings(template: Template) -> Iterator[Finding]:
    """Every finding about a descriptor in VMware's dialect."""
    cnfs = template.required_nodes(CNF)
    vdus = template.required_nodes(HELM_VDU)
    if len(cnfs) != 1 or not vdus:
        yield _finding(template, "TCA-003", f"{len(cnfs)} CNF nodes, {len(vdus)} Helm VDUs")
    for node in vdus:
        yield from _vdu_findings(template, node)
    for node in cnfs:
        if "infra_requirements" in node.properties:
            yield _finding(template, "TCA-004", f"{node.name}.infra_requirements")
            problem = infra_problem(node.properties["infra_requirements"])
            if problem:
                yield _finding(template, "TCA-005", f"{node.name}: {problem}")
    for name, policy in template.policies:
        interface = word(mapping(policy.get("properties")).get("interface_name"))
        if str(policy.get("type")).endswith("SupportedVnfInterface") and interface not in _TCA_POLICIES:
            yield _finding(template, "TCA-006", f"policy {name}: {interface!r}")


def _vdu_findings(template: Template, node: Node) -> Iterator[Finding]:
    for name in ("chartName", "chartVersion", "helmVersion"):
        if not node.properties.get(name):
            yield _finding(template, "TCA-001", f"{node.name} lacks {name}")
    if node.properties.get("helmVersion", "v3") != "v3":
        yield _finding(template, "TCA-007", f"{node.name}: {node.properties['helmVersion']!r}")


def infra_problem(value: Any) -> str | None:  # noqa: ANN401 - a part of a document
    """What keeps infra_requirements from having the form that TCA's type file declares."""
    tree = mapping(value)
    missing = [name for name in ("node_components", "caas_components") if name not in tree]
    if missing:
        return f"{' and '.join(missing)} missing"
    components = mapping(tree["node_components"])
    missing = [name for name in ("kernel", "network") if not isinstance(components.get(name), dict)]
    if missing:
        return f"node_components lacks {' and '.join(missing)}"
    kernel = mapping(components["kernel"])
    if not isinstance(kernel.get("kernel_type"), dict) or not isinstance(kernel.get("kernel_args"), list):
        return "kernel lacks kernel_type or kernel_args"
    if not isinstance(tree["caas_components"], list):
        return "caas_components is not a list"
    return None


def _finding(template: Template, rule: str, text: str) -> Finding:
    return Finding(rule=rule, where=template.path, text=text)
