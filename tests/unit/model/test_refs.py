import pytest

from ako_runtime.model.refs import NO_REF, Ref, parse_ref


@pytest.mark.parametrize(
    ("text", "kind", "name"),
    [
        ("/api/pool?name=c--ns-web-TCP-80", "pool", "c--ns-web-TCP-80"),
        ("/api/vsvip/?name=c--ns-web", "vsvip", "c--ns-web"),
        ("/api/network/?name=a%20b%2Fc", "network", "a b/c"),
        ("/api/network?name=a+b", "network", "a b"),
        ("https://192.0.2.1/api/pool/pool-1#web", "pool", "web"),
        ("https://192.0.2.1:8443/api/cloud/cloud-1#Default-Cloud", "cloud", "Default-Cloud"),
        ("/api/pool/pool-1", "pool", "pool-1"),
        ("healthmonitor-uuid", "", "healthmonitor-uuid"),
    ],
)
def test_every_wire_form_is_read(text, kind, name):
    assert parse_ref(text) == Ref(kind, name)


def test_empty_text_is_the_empty_reference():
    assert parse_ref("") == NO_REF
    assert NO_REF.wire == ""


def test_wire_form_is_read_back():
    for ref in (Ref("pool", "a--b c/d"), Ref("vsvip", "x*y"), Ref("tenant", "ö")):
        assert parse_ref(ref.wire) == ref


def test_references_cannot_change():
    with pytest.raises(AttributeError):
        Ref("pool", "a").name = "b"
