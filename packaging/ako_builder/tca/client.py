"""A client of TCA's API, over the builder's one web client.

What a TCA refuses becomes one sentence that names its own words (`Refused`), a session that has ended says how to get a
new one. The paths and their grades are in `docs/explanation/tca.md`.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from ako_builder.archive.writer import FileBlob
from ako_builder.tca.models import (
    Instance,
    JsonObject,
    Operation,
    Package,
    instance_of,
    operation_of,
    package_of,
)
from ako_builder.tca.session import Session, UploadForm
from ako_builder.web import Answer, BlobUpload, NoAnswer, Upload, form_upload
from ako_builder.web import Site as WebSite
from ako_runtime.errors import Refused, UserError

TOKEN: Final = "x-hm-authorization"  # noqa: S105 - the name of a header
_PACKAGES: Final = "/telco/api/vnfpkgm/v2/vnf_packages"
_INSTANCES: Final = "/telco/api/vnflcm/v2/vnf_instances"
_OPERATIONS: Final = "/telco/api/vnflcm/v2/vnf_lcm_op_occs"
_CNF: Final = "/hybridity/api/vnflcm/v1/cnf_instances"
_VERSION: Final = "2.0.0"
_LIST_BYTES: Final = 64 << 20
_WORDS: Final = 600


def login(site: WebSite, *, username: str, password: str) -> str:
    """A new token; raises UserError if TCA gives none."""
    body = msgspec.json.encode({"username": username, "password": password})
    answer = site.request("POST", "/hybridity/api/sessions", headers={"Content-Type": "application/json"}, body=body)
    token = answer.headers.get(TOKEN, "")
    if answer.status == 401:
        raise UserError(f"{site.host} refuses user {username}: {words(answer)}; check the password before another try")
    if answer.status >= 300 or not token:
        raise UserError(f"{site.host} gives no session (status {answer.status}): {words(answer)}; check the address")
    return token


class TcaClient:
    """The calls that the commands need, in one session."""

    def __init__(self, session: Session, *, site: WebSite | None = None) -> None:
        ca = Path(session.ca) if session.ca else None
        self._site = site or WebSite(session.url, ca=ca, insecure=session.insecure)
        self._session = session

    # Packages

    def packages(self) -> list[Package]:
        """All packages of the catalogue."""
        return [package_of(item) for item in self._list(_PACKAGES)]

    def package(self, identifier: str) -> Package:
        """One package."""
        return package_of(self._object("GET", f"{_PACKAGES}/{identifier}"))

    def create_package(self, name: str) -> Package:
        """A new, empty package."""
        return package_of(self._object("POST", _PACKAGES, {"userDefinedData": {"name": name, "tags": []}}))

    def upload(
        self, package: Package, file: Path, *, form: UploadForm, progress: Callable[[int], None] | None
    ) -> Answer:
        """Send the content, part by part; the answer, of whatever status."""
        blob = FileBlob(file)
        if form == "raw":
            body, kind = BlobUpload(blob=blob), "application/zip"
        else:
            body, kind = form_upload(
                blob, field="file", file_name=file.name, media_type="application/zip", boundary=secrets.token_hex(24)
            )
        watched = _Watched(upload=body, progress=progress)
        return self._asked("PUT", f"{_PACKAGES}/{package.id}/package_content", body=watched, kind=kind)

    def delete_package(self, package: Package) -> None:
        """Remove a package."""
        self._taken(self._asked("DELETE", f"{_PACKAGES}/{package.id}"))

    # Repositories

    def extensions(self) -> list[JsonObject]:
        """The partner systems that are chart repositories."""
        found = self._object("GET", "/hybridity/api/extensions").get("extensions")
        if not isinstance(found, list | None):
            raise NoAnswer(f"{self._site.host}: the partner systems are no list; is this a TCA?")
        return [item for item in found or [] if isinstance(item, dict) and item.get("type") == "Repository"]

    def add_extension(self, document: JsonObject) -> JsonObject:
        """Register a chart repository."""
        return self._object("POST", "/hybridity/api/extensions", document)

    # Policies: whoever asks says where they are

    def policies(self, place: str) -> list[JsonObject]:
        """The policies that are there."""
        return self._list(place)

    def create_policy(self, place: str, document: JsonObject) -> JsonObject:
        """A new policy, a draft."""
        return self._object("POST", place, document)

    def finalize_policy(self, place: str, identifier: str) -> None:
        """End the draft."""
        self._taken(self._asked("POST", f"{place}/{identifier}/finalize"))

    # Instances

    def instances(self) -> list[Instance]:
        """All instances."""
        return [instance_of(item) for item in self._list(_INSTANCES)]

    def instance(self, identifier: str) -> Instance:
        """One instance."""
        return instance_of(self._object("GET", f"{_INSTANCES}/{identifier}"))

    def create_instance(self, name: str, *, vnfd_id: str) -> Instance:
        """A new instance, not instantiated yet."""
        body = {"vnfdId": vnfd_id, "vnfInstanceName": name, "vnfInstanceDescription": "", "metadata": {"tags": []}}
        return instance_of(self._object("POST", _INSTANCES, body))

    def instantiate(self, instance: Instance, body: JsonObject) -> Answer:
        """Begin the installation; the answer, of whatever status."""
        return self._asked("POST", f"{_INSTANCES}/{instance.id}/instantiate", body=body)

    def upgrade(self, instance: Instance, body: JsonObject) -> Answer:
        """Begin an upgrade; the answer, of whatever status."""
        return self._asked("POST", f"{_CNF}/{instance.id}/upgrade", body=body)

    def change_package(self, instance: Instance, body: JsonObject) -> Answer:
        """Begin an upgrade by SOL003's own call; the answer, of whatever status."""
        return self._asked("POST", f"{_INSTANCES}/{instance.id}/change_vnfpkg", body=body)

    def heal(self, instance: Instance, body: JsonObject) -> Answer:
        """Begin a repair; the answer, of whatever status."""
        return self._asked("POST", f"{_INSTANCES}/{instance.id}/heal", body=body)

    def terminate(self, instance: Instance, body: JsonObject) -> Answer:
        """Begin the removal; the answer, of whatever status."""
        return self._asked("POST", f"{_INSTANCES}/{instance.id}/terminate", body=body)

    def delete_instance(self, instance: Instance) -> None:
        """Remove an instance that is not instantiated."""
        self._taken(self._asked("DELETE", f"{_INSTANCES}/{instance.id}"))

    def inventory(self, instance: Instance) -> JsonObject:
        """What is installed; the form of this answer differs between versions."""
        return self._object("GET", f"{_CNF}/{instance.id}/inventory")

    def operation(self, identifier: str) -> Operation:
        """One operation."""
        return operation_of(self._object("GET", f"{_OPERATIONS}/{identifier}"))

    def act(self, identifier: str, action: str) -> None:
        """`retry`, `rollback`, `fail` or `cancel` an operation."""
        body = {"cancelMode": "GRACEFUL"} if action == "cancel" else None
        self._taken(self._asked("POST", f"{_OPERATIONS}/{identifier}/{action}", body=body))

    # Inside

    def _asked(
        self, method: str, path: str, *, body: JsonObject | Upload | None = None, kind: str = "application/json"
    ) -> Answer:
        headers = {TOKEN: self._session.token, "Authorization": self._session.token, "Accept": "application/json"}
        if path.startswith("/telco/"):
            headers["Version"] = _VERSION
        if body is not None:
            headers["Content-Type"] = kind
        sent = msgspec.json.encode(body) if isinstance(body, dict) else body
        answer = self._site.request(method, path, headers=headers, body=sent, limit=_LIST_BYTES)
        if answer.status == 401:
            raise UserError(f"{self._site.host}: the session has ended; log in again with 'ako tca login'")
        return answer

    def _taken(self, answer: Answer) -> Answer:
        """The answer, if it is a success."""
        if answer.status >= 300:
            raise refusal(answer)
        return answer

    def _object(self, method: str, path: str, body: JsonObject | None = None) -> JsonObject:
        answer = self._taken(self._asked(method, path, body=body))
        found = answer.json()
        if not isinstance(found, dict):
            raise NoAnswer(f"{answer.url}: the answer is no JSON object; check the address")
        return found

    def _list(self, path: str) -> list[JsonObject]:
        answer = self._taken(self._asked("GET", path))
        found = answer.json()
        if not isinstance(found, list):
            raise NoAnswer(f"{answer.url}: the answer is no JSON list; check the address")
        return [item for item in found if isinstance(item, dict)]


class _Watched(msgspec.Struct, frozen=True, kw_only=True):
    """An upload that tells how far it is."""

    upload: BlobUpload
    progress: Callable[[int], None] | None

    @property
    def size(self) -> int:
        return self.upload.size

    def parts(self) -> Iterator[bytes]:
        for part in self.upload.parts():
            yield part
            if self.progress is not None:
                self.progress(len(part))


def refusal(answer: Answer) -> Refused:
    """The error of an answer that is no success."""
    return Refused(f"TCA refuses (status {answer.status}): {words(answer)}")


def words(answer: Answer) -> str:
    """What an answer says: `detail` below /telco, `message` below /hybridity, else its beginning."""
    try:
        document: Any = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        document = None
    if isinstance(document, Mapping):
        for key in ("detail", "message", "error", "title"):
            if isinstance(document.get(key), str):
                return str(document[key])[:_WORDS]
    return answer.body[:_WORDS].decode(errors="replace").strip() or "it gives no reason"
