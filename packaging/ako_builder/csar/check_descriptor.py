"""Rules about the descriptor: TOSCA as far as it matters, and SOL001's semantics."""

import operator
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ako_builder.archive.container import Container
from ako_builder.csar.check_tca import is_tca, tca_findings
from ako_builder.csar.rules import Finding
from ako_builder.csar.tosca import (
    VERSIONS,
    Node,
    Template,
    artifact_file,
    artifact_type,
    inner_path,
    items,
    mapping,
    version_is_number,
    word,
)

VNF = "tosca.nodes.nfv.VNF"
COMPUTE = "tosca.nodes.nfv.Vdu.Compute"
UNIT = "tosca.nodes.nfv.Vdu.OsContainerDeployableUnit"
CONTAINER = "tosca.nodes.nfv.Vdu.OsContainer"
MCIOP = "tosca.nodes.nfv.Mciop"
_VNFM = re.compile(r"etsivnfm:v\d{1,2}\.\d{1,2}\.\d{1,2}|\d+:[a-zA-Z0-9.-]+")
_OWN = ("tosca.nodes.nfv.", "tosca.datatypes.nfv.", "tosca.artifacts.nfv.", "tosca.policies.nfv.")
_MAX_DEPTH = 10
# TOSCA's comparisons, and what breaks them.
_BOUNDS: Mapping[str, Callable[[Any, Any], bool]] = {
    "greater_or_equal": operator.lt,
    "greater_than": operator.le,
    "less_or_equal": operator.gt,
    "less_than": operator.ge,
}
_SCALARS: Mapping[str, type | tuple[type, ...]] = {"boolean": bool, "integer": int, "list": list, "map": dict}


def descriptor_findings(template: Template, *, container: Container) -> Iterator[Finding]:
    """Every finding about the descriptor."""
    yield from template.findings
    if not template.tree:
        return
    version = word(template.tree.get("tosca_definitions_version"))
    if version not in VERSIONS:
        yield _finding(template, "TOSCA-001", version)
    if not template.nodes:
        yield _finding(template, "TOSCA-015", "topology_template.node_templates is missing or empty")
        return
    yield from _type_circles(template)
    for level in template.levels:
        for node in level.nodes:
            yield from _node_findings(level, node)
            yield from _artifact_findings(level, node, container=container)
        yield from _policy_findings(level)
    if is_tca(template):
        yield from tca_findings(template)
    else:
        for level in template.flavours or (template,):
            yield from _sol001_findings(level)
    for level in template.levels:
        yield from _vnf_findings(level)


# -- TOSCA -----------------------------------------------------------------------------------------------------------


def _type_circles(template: Template) -> Iterator[Finding]:
    for types in template.types.values():
        done: set[str] = set()
        for name in types:
            line: dict[str, None] = {}
            current: Any = name
            while isinstance(current, str) and current in types and current not in done:
                if current in line:
                    last = next(reversed(line))
                    yield _finding(template, "TOSCA-006", f"{current} descends from itself by way of {last}")
                    return
                line[current] = None
                current = types[current].get("derived_from")
            done.update(line)


def _node_findings(template: Template, node: Node) -> Iterator[Finding]:
    if node.designer_key:
        rule = "TCA-002" if is_tca(template) and _is_classic(template) else "TOSCA-007"
        yield _finding(template, rule, f"node {node.name} says node_type")
    elif not node.type:
        yield _finding(template, "TOSCA-007", f"node {node.name}")
        return
    if not _known(template, "node_types", node.type):
        yield _finding(template, "TOSCA-005", f"node {node.name} is of type {node.type}")
        return
    for name in version_is_number(node.properties):
        yield _finding(template, "TOSCA-014", f"{node.name}.{name} is {node.properties[name]!r}")
    if not node.designer_key:
        yield from _property_findings(template, node)
        yield from _requirement_findings(template, node)


def _is_classic(template: Template) -> bool:
    return template.tree.get("tosca_definitions_version") == "tosca_simple_profile_for_nfv_1_0_0"


def _property_findings(template: Template, node: Node) -> Iterator[Finding]:
    yield from _assigned_findings(template, node.properties, kind="node_types", name=node.type, where=node.name)
    for label, artifact in node.artifacts.items():
        name = artifact_type(artifact)
        if name in template.types["artifact_types"]:
            values = mapping(mapping(artifact).get("properties"))
            where = f"{node.name}.{label}"
            yield from _assigned_findings(template, values, kind="artifact_types", name=name, where=where)


def _assigned_findings(
    template: Template, values: Mapping[str, Any], *, kind: str, name: str, where: str
) -> Iterator[Finding]:
    """Compare assigned properties with those that a type declares."""
    declared = template.definitions(kind, name, "properties")
    for key, value in values.items():
        if key not in declared:
            yield _finding(template, "TOSCA-008", f"{where}.{key} (type {name})")
            continue
        problem = _value_problem(template, value, definition=mapping(declared[key]), depth=0)
        if problem:
            yield _finding(template, "TOSCA-011", f"{where}.{key}: {problem}")
    for key, definition in declared.items():
        body = mapping(definition)
        if body.get("required", True) and "default" not in body and key not in values:
            yield _finding(template, "TOSCA-009", f"{where}.{key} (type {name})")


def _value_problem(
    template: Template,
    value: Any,  # noqa: ANN401 - a part of a document
    *,
    definition: Mapping[str, Any],
    depth: int,
) -> str | None:
    """What is wrong with a value, by its definition: type, allowed values, fields of data types."""
    kind = definition.get("type")
    if isinstance(value, dict) and any(key.startswith(("get_", "concat", "token")) for key in mapping(value)):
        return None  # an intrinsic function: known only at deployment
    wanted = _SCALARS.get(kind) if isinstance(kind, str) else None
    if wanted and (not isinstance(value, wanted) or (kind == "integer" and isinstance(value, bool))):
        return f"{value!r} is not of type {kind}"
    constraints = definition.get("constraints")
    for constraint in constraints if isinstance(constraints, list) else []:
        problem = _constraint_problem(value, mapping(constraint))
        if problem:
            return problem
    if isinstance(kind, str) and kind in template.types["data_types"] and depth < _MAX_DEPTH:
        return _fields_problem(template, value, kind=kind, depth=depth)
    return None


def _constraint_problem(value: Any, constraint: Mapping[str, Any]) -> str | None:  # noqa: ANN401
    """What is wrong with a value, by one constraint; bounds that are no numbers, and other constraints, say nothing."""
    allowed = constraint.get("valid_values")
    if isinstance(allowed, list) and value not in allowed:
        return f"{value!r} is not one of {', '.join(map(str, allowed))}"
    for name, breaks in _BOUNDS.items():
        bound = constraint.get(name)
        if _is_number(bound) and _is_number(value) and breaks(value, bound):
            return f"{value!r} is not {name.replace('_', ' ')} {bound}"
    return None


def _is_number(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, int | float) and not isinstance(value, bool)


def _fields_problem(template: Template, value: Any, *, kind: str, depth: int) -> str | None:  # noqa: ANN401
    """What is wrong with a value of a data type."""
    if not isinstance(value, dict):
        return f"{value!r} is not of type {kind}"
    fields = template.definitions("data_types", kind, "properties")
    for name, field in fields.items():
        body = mapping(field)
        if name in value:
            problem = _value_problem(template, value[name], definition=body, depth=depth + 1)
            if problem:
                return f"{name}: {problem}"
        elif body.get("required", True) and "default" not in body:
            return f"{name} is missing"
    unknown = [str(name) for name in value if name not in fields]
    return f"{', '.join(unknown)}: no such field in {kind}" if unknown else None


def _requirement_findings(template: Template, node: Node) -> Iterator[Finding]:
    names = {other.name for other in template.nodes}
    for name, target in node.requirements:
        if target and target not in names and not target.startswith("tosca."):
            yield _finding(template, "TOSCA-010", f"{node.name}.{name} names {target}")
    if node.type in template.substituted:
        return  # what a substituted node requires is connected where it is substituted
    assigned = {name for name, _ in node.requirements} | _mapped(template, node)
    if node.type == template.substitution.get("node_type"):
        assigned |= set(mapping(template.substitution.get("requirements")))
    for ancestor in template.lineage("node_types", node.type):
        stated = mapping(template.types["node_types"].get(ancestor)).get("requirements")
        template.spend(len(items(stated)))
        for item in items(stated):
            for name, body in mapping(item).items():
                occurrences = mapping(body).get("occurrences")
                least = occurrences[0] if isinstance(occurrences, list) and occurrences else 1
                if least and name not in assigned and name not in {"associatedVdu", "container", "dependency"}:
                    yield _finding(template, "TOSCA-016", f"{node.name} lacks {name} (type {ancestor})")


def _mapped(template: Template, node: Node) -> set[str]:
    """Requirements of a node that the substitution mapping hands on to the outside."""
    targets = mapping(template.substitution.get("requirements")).values()
    return {
        target[1]
        for target in targets
        if isinstance(target, list) and target[:1] == [node.name] and len(target) > 1 and isinstance(target[1], str)
    }


def _artifact_findings(template: Template, node: Node, *, container: Container) -> Iterator[Finding]:
    for name, artifact in node.artifacts.items():
        kind = artifact_type(artifact)
        if kind and not _known(template, "artifact_types", kind):
            yield _finding(template, "TOSCA-005", f"artifact {node.name}.{name} is of type {kind}")
        file = artifact_file(artifact)
        if "://" in file or "repository" in mapping(artifact):
            yield _finding(template, "TOSCA-017", f"artifact {node.name}.{name}: {file}")
            continue
        path = inner_path(template.path, file)
        if path is None or path not in container.entries:
            yield _finding(template, "TOSCA-013", f"artifact {node.name}.{name}: {file or 'no file'}")


def _policy_findings(template: Template) -> Iterator[Finding]:
    names = {node.name for node in template.nodes} | template.groups
    for name, policy in template.policies:
        kind = policy.get("type")
        if not isinstance(kind, str) or not _known(template, "policy_types", kind):
            yield _finding(template, "TOSCA-005", f"policy {name} is of type {kind}")
        targets = policy.get("targets")
        for target in targets if isinstance(targets, list) else []:
            if word(target) not in names:
                yield _finding(template, "TOSCA-012", f"policy {name} names {word(target)}")


def _known(template: Template, kind: str, name: str) -> bool:
    """Whether a type is defined, or belongs to TOSCA itself."""
    if name in template.types[kind]:
        return True
    return name.startswith(("tosca.", "tosca:")) and not name.startswith(_OWN)


# -- SOL001 ----------------------------------------------------------------------------------------------------------


def _sol001_findings(template: Template) -> Iterator[Finding]:
    units = template.required_nodes(UNIT)
    mciops = template.required_nodes(MCIOP)
    if not (units or mciops or template.required_nodes(COMPUTE)):
        yield _finding(template, "SOL-002", "neither VDU nor Mciop")
    associated = {target for node in mciops for name, target in node.requirements if name == "associatedVdu"}
    for unit in units:
        if unit.name not in associated and all(name != "container" for name, _ in unit.requirements):
            yield _finding(template, "SOL-003", f"unit {unit.name}")
    for node in mciops:
        yield from _mciop_findings(template, node)
    for node in template.required_nodes(CONTAINER):
        count = _artifacts_of(template, node, "tosca.artifacts.nfv.SwImage")
        if count != 1:
            yield _finding(template, "SOL-006", f"container {node.name} has {count}")
    yield from _level_findings(template)


def _mciop_findings(template: Template, node: Node) -> Iterator[Finding]:
    charts = _artifacts_of(template, node, "tosca.artifacts.nfv.HelmChart")
    if charts != 1:
        yield _finding(template, "SOL-004", f"Mciop {node.name} has {charts}")
    rules = _artifacts_of(template, node, "tosca.artifacts.nfv.HelmParamMappingRule")
    if rules and not _artifacts_of(template, node, "tosca.artifacts.nfv.HelmParamMappingScript"):
        yield _finding(template, "SOL-005", f"Mciop {node.name}")
    if all(name != "associatedVdu" for name, _ in node.requirements):
        yield _finding(template, "SOL-007", f"Mciop {node.name}")


def _artifacts_of(template: Template, node: Node, ancestor: str) -> int:
    return sum(
        template.derives(artifact_type(artifact), ancestor, kind="artifact_types")
        for artifact in node.artifacts.values()
    )


def _level_findings(template: Template) -> Iterator[Finding]:
    levels: set[str] = set()
    for name, properties in _policies(template, "InstantiationLevels"):
        levels |= set(mapping(properties.get("levels")))
        default = properties.get("default_level")
        if len(levels) > 1 and default is None:
            yield _finding(template, "SOL-008", f"policy {name} has {len(levels)} levels")
        if default is not None and word(default) not in levels:
            yield _finding(template, "SOL-009", f"policy {name}: default level {default}")
    for name, properties in _policies(template, "VduInstantiationLevels"):
        for level in sorted(set(mapping(properties.get("levels"))) - levels) if levels else ():
            yield _finding(template, "SOL-009", f"policy {name}: level {level}")
    aspects = {
        aspect
        for _, properties in _policies(template, "ScalingAspects")
        for aspect in mapping(properties.get("aspects"))
    }
    for name, properties in _policies(template, "VduScalingAspectDeltas"):
        if word(properties.get("aspect")) not in aspects:
            yield _finding(template, "SOL-009", f"policy {name}: aspect {properties.get('aspect')}")


def _policies(template: Template, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and properties of the policies of one NFV type."""
    for name, policy in template.policies:
        if template.derives(str(policy.get("type")), f"tosca.policies.nfv.{kind}", kind="policy_types"):
            yield name, mapping(policy.get("properties"))


def _vnf_findings(template: Template) -> Iterator[Finding]:
    vnfs = template.required_nodes(VNF)
    # A flavour may leave the node out: the entry template describes it.
    if len(vnfs) > 1 or (not vnfs and not template.is_flavour):
        yield _finding(template, "SOL-001", f"{len(vnfs)} nodes are VNFs")
    mapped = mapping(template.substitution.get("properties")).get("flavour_id")
    for node in vnfs:
        flavour = node.properties.get("flavour_id")
        inherited = template.is_flavour and flavour is None
        if mapped is not None and mapped != flavour and not inherited:
            yield _finding(template, "SOL-010", f"{node.name} says {flavour!r}, the mapping {mapped!r}")
        stated = node.properties.get("vnfm_info")
        for item in stated if isinstance(stated, list) else []:
            if not _VNFM.fullmatch(word(item)):
                yield _finding(template, "SOL-011", f"{node.name}: {item!r}")
        identifier = node.properties.get("descriptor_id")
        if isinstance(identifier, str) and not _is_uuid(identifier.removeprefix("nfd_")):
            yield _finding(template, "SOL-012", f"{node.name}: {identifier!r}")


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _finding(template: Template, rule: str, text: str) -> Finding:
    return Finding(rule=rule, where=template.path, text=text)
