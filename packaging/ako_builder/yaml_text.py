"""YAML that every reader reads alike, written in one form: charts, descriptors, add-ons and policies.

PyYAML leaves `1e3`, `0o17` or `1_000` unquoted because they are strings to it; Helm and kubectl take them for numbers.
So a string is written plain only if it is a word that no YAML version gives another meaning, and quoted otherwise. A
value stands on one line however long it is, lists are indented below their key, nothing is an anchor, and keys keep the
order that the caller gave. The same value gives the same bytes: signatures depend on it.
"""

import re
from collections.abc import Mapping
from typing import Final

import yaml

_PLAIN: Final = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "inf", "nan"})
_ANY_WIDTH: Final = 1 << 30


class _Writer(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        del data
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: FBT001, FBT002
        del indentless
        super().increase_indent(flow, indentless=False)


def _represented(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    if "\n" in text and not re.search(r"[^\n -~\u00a0-\ud7ff]|[ \t]\n", text):
        style: str | None = "|"
    elif _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        style = None
    else:
        # JSON in a string stays readable in single quotes; everything else may need the escapes of double ones.
        style = "'" if '"' in text and text.isascii() and text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Writer.add_representer(str, _represented)


def yaml_text(*documents: object, header: str = "") -> str:
    """Documents as one stream; `header` becomes comment lines above the first.

    A document is made of mappings, lists, texts, numbers, booleans and None.
    """
    comment = "".join(f"# {line}".rstrip() + "\n" for line in header.splitlines())
    bodies = [
        yaml.dump(
            dict(document) if isinstance(document, Mapping) else document,
            Dumper=_Writer,
            sort_keys=False,
            allow_unicode=True,
            width=_ANY_WIDTH,
        )
        for document in documents
    ]
    return comment + ("---\n" if len(bodies) > 1 or header else "") + "---\n".join(bodies)
