"""What the builder believes an admin of a namespace to have is what a real API server gives."""

import pytest

from ako_builder.csar.namespace_admin import ADMIN_RIGHTS

pytestmark = pytest.mark.cluster

# Kinds that only newer releases have: who relies on them is told to ask for them in the policy, which is never wrong.
NEWER = {"resource.k8s.io"}


def test_rights_of_an_admin(cluster_namespace):
    found = set()
    for part in ("admin", "edit", "view"):
        path = f"/apis/rbac.authorization.k8s.io/v1/clusterroles/system:aggregate-to-{part}"
        for rule in cluster_namespace.rest.get(path).json["rules"]:
            found |= {(g, r, v) for g in rule["apiGroups"] for r in rule["resources"] for v in rule["verbs"]}
    assert {right for right in found if right[0] not in NEWER} == ADMIN_RIGHTS
