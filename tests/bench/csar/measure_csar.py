"""How fast and in how much memory a package with large images is built and verified, beside other tools.

    python tests/bench/csar/measure_csar.py [--size MIB] [--runs N] [--folder DIR]

Every line is one process on the same bytes in the same run; times are the best of N, the memory the peak resident set
of the process. Processor time (of all threads) is printed beside, because it hardly depends on what else the machine
does. A build writes into a place that is free, and begins when the disk has what earlier ones wrote: freeing an old
package of 2 GiB, and its pages on their way to the disk, took up to a second of the next build.

The floor is `openssl dgst -sha256` over the image. Nothing is asserted: the numbers are printed as a table, and as JSON
with --json. Tacker's loader runs where an interpreter that has it is given, because it does not install beside this
project.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
AKO = Path(sys.executable).with_name("ako")


def layout_tar(folder: Path, size: int) -> Path:
    """An OCI layout in a tar, with one incompressible layer of `size` bytes."""
    layer = folder / "layer"
    digest = hashlib.sha256()
    with layer.open("wb") as stream:
        left = size
        while left:
            chunk = os.urandom(min(left, 1 << 20))
            digest.update(chunk)
            stream.write(chunk)
            left -= len(chunk)
    blobs = {digest.hexdigest(): layer}

    def blob(document: dict) -> dict:
        data = json.dumps(document).encode()
        name = hashlib.sha256(data).hexdigest()
        (folder / name).write_bytes(data)
        blobs[name] = folder / name
        return {"digest": f"sha256:{name}", "size": len(data)}

    kind = "application/vnd.oci.image"
    config = {"mediaType": f"{kind}.config.v1+json", **blob({"architecture": "amd64", "os": "linux"})}
    layers = [{"mediaType": f"{kind}.layer.v1.tar", "digest": f"sha256:{digest.hexdigest()}", "size": size}]
    manifest = blob({"schemaVersion": 2, "config": config, "layers": layers})
    annotations = {"org.opencontainers.image.ref.name": "registry.example.org/big:1"}
    entry = {"mediaType": f"{kind}.manifest.v1+json", **manifest, "annotations": annotations}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    target = folder / "images.tar"
    with tarfile.open(target, "w:") as tar:
        tar.add(folder / "oci-layout", "oci-layout")
        tar.add(folder / "index.json", "index.json")
        for name, path in blobs.items():
            tar.add(path, f"blobs/sha256/{name}")
    layer.unlink()
    return target


def measured(command: list[str]) -> tuple[float, float, float]:
    """Time and processor time in seconds, peak memory in MiB, of one run."""
    # Modules are compiled once, as they are where the project is installed.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment)
    error = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(command)} failed: {error.decode()[-500:]}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def rows_of(table: dict[str, list[str]], *, runs: int) -> list[dict]:
    """The figures of all commands: in turn, N times, so that a busy minute hits all of them."""
    samples: dict[str, list[tuple[float, float, float]]] = {label: [] for label in table}
    for _ in range(runs):
        for label, command in table.items():
            if "build" in command:
                Path(command[-1]).unlink(missing_ok=True)
            os.sync()
            samples[label].append(measured(command))
    best = {label: min(sample[0] for sample in found) for label, found in samples.items()}
    floor = next(iter(best.values()))
    return [
        {
            "what": label,
            "seconds": best[label],
            "ratio": best[label] / floor,
            "cpu": min(sample[1] for sample in found),
            "peak_mib": max(sample[2] for sample in found),
        }
        for label, found in samples.items()
    ]


def commands(folder: Path, images: Path, tacker: str | None) -> dict[str, list[str]]:
    """What is measured, by its name in the table; later ones work on what earlier ones made."""
    key, certificate = folder / "key.pem", folder / "cert.pem"
    pair = ["openssl", "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-subj", "/CN=bench", "-days", "2"]
    subprocess.run([*pair, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    signing = ["--sign-key", str(key), "--sign-cert", str(certificate)]
    build = [str(AKO), "csar", "build", "--profile", "etsi-4", "--images", str(images), "--no-check", *signing]
    one, two = folder / "one.csar", folder / "two.zip"
    verify = [str(AKO), "csar", "verify", "--policy", "lenient", "--trust", str(certificate)]
    plain = folder / "plain.zip"
    shell = (
        f"rm -f {plain} && zip -q -0 -j {plain} {images} && sha256sum {images} > {folder}/plain.mf && "
        f"openssl cms -sign -binary -in {folder}/plain.mf -signer {certificate} -inkey {key} -outform PEM "
        f"-out {folder}/plain.cms && zip -q -0 -j {plain} {folder}/plain.mf"
    )
    table = {
        "openssl dgst -sha256": ["openssl", "dgst", "-sha256", str(images)],
        "ako csar build, option 1": [*build, "-o", str(one)],
        "ako csar build, option 2": [*build, "--option", "2", "-o", str(two)],
        "zip -0 + sha256sum + openssl cms": ["sh", "-c", shell],
        "ako csar verify, option 1": [*verify, str(one)],
        "ako csar verify, option 2": [*verify, str(two)],
        "tosca-parser (no digests)": [
            str(AKO.with_name("tosca-parser")),
            "--template-file",
            str(one),
        ],
        "unzip -t (CRC only)": ["unzip", "-tqq", str(one)],
    }
    if tacker:
        # Tacker takes Release 2 only, so it gets a package of that profile with the same images.
        release_2 = folder / "release-2.csar"
        made = [word.replace("etsi-4", "etsi-2.7") for word in build]
        subprocess.run([*made, "-o", str(release_2)], check=True, capture_output=True)
        load = "import sys; from tacker.common import csar_utils; csar_utils.load_csar_data(None, 'x', sys.argv[1])"
        table["Tacker loader (digests, no CMS)"] = [tacker, "-W", "ignore", "-c", load, str(release_2)]
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure ako csar beside other tools.")
    parser.add_argument("--size", type=int, default=2048, help="MiB of images")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    parser.add_argument("--tacker", help="python that has tacker installed")
    parser.add_argument("--ours", action="store_true", help="leave the other tools out")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        images = layout_tar(folder, options.size << 20)
        if shutil.which("zip") is None or shutil.which("unzip") is None:
            raise SystemExit("zip and unzip are needed for the comparison")
        table = commands(folder, images, options.tacker)
        if options.ours:
            table = {label: command for label, command in table.items() if label.startswith(("openssl", "ako"))}
        rows = rows_of(table, runs=options.runs)
    if options.json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
        return
    lines = [
        f"{options.size} MiB of images, best of {options.runs}",
        f"{'':<36}{'seconds':>9}{'ratio':>8}{'CPU s':>8}{'peak MiB':>10}",
    ]
    lines += [
        f"{r['what']:<36}{r['seconds']:>9.2f}{r['ratio']:>8.2f}{r['cpu']:>8.2f}{r['peak_mib']:>10.0f}" for r in rows
    ]
    sys.stdout.write("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
