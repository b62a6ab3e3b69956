"""Pushing a layout to a registry: the OCI distribution API over HTTP.

Blobs that the registry has are not sent again. A registry that asks for a token gets one through the protocol that all
of them speak (`WWW-Authenticate: Bearer`); others take the user and password as they are. Manifests go last, children
before the index that names them, so nobody ever pulls half an image.
"""

import base64
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode, urljoin

import msgspec
import urllib3

from ako_builder.oci.layout import INDEX, MANIFEST, Descriptor, Layout
from ako_runtime.errors import Refused, UserError

PASSWORD_VARIABLE: Final = "AKO_REGISTRY_PASSWORD"  # noqa: S105 - the name of a variable
_DOCUMENTS: Final = (INDEX, MANIFEST)
_TARGET: Final = re.compile(r"(?P<registry>[^/]+[.:][^/]*|localhost)/(?P<repository>[^:@]+)(:(?P<tag>[^/@]+))?")


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where to push: registry, repository, tag."""

    registry: str
    repository: str
    tag: str


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Who pushes; an empty user is nobody."""

    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        """The password never appears in a log or a traceback."""
        return f"Account(user={self.user!r})"


def parse_target(text: str, *, tag: str) -> Target:
    """`REGISTRY/REPOSITORY[:TAG]`; without a tag the release's version."""
    found = _TARGET.fullmatch(text.removeprefix("oci://"))
    if found is None:
        raise UserError(f"{text}: name the target as REGISTRY/REPOSITORY[:TAG]")
    return Target(registry=found["registry"], repository=found["repository"], tag=found["tag"] or tag)


class Registry:
    """One registry, as one account sees it."""

    def __init__(self, *, target: Target, account: Account, plain_http: bool, ca_file: str | None) -> None:
        self._target = target
        self._account = account
        scheme = "http" if plain_http else "https"
        self._root = f"{scheme}://{target.registry}/v2/{target.repository}"
        self._pool = urllib3.PoolManager(ca_certs=ca_file, retries=urllib3.Retry(3, redirect=0), timeout=60.0)
        self._authorization: str | None = None

    def push(self, layout: Layout) -> str:
        """Send everything that the layout holds; gives the digest of the image's index."""
        tops = layout.tops()
        for top in tops:
            for descriptor in layout.reachable(top):
                if descriptor.media_type in _DOCUMENTS:
                    self._put_manifest(layout, descriptor, reference=descriptor.digest)
                else:
                    self._put_blob(layout, descriptor)
        self._put_manifest(layout, tops[0], reference=self._target.tag)
        return tops[0].digest

    def _put_blob(self, layout: Layout, descriptor: Descriptor) -> None:
        if self._request("HEAD", f"{self._root}/blobs/{descriptor.digest}").status == 200:
            return
        started = self._expect(self._request("POST", f"{self._root}/blobs/uploads/"), 202, "starting an upload")
        place = urljoin(self._root, started.headers["Location"])
        place += ("&" if "?" in place else "?") + urlencode({"digest": descriptor.digest})
        headers = {"Content-Type": "application/octet-stream"}
        answer = self._request("PUT", place, body=layout.blob(descriptor.digest), headers=headers)
        self._expect(answer, 201, f"uploading {descriptor.digest}")

    def _put_manifest(self, layout: Layout, descriptor: Descriptor, *, reference: str) -> None:
        headers = {"Content-Type": descriptor.media_type}
        url = f"{self._root}/manifests/{reference}"
        answer = self._request("PUT", url, body=layout.blob(descriptor.digest), headers=headers)
        self._expect(answer, 201, f"putting the manifest {reference}")

    def _request(
        self, method: str, url: str, *, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> urllib3.BaseHTTPResponse:
        answer = self._once(method, url, body=body, headers=headers or {})
        if answer.status == 401 and self._authorization is None:
            self._authorization = self._authorized(answer.headers.get("WWW-Authenticate", ""))
            answer = self._once(method, url, body=body, headers=headers or {})
        return answer

    def _once(
        self, method: str, url: str, *, body: bytes | None, headers: Mapping[str, str]
    ) -> urllib3.BaseHTTPResponse:
        sent = dict(headers)
        if self._authorization is not None:
            sent["Authorization"] = self._authorization
        try:
            return self._pool.request(method, url, body=body, headers=sent)
        except urllib3.exceptions.HTTPError as error:
            raise UserError(
                f"{self._target.registry} cannot be reached ({error}); check its name and --plain-http"
            ) from error

    def _authorized(self, challenge: str) -> str:
        basic = "Basic " + base64.b64encode(f"{self._account.user}:{self._account.password}".encode()).decode()
        scheme, _, rest = challenge.partition(" ")
        if scheme.lower() != "bearer":
            return basic
        fields = dict(re.findall(r'(\w+)="([^"]*)"', rest))
        realm = fields.pop("realm", "")
        query = urlencode(fields | {"scope": f"repository:{self._target.repository}:pull,push"})
        headers = {"Authorization": basic} if self._account.user else {}
        answer = self._pool.request("GET", f"{realm}?{query}", headers=headers)
        self._expect(answer, 200, "asking for a token")
        document = answer.json()
        return f"Bearer {document.get('token') or document['access_token']}"

    def _expect(self, answer: urllib3.BaseHTTPResponse, status: int, what: str) -> urllib3.BaseHTTPResponse:
        if answer.status != status:
            words = answer.data.decode(errors="replace").strip()[:300]
            raise Refused(f"{self._target.registry}: {what}: {answer.status} {answer.reason}: {words}")
        return answer
