"""Settings: the only description of the configuration, and the functions that turn what was written into values.

The catalogue (`SETTINGS`, `ENVIRONMENT_SETTINGS`, `CHART_VALUES`) is data: the chart's schema and templates, the
add-on's values schema, the CSAR's properties and the reference page are rendered from it. `parse` turns a ConfigMap,
an environment and a Secret into a typed `Settings`, or raises one `SettingsError` that lists everything that is wrong.
The folder is pure: mappings in, values out; reading files and the environment is the caller's.
"""

from ako_runtime.settings.catalogue import (
    ALL_SETTINGS,
    BY_KEY,
    BY_SECRET_KEY,
    BY_VALUES_PATH,
    BY_VARIABLE,
    ENVIRONMENT_SETTINGS,
    SETTINGS,
)
from ako_runtime.settings.chart_values import CHART_VALUES
from ako_runtime.settings.description import EARLY, OURS, ChartValue, ItemField, Setting
from ako_runtime.settings.helm import (
    OFFICIAL_SECTIONS,
    configmap_from_values,
    is_values_document,
    parse_values,
    secret_from_values,
)
from ako_runtime.settings.parsing import parse, parse_environment
from ako_runtime.settings.problems import Problem, SettingsError
from ako_runtime.settings.rules import remarks
from ako_runtime.settings.values import NodeNetwork, SecretText, Settings, VipNetwork

__all__ = [
    "ALL_SETTINGS",
    "BY_KEY",
    "BY_SECRET_KEY",
    "BY_VALUES_PATH",
    "BY_VARIABLE",
    "CHART_VALUES",
    "EARLY",
    "ENVIRONMENT_SETTINGS",
    "OFFICIAL_SECTIONS",
    "OURS",
    "SETTINGS",
    "ChartValue",
    "ItemField",
    "NodeNetwork",
    "Problem",
    "SecretText",
    "Setting",
    "Settings",
    "SettingsError",
    "VipNetwork",
    "configmap_from_values",
    "is_values_document",
    "parse",
    "parse_environment",
    "parse_values",
    "remarks",
    "secret_from_values",
]
