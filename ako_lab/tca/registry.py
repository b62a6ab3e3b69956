"""A registry of OCI artefacts, in memory, beside the simulated TCA: the Harbor of the site.

It takes what Helm pushes and gives what Helm pulls: blobs by chunked or single upload, manifests by tag and by digest.
Nobody has to log in.
"""

import hashlib
import re
import uuid

from aiohttp import web

_MAX_BLOB = 64 << 20
_MAX_BLOBS = 4096
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Registry:
    """Blobs, manifests and uploads that have begun."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self._manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self._uploads: dict[str, bytearray] = {}

    async def answer(self, request: web.Request) -> web.Response:
        """The answer to a request below `/v2/`."""
        path = request.path.removeprefix("/v2/")
        if not path:
            return web.json_response({})
        match = re.fullmatch(r"(.+)/(blobs/uploads|blobs|manifests|tags)/?([^/]*)", path)
        if match is None:
            return _error(404, "NAME_UNKNOWN")
        name, kind, point = match.groups()
        if kind == "blobs/uploads":
            return await self._upload(request, name, point)
        if kind == "blobs":
            return self._blob(request, point)
        if kind == "tags":
            tags = sorted(tag for found, tag in self._manifests if found == name and not _DIGEST.fullmatch(tag))
            return web.json_response({"name": name, "tags": tags}) if tags else _error(404, "NAME_UNKNOWN")
        return await self._manifest(request, name, point)

    def names(self) -> list[str]:
        """Every `NAME:TAG` that is there."""
        return sorted(f"{name}:{tag}" for name, tag in self._manifests if not _DIGEST.fullmatch(tag))

    async def _upload(self, request: web.Request, name: str, key: str) -> web.Response:
        if request.method == "POST" and not key:
            return self._begun(name)
        content = self._uploads.get(key)
        if content is None:
            return _error(404, "BLOB_UPLOAD_UNKNOWN")
        content += await request.read()
        if len(content) > _MAX_BLOB:
            del self._uploads[key]
            return _error(413, "SIZE_INVALID")
        if request.method != "PUT":
            headers = {"Location": f"/v2/{name}/blobs/uploads/{key}", "Range": f"0-{max(len(content) - 1, 0)}"}
            return web.Response(status=202, headers=headers)
        del self._uploads[key]
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if request.query.get("digest") != digest:
            return _error(400, "DIGEST_INVALID")
        self._blobs[digest] = bytes(content)
        return web.Response(
            status=201, headers={"Location": f"/v2/{name}/blobs/{digest}", "Docker-Content-Digest": digest}
        )

    def _begun(self, name: str) -> web.Response:
        if len(self._uploads) + len(self._blobs) >= _MAX_BLOBS:
            return _error(429, "TOOMANYREQUESTS")
        key = uuid.uuid4().hex
        self._uploads[key] = bytearray()
        return web.Response(status=202, headers={"Location": f"/v2/{name}/blobs/uploads/{key}", "Range": "0-0"})

    def _blob(self, request: web.Request, digest: str) -> web.Response:
        content = self._blobs.get(digest)
        if content is None or request.method not in {"GET", "HEAD"}:
            return _error(404, "BLOB_UNKNOWN")
        return _content(request, content, media_type="application/octet-stream", digest=digest)

    async def _manifest(self, request: web.Request, name: str, point: str) -> web.Response:
        if request.method == "PUT":
            content = await request.read()
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            for key in (point, digest):
                self._manifests[name, key] = (request.content_type, content)
            return web.Response(
                status=201, headers={"Location": f"/v2/{name}/manifests/{digest}", "Docker-Content-Digest": digest}
            )
        found = self._manifests.get((name, point))
        if found is None:
            return _error(404, "MANIFEST_UNKNOWN")
        digest = f"sha256:{hashlib.sha256(found[1]).hexdigest()}"
        return _content(request, found[1], media_type=found[0], digest=digest)


def _content(request: web.Request, content: bytes, *, media_type: str, digest: str) -> web.Response:
    headers = {"Docker-Content-Digest": digest, "Content-Type": media_type}
    if request.method == "HEAD":
        return web.Response(headers={**headers, "Content-Length": str(len(content))})
    return web.Response(body=content, headers=headers)


def _error(status: int, code: str) -> web.Response:
    return web.json_response({"errors": [{"code": code, "message": code.replace("_", " ").lower()}]}, status=status)
