"""What can be known before a package is uploaded or installed: its size, and whether its repository is one of OCI.

No source tells how large a package TCA takes. So the limit is what the user says, or a size that this TCA has refused
in the same session. The repository is asked once, from here. TCA may stand in another network, so what is found
is said and does not stop the command.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from ako_builder.web import Answer, NoAnswer, split_address
from ako_builder.web import Site as WebSite
from ako_runtime.errors import UserError

_HERE: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_API_VERSION: Final = "docker-distribution-api-version"


def require_size(file: Path, *, limit: int | None, refused: int) -> None:
    """Raise UserError if a package is larger than `limit` bytes, or as large as one that TCA refused (0: none)."""
    size = file.stat().st_size
    if limit is not None and size > limit:
        raise UserError(f"{file} has {size} bytes, more than the {limit} of --max-size; leave its images out")
    if refused and size >= refused:
        raise UserError(
            f"{file} has {size} bytes, and TCA refused {refused} bytes as too large; "
            "leave images out, or log in again if TCA has another limit now"
        )


def repository_finding(url: str, *, environ: Mapping[str, str] | None = None) -> str:
    """What is wrong with a chart repository, as a sentence; empty if it answers as a registry of OCI."""
    environ = os.environ if environ is None else environ
    try:
        parts = split_address(url, form="oci://HOST/PROJECT")
    except UserError as error:
        return str(error)
    if parts.scheme != "oci":
        return (
            f"{url} is no OCI repository: Harbor has none of the older kind since 2.8, and operations of TCA on its "
            "charts may fail; write oci://HOST/PROJECT"
        )
    if not parts.hostname:
        return f"{url} names no host; write oci://HOST/PROJECT"
    plain = parts.hostname in _HERE or environ.get("AKO_REGISTRY_PLAIN_HTTP") == "true"
    ca = environ.get("AKO_REGISTRY_CA")
    site = WebSite(
        f"{'http' if plain else 'https'}://{parts.netloc}", ca=Path(ca) if ca else None, pause=_no_second_try
    )
    try:
        answer = site.request("GET", "/v2/")
    except NoAnswer as error:
        return f"repository {url} cannot be reached from here, TCA may reach it: {error}"
    return "" if speaks_oci(answer) else f"{parts.netloc} is no OCI registry: /v2/ answers with status {answer.status}"


def speaks_oci(answer: Answer) -> bool:
    """Whether an answer to `GET /v2/` is a registry's (OCI distribution specification 1.1, end-1).

    A registry answers 200, or 401 with a challenge. Web servers that answer 200 to any path send a page of HTML.
    """
    if answer.status == 401:
        return bool(answer.headers.get("www-authenticate"))
    if answer.status != 200:
        return False
    return _API_VERSION in answer.headers or not answer.body.strip() or _is_object(answer.body)


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(body), dict)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


def _no_second_try(seconds: float) -> None:
    raise NoAnswer(f"no answer at the first try, and none is waited for ({seconds:g} s); check address and network")
