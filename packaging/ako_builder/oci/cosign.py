"""Signatures of images and charts in a registry, in the format of cosign with a key pair.

A signature is an image of its own beside the signed one, under the tag `sha256-<digest>.sig`. Its only layer says
which manifest is meant (the "simple signing" document of containers/image), an annotation of the layer holds the
signature of these bytes. `cosign verify --key PUBLIC --insecure-ignore-tlog` reads it; the flag says that no public
log was asked, since nothing here is written to one. Source: cosign's specs/SIGNATURE_SPEC.md, and cosign itself in
the tests.
"""

import base64
import hashlib
import re
from typing import Final

import msgspec

from ako_builder.oci.layout import Descriptor, Layout, canonical_json
from ako_builder.oci.media_types import CONFIG, MANIFEST
from ako_builder.signing.cms import SigningKey

REF_NAME: Final = "org.opencontainers.image.ref.name"
_SIMPLE_SIGNING: Final = "application/vnd.dev.cosign.simplesigning.v1+json"
_SIGNATURE: Final = "dev.cosignproject.cosign/signature"
_TAG: Final = re.compile(r"sha256-[0-9a-f]{64}\.sig")
_NO_TIME: Final = "0001-01-01T00:00:00Z"


def ref_name(entry: Descriptor) -> str:
    """The name that a layout's index gives an entry; empty where it gives none."""
    return (entry.annotations or {}).get(REF_NAME, "")


def signature_tag(digest: str) -> str:
    """The tag under which cosign looks for the signatures of a manifest."""
    return f"{digest.replace(':', '-')}.sig"


def is_signature_tag(name: str) -> bool:
    """Whether a name is a tag of this kind."""
    return _TAG.fullmatch(name) is not None


def add_signature(layout: Layout, *, digest: str, repository: str, signing: SigningKey) -> Descriptor:
    """Put the signature of the manifest `digest`, published as `repository` (HOST/NAME), into a layout.

    Gives its entry for the layout's index; `push_layout` gives it its tag.
    """
    payload = canonical_json(
        {
            "critical": {
                "identity": {"docker-reference": repository},
                "image": {"docker-manifest-digest": digest},
                "type": "cosign container image signature",
            },
            "optional": None,
        }
    )
    signature = base64.b64encode(signing.sign(payload)).decode()
    layer = msgspec.structs.replace(
        layout.put(payload, media_type=_SIMPLE_SIGNING), annotations={_SIGNATURE: signature}
    )
    config = {
        "architecture": "",
        "created": _NO_TIME,
        "os": "",
        "config": {},
        "history": [{"created": _NO_TIME}],
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(payload).hexdigest()}"]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": msgspec.to_builtins(layout.put_json(config, media_type=CONFIG)),
        "layers": [msgspec.to_builtins(layer)],
    }
    entry = layout.put_json(manifest, media_type=MANIFEST)
    return msgspec.structs.replace(entry, annotations={REF_NAME: signature_tag(digest)})
