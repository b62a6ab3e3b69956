"""YAML as this package reads it: strictly. What it writes comes from `ako_builder.yaml_text`.

Reading refuses what YAML 1.1 is notorious for, each with file, line and key, because these documents end in clusters
where nobody looks twice: a key that stands twice (the last would win silently), `yes`/`no`/`on`/`off` (booleans by
accident: what was meant must be written `true` or as quoted text), sexagesimal numbers (`12:30` is 750), octal numbers
(`0644`), and dates that become objects. Values that a reader expects as text must stay text; `decoded` hands a document
to msgspec, which forbids unknown fields where a Struct says so, and turns its complaint into a sentence with the line
of the key at fault.
"""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from ako_runtime.errors import UserError

Value = Any  # a YAML value: mappings, sequences, text, numbers, booleans and null
Document = dict[str, Value]
T = TypeVar("T")

_BARE_BOOLEANS = frozenset(
    spelling for word in ("yes", "no", "on", "off", "y", "n") for spelling in (word, word.capitalize(), word.upper())
)
_SEXAGESIMAL = re.compile(r"[-+]?\d+(?::[0-5]?\d)+(?:\.\d*)?")
_OCTAL = re.compile(r"[-+]?0[0-7_]+")
_DATE = re.compile(r"\d{4}-\d{1,2}-\d{1,2}(?:[Tt ].*)?")


class _Reader(yaml.SafeLoader):
    """SafeLoader that refuses repeated keys and the scalars that YAML 1.1 reads in surprising ways."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise _Trap(key_node, f"the key '{key}' stands twice in one mapping: keep one of them")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


class _Trap(yaml.MarkedYAMLError):
    def __init__(self, node: yaml.Node, problem: str) -> None:
        super().__init__(problem=problem, problem_mark=node.start_mark)
        self.index: int = node.start_mark.index
        self.line: int = node.start_mark.line + 1


def _scalar(loader: _Reader, node: yaml.ScalarNode) -> Value:
    text = node.value
    if text in _BARE_BOOLEANS:
        raise _Trap(
            node, f"a bare '{text}' is a boolean to some readers and text to others: write true, false or quote it"
        )
    if _SEXAGESIMAL.fullmatch(text):
        raise _Trap(node, f"a bare '{text}' is a base-60 number to some readers: quote it")
    if _OCTAL.fullmatch(text):
        raise _Trap(node, f"a bare '{text}' is an octal number to some readers: quote it")
    if _DATE.fullmatch(text):
        raise _Trap(node, f"a bare '{text}' is a date to some readers: quote it")
    tag = node.tag
    construct = yaml.SafeLoader.yaml_constructors[tag]
    return construct(loader, node)


# Each of the implicit types may hold a trap; a quoted scalar has the tag of text and never one of these.
for _tag in ("bool", "int", "float", "timestamp"):
    _Reader.add_constructor(f"tag:yaml.org,2002:{_tag}", _scalar)
_Reader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^[yYnN]$"), list("yYnN"))


def parse_documents(text: str, *, where: str) -> tuple[Document, ...]:
    """Every mapping in a YAML stream; empty documents are left out. UserError with file, line and reason."""
    try:
        documents = [document for document in yaml.load_all(text, Loader=_Reader) if document is not None]
    except _Trap as error:
        raise UserError(f"{where}:{error.line}: {_key_at(text, error.index)}{error.problem}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise UserError(f"{where}:{line}: {error.problem or 'not YAML'}") from None
    except yaml.YAMLError as error:
        raise UserError(f"{where}: not YAML: {error}") from None
    for document in documents:
        if not isinstance(document, dict):
            raise UserError(f"{where}: expected a mapping of keys, found {type(document).__name__}")
    return tuple(documents)


def parse_document(text: str, *, where: str) -> Document:
    """The only document of a YAML text; an empty text is an empty mapping."""
    documents = parse_documents(text, where=where)
    if len(documents) > 1:
        raise UserError(f"{where}: holds {len(documents)} YAML documents where one is expected: split the file")
    return documents[0] if documents else {}


def read_text(path: Path) -> str:
    """The text of a file that a user named."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as text: {error}") from None


def load_document(path: Path) -> Document:
    """The document in a file."""
    return parse_document(read_text(path), where=str(path))


def load_documents(path: Path) -> tuple[Document, ...]:
    """All documents in a file."""
    return parse_documents(read_text(path), where=str(path))


def decoded(text: str, struct: type[T], *, where: str) -> T:
    """A YAML text as `struct`; UserError names file, line and key of what does not fit."""
    document = parse_document(text, where=where)
    try:
        return msgspec.convert(document, struct)
    except msgspec.ValidationError as error:
        message = str(error)
        path, _, reason = _complaint(message)
        line = line_of(text, path)
        key = ".".join(map(str, path)) or "document"
        raise UserError(f"{where}:{line}: {key}: {reason}") from None


def value_of_json(data: bytes) -> Document:
    """A JSON object."""
    value: Document = json.loads(data)
    return value


def line_of(text: str, path: Sequence[str | int], *, index: int = 0) -> int:
    """The line (from 1) on which the value at `path` of a document begins, or the nearest ancestor that exists."""
    documents = [node for node in yaml.compose_all(text, Loader=yaml.SafeLoader) if not _is_null(node)]
    node = documents[index]
    line = int(node.start_mark.line) + 1
    for part in path:
        child = _child(node, part)
        if child is None:
            break
        line, node = child
    return line


def _key_at(text: str, index: int) -> str:
    """The dotted key of the scalar at a place in a text, followed by a colon; nothing if it belongs to no key."""
    for node in yaml.compose_all(text, Loader=yaml.SafeLoader):
        for path, child in _below(node):
            if child.start_mark.index == index:
                return f"{'.'.join(path)}: " if path else ""
    return ""


def _below(node: yaml.Node, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], yaml.Node]]:
    yield path, node
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield path, key
            yield from _below(value, (*path, str(key.value)))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _below(value, (*path, str(index)))


class WrongKey(UserError):  # noqa: N818 - named after the finding
    """What is wrong at one key of a document; whoever knows the file adds the line with `lines_of`."""

    def __init__(self, where: str, key: str, reason: str) -> None:
        super().__init__(f"{where}: {key}: {reason}")
        self.key = key
        self.reason = reason


@contextmanager
def lines_of(path: Path, *, index: int = 0) -> Iterator[None]:
    """Name file and line of what is found wrong in one of the documents in a file."""
    try:
        yield
    except WrongKey as error:
        raise UserError(f"{located_at(path, error.key, index=index)}: {error.key}: {error.reason}") from None


def located_at(path: Path, key: str, *, index: int) -> str:
    """File and line of a dotted key of one of the documents in a file."""
    parts = [int(part) if part.isdecimal() else part for part in re.split(r"[.\[\]]+", key) if part]
    return f"{path}:{line_of(read_text(path), parts, index=index)}"


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _child(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        value = node.value[part]
        return value.start_mark.line + 1, value
    return None


def _complaint(message: str) -> tuple[tuple[str | int, ...], str, str]:
    """Msgspec's `reason - at `$.a[0].b`` as path and reason; an unknown field extends the path by its name."""
    reason, _, at = message.partition(" - at `")
    path: list[str | int] = [
        int(index) if index else name for name, index in re.findall(r"\.?([^.\[\]`$]+)|\[(\d+)\]", at.rstrip("`"))
    ]
    unknown = re.fullmatch(r"Object contains unknown field `(.+)`", reason)
    if unknown:
        path.append(unknown[1])
        return tuple(path), at, "this key is not known here: check its spelling"
    return tuple(path), at, reason[:1].lower() + reason[1:]
