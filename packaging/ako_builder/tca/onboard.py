"""Bringing a package into the catalogue, under a name that the user chose, however often the command is run.

What is there decides: nothing, and the package is created; an empty one is filled; one that failed is removed and made
anew; one that is onboarded must be the same version of the same function, and then there is nothing to do.
"""

from collections.abc import Callable
from pathlib import Path

from ako_builder.csar.predecessor import Predecessor
from ako_builder.tca.client import TcaClient, refusal
from ako_builder.tca.models import Package
from ako_builder.tca.session import Session, UploadForm
from ako_runtime.errors import Refused, UserError

_OTHER_FORM: dict[UploadForm, UploadForm] = {"multipart": "raw", "raw": "multipart"}
# How a server says that it does not understand the form of an upload.
_NOT_UNDERSTOOD = frozenset({400, 406, 415, 422})


class TooLarge(Refused):
    """TCA refuses a package for its size."""


def place_for(client: TcaClient, name: str, *, mine: Predecessor) -> tuple[Package, bool]:
    """The package to fill, and whether it is to be filled; raises UserError if another one has the name."""
    there = next((item for item in client.packages() if item.name == name), None)
    if there is not None and there.state == "ERROR":
        client.delete_package(there)
        there = None
    if there is None:
        return client.create_package(name), True
    if there.state != "ONBOARDED":
        return there, there.state == "CREATED"
    theirs = (there.vnfd_id, there.software_version, there.descriptor_version)
    if theirs != (mine.descriptor_id, mine.version, mine.descriptor_version):
        raise UserError(
            f"package {name} is there already with version {there.software_version} and descriptor id {there.vnfd_id}; "
            "give this one another --name, or delete that one"
        )
    return there, False


def uploaded(
    client: TcaClient, package: Package, file: Path, *, session: Session, progress: Callable[[int], None] | None
) -> UploadForm:
    """Send the content in the form that this TCA is known to take, or in one and then the other; which one it took."""
    first: UploadForm = session.upload or "multipart"
    answer = client.upload(package, file, form=first, progress=progress)
    if answer.status < 300:
        return first
    # The answer to an earlier try may be lost: then the content is there.
    if answer.status == 409 and client.package(package.id).state in {"PROCESSING", "ONBOARDED"}:
        return first
    if answer.status == 413:
        raise TooLarge(str(refusal(answer)))
    if session.upload or answer.status not in _NOT_UNDERSTOOD:
        raise refusal(answer)
    other = _OTHER_FORM[first]
    again = client.upload(package, file, form=other, progress=progress)
    if again.status == 413:
        raise TooLarge(str(refusal(again)))
    if again.status >= 300:
        raise refusal(again)
    return other


def why_no_upgrade(mine: Predecessor, others: list[Package]) -> list[str]:
    """For each package that looks like an earlier version: why TCA would not offer this one as its upgrade.

    TCA offers packages of one descriptor id, or of one provider and product (see `docs/explanation/tca.md`).
    """
    said = []
    for item in others:
        if item.state != "ONBOARDED" or item.vnfd_id == mine.descriptor_id:
            continue
        same_product, same_provider = item.product == mine.product, item.provider == mine.provider
        if same_product and same_provider:
            continue
        if same_product:
            said.append(f"{item.name}: its provider is {item.provider}, not {mine.provider}")
        elif same_provider and _alike(item.product, mine.product):
            said.append(f"{item.name}: its product is {item.product}, not {mine.product}")
    return said


def _alike(one: str, other: str) -> bool:
    """Whether two product names are likely meant to be one: a version or a case is the difference."""
    left, right = one.lower(), other.lower()
    return bool(left and right) and (left.startswith(right) or right.startswith(left))
