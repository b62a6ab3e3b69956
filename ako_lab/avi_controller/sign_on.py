"""Single sign-on of a virtual service: what the controller adds and what it hides.

Keys of session cookies are made by the controller where none are given. Whether a real one keeps the old ones when an
update leaves them out was not observed; here it makes new ones, which ends all sessions: the worse of the two, so that
a client which forgets them is found out. Secrets and keys are answered as `<sensitive>`, and that text in an update
means "as it was".
"""

import uuid
from collections.abc import Iterator
from typing import Any

REDACTED = "<sensitive>"
_CONFIGURATIONS = ("oauth_vs_config", "saml_sp_config")
_SECRETS = (("app_settings", "client_secret"), ("opaque_token_params", "server_secret"))


def complete_sign_on(document: dict[str, Any]) -> None:
    """Give the virtual service its cookie keys and hide what is secret."""
    for field in _CONFIGURATIONS:
        config = document.get(field)
        if not config:
            continue
        keys = config.get("key") or [{"name": str(uuid.uuid4())}]
        config["key"] = [{**key, "aes_key": REDACTED, "hmac_key": REDACTED} for key in keys]
    for message, secret in _secrets(document):
        if message.get(secret):
            message[secret] = REDACTED


def _secrets(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    for one in (document.get("oauth_vs_config") or {}).get("oauth_settings", ()):
        holders = {**one, **(one.get("resource_server") or {})}
        for field, secret in _SECRETS:
            if holders.get(field):
                yield holders[field], secret
