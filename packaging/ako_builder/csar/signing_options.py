"""Options that say how to sign, and what they mean."""

import os
import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from ako_builder.csar.build import Signing
from ako_builder.csar.options import FILE, Decorated
from ako_builder.signer import demo_signer
from ako_builder.signing.authority import TimeStampAuthority
from ako_builder.signing.keys import PASSPHRASE_VARIABLE, LocalKey, load_hook, load_signing_pair
from ako_runtime.errors import UserError

_ENCRYPTED_MARK = b"ENCRYPTED"


class SigningOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the user said about signing."""

    key: Path | None
    certificate: Path | None
    chain: Path | None
    hook: str | None
    option: int
    certificate_in: str
    tsa_url: str | None
    demo: bool


def signing_options(function: Decorated) -> Decorated:
    """Add the options that say how to sign."""
    options = [
        click.option(
            "--sign-key", type=FILE, help="Private key: PEM, or PKCS#12 (.p12, .pfx); env:NAME for a variable."
        ),
        click.option("--sign-cert", type=FILE, help="Certificate of the key (PEM, or env:NAME)."),
        click.option("--chain", type=FILE, help="Intermediate certificates to ship (PEM, or env:NAME)."),
        click.option("--sign-hook", metavar="MODULE:FACTORY", help="Sign by your own code, for tokens and services."),
        click.option("--sign-demo", is_flag=True, help="Sign with the public demo key: proves nothing."),
        click.option(
            "--option",
            "security_option",
            type=click.IntRange(1, 2),
            default=1,
            show_default=True,
            help="Security option of SOL004: 1 in the manifest, 2 beside the package.",
        ),
        click.option(
            "--certificate-in",
            type=click.Choice(["cms", "file"]),
            default="cms",
            show_default=True,
            help="Where the certificate goes: into the signature, or into a file.",
        ),
        click.option("--tsa-url", help="Time stamp authority (RFC 3161) to ask; makes the result unrepeatable."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def taken_signing_options(values: dict[str, Any]) -> SigningOptions:
    """Take the signing options out of a command's parameters."""
    return SigningOptions(
        key=values.pop("sign_key"),
        certificate=values.pop("sign_cert"),
        chain=values.pop("chain"),
        hook=values.pop("sign_hook"),
        option=values.pop("security_option"),
        certificate_in=values.pop("certificate_in"),
        tsa_url=values.pop("tsa_url"),
        demo=values.pop("sign_demo"),
    )


def signing_of(options: SigningOptions) -> Signing | None:
    """The signing that the options ask for; None if they ask for none."""
    key: Any
    if options.hook:
        key = load_hook(options.hook)
    elif options.key:
        signer = load_signing_pair(
            options.key, certificate=options.certificate, chain=options.chain, passphrase=_passphrase(options.key)
        )
        key = LocalKey(signer)
    elif options.demo:
        key = LocalKey(demo_signer())
    elif options.certificate:
        raise UserError("--sign-cert needs its private key: give --sign-key as well")
    else:
        return None
    return Signing(
        key=key,
        option=options.option,
        certificate_in_cms=options.certificate_in == "cms",
        stamper=TimeStampAuthority(options.tsa_url) if options.tsa_url else None,
    )


def _passphrase(path: Path) -> str | None:
    """From the environment, else asked for on a terminal if the key needs one."""
    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        return None
    encrypted = path.suffix.lower() in {".p12", ".pfx"}
    if not encrypted and path.is_file():
        encrypted = _ENCRYPTED_MARK in path.read_bytes()[: 1 << 20]
    return str(click.prompt(f"Passphrase of {path}", hide_input=True, default="")) if encrypted else None
