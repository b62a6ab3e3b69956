"""YAML from strangers: small, shallow, without aliases that multiply, without tags, without a key twice.

The events of the parser are consumed here rather than by PyYAML's constructor, because that one recurses (deep
nesting ends in a RecursionError), expands aliases as often as they are written (ten lines become a billion nodes),
takes the last of two equal keys and silently reads 1.10 as 1.1. Scalars that look like numbers come out as `int` or
`float` just as a TOSCA parser reads them, so that a rule can complain about a version that is a float; everything
else is a string.
"""

import re
from collections.abc import Callable
from typing import Any

import yaml

MAX_BYTES = 8 << 20
MAX_DEPTH = 100
MAX_NODES = 500_000
_STANDARD = "tag:yaml.org,2002:"
_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_TRUE = {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"}
_FALSE = {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"}
_NULL = {"", "~", "null", "Null", "NULL"}
_MAX_INT_DIGITS = 18


class YamlProblem(ValueError):  # noqa: N818 - named after the finding
    """The document is refused; `code` says why in one word, `line` where."""

    def __init__(self, code: str, text: str, *, line: int | None = None) -> None:
        super().__init__(text if line is None else f"line {line}: {text}")
        self.code = code
        self.line = line


class _Frame:
    """A collection that is being filled."""

    def __init__(self, value: dict[Any, Any] | list[Any], *, anchor: str | None) -> None:
        self.value = value
        self.anchor = anchor
        self.key: Any = _NO_KEY
        self.weight = 1


_NO_KEY = object()


def parse_yaml(data: bytes, *, limit: int = MAX_BYTES, spend: Callable[[int], None] | None = None) -> Any:  # noqa: ANN401 - whatever the document is
    """The one document in `data`; `YamlProblem` for everything that two parsers might read differently.

    `spend` hears how many values it has, while it is read.
    """
    if len(data) > limit:
        raise YamlProblem("size", f"{len(data)} bytes are too many (at most {limit})")
    if data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        raise YamlProblem("encoding", "a byte order mark stands at the start; save it as plain UTF-8")
    try:
        # YAML allows the mark of UTF-8 at the start of a stream (1.2, 5.2); samples of OpenStack Tacker have it.
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise YamlProblem("encoding", f"not UTF-8 ({error.reason} at byte {error.start})") from error
    builder = _Builder(spend)
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            builder.feed(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else None
        problem = str(getattr(error, "problem", None) or "not YAML")
        # libyaml scans brackets ahead of its events, and from 0.2.6 on it has a limit of its own.
        code = "depth" if "nesting depth" in problem else "syntax"
        raise YamlProblem(code, problem, line=line) from error
    except (RecursionError, ValueError) as error:
        if isinstance(error, YamlProblem):
            raise
        raise YamlProblem("syntax", f"not YAML ({error})") from error
    return builder.document


class _Builder:
    """Builds the document from events, counting what it costs."""

    def __init__(self, spend: Callable[[int], None] | None) -> None:
        self.document: Any = None
        self._spend = spend
        self._seen = False
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = 0

    def feed(self, event: yaml.Event) -> None:
        """Take one event."""
        if isinstance(event, yaml.ScalarEvent):
            self._place(_scalar(event), anchor=event.anchor, weight=1, line=_line(event))
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._open(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            frame = self._stack.pop()
            self._place(frame.value, anchor=frame.anchor, weight=frame.weight, line=_line(event))
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            if self._seen:
                raise YamlProblem("documents", "a second document begins; only one is read", line=_line(event))
            self._seen = True

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        _check_tag(event.tag, line=_line(event))
        if len(self._stack) >= MAX_DEPTH:
            raise YamlProblem("depth", f"nested deeper than {MAX_DEPTH}", line=_line(event))
        value: dict[Any, Any] | list[Any] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._stack.append(_Frame(value, anchor=event.anchor))

    def _alias(self, event: yaml.AliasEvent) -> None:
        if event.anchor not in self._anchors:
            raise YamlProblem("syntax", f"the alias *{event.anchor} has no anchor before it", line=_line(event))
        value, weight = self._anchors[event.anchor]
        self._place(value, anchor=None, weight=weight, line=_line(event))

    def _place(self, value: Any, *, anchor: str | None, weight: int, line: int) -> None:  # noqa: ANN401
        self._nodes += weight
        if self._spend is not None:
            self._spend(1)
        if self._nodes > MAX_NODES:
            raise YamlProblem("aliases", f"more than {MAX_NODES} nodes once its aliases are followed", line=line)
        if anchor is not None:
            self._anchors[anchor] = (value, weight)
        if not self._stack:
            self.document = value
            return
        frame = self._stack[-1]
        frame.weight += weight
        if isinstance(frame.value, list):
            frame.value.append(value)
        elif frame.key is _NO_KEY:
            frame.key = _hashable(value, line=line)
            if frame.key in frame.value:
                raise YamlProblem("duplicate", f"the key '{frame.key}' stands twice in one mapping", line=line)
        else:
            frame.value[frame.key] = value
            frame.key = _NO_KEY


def _scalar(event: yaml.ScalarEvent) -> str | int | float | bool | None:
    _check_tag(event.tag, line=_line(event))
    text = event.value
    if not event.implicit[0] or event.style in {"'", '"', "|", ">"}:
        return text
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INT.fullmatch(text) and len(text) <= _MAX_INT_DIGITS:
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _hashable(value: Any, *, line: int) -> str | int | float | bool | None:  # noqa: ANN401
    if isinstance(value, dict | list):
        raise YamlProblem("syntax", "a mapping or list stands where a key belongs", line=line)
    if value == "<<":
        raise YamlProblem("aliases", "merge keys (<<) are read differently by different parsers", line=line)
    return value  # type: ignore[no-any-return]  # a scalar


def _check_tag(tag: str | None, *, line: int) -> None:
    if tag is not None and tag != "!" and not tag.startswith(_STANDARD):
        raise YamlProblem("tag", f"the tag {tag} is not plain YAML", line=line)
    if tag is not None and tag.startswith(f"{_STANDARD}python"):
        raise YamlProblem("tag", f"the tag {tag} asks to build a Python object", line=line)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0
