"""Configurable properties of the VNF, made from the runtime's settings.

Secrets are left out: a descriptor is readable by everybody who may see the catalogue. So is what is only an environment
variable. TOSCA's `list` and the settings' object lists are written as the JSON text that the ConfigMap holds, because a
descriptor cannot type an open object; everything else keeps its type.
"""

from ako_builder.csar.inputs import Property
from ako_runtime.settings import SETTINGS

_TYPES = {"string": "string", "boolean": "boolean", "integer": "integer"}


def setting_properties() -> tuple[Property, ...]:
    """One property a setting that the chart's values can say."""
    return tuple(
        Property(
            name=setting.name,
            type=_TYPES.get(setting.type, "string"),
            description=setting.meaning,
            default=setting.default if isinstance(setting.default, str | bool | int) else "[]",
            choices=setting.enum if setting.default in setting.enum else (),
        )
        for setting in SETTINGS
        if setting.helm is not None and not setting.secret
    )
