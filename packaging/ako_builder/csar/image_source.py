"""Where images come from: a layout on disk, or registries, by digest and without Docker.

An image that is to be pulled must be named by its digest: a tag may be another image tomorrow, and two builds of one
command line would differ. What was pulled is kept in the user's cache, one layout for each set of references, so a
build that was interrupted goes on where it stopped and the next one fetches nothing. The cache is not believed: blobs
are hashed anyway while they are packed, and one that is not what its name says ends the build.
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ako_builder.oci.reading import OciContent, load_oci
from ako_builder.oci.reference import parse_reference
from ako_runtime.errors import UserError

_SCHEME = "oci://"


def load_images(
    sources: Sequence[str], *, platform: str | None = None, said: Callable[[str], None] | None = None
) -> OciContent | None:
    """The images of a layout, or of several references; None without any source."""
    if not sources:
        return None
    references = [text for text in sources if text.startswith(_SCHEME)]
    if not references and len(sources) == 1:
        return load_oci(Path(sources[0]))
    if len(references) != len(sources):
        raise UserError("--images is one OCI layout, or any number of oci://HOST/NAME@sha256:…; not several layouts")
    for text in references:
        if parse_reference(text).digest is None:
            raise UserError(f"--images {text}: name the image by its digest (…@sha256:…): a tag may change meanwhile")
    # Imported when wanted: what talks to registries takes longer to load than many packages take to build.
    from ako_builder.oci.pull import pull_image  # noqa: PLC0415

    folder = layout_folder(references, platform=platform, environ=os.environ)
    for text in references:
        if said:
            said(f"pull {text.removeprefix(_SCHEME)}")
        pull_image(text, layout=folder, platform=platform)
    return load_oci(folder)


def layout_folder(references: Sequence[str], *, platform: str | None, environ: Mapping[str, str]) -> Path:
    """The folder in the user's cache that holds exactly these images."""
    base = environ.get("AKO_CACHE")
    cache = Path(base) if base else Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ako-toolkit"
    key = "\n".join([platform or "", *sorted(set(references))])
    return cache / "images" / hashlib.sha256(key.encode()).hexdigest()[:16]
