"""What Artifact Hub shows of the chart beyond Chart.yaml's own fields: annotations that are YAML texts.

Source: https://artifacthub.io/docs/topics/annotations/helm/.
"""

from collections.abc import Iterable
from pathlib import Path

import msgspec
import yaml

from ako_builder.release import Release
from ako_builder.yaml_text import yaml_text

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def artifact_hub_annotations(release: Release, definitions: Iterable[Path]) -> dict[str, str]:
    """The annotations of a release of the chart; `definitions` are the files of its custom resource definitions."""
    prefix = "artifacthub.io/"
    annotations = {
        "category": "networking",
        "license": release.licence,
        "links": yaml_text(
            [
                {"name": "source", "url": release.home},
                {"name": "documentation", "url": f"{release.home}/docs/"},
                {"name": "security policy", "url": f"{release.home}/SECURITY.md"},
            ]
        ),
        "images": yaml_text(
            [
                {
                    "name": release.chart.name,
                    "image": release.image_reference,
                    "platforms": list(release.image.platforms),
                }
            ]
        ),
        "crds": yaml_text([_about(path) for path in sorted(definitions)]),
        "operator": "true",
        "operatorCapabilities": "Full Lifecycle",
        "prerelease": "true" if "-" in release.version else "false",
    }
    if release.changes:
        annotations["changes"] = yaml_text(msgspec.to_builtins(release.changes))
        secured = any(change.kind == "security" for change in release.changes)
        annotations["containsSecurityUpdates"] = "true" if secured else "false"
    key = release.chart.sign_key
    if key is not None:
        annotations["signKey"] = yaml_text({"fingerprint": key.fingerprint, "url": key.url})
    return {f"{prefix}{name}": text for name, text in annotations.items()}


def _about(path: Path) -> dict[str, str]:
    """One definition: its kind in the version that is stored, with what its schema says of it."""
    document = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 - the safe loader, in C
    names = document["spec"]["names"]
    (stored,) = (version for version in document["spec"]["versions"] if version["storage"])
    return {
        "kind": names["kind"],
        "version": stored["name"],
        "name": document["metadata"]["name"],
        "displayName": names["kind"],
        "description": stored["schema"]["openAPIV3Schema"].get("description", f"A {names['kind']}."),
    }
