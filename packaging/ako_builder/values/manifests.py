"""The ConfigMap and the Secret that the chart renders from values, without Helm.

The data comes from the runtime's own `configmap_from_values` and `secret_from_values`; metadata are written as the
chart's templates write them. A test holds both against Helm's output.
"""

import base64
from collections.abc import Mapping
from typing import Final

import msgspec

from ako_builder.chart.extras import Json
from ako_builder.chart.values_files import Values, settings_part
from ako_builder.release import Release
from ako_runtime.settings import configmap_from_values, secret_from_values

IN_METADATA: Final = frozenset({"commonLabels", "commonAnnotations", "nameOverride", "avicredentials.existingSecret"})
"""Values that no setting is behind but that these manifests follow."""


class Installation(msgspec.Struct, frozen=True, kw_only=True):
    """Which release of the chart the manifests belong to."""

    release: Release
    name: str
    namespace: str


def configuration_manifests(values: Values, installation: Installation) -> list[Values]:
    """ConfigMap, and Secret if the values hold credentials."""
    part = settings_part(values)
    manifests: list[Values] = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": _metadata("avi-k8s-config", values, installation),
            "data": dict(configmap_from_values(part)),
        }
    ]
    secret = {} if _existing_secret(values) else secret_from_values(part)
    if secret:
        manifests.append(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": _metadata("avi-secret", values, installation),
                "type": "Opaque",
                "data": {key: base64.b64encode(text.encode()).decode() for key, text in secret.items()},
            }
        )
    return manifests


def _metadata(name: str, values: Values, installation: Installation) -> dict[str, Json]:
    metadata: dict[str, Json] = {
        "name": name,
        "namespace": installation.namespace,
        "labels": _labels(values, installation),
    }
    return metadata | _annotations(values)


def _labels(values: Values, installation: Installation) -> dict[str, Json]:
    chart, version = installation.release.chart.name, installation.release.version
    labels = _mapping(values.get("commonLabels")) | {
        "app.kubernetes.io/name": values.get("nameOverride") or chart,
        "app.kubernetes.io/instance": installation.name,
        "app.kubernetes.io/version": version.replace("+", "_"),
        "app.kubernetes.io/managed-by": "Helm",
        "helm.sh/chart": f"{chart}-{version}".replace("+", "_")[:63].rstrip("-"),
    }
    return dict(sorted(labels.items()))


def _annotations(values: Values) -> dict[str, Json]:
    annotations = _mapping(values.get("commonAnnotations"))
    return {"annotations": annotations} if annotations else {}


def _existing_secret(values: Values) -> bool:
    return bool(_mapping(values.get("avicredentials")).get("existingSecret"))


def _mapping(value: Json) -> dict[str, Json]:
    return dict(value) if isinstance(value, Mapping) else {}
