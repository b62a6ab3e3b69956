"""The content of a package as it comes, straight into a file: multipart with the field `file`, or the archive."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from aiohttp import BodyPartReader, web

from ako_lab.tca.errors import Refused
from ako_lab.tca.site import Site

_PART: Final = 1 << 20


class UploadCut(Exception):  # noqa: N818 - a fault that was asked for
    """The connection is to be closed in the middle."""


async def take_content(site: Site, http: web.Request, identifier: str, *, cut: int | None) -> None:
    """Write the content into the package's file and process it; one that breaks off leaves the package as it was."""
    multipart = http.content_type == "multipart/form-data"
    form = "multipart" if multipart else "raw"
    if form not in site.config.uploads:
        raise Refused(415, f"an upload of the type {http.content_type} is not taken here")
    package = site.packages.begin_upload(identifier)
    whole = False
    try:
        if (http.content_length or 0) > site.config.upload_bytes:
            raise Refused(413, f"a package has at most {site.config.upload_bytes} bytes here")
        size = await _written(
            _of_form(http) if multipart else _raw(http),
            path=package.file,
            limit=site.config.upload_bytes,
            cut=cut,
        )
        if not size:
            raise Refused(400, "the upload has no content")
        whole = True
    finally:
        if not whole:
            site.packages.abandon_upload(package)
    site.packages.process(package)


async def _written(parts: AsyncIterator[bytes], *, path: Path, limit: int, cut: int | None) -> int:
    size = 0
    with path.open("wb") as file:
        async for part in parts:
            size += len(part)
            if size > limit:
                raise Refused(413, f"a package has at most {limit} bytes here")
            if cut is not None and size > cut:
                raise UploadCut
            await asyncio.to_thread(file.write, part)
    return size


async def _raw(http: web.Request) -> AsyncIterator[bytes]:
    async for part in http.content.iter_chunked(_PART):
        yield part


async def _of_form(http: web.Request) -> AsyncIterator[bytes]:
    reader = await http.multipart()
    part = await reader.next()
    if not isinstance(part, BodyPartReader) or part.name != "file":
        raise Refused(400, "the form has no field 'file'")
    while chunk := await part.read_chunk(_PART):
        yield bytes(chunk)
