"""How the embedded API says no: `Status` errors, as clients read them.

`ApiError` is the one way an operation refuses; it carries what a real API server puts into a `Status` object, because
clients look at `reason`, `details` and sometimes at the wording of `message`.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

JsonObject = dict[str, Any]
"""An object of the API: a plain JSON document."""

_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    409: "Conflict",
    410: "Expired",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class ApiError(Exception):
    """A request that the API refuses: HTTP code, machine-readable reason, sentence, details."""

    def __init__(
        self, code: int, message: str, *, reason: str | None = None, details: JsonObject | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason or _REASONS.get(code, "Unknown")
        self.details = details

    def status(self) -> JsonObject:
        """The `Status` object of this error, as a client reads it."""
        document: JsonObject = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
        }
        if self.details:
            document["details"] = self.details
        return {**document, "code": self.code}


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """One fault of a document: where it is, of which sort, and what is wrong."""

    field: str
    reason: str
    message: str


def invalid(kind: str, group: str, name: str, errors: Iterable[FieldError]) -> ApiError:
    """The 422 answer that lists every fault of one document."""
    found = list(errors)
    texts = [f"{error.field}: {error.message}" for error in found]
    text = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    causes = [{"reason": error.reason, "message": error.message, "field": error.field} for error in found]
    details: JsonObject = {"name": name, "kind": kind, "causes": causes}
    if group:
        details["group"] = group
    shown = f"{kind}.{group}" if group else kind
    return ApiError(422, f'{shown} "{name}" is invalid: {text}', details=details)
