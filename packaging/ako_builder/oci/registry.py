"""An OCI registry, spoken to directly: pull and push by digest, resuming, without Docker.

Everything that is fetched is checked against the digest by which it was asked for; everything that is pushed is asked
for again afterwards, and the registry must answer with our digest. What is already there is not sent again, so an
interrupted push is resumed by running it again; within one large blob it goes on after the last chunk that the
registry confirmed.

Credentials come from the environment (`AKO_REGISTRY_USERNAME`, `AKO_REGISTRY_PASSWORD`) or from Docker's
configuration file, and are sent only to the registry, or to the token service that it names over the same or a better
scheme. Where a command has no options for it, `AKO_REGISTRY_PLAIN_HTTP=true` allows registries without TLS and
`AKO_REGISTRY_CA` names the CA certificates of a registry.
"""

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlencode, urljoin, urlsplit

import msgspec
import urllib3

from ako_builder.archive import Blob, replaced
from ako_runtime.errors import UserError

INDEX_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFEST_TYPES = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
CHART_LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_MAX_MANIFEST = 4 << 20
_CHUNK = 16 << 20
_RETRIES = 5
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_REFERENCE = re.compile(
    r"(?P<host>[^/]+)/(?P<name>[a-z0-9._/-]*?)(:(?P<tag>[\w][\w.-]{0,127}))?(@(?P<digest>sha256:[0-9a-f]{64}))?"
)


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """Where something is in a registry."""

    host: str
    name: str
    tag: str | None = None
    digest: str | None = None

    @property
    def point(self) -> str:
        """Digest if known, else tag."""
        return self.digest or self.tag or "latest"


def parse_reference(text: str) -> Reference:
    """Read `host/name[:tag][@digest]`, with `oci://` or without."""
    found = _REFERENCE.fullmatch(text.removeprefix("oci://"))
    if found is None or (not any(c in found["host"] for c in ".:") and found["host"] != "localhost"):
        raise UserError(f"{text}: write HOST/NAME:TAG or HOST/NAME@sha256:…, with the host of the registry")
    return Reference(host=found["host"], name=found["name"], tag=found["tag"], digest=found["digest"])


class Registry:
    """One registry."""

    def __init__(self, host: str, *, plain_http: bool = False, ca: Path | None = None) -> None:
        self._base = f"{'http' if plain_http else 'https'}://{host}"
        self._host = host
        retries = urllib3.Retry(total=_RETRIES, backoff_factor=0.5, status_forcelist=(502, 503, 504), redirect=5)
        self._http = urllib3.PoolManager(retries=retries, ca_certs=str(ca) if ca else None, timeout=60.0)
        self._credentials = _credentials(host)
        self._tokens: dict[str, str] = {}

    # -- reading -----------------------------------------------------------------------------------------------------

    def manifest(self, name: str, point: str) -> tuple[bytes, str, str]:
        """Bytes, media type and digest of a manifest."""
        accept = ", ".join((*INDEX_TYPES, *MANIFEST_TYPES))
        answer = self._request("GET", f"/v2/{name}/manifests/{point}", name=name, headers={"Accept": accept})
        data = answer.data
        if answer.status != 200 or len(data) > _MAX_MANIFEST:
            raise UserError(f"{self._host}/{name}: no manifest {point} (status {answer.status}); check the reference")
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if point.startswith("sha256:") and digest != point:
            raise UserError(f"{self._host}/{name}: asked for {point}, got {digest}; do not use this registry")
        return data, answer.headers.get("Content-Type", MANIFEST_TYPES[0]).split(";")[0], digest

    def fetch_blob(self, name: str, digest: str, *, size: int, target: Path) -> None:
        """Fetch a blob of `size` bytes into a file, going on where an earlier attempt stopped; its digest must fit."""
        if target.is_file():
            return
        partial = target.with_name(f".{target.name}.partial")
        partial.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(_RETRIES):
            have = partial.stat().st_size if partial.is_file() else 0
            headers = {"Range": f"bytes={have}-"} if have else {}
            answer = self._request("GET", f"/v2/{name}/blobs/{digest}", name=name, headers=headers, stream=True)
            if answer.status not in {200, 206, 416}:
                raise UserError(f"{self._host}/{name}: no blob {digest} (status {answer.status})")
            try:
                with partial.open("ab" if answer.status == 206 else "wb") as file:
                    for chunk in answer.stream(1 << 20):
                        if file.tell() + len(chunk) > size:
                            partial.unlink()
                            raise UserError(f"{self._host}/{name}: more than the {size} bytes of {digest} arrive")
                        file.write(chunk)
            except urllib3.exceptions.HTTPError:
                continue  # the connection broke: ask for the rest
            finally:
                answer.release_conn()
            with partial.open("rb") as file:
                found = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
            if found == digest:
                partial.replace(target)
                return
            partial.unlink()
        raise UserError(f"{self._host}/{name}: blob {digest} does not arrive unharmed; try again")

    # -- writing -----------------------------------------------------------------------------------------------------

    def has(self, name: str, kind: str, digest: str) -> bool:
        """Whether a blob or manifest is there."""
        answer = self._request("HEAD", f"/v2/{name}/{kind}/{digest}", name=name, scope="pull,push")
        return answer.status == 200

    def push_blob(self, name: str, digest: str, blob: Blob) -> bool:
        """Send a blob unless it is there; whether it was sent."""
        if self.has(name, "blobs", digest):
            return False
        started = self._request("POST", f"/v2/{name}/blobs/uploads/", name=name, scope="pull,push")
        if started.status != 202:
            raise UserError(f"{self._host}/{name}: upload refused (status {started.status}); check name and rights")
        location = self._location(started)
        with blob.open() as stream:
            location = self._send(stream, size=blob.size, location=location, name=name)
        joint = "&" if "?" in location else "?"
        url = f"{location}{joint}{urlencode({'digest': digest})}"
        done = self._request("PUT", url, name=name, scope="pull,push", headers={"Content-Length": "0"})
        if done.status != 201:
            raise UserError(f"{self._host}/{name}: blob {digest} was not accepted (status {done.status})")
        return True

    def push_manifest(self, name: str, point: str, data: bytes, *, media_type: str) -> str:
        """Send a manifest and prove that the registry has these bytes; its digest."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        headers = {"Content-Type": media_type}
        path = f"/v2/{name}/manifests/{point}"
        answer = self._request("PUT", path, name=name, scope="pull,push", headers=headers, body=data)
        if answer.status != 201:
            raise UserError(f"{self._host}/{name}: manifest {point} was refused (status {answer.status})")
        found = self.manifest(name, point)[2]
        if found != digest:
            raise UserError(f"{self._host}/{name}: {point} has digest {found} after the push, {digest} was sent")
        return digest

    def _send(self, stream: BinaryIO, *, size: int, location: str, name: str) -> str:
        """Send the content in chunks; the location for the end."""
        sent = 0
        failures = 0
        while sent < size:
            stream.seek(sent)
            data = stream.read(min(_CHUNK, size - sent))
            headers = {"Content-Type": "application/octet-stream", "Content-Range": f"{sent}-{sent + len(data) - 1}"}
            try:
                answer = self._request("PATCH", location, name=name, scope="pull,push", headers=headers, body=data)
            except UserError:
                answer = None
            if answer is not None and answer.status == 202:
                location = self._location(answer)
                sent += len(data)
                continue
            failures += 1
            if failures > _RETRIES:
                raise UserError(f"{self._host}/{name}: the upload stops after {sent} of {size} bytes; run it again")
            sent, location = self._resumed(location, name=name)
        return location

    def _resumed(self, location: str, *, name: str) -> tuple[int, str]:
        answer = self._request("GET", location, name=name, scope="pull,push")
        if answer.status != 204:
            raise UserError(f"{self._host}/{name}: the upload was lost (status {answer.status}); run it again")
        last = answer.headers.get("Range", "0-0").rpartition("-")[2]
        return (int(last) + 1 if last.isdigit() and last != "0" else 0), self._location(answer, default=location)

    def _location(self, answer: urllib3.BaseHTTPResponse, *, default: str = "") -> str:
        return urljoin(self._base, answer.headers.get("Location", default))

    # -- talking -----------------------------------------------------------------------------------------------------

    def _request(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        path: str,
        *,
        name: str,
        scope: str = "pull",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        stream: bool = False,
    ) -> urllib3.BaseHTTPResponse:
        url = urljoin(self._base, path)
        for attempt in range(2):
            sent = dict(headers or {})
            if urlsplit(url).netloc == self._host and scope in self._tokens:
                sent["Authorization"] = self._tokens[scope]
            try:
                answer = self._http.request(method, url, headers=sent, body=body, preload_content=not stream)
            except urllib3.exceptions.HTTPError as error:
                raise UserError(f"{self._host}: no answer ({error}); check the address and the network") from error
            if answer.status != 401 or attempt:
                return answer
            answer.drain_conn()
            self._tokens[scope] = self._authorization(
                answer.headers.get("WWW-Authenticate", ""), name=name, scope=scope
            )
        raise AssertionError  # the loop returns

    def _authorization(self, challenge: str, *, name: str, scope: str) -> str:
        kind, _, rest = challenge.partition(" ")
        if kind.lower() == "basic" and self._credentials:
            return f"Basic {self._credentials}"
        fields = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        realm = fields.get("realm", "")
        if kind.lower() != "bearer" or not realm.startswith(("https://", self._base.split("//")[0] + "//")):
            raise UserError(f"{self._host}: wants a login: set AKO_REGISTRY_USERNAME and AKO_REGISTRY_PASSWORD")
        query = urlencode({"service": fields.get("service", ""), "scope": f"repository:{name}:{scope}"})
        headers = {"Authorization": f"Basic {self._credentials}"} if self._credentials else {}
        answer = self._http.request("GET", f"{realm}?{query}", headers=headers)
        try:
            document = json.loads(answer.data)
            return f"Bearer {document.get('token') or document['access_token']}"
        except (ValueError, KeyError, AttributeError) as error:
            raise UserError(
                f"{self._host}: the login failed (status {answer.status}); check user and password"
            ) from error


def pull_chart(text: str, *, folder: Path, registry: Registry | None = None) -> Path:
    """Pull a chart's archive."""
    reference = parse_reference(text)
    registry = registry or registry_of(reference.host)
    data, _, _ = registry.manifest(reference.name, reference.point)
    layers = [part for part in _children(data, text=text) if part.get("mediaType") == CHART_LAYER]
    if len(layers) != 1:
        raise UserError(f"{text}: not a Helm chart; it has no single layer of the chart type")
    target = folder / f"{reference.name.rsplit('/', 1)[-1]}.tgz"
    digest, size = _stated(layers[0], text=text)
    registry.fetch_blob(reference.name, digest, size=size, target=target)
    return target


def pull_image(text: str, *, layout: Path, registry: Registry | None = None, platform: str | None = None) -> str:
    """Pull an image into an OCI layout; its digest."""
    reference = parse_reference(text)
    registry = registry or registry_of(reference.host)
    data, media_type, digest = registry.manifest(reference.name, reference.point)
    if platform and media_type in INDEX_TYPES:
        digest = _of_platform(data, platform=platform, text=text)
        data, media_type, digest = registry.manifest(reference.name, digest)
    _keep(layout, digest, data)
    for child in _children(data, text=text):
        if child.get("mediaType") in (*INDEX_TYPES, *MANIFEST_TYPES):
            name, _ = _stated(child, text=text)
            inner, _, _ = registry.manifest(reference.name, name)
            _keep(layout, name, inner)
            for grandchild in _children(inner, text=text):
                _fetch(registry, reference.name, grandchild, layout=layout)
        else:
            _fetch(registry, reference.name, child, layout=layout)
    _index(layout, text=text.removeprefix("oci://"), digest=digest, size=len(data), media_type=media_type)
    return digest


def registry_of(host: str) -> Registry:
    """A registry as the environment describes it: without TLS, or with a CA of its own, where the user says so."""
    ca = os.environ.get("AKO_REGISTRY_CA")
    return Registry(host, plain_http=os.environ.get("AKO_REGISTRY_PLAIN_HTTP") == "true", ca=Path(ca) if ca else None)


def _fetch(registry: Registry, name: str, part: Mapping[str, Any], *, layout: Path) -> None:
    digest, size = _stated(part, text=name)
    registry.fetch_blob(name, digest, size=size, target=layout / "blobs" / digest.replace(":", "/"))


def _stated(part: Mapping[str, Any], *, text: str) -> tuple[str, int]:
    """Digest and size of a part as a manifest states them. The digest becomes a path, so it must be one; no more bytes
    than the size are taken.
    """
    digest, size = part.get("digest"), part.get("size")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise UserError(f"{text}: the manifest names a part by {digest!r}, no SHA-256; do not use this registry")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise UserError(f"{text}: the manifest states no size of {digest}; do not use this registry")
    return digest, size


def _children(data: bytes, *, text: str) -> Iterator[dict[str, Any]]:
    document = _document(data)
    for key in ("manifests", "config", "layers"):
        value = document.get(key) or []
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, dict):
                raise UserError(f"{text}: {key} of the manifest is malformed; do not use this registry")
            yield part


def _of_platform(index: bytes, *, platform: str, text: str) -> str:
    system, _, machine = platform.partition("/")
    for entry in _children(index, text=text):
        stated = entry.get("platform")
        if isinstance(stated, dict) and (stated.get("os"), stated.get("architecture")) == (system, machine):
            return _stated(entry, text=text)[0]
    raise UserError(f"{text}: no image for {platform} in it")


def _keep(layout: Path, digest: str, data: bytes) -> None:
    target = layout / "blobs" / digest.replace(":", "/")
    if not target.is_file():
        with replaced(target) as stream:
            stream.write(data)


def _index(layout: Path, *, text: str, digest: str, size: int, media_type: str) -> None:
    path = layout / "index.json"
    document: dict[str, Any] = {"schemaVersion": 2, "manifests": []}
    if path.is_file():
        document = _document(path.read_bytes())
    entries = [
        entry
        for entry in document["manifests"]
        if (entry.get("annotations") or {}).get("org.opencontainers.image.ref.name") != text
    ]
    annotations = {"org.opencontainers.image.ref.name": text}
    entries.append({"mediaType": media_type, "digest": digest, "size": size, "annotations": annotations})
    document["manifests"] = sorted(entries, key=lambda entry: str(entry["annotations"]))
    with replaced(path) as stream:
        stream.write(json.dumps(document, indent=2).encode() + b"\n")
    with replaced(layout / "oci-layout") as stream:
        stream.write(b'{"imageLayoutVersion": "1.0.0"}\n')


def _document(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except ValueError as error:
        raise UserError(f"the registry's answer is not JSON ({error})") from error
    if not isinstance(document, dict):
        raise UserError("the registry's answer is not a JSON object")
    return document


def _credentials(host: str) -> str | None:
    """User and password in base64, as HTTP wants them."""
    user, password = os.environ.get("AKO_REGISTRY_USERNAME"), os.environ.get("AKO_REGISTRY_PASSWORD")
    if user and password:
        return base64.b64encode(f"{user}:{password}".encode()).decode()
    folder = Path(os.environ.get("DOCKER_CONFIG", Path.home() / ".docker"))
    try:
        auths = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("auths", {})
    except (OSError, ValueError, AttributeError):
        return None
    entry = auths.get(host) or auths.get(f"https://{host}") or {}
    return str(entry["auth"]) if entry.get("auth") else None
