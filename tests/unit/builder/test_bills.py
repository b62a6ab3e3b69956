"""One bill, two formats: what is in the one is in the other, and identifiers are unlike."""

from hypothesis import given
from hypothesis import strategies as st

from ako_builder.sbom.bill import Bill, Component, identified
from ako_builder.sbom.cyclonedx import cyclonedx_document
from ako_builder.sbom.spdx import spdx_document

WORDS = st.text("ab/-_.2", min_size=1, max_size=4)
PARTS = st.lists(
    st.builds(
        Component,
        kind=st.sampled_from(["image", "chart", "wheel"]),
        name=WORDS,
        version=WORDS,
        purl=WORDS.map("pkg:generic/{}".format),
        sha256=st.sampled_from(["", "0" * 64]),
    ),
    max_size=6,
).map(tuple)


def bill_of(parts):
    product = Component(kind="product", name="p", version="1", purl="pkg:generic/p@1", supplier="s")
    return Bill(
        name="p-1", product=product, parts=parts, uri="https://example.org/1", organisation="s", tool=("t", "2"),
        comment="c", epoch=0,
    )  # fmt: skip


@given(PARTS)
def test_both_formats_list_the_same(parts):
    bill = bill_of(parts)
    _, *packages = spdx_document(bill)["packages"]
    components = cyclonedx_document(bill)["components"]
    assert [package["externalRefs"][0]["referenceLocator"] for package in packages] == [part.purl for part in parts]
    assert [component["purl"] for component in components] == [part.purl for part in parts]
    assert ["checksums" in package for package in packages] == ["hashes" in component for component in components]


@given(PARTS)
def test_identifiers_are_unlike_and_every_relation_has_its_package(parts):
    document = spdx_document(bill_of(parts))
    names = [package["SPDXID"] for package in document["packages"]]
    assert len(set(names)) == len(names)
    assert [relation["relatedSpdxElement"] for relation in document["relationships"]] == names


def test_two_images_of_one_name():
    images = [Component(kind="image", name="web", version=v, purl=f"pkg:oci/web@{v}") for v in ("1", "2")]
    assert [identifier for identifier, _ in identified(images)] == ["image-web", "image-web-2"]
