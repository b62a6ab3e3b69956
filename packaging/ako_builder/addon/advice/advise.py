"""Which path can say what: the add-on by AKODeploymentConfig, the add-on by package values, or only CSAR and Helm.

Asked for every setting that a values file sets. The answer is taken from the conversions themselves, so it cannot
disagree with what they would do. A field that ako-operator is known to translate wrongly counts as none.
"""

from typing import Literal, TypeAlias

import msgspec

from ako_builder.addon.documents import Value
from ako_builder.addon.shapes.chart import wire_text
from ako_builder.addon.shapes.convert import How, conversion_of
from ako_builder.addon.shapes.intent import CLUSTER_NAME, Cluster, Intent, is_secret

Path: TypeAlias = Literal["adc", "package", "chart only"]


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """What can be done with one setting."""

    setting: str
    value: str
    path: Path
    why: str


def advice(intent: Intent, *, operator: str) -> tuple[Advice, ...]:
    """For each setting, the least demanding path that can say it."""
    return tuple(_judged(name, value, operator=operator) for name, value in intent.values.items())


def _judged(name: str, value: Value, *, operator: str) -> Advice:
    alone = Intent(values={name: value})
    cluster = Cluster(name="cluster")
    shown = "(secret)" if is_secret(name) else wire_text(value)
    how = How(operator=operator, cluster=None if name == CLUSTER_NAME else cluster)
    adc = [item for item in conversion_of(alone, target="adc", how=how).losses if item.path.startswith(name)]
    faults = conversion_of(alone, target="package", how=how).notes
    if not adc and faults:
        why = f"as a data value of the package; the AKODeploymentConfig has a field for it, but {'; '.join(faults)}"
        return Advice(setting=name, value=shown, path="package", why=why)
    if not adc:
        return Advice(setting=name, value=shown, path="adc", why="the AKODeploymentConfig has a field for it")
    package = [item for item in conversion_of(alone, target="package", how=how).losses if item.path.startswith(name)]
    if not package:
        return Advice(setting=name, value=shown, path="package", why=f"as a data value of the package; {adc[0].reason}")
    return Advice(setting=name, value=shown, path="chart only", why=package[0].reason)


def verdict(found: tuple[Advice, ...]) -> str:
    """One sentence over all."""
    lost = [item.setting for item in found if item.path == "chart only"]
    if lost:
        return (
            f"{len(lost)} of {len(found)} settings need the chart (CSAR, Helm, or our package, which takes the chart's "
            f"words beside the operator's): {', '.join(lost)}"
        )
    if any(item.path == "package" for item in found):
        return "possible as an add-on, with data values of the package beside the AKODeploymentConfig"
    return "possible as an add-on by AKODeploymentConfig alone"
