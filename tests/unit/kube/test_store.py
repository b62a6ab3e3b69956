"""Lists of one kind from several places, and versions that cannot be trusted."""

import msgspec
import pytest

from ako_runtime.kube.kinds import kinds_for
from ako_runtime.kube.store import Store
from ako_runtime.model.environment import Environment
from ako_runtime.resources.core import Secret
from ako_runtime.settings import Settings

SCOPE = msgspec.structs.replace(Settings(), tls_secrets_scope="namespaces", tls_secrets_namespaces=("red", "blue"))


def secret(namespace, *, version="1", **data):
    document = {
        "metadata": {"name": "tls", "namespace": namespace, "resourceVersion": version},
        "type": "kubernetes.io/tls",
        "data": data,
    }
    return msgspec.json.decode(msgspec.json.encode(document), type=Secret)


def listed(*secrets):
    return {one.identity: one for one in secrets}


@pytest.fixture
def changes():
    return []


@pytest.fixture
def store(changes):
    kinds = [kind for kind in kinds_for(SCOPE) if kind.key == "secrets"]
    return Store(
        environment=Environment(),
        on_change=lambda _resource, old, new: changes.append((old, new)),
        kinds=kinds,
    )


def test_a_kind_is_complete_when_all_its_places_are(store):
    store.replace("secrets", listed(secret("red")), keep=frozenset(), namespace="red")
    assert store.missing == {"secrets"}
    assert "secrets" not in store.snapshot.complete
    store.replace("secrets", {}, keep=frozenset(), namespace="blue")
    assert store.missing == frozenset()
    assert "secrets" in store.snapshot.complete
    assert store.wait_synced(0)


def test_a_list_of_one_place_removes_nothing_of_another(store, changes):
    store.replace("secrets", listed(secret("red")), keep=frozenset(), namespace="red")
    store.replace("secrets", listed(secret("blue")), keep=frozenset(), namespace="blue")
    changes.clear()
    store.replace("secrets", {}, keep=frozenset(), namespace="blue")
    assert [(old.identity, new) for old, new in changes] == [(("blue", "tls"), None)]
    assert set(store.snapshot.of("secrets")) == {("red", "tls")}


def test_other_content_under_an_old_version_is_a_change(store, changes):
    store.put("secrets", secret("red", version="7", a="MQ=="))
    changes.clear()
    store.put("secrets", secret("red", version="7", a="MQ=="))
    assert changes == []
    store.put("secrets", secret("red", version="7", a="Mg=="))
    assert len(changes) == 1
