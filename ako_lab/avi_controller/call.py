"""One request and one answer, free of any web framework: what the core of the simulator works with."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import parse_qsl, unquote, urlencode

import msgspec

from ako_lab.avi_controller import errors
from ako_lab.avi_controller.errors import Refusal
from ako_lab.avi_controller.schema import Version
from ako_lab.avi_controller.values import MARK, Json

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
MAXIMUM_PARAMETERS = 1000


class Call:
    """A request: path and query already normalised, the body still as bytes."""

    __slots__ = (
        "allowed",
        "base",
        "body",
        "headers",
        "method",
        "parameters",
        "path",
        "segments",
        "tenant",
        "tenants",
        "user",
        "version",
    )

    def __init__(self, *, method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
        raw_path, _, query = target.partition("?")
        self.method = method
        self.segments = tuple(unquote(part) for part in raw_path.partition("#")[0].split("/") if part)
        self.path = "/" + "/".join(self.segments)
        self.parameters = parameters_of(query)
        self.headers = headers
        self.body = body
        self.base = f"https://{_host(headers)}"
        # Filled in by the controller: who asks, for which tenant (None for all that `tenants` holds), in which version,
        # and which tenants the user knows of at all (None for every one).
        self.user = ""
        self.tenant: str | None = None
        self.tenants: frozenset[str] | None = frozenset()
        self.allowed: frozenset[str] | None = frozenset()
        self.version: Version = ()

    def document(self) -> dict[str, Json]:
        """The body as a JSON object, or a refusal."""
        value = self.value()
        if not isinstance(value, dict):
            raise errors.bad_request("The body must be a JSON object")
        return value

    def value(self) -> Json:
        """The body as JSON, or a refusal."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise errors.bad_request(f"JSON parse error - {str(error)[:200]}") from error


def parameters_of(query: str) -> dict[str, str]:
    """The parameters of a query; a flag without a value is there with an empty one, the last of several counts."""
    if not query:
        return {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MAXIMUM_PARAMETERS)
    except ValueError as error:
        raise errors.bad_request("too many query parameters") from error
    return {name: value.replace(MARK, "") for name, value in pairs}


def _host(headers: Mapping[str, str]) -> str:
    host = headers.get("Host", "")
    allowed = all(character.isalnum() or character in ".-:[]_" for character in host)
    return host if host and allowed and host.isascii() else "localhost"


class Reply:
    """An answer."""

    __slots__ = ("body", "content_type", "cookies", "headers", "status")

    def __init__(self, status: int, body: bytes = b"", *, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.body = body
        self.content_type = "application/json"
        self.headers: dict[str, str] = dict(headers or {})
        self.cookies: tuple[str, ...] = ()


def json_reply(value: Json, status: int = 200) -> Reply:
    """An answer with a JSON value."""
    return Reply(status, msgspec.json.encode(value))


class Paged(Protocol):
    """What an answer says about its place in a collection."""

    @property
    def count(self) -> int:
        """How many results all pages hold together."""

    @property
    def more(self) -> bool:
        """Whether another page follows."""


def page_reply(call: Call, paged: Paged, results: Sequence[bytes]) -> Reply:
    """One page of a collection, from its encoded results, with the address of the next page if there is one."""
    body = b'{"count": %d, "results": [%s]' % (paged.count, b", ".join(results))
    if paged.more:
        number = int(call.parameters.get("page") or "1") + 1
        query = urlencode({**call.parameters, "page": number})
        body += b', "next": %s' % msgspec.json.encode(f"{call.base}{call.path}?{query}")
    return Reply(200, body + b"}")


def refusal_reply(refusal: Refusal) -> Reply:
    """The answer that a refusal means."""
    return Reply(refusal.status, msgspec.json.encode(refusal.body), headers=refusal.headers)
