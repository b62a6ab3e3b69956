"""What it takes to describe one setting, wherever it can be written.

A setting has one meaning and up to three spellings: its key in the ConfigMap `avi-k8s-config` (or in the Secret
`avi-secret`), its environment variable, and its path in the chart's values. `Setting` holds all three with type,
default and limits, so that the parser, the chart's schema, the add-on's schema, the CSAR's properties and the reference
page are made from the same entry. `ChartValue` describes a value that shapes only the rendered manifests and never
reaches the process.

The wire forms: the ConfigMap holds strings, so a boolean is "true" or "false", an integer is decimal digits, and lists
are JSON text; values files may hold the native YAML type or the string form, as the official chart does in places.
"""

from typing import Literal, TypeAlias

from msgspec import Struct

SettingType: TypeAlias = Literal["string", "boolean", "integer", "list", "object-list"]
ValueType: TypeAlias = Literal["string", "boolean", "integer", "list", "object-list", "object"]
Place: TypeAlias = Literal["configmap", "secret", "environment"]
Section: TypeAlias = Literal[
    "General", "Features", "Network", "Layer 7", "Layer 4", "Controller", "Credentials", "Process"
]
Default: TypeAlias = str | bool | int | tuple[()]

EARLY = "<=1.10"
"""`since` of a setting that the oldest chart at hand, 1.10.3, already has."""
OURS = "ours"
"""`since` of a setting that the official AKO does not have."""


class ItemField(Struct, frozen=True, kw_only=True):
    """One field of the objects in an object list."""

    name: str
    meaning: str
    type: Literal["string", "list"] = "string"


class Setting(Struct, frozen=True, kw_only=True):
    """One setting of the runtime, described once."""

    name: str
    """Key in the ConfigMap or the Secret; for a setting that is only an environment variable, a name of ours."""
    attribute: str
    """Attribute of `Settings`; empty for a legacy variable that is known and ignored."""
    type: SettingType
    meaning: str
    section: Section
    since: str
    default: Default
    place: Place = "configmap"
    helm: str | None = None
    helm_aliases: tuple[str, ...] = ()
    """Older values paths with the same meaning; `helm` wins where both are written."""
    env: str | None = None
    enum: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    pattern: str | None = None
    expected: str | None = None
    """The pattern in words, for error messages."""
    unit: str | None = None
    fields: tuple[ItemField, ...] = ()
    fallback: Default | None = None
    """What the official AKO takes for a value that it cannot read; None: it does not start, and neither do we."""
    required: bool = False
    live: bool = False
    """Takes effect when the ConfigMap or the Secret is edited, without a restart."""
    honoured: bool = True
    """False: accepted and reported, not acted on by this version."""

    @property
    def secret(self) -> bool:
        """True if it lives in the Secret `avi-secret`."""
        return self.place == "secret"


class ChartValue(Struct, frozen=True, kw_only=True):
    """A value of the chart that shapes manifests only."""

    path: str
    type: ValueType
    default: Default | None
    meaning: str
    since: str
    enum: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
