"""A gpg with one throw-away key, for tests that sign a chart."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.skips import Missing, skip_without

PASSPHRASE = "a passphrase of the tests"
ADDRESS = "chart@example.org"


@contextmanager
def key_of_gpg() -> Iterator[dict[str, str]]:
    """The environment of a gpg with one key of its own; its public keyring is `pubring.gpg` in the home."""
    if shutil.which("gpg") is None:
        skip_without(Missing.TOOLS, "gpg is not here: install GnuPG")
    # The agent's sockets live in the home, and their paths must be short.
    with tempfile.TemporaryDirectory(prefix="gpg-") as home:
        environ = {"PATH": os.environ["PATH"], "HOME": home, "GNUPGHOME": home}
        command = ["gpg", "--batch", "--no-tty", "--pinentry-mode", "loopback", "--passphrase", PASSPHRASE]
        made = [*command, "--quick-generate-key", f"Chart Test <{ADDRESS}>", "rsa2048", "sign", "1d"]
        subprocess.run(made, env=environ, check=True, capture_output=True, timeout=120)
        ring = subprocess.run(["gpg", "--export"], env=environ, check=True, capture_output=True, timeout=60).stdout
        Path(home, "pubring.gpg").write_bytes(ring)
        yield environ
        subprocess.run(["gpgconf", "--kill", "all"], env=environ, check=False, capture_output=True, timeout=60)
