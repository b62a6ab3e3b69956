"""Every golden rendering is valid for every Kubernetes release that we name: no unknown field, no wrong type."""

from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from ako_builder.release import load_release

CASES = Path(__file__).parent / "cases"
# Kinds of add-ons of Kubernetes: their schemas are custom resource definitions.
FOREIGN = ("monitoring.coreos.com/", "gateway.networking.k8s.io/")


@pytest.mark.parametrize("version", load_release().targets.kubernetes)
def test_rendered_objects_are_valid(version):
    checked = 0
    for path in sorted(CASES.glob("*.expect.yaml")):
        for document in yaml.safe_load(path.read_text())["changed"]:
            if not document["apiVersion"].startswith(FOREIGN):
                kubernetes_validate.validate(document, version, strict=True)
                checked += 1
    assert checked > 40
