"""The inventory of whoever knows most of it already: a short look, then only what is not as it was."""

import pytest
from support.avi_lab.client import Client

from ako_lab.avi_controller import AviLab, LabConfig
from ako_runtime.avi.client import FEW, AviClient
from ako_runtime.avi.credentials import Credentials
from ako_runtime.avi.endpoint import Access, Endpoint, connection_pool
from ako_runtime.avi.session import AviSession
from ako_runtime.model.ownership import Ownership
from ako_runtime.settings import SecretText

OURS = Ownership(cluster="cluster-a")
PLACE = {"cloud": "Default-Cloud", "tenant": "*"}


def pool(number, **fields):
    return {
        "name": f"cluster-a--p{number}",
        "created_by": OURS.created_by,
        "cloud_ref": "/api/cloud?name=Default-Cloud",
        **fields,
    }


@pytest.fixture
def avi():
    with AviLab(LabConfig()) as avi:
        yield avi


@pytest.fixture
def client(avi):
    credentials = Credentials(username=avi.username, password=SecretText(avi.password))
    endpoint = Endpoint(host=avi.host)
    connections = connection_pool(endpoint, credentials, size=1)
    access = Access(endpoint=endpoint, credentials=lambda: credentials)
    yield AviClient(session=AviSession(access=access, pool=connections), interned={})
    connections.close()


@pytest.fixture
def administrator(avi):
    with Client(avi) as administrator:
        yield administrator


def made(administrator, count, start=0):
    for number in range(start, start + count):
        answer = administrator.post("/api/pool", pool(number))
        assert answer.status == 201, answer.body


def reads(avi, since):
    return [one for one in avi.requests(since=since) if one.method == "GET" and one.path == "/api/pool"]


def by_name(objects):
    return {one.ref.name: one for one in objects}


def test_only_what_changed_is_read_whole(avi, client, administrator):
    made(administrator, 5)
    known = client.owned("pool", OURS, **PLACE)
    before = by_name(known)
    administrator.put(f"/api/pool/{before['cluster-a--p1'].uuid}", pool(1, default_server_port=81))
    assert administrator.delete(f"/api/pool/{before['cluster-a--p2'].uuid}").status == 204
    made(administrator, 1, start=5)
    foreign = {"name": "cluster-a--other", "created_by": "terraform", "cloud_ref": "/api/cloud?name=Default-Cloud"}
    assert administrator.post("/api/pool", foreign).status == 201
    mark = avi.requests()[-1].sequence
    found = client.caught_up("pool", known, OURS, **PLACE)
    assert by_name(found) == by_name(client.owned("pool", OURS, **PLACE))
    assert sorted(by_name(found)) == [f"cluster-a--p{number}" for number in (0, 1, 3, 4, 5)]
    assert found[0] is known[0]
    # A short look, two objects, and the whole reading that this test compares with.
    assert len(reads(avi, mark)) == 4


def test_much_that_changed_is_read_as_a_whole(avi, client, administrator):
    made(administrator, 2)
    known = client.owned("pool", OURS, **PLACE)
    made(administrator, FEW + 1, start=2)
    mark = avi.requests()[-1].sequence
    assert len(client.caught_up("pool", known, OURS, **PLACE)) == FEW + 3
    assert len(reads(avi, mark)) == 2
