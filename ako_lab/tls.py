"""TLS of the lab's servers: a context from a certificate and a key that are held as text."""

import ssl
import tempfile
from pathlib import Path

from ako_runtime.errors import UserError


def server_context(certificate_pem: str, key_pem: str) -> ssl.SSLContext:
    """What a listener needs; raises UserError if certificate and key are not of one pair."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="ako-lab-") as folder:
        certificate, key = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        certificate.write_text(certificate_pem)
        key.touch(mode=0o600)
        key.write_text(key_pem)
        try:
            context.load_cert_chain(certificate, key)
        except ssl.SSLError as error:
            raise UserError(
                f"certificate and key of the lab do not fit together ({error.reason}); give the PEM files of one pair"
            ) from error
    return context
