from collections import Counter

import msgspec
import pytest

from ako_runtime.kube.kinds import WATCHED, kind_named, kinds_for
from ako_runtime.settings import Settings


def settings(**values):
    return msgspec.structs.replace(Settings(), **values)


def test_every_kind_has_a_key_of_its_own():
    keys = Counter(kind.key for kind in WATCHED)
    assert [key for key, count in keys.items() if count > 1] == []
    for kind in WATCHED:
        assert kind_named(kind.key) is kind


def test_a_kind_whose_plural_another_group_has_is_qualified():
    gateways = next(kind for kind in WATCHED if kind.resource == "gateways")
    other = msgspec.structs.replace(gateways, group="gateway.networking.k8s.io", qualified=True)
    assert gateways.key == "gateways"
    assert other.key == "gateways.gateway.networking.k8s.io"
    assert other.path.endswith("/gateways")


@pytest.mark.parametrize(
    ("values", "namespaces"),
    [
        ({}, [""]),
        ({"tls_secrets_scope": "cluster"}, [""]),
        ({"tls_secrets_scope": "namespaces"}, []),
        ({"tls_secrets_scope": "namespaces", "tls_secrets_namespaces": ("b", "a", "b")}, ["a", "b"]),
        ({"tls_secrets_scope": "none", "tls_secrets_namespaces": ("a",)}, []),
    ],
)
def test_certificates_are_read_where_the_settings_say(values, namespaces):
    found = [kind for kind in kinds_for(settings(**values)) if kind.key == "secrets"]
    assert [kind.namespace for kind in found] == namespaces
    paths = ["/api/v1/secrets" if not name else f"/api/v1/namespaces/{name}/secrets" for name in namespaces]
    assert [kind.path for kind in found] == paths
