"""Options that several commands share: files, and whom to trust."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ako_builder.csar.check_signature import Trust
from ako_builder.signing.keys import load_certificates

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
FILE = click.Path(path_type=Path)


def trust_options(function: Decorated) -> Decorated:
    """Add the options that say whom to trust."""
    options = [
        click.option("--trust", type=FILE, multiple=True, help="CA certificates to trust for signers (PEM)."),
        click.option("--trust-tsa", type=FILE, multiple=True, help="CA certificates to trust for time stamps (PEM)."),
        click.option(
            "--relaxed-chain", is_flag=True, help="Accept CAs that lack the extensions of modern certificates."
        ),
        click.option("--allow-demo", is_flag=True, help="Accept the public demo key."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def taken_trust(values: dict[str, Any]) -> Trust:
    """Take the trust options out of a command's parameters."""
    return Trust(
        anchors=tuple(c for path in values.pop("trust") for c in load_certificates(path)),
        tsa_anchors=tuple(c for path in values.pop("trust_tsa") for c in load_certificates(path)),
        relaxed=values.pop("relaxed_chain"),
        allow_demo=values.pop("allow_demo"),
    )
