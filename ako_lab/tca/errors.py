"""How TCA says no: one exception, and the two forms of its body.

Below `/telco` a refusal is a problem of RFC 7807; below `/hybridity` it is `{"error", "message"}` (grade B: the two
forms that a client of somebody else reads).
"""

from http import HTTPStatus
from typing import Any


class Refused(Exception):  # noqa: N818 - it names the finding
    """A request that is refused: HTTP status and a sentence."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def body_of(error: Refused, *, path: str) -> dict[str, Any]:
    """The body of a refusal, in the form that belongs to the path."""
    title = HTTPStatus(error.status).phrase
    if path.startswith("/hybridity/"):
        return {"error": title, "message": error.detail}
    return problem(error.status, error.detail) | {"type": "about:blank", "instance": path}


def problem(status: int, detail: str) -> dict[str, Any]:
    """The details of a failure, as packages and operations carry them."""
    return {"title": HTTPStatus(status).phrase, "status": status, "detail": detail}
