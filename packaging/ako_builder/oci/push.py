"""Push a layout to a registry: blobs first, children before the index that names them, so nobody pulls half of it."""

from ako_builder.archive.writer import BytesBlob
from ako_builder.oci.cosign import is_signature_tag, ref_name
from ako_builder.oci.layout import Layout
from ako_builder.oci.media_types import INDEX_TYPES, MANIFEST_TYPES
from ako_builder.oci.registry import Registry


def push_layout(layout: Layout, *, registry: Registry, name: str, tag: str) -> str:
    """Send everything that a layout holds; the digest of its first entry, which gets the tag.

    Signatures get the tags by which cosign finds them. Raises UserError where the registry refuses a part, with its
    answer.
    """
    tops = layout.tops()
    for top in tops:
        for part in layout.reachable(top):
            data = layout.blob(part.digest)
            if part.media_type in (*INDEX_TYPES, *MANIFEST_TYPES):
                registry.push_manifest(name, part.digest, data, media_type=part.media_type)
            else:
                registry.push_blob(name, part.digest, BytesBlob(data))
    tags = {tag: tops[0]} | {ref_name(top): top for top in tops[1:] if is_signature_tag(ref_name(top))}
    for each, top in tags.items():
        registry.push_manifest(name, each, layout.blob(top.digest), media_type=top.media_type)
    return tops[0].digest
