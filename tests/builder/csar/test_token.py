"""The example of docs/how-to/csar-sign.md signs with a key that never leaves its (software) token."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.csar.outside_tools import tool
from support.csar.workbench import EPOCH, certified, rsa_key, write_chart
from support.skips import Missing, skip_without

HOW_TO = Path(__file__).parents[3] / "docs" / "how-to" / "csar-sign.md"
MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so")


def token_module() -> str:
    found = next(
        (path for path in (os.environ.get("AKO_PKCS11_MODULE"), *MODULES) if path and Path(path).exists()), None
    )
    if found is None or shutil.which("softhsm2-util") is None:
        skip_without(Missing.TOOLS, "SoftHSM is not installed: run scripts/csar-tools as root, or install softhsm2")
    return found


@pytest.fixture
def environment(tmp_path):
    module = token_module()
    python = tool("AKO_PKCS11_PYTHON")
    where = [python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))"]
    packages = subprocess.run(where, check=True, capture_output=True, text=True).stdout.strip()
    (tmp_path / "tokens").mkdir()
    (tmp_path / "softhsm.conf").write_text(f"directories.tokendir = {tmp_path / 'tokens'}\nlog.level = ERROR\n")
    (tmp_path / "signing_token.py").write_text(re.search(r"```python\n(.*?)```", HOW_TO.read_text(), re.DOTALL)[1])
    paths = [str(tmp_path), *(path for path in sys.path if path), packages]
    settings = {"SOFTHSM2_CONF": str(tmp_path / "softhsm.conf"), "PKCS11_MODULE": module}
    signing = {"TOKEN": "ako", "TOKEN_PIN": "1234", "SOURCE_DATE_EPOCH": str(EPOCH)}
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), **settings, **signing}


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_the_example_signs_with_a_token(tmp_path, environment, kind):
    key = rsa_key() if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    signer = certified(key=key)
    (tmp_path / "cert.pem").write_bytes(signer.signer.certificate_pem)
    (tmp_path / "ca.pem").write_bytes(signer.anchor.public_bytes(serialization.Encoding.PEM))
    write_chart(tmp_path / "web.tgz")
    (tmp_path / "key.p8").write_bytes(signer.signer.key_pem)

    def run(*command):
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("softhsm2-util", "--init-token", "--free", "--label", "ako", "--pin", "1234", "--so-pin", "1234")
    run("softhsm2-util", "--import", "key.p8", "--token", "ako", "--label", "s", "--id", "01", "--pin", "1234")
    (tmp_path / "key.p8").unlink()
    ako = [sys.executable, "-m", "ako_runtime", "csar"]
    chart = ["--chart", "web.tgz", "--provider", "Example", "--profile", "etsi-4"]
    assert "verified" in run(*ako, "build", *chart, "--sign-hook", "signing_token:key", "-o", "a.csar")
    assert "valid signature by CN=Signer" in run(*ako, "verify", "a.csar", "--trust", "ca.pem")
