"""Host names of layer 4; lengths as the official AKO makes them (its labels are those that the cases name)."""

import pytest

from ako_runtime.translate.fqdn import MAX_LABEL, auto_fqdn


def label(service, namespace):
    name = auto_fqdn(namespace, service, mode="flat", domain="example.com")
    first, _, domain = name.partition(".")
    assert domain == "example.com"
    assert len(first) <= MAX_LABEL
    assert not first.endswith("-")
    return first


@pytest.mark.parametrize(
    ("service", "namespace", "wanted"),
    [
        ("web", "red", "web-red"),
        ("w" * 31, "n" * 31, "w" * 31 + "-" + "n" * 31),
        ("w" * 32, "n" * 31, "w" * 31 + "-" + "n" * 31),
        ("sess-" + "k" * 30, "region-" + "w" * 40, "sess-kkkkkkkkkk-region-" + "w" * 40),
        ("w" * 10, "n" * 61, "w-" + "n" * 61),
        # A namespace that leaves no room gives way to the Service.
        ("w" * 10, "n" * 63, "w" * 10 + "-" + "n" * 52),
        ("w" * 10, "n" * 51 + "-" + "n" * 11, "w" * 10 + "-" + "n" * 51),
        ("w" * 63, "n" * 63, "w" * 14 + "-" + "n" * 48),
    ],
)
def test_a_flat_label_is_shortened_at_the_service(service, namespace, wanted):
    assert label(service, namespace) == wanted


def test_labels_of_the_default_form_stay_apart():
    assert auto_fqdn("n" * 63, "w" * 63, mode="default", domain="example.com") == f"{'w' * 63}.{'n' * 63}.example.com"
