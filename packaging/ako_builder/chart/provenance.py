"""Provenance of a chart archive: the `.prov` file that `helm verify` and `helm install --verify` read.

It is a clear-signed OpenPGP message: Chart.yaml as it is in the archive, a line of dots, and the archive's name with
its SHA-256. Writing it takes no Helm; signing takes the user's own key, so it is done by gpg, called in this one place.
The signature carries the true time of signing, so two of them differ although the archives are equal: the archive is
what is reproducible, the signature says who vouches for it and when.

A passphrase is gpg-agent's business, or comes from `AKO_GPG_PASSPHRASE`, for machines on which nobody sits; it is
handed over through a pipe, never as an argument.
"""

import os
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ako_builder.archive.writer import file_sha256, write_bytes
from ako_builder.yaml_text import yaml_text
from ako_runtime.errors import Refused, UserError

PASSPHRASE_VARIABLE: Final = "AKO_GPG_PASSPHRASE"  # noqa: S105 - the name of a variable
SUFFIX: Final = ".prov"
_SEPARATOR: Final = "\n...\n"
_TIMEOUT: Final = 120.0


def provenance_text(chart_yaml: str, *, name: str, sha256: str) -> str:
    """What is signed: the chart's metadata and the digest of its archive."""
    if _SEPARATOR in chart_yaml:
        raise UserError("Chart.yaml holds a line of three dots, which would end the signed metadata: remove it")
    return f"{chart_yaml.rstrip()}\n{_SEPARATOR}{yaml_text({'files': {name: f'sha256:{sha256}'}})}"


def write_provenance(archive: Path, *, key: str | None, environ: Mapping[str, str] | None = None) -> Path:
    """Sign a chart archive with a key of gpg (its default key unless one is named); gives the path of the file."""
    text = provenance_text(_chart_yaml(archive), name=archive.name, sha256=file_sha256(archive))
    path = archive.with_name(archive.name + SUFFIX)
    write_bytes(path, _clear_signed(text, key=key, environ=os.environ if environ is None else environ))
    return path


def _chart_yaml(archive: Path) -> str:
    try:
        with tarfile.open(archive, "r:gz") as tar:
            first = tar.next()
            stream = tar.extractfile(first) if first is not None and first.name.endswith("/Chart.yaml") else None
            if stream is None:
                raise UserError(f"{archive}: does not begin with Chart.yaml: sign an archive of 'ako chart package'")
            return stream.read().decode()
    except (OSError, tarfile.TarError, UnicodeDecodeError) as error:
        raise UserError(f"{archive}: not a chart archive: {error}") from None


def _clear_signed(text: str, *, key: str | None, environ: Mapping[str, str]) -> bytes:
    """Call gpg, in the one place where it is called."""
    executable = shutil.which("gpg", path=environ.get("PATH"))
    if executable is None:
        raise UserError("there is no gpg: install GnuPG to sign a chart")
    command = [executable, "--batch", "--yes", "--no-tty", "--digest-algo", "SHA512", "--output", "-"]
    command += ["--local-user", key] if key else []
    passphrase = environ.get(PASSPHRASE_VARIABLE)
    reading, writing = os.pipe()
    try:
        if passphrase is not None:
            command += ["--pinentry-mode", "loopback", "--passphrase-fd", str(reading)]
            os.write(writing, passphrase.encode())
        os.close(writing)
        done = subprocess.run(
            [*command, "--clear-sign"],
            input=text.encode(),
            capture_output=True,
            check=False,
            env={name: value for name, value in environ.items() if name != PASSPHRASE_VARIABLE},
            pass_fds=(reading,),
            timeout=_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise Refused(f"gpg did not end within {_TIMEOUT:.0f} s: it may wait for a passphrase") from None
    finally:
        os.close(reading)
    if done.returncode:
        words = " ".join(done.stderr.decode(errors="replace").split())
        raise UserError(f"gpg did not sign ({words}): name a secret key with --key, its passphrase by the agent")
    return done.stdout
