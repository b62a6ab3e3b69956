"""Texts that quote what others wrote."""

from hypothesis import given
from hypothesis import strategies as st

from ako_runtime.model.stack import Diagnostic, ObjectRef
from ako_runtime.model.texts import LIMIT, shortened

ABOUT = ObjectRef(resource="services", namespace="default", name="web")


@given(text=st.text(max_size=3 * LIMIT), limit=st.integers(8, 2 * LIMIT))
def test_a_text_fits_and_keeps_its_ends(text, limit):
    found = shortened(text, limit)
    assert len(found) <= limit
    assert found == text or (found[0] == text[0] and found[-1] == text[-1] and "…" in found)


def test_a_diagnostic_says_where_and_what_to_do_whatever_it_quotes():
    message = f"annotation x of service web is '{'a' * 250_000}': use an IPv4 address"
    found = Diagnostic(object=ABOUT, field="x", reason="Invalid", message=message).message
    assert len(found) == LIMIT
    assert found.startswith("annotation x of service web is 'aaa")
    assert found.endswith("use an IPv4 address")
