"""YAML that every reader reads alike.

PyYAML leaves `1e3`, `0o17` or `1_000` unquoted because they are strings to it; Helm and kubectl take them for numbers.
So a string is written plain only if it is a word that no YAML version gives another meaning, and quoted otherwise.
"""

import re
from typing import Final

import yaml

_PLAIN: Final = re.compile(r"[A-Za-z/][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "inf", "nan"})
_ANY_WIDTH: Final = 10_000


class _Dumper(yaml.SafeDumper):
    pass


def represented_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """A string in the style that every reader takes for this string."""
    if "\n" in text and not re.search(r"[^\n -~\u00a0-\ud7ff]|[ \t]\n", text):
        style: str | None = "|"
    elif _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        style = None
    else:
        # JSON in a string stays readable in single quotes; everything else may need the escapes of double ones.
        style = "'" if '"' in text and text.isascii() and text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, represented_text)


def yaml_text(document: object) -> str:
    """One document."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=_ANY_WIDTH, allow_unicode=True)
