"""The catalogue: every setting, once.

`SETTINGS` holds what is a key of the ConfigMap or the Secret, in the order in which documents print it.
`ENVIRONMENT_SETTINGS` holds what exists as an environment variable only. Chart-only values: `chart_values`.
"""

from collections.abc import Mapping
from typing import Final

from ako_runtime.settings.description import Setting
from ako_runtime.settings.keys_environment import LEGACY, PROCESS
from ako_runtime.settings.keys_general import FEATURES, GENERAL
from ako_runtime.settings.keys_traffic import CONTROLLER, CREDENTIALS, LAYER_4, LAYER_7, NETWORK

SETTINGS: Final[tuple[Setting, ...]] = (*CONTROLLER, *GENERAL, *NETWORK, *LAYER_7, *LAYER_4, *FEATURES, *CREDENTIALS)
ENVIRONMENT_SETTINGS: Final[tuple[Setting, ...]] = (*PROCESS, *LEGACY)
ALL_SETTINGS: Final = (*SETTINGS, *ENVIRONMENT_SETTINGS)

BY_KEY: Final[Mapping[str, Setting]] = {item.name: item for item in SETTINGS if item.place == "configmap"}
BY_SECRET_KEY: Final[Mapping[str, Setting]] = {item.name: item for item in SETTINGS if item.secret}
BY_VARIABLE: Final[Mapping[str, Setting]] = {item.env: item for item in ALL_SETTINGS if item.env}
BY_VALUES_PATH: Final[Mapping[str, Setting]] = {
    path: item for item in SETTINGS for path in (item.helm, *item.helm_aliases) if path
}
