"""What changed between two snapshots of one lineage is known, or known to be unknown."""

from support.golden_cases import snapshot_of
from support.ingress.objects import backend, ingress

from ako_runtime.resources.journal import LENGTH, Change, Journal


def names(changes):
    return [change.new.name for change in changes]


def test_what_came_after_a_snapshot():
    before = snapshot_of([backend("a")])
    source = snapshot_of([backend("b"), ingress("c", {"a.example.com": {"/": "b"}})])
    after = before
    for resource, name in [("services", "b"), ("ingresses", "c")]:
        after = after.with_object(resource, source.of(resource)["default", name])
    assert names(after.journal.since(before.journal.last)) == ["b", "c"]
    assert after.journal.since(after.journal.last) == ()


def test_another_lineage_is_unknown():
    root = snapshot_of([backend("a")])
    service = root.service("default", "a")
    one, other = (root.with_object("services", service) for _ in range(2))
    assert one.journal.since(other.journal.last) is None
    assert names(one.journal.since(root.journal.last)) == ["a"]
    assert one.journal.since(None) is None


def test_what_is_too_long_ago_is_unknown_and_memory_is_bounded():
    journal, marks = Journal(), []
    for _ in range(3 * LENGTH):
        marks.append(Change())
        journal = journal.with_change(marks[-1])
    assert journal.since(marks[0]) is None
    assert journal.since(marks[-LENGTH]) == tuple(marks[-LENGTH + 1 :])
    assert len(journal.older) + len(journal.newer) <= 2 * LENGTH
