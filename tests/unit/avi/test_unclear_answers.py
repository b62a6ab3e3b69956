"""Answers of what stands before the controller: neither a success nor a refusal."""

import json

import pytest

from ako_runtime.avi.client import AviClient
from ako_runtime.avi.session import AviSession
from ako_runtime.avi.verdicts import UNCLEAR, Answer
from ako_runtime.errors import AkoError, RetryLater, Stale
from ako_runtime.model.avi import Pool
from ako_runtime.model.observed import Observed
from ako_runtime.model.operation import Operation
from ako_runtime.model.refs import Ref

REF = Ref("pool", "cluster-a--default-web-TCP-80", tenant="admin")
OURS = {"name": REF.name, "uuid": "pool-1", "url": "https://avi/api/pool/pool-1"}
HTML = b"<html><body>login</body></html>"
ODD = [(200, HTML), (200, b"{}"), (200, b"null"), (302, b""), (204, b""), (202, b"{}"), (200, b"[" * 100_000)]


class Session:
    """Answers in order; the last one again and again."""

    check = staticmethod(AviSession.check)

    def __init__(self, *answers):
        self._answers = list(answers)
        self.asked = []

    def request(self, method, _path, **_rest):
        self.asked.append(method)
        status, body = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return Answer(status=status, body=body if isinstance(body, bytes) else json.dumps(body).encode())

    def checked(self, method, path, **rest):
        return self.check(self.request(method, path, **rest), what=f"{method} {path}")


def client(*answers):
    return AviClient(session=Session(*answers), interned={})


def listed(*objects):
    return (200, {"count": len(objects), "results": list(objects)})


@pytest.mark.parametrize("verb", ["create", "update"])
@pytest.mark.parametrize("answer", [*ODD, (200, {**OURS, "name": "another"}), (201, {**OURS, "uuid": ""})])
def test_a_write_without_its_object_is_read_again(verb, answer):
    wish = Pool(name=REF.name)
    held = Observed(ref=REF, uuid="pool-1", content=wish) if verb == "update" else None
    operation = Operation(verb=verb, ref=REF, uuid="pool-1" if held else "", wish=wish, held=held)
    with pytest.raises(Stale) as found:
        client(answer).apply(operation)
    assert found.value.reason == UNCLEAR


@pytest.mark.parametrize("answer", [*[one for one in ODD if one[0] != 204], (404, HTML), (404, {"error": "not found"})])
def test_a_deletion_is_believed_when_the_object_is_gone(answer):
    client(answer, listed()).delete(REF, "pool-1")
    # Another object of that name is none of ours to wait for.
    client(answer, listed({**OURS, "uuid": "pool-2"})).delete(REF, "pool-1")
    with pytest.raises(Stale, match="still has it"):
        client(answer, listed(OURS)).delete(REF, "pool-1")
    with pytest.raises(RetryLater):
        client(answer, (200, HTML)).delete(REF, "pool-1")


def test_204_is_a_deletion_without_another_look():
    session = Session((204, b""))
    AviClient(session=session, interned={}).delete(REF, "pool-1")
    assert session.asked == ["DELETE"]


@pytest.mark.parametrize(
    "answer",
    [
        *ODD,
        (200, {"results": []}),
        (200, {"count": 0}),
        (200, {"count": "0", "results": []}),
        (200, {"count": 0, "results": None}),
        (200, {"count": 40, "results": []}),
        (200, [OURS]),
        (302, {"count": 0, "results": []}),
    ],
)
def test_what_is_no_collection_is_not_an_empty_one(answer):
    with pytest.raises(AkoError) as found:
        list(client(answer).pages("pool", {}, tenant="admin"))
    assert found.value.reason == UNCLEAR


def test_a_collection_that_is_counted_and_shown():
    assert list(client(listed()).pages("pool", {}, tenant="admin")) == []
    assert len(list(client(listed(OURS)).pages("pool", {}, tenant="admin"))) == 1


@pytest.mark.parametrize("answer", ODD)
def test_a_document_without_what_it_is_read_for(answer):
    with pytest.raises(AkoError) as found:
        client(answer).singleton("/api/cluster", has="uuid")
    assert found.value.reason == UNCLEAR
