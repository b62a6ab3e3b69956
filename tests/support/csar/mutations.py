"""Random damage of bytes, as hypothesis draws it: `mutated(data, steps)` with `steps` drawn from `mutations`."""

from hypothesis import strategies as st

NUMBERS = [b"\0" * 4, b"\xff" * 4, b"\xff" * 8, b"\x01\0\0\0"]
mutations = st.lists(
    st.one_of(
        st.tuples(st.just("flip"), st.floats(0, 1), st.integers(0, 7)),
        st.tuples(st.just("cut"), st.floats(0, 1), st.integers(1, 200)),
        st.tuples(st.just("insert"), st.floats(0, 1), st.binary(min_size=1, max_size=40)),
        st.tuples(st.just("copy"), st.floats(0, 1), st.integers(1, 200)),
        st.tuples(st.just("number"), st.floats(0, 1), st.sampled_from(NUMBERS)),
    ),
    min_size=1,
    max_size=6,
)


def mutated(data, steps):
    data = bytearray(data)
    for kind, place, what in steps:
        offset = int(place * max(len(data) - 1, 0))
        if kind == "flip" and data:
            data[offset] ^= 1 << what
        elif kind == "cut":
            del data[offset : offset + what]
        elif kind == "insert":
            data[offset:offset] = what
        elif kind == "copy":
            data[offset:offset] = data[offset : offset + what]
        elif kind == "number":
            data[offset : offset + len(what)] = what
    return bytes(data)
