"""An OCI registry, spoken to directly: pull and push by digest, resuming, without Docker.

Everything that is fetched is checked against the digest by which it was asked for; everything that is pushed is asked
for again afterwards, and the registry must answer with our digest. What is already there is not sent again, so an
interrupted push is resumed by running it again; within one large blob it goes on after the last chunk that the
registry confirmed.

Credentials (`ako_builder.oci.credentials`) are sent only to the registry, or to the token service that it names over
the same or a better scheme. Where a command has no options for it, `AKO_REGISTRY_PLAIN_HTTP=true` allows registries
without TLS and `AKO_REGISTRY_CA` names the CA certificates of a registry.
"""

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlencode, urlsplit

import msgspec

from ako_builder.archive.writer import Blob
from ako_builder.oci.credentials import Account, account_for
from ako_builder.oci.media_types import INDEX_TYPES, MANIFEST_TYPES
from ako_builder.web import Answer, NoAnswer, Site, Stream, join_address
from ako_runtime.errors import UserError

_CHUNK = 16 << 20
_RETRIES = 5


class Registry:
    """One registry, as one account sees it; without an account, the one that the environment has for the host."""

    def __init__(
        self, host: str, *, plain_http: bool = False, ca: Path | None = None, account: Account | None = None
    ) -> None:
        self._base = f"{'http' if plain_http else 'https'}://{host}"
        self._host = host
        self._site = Site(self._base, ca=ca)
        self._account = account_for(host) if account is None else account
        self._tokens: dict[str, str] = {}

    # -- reading -----------------------------------------------------------------------------------------------------

    def manifest(self, name: str, point: str) -> tuple[bytes, str, str]:
        """Bytes, media type and digest of a manifest."""
        accept = ", ".join((*INDEX_TYPES, *MANIFEST_TYPES))
        answer = self._request("GET", f"/v2/{name}/manifests/{point}", name=name, headers={"Accept": accept})
        data = answer.body
        if answer.status != 200:
            raise UserError(f"{self._host}/{name}: no manifest {point} (status {answer.status}); check the reference")
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        if point.startswith("sha256:") and digest != point:
            raise UserError(f"{self._host}/{name}: asked for {point}, got {digest}; do not use this registry")
        return data, answer.headers.get("content-type", MANIFEST_TYPES[0]).split(";")[0], digest

    def fetch_blob(self, name: str, digest: str, *, size: int, target: Path) -> None:
        """Fetch a blob of `size` bytes into a file, going on where an earlier attempt stopped; its digest must fit."""
        if target.is_file():
            return
        partial = target.with_name(f".{target.name}.partial")
        partial.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(_RETRIES):
            have = partial.stat().st_size if partial.is_file() else 0
            with self._stream(f"/v2/{name}/blobs/{digest}", name=name, start=have) as answer:
                if answer.status not in {200, 206, 416}:
                    raise UserError(f"{self._host}/{name}: no blob {digest} (status {answer.status})")
                try:
                    with partial.open("ab" if answer.status == 206 else "wb") as file:
                        for chunk in answer.parts():
                            if file.tell() + len(chunk) > size:
                                partial.unlink()
                                raise UserError(f"{self._host}/{name}: more than the {size} bytes of {digest} arrive")
                            file.write(chunk)
                except NoAnswer:
                    continue  # the connection broke: ask for the rest
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
            # Every registry takes a blob in one PUT; chunks, which can be resumed, are for the large ones.
            last = stream.read(blob.size) if blob.size <= _CHUNK else b""
            if not last:
                location = self._send(stream, size=blob.size, location=location, name=name)
        joint = "&" if "?" in location else "?"
        url = f"{location}{joint}{urlencode({'digest': digest})}"
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(len(last))}
        done = self._request("PUT", url, name=name, scope="pull,push", headers=headers, body=last)
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
            if not data:
                raise UserError(
                    f"{self._host}/{name}: the content ends after {sent} of {size} bytes; is it being written?"
                )
            headers = {"Content-Type": "application/octet-stream", "Content-Range": f"{sent}-{sent + len(data) - 1}"}
            try:
                answer = self._request("PATCH", location, name=name, scope="pull,push", headers=headers, body=data)
            except UserError:
                answer = None
            # The specification says 202; the registry of go-containerregistry answers 204.
            if answer is not None and answer.status in {202, 204}:
                location = self._location(answer, default=location)
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
        last = answer.headers.get("range", "0-0").rpartition("-")[2]
        return (int(last) + 1 if last.isdigit() and last != "0" else 0), self._location(answer, default=location)

    def _location(self, answer: Answer, *, default: str = "") -> str:
        return join_address(self._base, answer.headers.get("location", default))

    # -- talking -----------------------------------------------------------------------------------------------------

    def _request(
        self,
        method: str,
        path: str,
        *,
        name: str,
        scope: str = "pull",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        url = join_address(self._base, path)
        answer = self._site.request(method, url, headers=self._signed(url, scope, headers), body=body)
        if answer.status != 401:
            return answer
        self._log_in(answer.headers, name=name, scope=scope)
        return self._site.request(method, url, headers=self._signed(url, scope, headers), body=body)

    @contextmanager
    def _stream(self, path: str, *, name: str, start: int) -> Iterator[Stream]:
        """The bytes of a blob from `start` on."""
        url = join_address(self._base, path)
        headers = {"Range": f"bytes={start}-"} if start else {}
        with self._site.stream(url, headers=self._signed(url, "pull", headers)) as answer:
            if answer.status != 401:
                yield answer
                return
            self._log_in(answer.headers, name=name, scope="pull")
        with self._site.stream(url, headers=self._signed(url, "pull", headers)) as answer:
            yield answer

    def _signed(self, url: str, scope: str, headers: Mapping[str, str] | None) -> dict[str, str]:
        """The headers of a request, with the token for a scope if there is one and the registry itself is asked."""
        token = self._tokens.get(scope) if urlsplit(url).netloc == self._host else None
        return {**(headers or {}), **({"Authorization": token} if token else {})}

    def _log_in(self, headers: Mapping[str, str], *, name: str, scope: str) -> None:
        self._tokens[scope] = self._authorization(headers.get("www-authenticate", ""), name=name, scope=scope)

    def _authorization(self, challenge: str, *, name: str, scope: str) -> str:
        kind, _, rest = challenge.partition(" ")
        if kind.lower() == "basic" and self._account.basic:
            return f"Basic {self._account.basic}"
        fields = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        realm = fields.get("realm", "")
        if kind.lower() != "bearer" or not realm.startswith(("https://", self._base.split("//")[0] + "//")):
            raise UserError(f"{self._host}: wants a login: set AKO_REGISTRY_USERNAME and AKO_REGISTRY_PASSWORD")
        query = urlencode({"service": fields.get("service", ""), "scope": f"repository:{name}:{scope}"})
        headers = {"Authorization": f"Basic {self._account.basic}"} if self._account.basic else {}
        answer = self._site.request("GET", f"{realm}?{query}", headers=headers)
        try:
            given = msgspec.json.decode(answer.body, type=_Token)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            given = _Token()
        token = given.token or given.access_token
        if not token:
            raise UserError(f"{self._host}: the login failed (status {answer.status}); check user and password")
        return f"Bearer {token}"


class _Token(msgspec.Struct):
    """What the server of tokens answers: one or the other."""

    token: str | None = None
    access_token: str | None = None


def registry_of(host: str) -> Registry:
    """A registry as the environment describes it: without TLS, or with a CA of its own, where the user says so."""
    ca = os.environ.get("AKO_REGISTRY_CA")
    return Registry(host, plain_http=os.environ.get("AKO_REGISTRY_PLAIN_HTTP") == "true", ca=Path(ca) if ca else None)
