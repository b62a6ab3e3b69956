"""How fast and in how much memory a package is uploaded to a TCA, beside a plain copy and beside curl.

    python tests/bench/tca/measure_upload.py [--size MIB] [--runs N] [--folder DIR] [--json]

Every line is one process on the same bytes in the same run; times are the best of N by turns, the memory the peak
resident set of the process. The server is the simulated TCA, which writes the content to the same disk and does not
judge it, in a process of its own. Nothing is asserted.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[3]
_SERVER = """
import sys, time
from ako_lab.tca import TcaConfig, TcaLab
from ako_lab.tca.judge import Unfit
def nobody(path):
    raise Unfit("not judged")
with TcaLab(TcaConfig(), judge=nobody) as lab:
    print(lab.url, lab.password, flush=True)
    sys.stdin.read()
"""
_CLIENT = """
import sys
from pathlib import Path
from ako_builder.tca.client import TcaClient, login
from ako_builder.tca.session import Session
from ako_builder.web import Site
url, password, file, form, name = sys.argv[1:]
client = TcaClient(Session(url=url, token=login(Site(url), username="administrator", password=password)))
package = client.create_package(name)
assert client.upload(package, Path(file), form=form, progress=None).status == 202
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure uploads to a simulated TCA.")
    parser.add_argument("--size", type=int, default=2048, help="MiB of the package")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        rows = measured(Path(folder), size=options.size, runs=options.runs)
    if options.json:
        print(json.dumps(rows, indent=2))
        return
    print(f"{options.size} MiB, best of {options.runs}\n{'':34}{'seconds':>9}{'ratio':>8}{'peak MiB':>10}")
    for row in rows:
        print(f"{row['what']:34}{row['seconds']:9.2f}{row['ratio']:8.2f}{row['peak_mib']:10d}")


def measured(folder: Path, *, size: int, runs: int) -> list[dict[str, Any]]:
    """One row for each way."""
    file = folder / "package.csar"
    with file.open("wb") as stream:
        for _ in range(size):
            stream.write(os.urandom(1 << 20))
    environ = os.environ | {"PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'packaging'}", "TMPDIR": str(folder)}
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ
    )
    best: dict[str, tuple[float, int]] = {}
    try:
        url, password = server.stdout.readline().split()
        for turn in range(runs):
            for what, command in ways(file, url, password, turn=turn).items():
                seconds, peak = timed(command, environ)
                before = best.get(what, (seconds, peak))
                best[what] = (min(before[0], seconds), max(before[1], peak))
            for old in folder.rglob("*"):
                if old.is_file() and old != file:
                    old.unlink()
    finally:
        server.stdin.close()
        server.wait()
    base = best["cp"][0]
    return [
        {"what": what, "seconds": seconds, "ratio": seconds / base, "peak_mib": peak >> 10}
        for what, (seconds, peak) in best.items()
    ]


def ways(file: Path, url: str, password: str, *, turn: int) -> dict[str, list[str]]:
    """The command of each way; a package's name is used once."""
    found = {"cp": ["cp", str(file), str(file.with_suffix(".copy"))]}
    for form in ("multipart", "raw"):
        found[f"ako tca, {form}"] = [sys.executable, "-c", _CLIENT, url, password, str(file), form, f"{form}-{turn}"]
    if shutil.which("curl"):
        found["curl, a form"] = ["sh", "-c", curl(file, url, password, f"curl-{turn}")]
    return found


def curl(file: Path, url: str, password: str, name: str) -> str:
    """The same conversation by curl."""
    base = f"{url}/telco/api/vnfpkgm/v2/vnf_packages"
    login = json.dumps({"username": "administrator", "password": password})
    made = json.dumps({"userDefinedData": {"name": name, "tags": []}})
    return (
        f"t=$(curl -s -D - -o /dev/null -d '{login}' {url}/hybridity/api/sessions | tr -d '\\r' "
        "| sed -n 's/^x-hm-authorization: //p') && "
        f"""i=$(curl -s -H "x-hm-authorization: $t" -H 'Version: 2' -d '{made}' {base} """
        """| sed 's/.*"id":"\\([^"]*\\)".*/\\1/') && """
        f"""curl -sf -X PUT -H "x-hm-authorization: $t" -H 'Version: 2' -F 'file=@{file};type=application/zip' """
        f'{base}/"$i"/package_content'
    )


def timed(command: list[str], environ: dict[str, str]) -> tuple[float, int]:
    """Seconds, and the peak resident set in KiB, of one process."""
    began = time.monotonic()
    process = subprocess.Popen(command, env=environ)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} failed with {process.returncode}")
    return seconds, usage.ru_maxrss


if __name__ == "__main__":
    main()
