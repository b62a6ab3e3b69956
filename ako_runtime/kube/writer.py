"""Writes to Kubernetes objects: merge patches that were computed elsewhere, and Events.

Patches of one key go out in order and at once. The writer looks whether it may write before it waits for its
turn, and after it for how long. A conflict or a vanished object is the caller's business (the key comes back or the
object is gone).
"""

from collections.abc import Callable

import msgspec
from msgspec import Struct

from ako_runtime.errors import RetryLater, Stale
from ako_runtime.kube.connection import REQUEST_SECONDS, KubeConnection
from ako_runtime.kube.kinds import kind_named, object_path
from ako_runtime.kube.rate import TokenBucket
from ako_runtime.model.patch import Patch

MERGE_PATCH = "application/merge-patch+json"


class StatusWriter:
    """Sends patches."""

    def __init__(
        self,
        *,
        connection: KubeConnection,
        bucket: TokenBucket,
        on_write: Callable[[str, int], None],
        write_seconds: Callable[[], float] = lambda: REQUEST_SECONDS,
    ) -> None:
        self._write_seconds = write_seconds
        self._connection = connection
        self._bucket = bucket
        self._on_write = on_write

    def write(self, patch: Patch) -> str:
        """Send one patch; the `resourceVersion` that it made, empty if the object is gone, which is no error.

        Raises Stale on a conflict, RetryLater otherwise.
        """
        self._time_left()
        self._bucket.take()
        left = self._time_left()
        path = object_path(kind_named(patch.about.resource), patch.about.namespace, patch.about.name)
        if patch.subresource:
            path = f"{path}/{patch.subresource}"
        answer = self._connection.request("PATCH", path, body=patch.body, content_type=MERGE_PATCH, timeout=left)
        self._on_write(patch.about.resource, answer.status)
        if answer.status == 409:
            raise Stale(f"{patch.about} changed meanwhile", reason="Conflict")
        if answer.status >= 400 and answer.status != 404:
            raise RetryLater(
                f"PATCH {patch.about}: {answer.status}: {answer.message}",
                after=answer.retry_after,
                reason="ApiServerError",
            )
        return _version_in(answer.body) if answer.status < 400 else ""

    def _time_left(self) -> float:
        """Seconds that a write may take now; raises RetryLater where none may begin."""
        left = min(REQUEST_SECONDS, self._write_seconds())
        if left <= 0:
            raise RetryLater("this replica is not the leader", reason="NotLeading")
        return left


class _Metadata(Struct, rename="camel"):
    resource_version: str = ""


class _Written(Struct):
    metadata: _Metadata


def _version_in(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Written).metadata.resource_version
    except msgspec.DecodeError:
        # Whoever asks does without: it is needed to save a write, not to make one.
        return ""
