"""`ako build`: the command over `ako_builder.build`."""

import os
from pathlib import Path

import click

from ako_builder.artefact import Artefact
from ako_builder.build import KINDS, is_good
from ako_builder.build import build as build_artefacts
from ako_builder.release import load_release
from ako_builder.signer import Signer, demo_signer
from ako_builder.signing.keys import PASSPHRASE_VARIABLE, load_signing_pair
from ako_builder.times import source_date_epoch
from ako_runtime.cli import EXIT_FINDINGS, output_option, print_rows
from ako_runtime.errors import UserError


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("dist"), show_default=True, help="Folder to fill.")
@click.option("--only", default=",".join(KINDS), show_default=True, help="Kinds to make, separated by commas.")
@click.option("--release", "release_file", type=click.Path(path_type=Path), help="Another release.yaml.")
@click.option("--image-digest", help="Digest of the image that was built for this release (sha256:...).")
@click.option("--sign-key", type=click.Path(path_type=Path), help="Private key (PEM, or PKCS#12 with certificate).")
@click.option("--sign-cert", type=click.Path(path_type=Path), help="Certificate of the key (PEM, chain may follow).")
@output_option
def build(  # noqa: PLR0913 - one parameter per option
    *,
    out: Path,
    only: str,
    release_file: Path | None,
    image_digest: str | None,
    sign_key: Path | None,
    sign_cert: Path | None,
    output: str,
) -> int:
    """Make chart, CSARs and add-ons from the one source, verify each, and list them with their digests.

    Without --sign-key a public demo key signs: good for trying out, worthless as proof.
    """
    release = load_release(release_file)
    if image_digest is not None:
        release = release.with_digest(image_digest)
    kinds = _kinds(only)
    signer = _signer(sign_key, sign_cert)
    epoch = source_date_epoch(os.environ, default=release.epoch)
    artefacts = build_artefacts(release, out=out, kinds=kinds, epoch=epoch, signer=signer)
    print_rows([_row(artefact) for artefact in artefacts], output=output)
    if signer.demo and "csar" in kinds:
        click.echo(
            "ako: signed with the public DEMO key: not for production, give --sign-key and --sign-cert", err=True
        )
    return 0 if is_good(artefacts) else EXIT_FINDINGS


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(part.strip() for part in text.split(",") if part.strip())
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise UserError(f"--only {text}: choose from {', '.join(KINDS)}")
    return kinds


def _signer(key: Path | None, certificate: Path | None) -> Signer:
    if key is None and certificate is None:
        return demo_signer()
    if key is None:
        raise UserError("--sign-cert needs its private key: give --sign-key as well")
    return load_signing_pair(key, certificate=certificate, passphrase=os.environ.get(PASSPHRASE_VARIABLE))


def _row(artefact: Artefact) -> dict[str, str]:
    return {
        "artefact": str(artefact.path),
        "kind": artefact.kind,
        "size": str(artefact.size),
        "digest": f"sha256:{artefact.sha256}",
        "verdict": artefact.verdict,
    }
