"""Who asked what: every asker of a question is found, and nothing is left of those that do not ask any more."""

from hypothesis import given
from hypothesis import strategies as st

from ako_runtime.model.refs import Ref
from ako_runtime.model.stack import StackKey
from ako_runtime.resources.journal import Change
from ako_runtime.translate.readers import REFERENCE, WHOLE, Readers

KEYS = [StackKey(kind="service", namespace="red", name=name) for name in ("a", "b", "c")]
PIECES = [WHOLE, ("host", "a.example.com"), ("host", "b.example.com")]
REFS = [Ref("network", name) for name in ("one", "two", "three")]
STEPS = st.lists(
    st.tuples(st.sampled_from(KEYS), st.sampled_from(PIECES), st.frozensets(st.sampled_from(REFS))), max_size=30
)


def question(ref):
    return (REFERENCE, "", ref)


@given(steps=STEPS)
def test_exactly_the_present_askers_of_a_question_are_found(steps):
    readers, asked = Readers(), {}
    for key, piece, refs in steps:
        before = asked.get((key, piece), frozenset())
        readers.replace((key, piece), map(question, before), map(question, refs))
        asked[key, piece] = refs
    for ref in REFS:
        change = Change(reference=ref)
        assert readers.of(change) == {key for (key, _), refs in asked.items() if ref in refs}
        for reader in KEYS:
            wanted = {piece for (key, piece), refs in asked.items() if key == reader and ref in refs}
            assert readers.pieces(reader, [change]) == wanted
    for (key, piece), refs in asked.items():
        readers.replace((key, piece), map(question, refs), ())
    assert len(readers) == 0
