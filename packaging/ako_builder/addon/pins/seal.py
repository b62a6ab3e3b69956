"""Checksums and signature of a folder of pins: what a pin says decides what a cluster gets, so it is verified first.

A sealed folder has `SHA256SUMS` over its pin files and, if signed, `SHA256SUMS.p7s`, a detached CMS signature that
`openssl cms -verify` accepts. Where the sums are present they are checked before any pin is used: a changed, missing or
additional pin file is refused. The pins of an installation come with their sums, and without these they are refused,
too; the signature over the sums is made by whoever releases (`ako build`, `ako addon seal`), with his key. It is
checked against a certificate that the user trusts and names.
"""

import datetime as dt
import hashlib
from collections.abc import Mapping
from pathlib import Path

from cryptography import x509

from ako_builder.signer import Signer
from ako_builder.signing.cms import NotCms, detached_signature, parse, verdicts
from ako_builder.signing.keys import LocalKey
from ako_runtime.errors import UserError

SUMS = "SHA256SUMS"
SIGNATURE = "SHA256SUMS.p7s"


def sums_text(files: Mapping[str, bytes]) -> str:
    """SHA256SUMS of files, as `sha256sum` writes and checks it."""
    return "".join(f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))


def sealed(files: Mapping[str, bytes], *, signer: Signer, epoch: int) -> dict[str, bytes]:
    """The files with their checksums and the signature over these."""
    sums = sums_text(files).encode()
    time = dt.datetime.fromtimestamp(epoch, tz=dt.UTC)
    signature = detached_signature(hashlib.sha256(sums).digest(), key=LocalKey(signer), time=time)
    return {**files, SUMS: sums, SIGNATURE: signature}


def verify_sums(folder: Path, *, required: bool = False) -> None:
    """Check the pins of a folder against its checksums; without any it is good unless they are `required`."""
    sums = folder / SUMS
    if not sums.is_file():
        if required:
            raise UserError(f"{sums}: is missing, so the pins of this installation cannot be trusted: install it again")
        return
    listed = {line[66:]: line[:64] for line in sums.read_text(encoding="utf-8").splitlines() if line.strip()}
    present = {path.name: path for path in folder.glob("*.yaml")}
    for name in sorted(listed.keys() | present.keys()):
        if name not in present:
            raise UserError(f"{folder / name}: {SUMS} lists it but it is not there: get the pins again")
        if listed.get(name) != hashlib.sha256(present[name].read_bytes()).hexdigest():
            raise UserError(f"{folder / name}: is not the file that {SUMS} speaks of: get the pins again")


def verify_signature(folder: Path, *, trusted: Path) -> None:
    """Check the signature over the checksums: made by the certificate in `trusted`."""
    try:
        sums, signature = (folder / SUMS).read_bytes(), (folder / SIGNATURE).read_bytes()
        certificate = x509.load_pem_x509_certificate(trusted.read_bytes())
    except OSError as error:
        raise UserError(f"{error.filename}: {error.strerror}: pins are verified by {SUMS} and {SIGNATURE}") from None
    except ValueError:
        raise UserError(f"{trusted}: no PEM certificate in it") from None
    try:
        found = verdicts(parse(signature), digests={"SHA-256": hashlib.sha256(sums).digest()})
    except NotCms as error:
        raise UserError(f"{folder / SIGNATURE}: {error}") from None
    for verdict in found:
        if verdict.problems:
            raise UserError(f"{folder / SIGNATURE}: {verdict.problems[0]}: the pins are not what was signed")
        if verdict.certificate != certificate:
            raise UserError(f"{folder / SIGNATURE}: signed by somebody else than {trusted} says: do not use these pins")
    if not found:
        raise UserError(f"{folder / SIGNATURE}: holds no signature")
