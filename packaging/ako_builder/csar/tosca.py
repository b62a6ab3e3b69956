"""A service template with everything that it imports, as far as rules about descriptors need it.

Imports are followed inside the package only, each file once. Types of one kind are merged by name; what TOSCA itself
defines (everything below `tosca.` that is not NFV) is taken as given, because the rules are about descriptors, not
about the language. Properties and requirements of a type are those of its line of ancestors; a line that comes back
to itself is cut and reported. Whatever is malformed becomes a finding and counts as absent, so the rules see only
well-formed parts.

A VNFD may have two levels (SOL001 6.11.2): the entry template describes the VNF as one abstract node, and each
deployment flavour is a template of its own that substitutes that node. Such templates are imported by the entry, or
named in TOSCA.meta's Other-Definitions; each becomes a `Template` with its own path, all of them share the types.
"""

import functools
import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ako_builder.archive.budget import Budget
from ako_builder.archive.container import Container, Unreadable
from ako_builder.csar.rules import Finding
from ako_builder.csar.strictyaml import MAX_BYTES, YamlProblem, parse_yaml

Tree = dict[str, Any]
TYPE_KINDS = ("node_types", "data_types", "capability_types", "artifact_types", "policy_types", "interface_types")
VERSIONS = {
    "tosca_simple_yaml_1_0",
    "tosca_simple_yaml_1_1",
    "tosca_simple_yaml_1_2",
    "tosca_simple_yaml_1_3",
    "tosca_simple_profile_for_nfv_1_0_0",
}
_MAX_IMPORTS = 200
_YAML_RULES = {
    "size": "YAML-001",
    "encoding": "YAML-002",
    "depth": "YAML-003",
    "aliases": "YAML-004",
    "duplicate": "YAML-005",
    "tag": "YAML-006",
    "syntax": "YAML-007",
    "documents": "YAML-007",
}


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One node template."""

    name: str
    type: str
    designer_key: bool
    properties: Tree
    requirements: tuple[tuple[str, str], ...]
    artifacts: Tree
    tree: Tree


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """The entry template with its imports."""

    path: str
    tree: Tree
    types: dict[str, dict[str, Tree]]
    nodes: tuple[Node, ...]
    policies: tuple[tuple[str, Tree], ...]
    groups: frozenset[str]
    substitution: Tree
    findings: tuple[Finding, ...]
    # The second level: one template a deployment flavour, none where the entry template is all there is.
    flavours: tuple["Template", ...] = ()
    # Node types that a flavour substitutes.
    substituted: frozenset[str] = frozenset()
    # A Budget; a Struct cannot check foreign classes.
    budget: Any = None

    @property
    def levels(self) -> tuple["Template", ...]:
        """The entry template, then its flavours."""
        return (self, *self.flavours)

    @property
    def is_flavour(self) -> bool:
        """Whether this is a template of the second level."""
        return bool(self.substituted) and not self.flavours

    @property
    def flavour(self) -> str:
        """The flavour_id that a template of the second level stands for, in the old spelling or the new one."""
        stated = mapping(self.substitution.get("properties")).get("flavour_id")
        for item in items(mapping(self.substitution.get("substitution_filter")).get("properties")):
            condition = mapping(item).get("flavour_id")
            for one in [condition, *items(condition)]:
                stated = mapping(one).get("equal", stated)
        return stated if isinstance(stated, str) else ""

    def spend(self, steps: int) -> None:
        """Draw on the package's budget for steps from type to type."""
        if self.budget is not None:
            self.budget.spend("steps between types", steps)

    def lineage(self, kind: str, name: str) -> Iterator[str]:
        """The type and its ancestors, nearest first; ends where a definition is missing or comes back."""
        seen: set[str] = set()
        current: Any = name
        types = self.types[kind]
        while isinstance(current, str) and current not in seen:
            self.spend(1)
            yield current
            seen.add(current)
            current = types.get(current, {}).get("derived_from")

    def derives(self, name: str, ancestor: str, *, kind: str = "node_types") -> bool:
        """Whether a type is, or descends from, another."""
        return any(item == ancestor for item in self.lineage(kind, name))

    def definitions(self, kind: str, name: str, part: str) -> Tree:
        """`properties` (or another part) of a type with those of its ancestors; the nearest definition wins."""
        found: Tree = {}
        for item in reversed(list(self.lineage(kind, name))):
            found |= mapping(self.types[kind].get(item, {}).get(part))
        self.spend(len(found))
        return found

    def required_nodes(self, ancestor: str) -> list[Node]:
        """Nodes of a type or its descendants."""
        return [node for node in self.nodes if self.derives(node.type, ancestor)]


def mapping(value: Any) -> Tree:  # noqa: ANN401 - a part of a document
    """The value if it is a mapping with text keys, else an empty one."""
    return {key: item for key, item in value.items() if isinstance(key, str)} if isinstance(value, dict) else {}


def word(value: Any) -> str:  # noqa: ANN401 - a part of a document
    """The value if it is text, else how it looks: something that can be compared and printed, whatever it is."""
    return value if isinstance(value, str) else repr(value)


def load_template(container: Container, path: str, *, others: tuple[str, ...] = ()) -> Template:
    """Read the descriptor at `path` and what it imports; `others` are further definitions that TOSCA.meta names."""
    loader = _Loader(container)
    tree = loader.read(path)
    for other in others:
        loader.read_once(other)
    top = _template(path, tree=tree, types=loader.types, budget=container.budget)
    flavours = [
        _template(name, tree=found, types=loader.types, budget=container.budget)
        for name, found in loader.substituting.items()
        if name != path
    ]
    substituted = frozenset(word(flavour.substitution.get("node_type")) for flavour in flavours)
    return msgspec.structs.replace(
        top,
        findings=tuple(loader.findings),
        flavours=tuple(msgspec.structs.replace(flavour, substituted=substituted) for flavour in flavours),
        substituted=substituted,
    )


def _template(path: str, *, tree: Tree, types: dict[str, dict[str, Tree]], budget: Budget) -> Template:
    topology = mapping(tree.get("topology_template"))
    policies = tuple(
        (name, mapping(body)) for item in items(topology.get("policies")) for name, body in mapping(item).items()
    )
    return Template(
        path=path,
        tree=tree,
        types=types,
        nodes=tuple(_node(name, mapping(body)) for name, body in mapping(topology.get("node_templates")).items()),
        policies=policies,
        groups=frozenset(mapping(topology.get("groups"))),
        substitution=mapping(topology.get("substitution_mappings")),
        findings=(),
        budget=budget,
    )


def read_yaml(container: Container, name: str, *, limit: int = MAX_BYTES) -> tuple[Any, Finding | None]:
    """A YAML member, or the finding that says why not."""
    if container.entries[name].size > limit:
        return None, Finding(rule="YAML-001", where=name, text=f"{container.entries[name].size} bytes")
    spend = functools.partial(container.budget.spend, "values in documents")
    try:
        return parse_yaml(container.read(name, limit=limit), spend=spend), None
    except Unreadable as error:
        return None, Finding(rule=error.rule, where=name, text=str(error))
    except YamlProblem as error:
        return None, Finding(rule=_YAML_RULES[error.code], where=name, text=str(error), line=error.line or 0)


def inner_path(base: str, reference: str) -> str | None:
    """A path relative to the file `base`, as a path in the package; None if it leads out of it."""
    if reference.startswith("/") or "\\" in reference or ":" in reference.split("/", 1)[0]:
        return None
    path = posixpath.normpath(posixpath.join(posixpath.dirname(base), reference))
    return None if path.startswith("..") else path


class _Loader:
    """Follows imports and collects types."""

    def __init__(self, container: Container) -> None:
        self.types: dict[str, dict[str, Tree]] = {kind: {} for kind in TYPE_KINDS}
        self.findings: list[Finding] = []
        # Documents whose topology substitutes a node, by path.
        self.substituting: dict[str, Tree] = {}
        self._container = container
        self._done: set[str] = set()

    def read(self, path: str, *, above: tuple[str, ...] = ()) -> Tree:
        """Read one file and its imports; the file's own document."""
        self._done.add(path)
        if len(self._done) > _MAX_IMPORTS:
            self.findings.append(Finding(rule="TOSCA-003", where=path, text=f"more than {_MAX_IMPORTS} imports"))
            return {}
        document, problem = read_yaml(self._container, path)
        if problem is not None:
            self.findings.append(problem)
            return {}
        tree = mapping(document)
        if not tree:
            self.findings.append(Finding(rule="YAML-007", where=path, text="the document is not a mapping"))
        if "substitution_mappings" in mapping(tree.get("topology_template")):
            self.substituting[path] = tree
        for kind in TYPE_KINDS:
            self.types[kind] |= {name: mapping(body) for name, body in mapping(tree.get(kind)).items()}
        for reference, remote in _imports(tree.get("imports")):
            if remote:
                text = f"{reference} comes from a repository outside of the package"
                self.findings.append(Finding(rule="TOSCA-004", where=path, text=text))
            else:
                self._follow(reference, path=path, above=(*above, path))
        return tree

    def read_once(self, path: str) -> None:
        """Read a further file of the package, if it was not imported."""
        if path in self._container.entries and path not in self._done:
            self.read(path)

    def _follow(self, reference: str, *, path: str, above: tuple[str, ...]) -> None:
        target = inner_path(path, reference)
        if target is None:
            text = f"{reference} is not a path inside the package"
            self.findings.append(Finding(rule="TOSCA-004", where=path, text=text))
        elif target in above:
            self.findings.append(Finding(rule="TOSCA-003", where=path, text=f"{reference} imports this file again"))
        elif target not in self._container.entries:
            self.findings.append(Finding(rule="TOSCA-002", where=path, text=f"{target} is not in the package"))
        elif target not in self._done:
            self.read(target, above=above)


def _imports(value: Any) -> Iterator[tuple[str, bool]]:  # noqa: ANN401
    """References of an imports section: plain, under `file`, or under a name; and whether a repository has them."""
    for item in items(value):
        if isinstance(item, str):
            yield item, False
        elif isinstance(item, dict):
            file = item.get("file")
            if isinstance(file, str):
                yield file, "repository" in item
            for inner in item.values() if file is None else ():
                if isinstance(inner, str):
                    yield inner, False
                elif isinstance(inner, dict) and isinstance(inner.get("file"), str):
                    yield inner["file"], "repository" in inner


def _node(name: str, tree: Tree) -> Node:
    plain = tree.get("type")
    kind = plain if isinstance(plain, str) else tree.get("node_type")
    return Node(
        name=name,
        type=kind if isinstance(kind, str) else "",
        designer_key=not isinstance(plain, str) and isinstance(tree.get("node_type"), str),
        properties=mapping(tree.get("properties")),
        requirements=tuple(_requirements(tree.get("requirements"))),
        artifacts=mapping(tree.get("artifacts")),
        tree=tree,
    )


def _requirements(value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401
    for item in items(value):
        for name, target in mapping(item).items():
            node = target.get("node") if isinstance(target, dict) else target
            yield name, node if isinstance(node, str) else ""


def items(value: Any) -> list[Any]:  # noqa: ANN401
    """The value if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def artifact_file(value: Any) -> str:  # noqa: ANN401
    """The file of an artifact, in long or short notation."""
    if isinstance(value, str):
        return value
    file = mapping(value).get("file")
    return file if isinstance(file, str) else ""


def artifact_type(value: Any) -> str:  # noqa: ANN401
    """The type of an artifact."""
    kind = mapping(value).get("type")
    return kind if isinstance(kind, str) else ""


def version_is_number(properties: Mapping[str, Any]) -> Iterator[str]:
    """Names of version properties whose value YAML reads as a number."""
    for name, value in properties.items():
        if "version" in name.lower() and isinstance(value, float | int) and not isinstance(value, bool):
            yield name
