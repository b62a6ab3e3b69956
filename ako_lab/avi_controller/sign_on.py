"""Single sign-on of a virtual service: the keys of session cookies, which the controller makes where none are given.

Whether a real one keeps the old keys when an update leaves them out was not observed; here it makes new ones, which
ends all sessions: the worse of the two, so that a client which forgets them is found out.
"""

import uuid
from typing import Any

from ako_lab.avi_controller.values import REDACTED

_CONFIGURATIONS = ("oauth_vs_config", "saml_sp_config")


def complete_sign_on(document: dict[str, Any]) -> None:
    """Give the virtual service its cookie keys; their secrets are not shown."""
    for field in _CONFIGURATIONS:
        config = document.get(field)
        if config:
            keys = config.get("key") or [{"name": str(uuid.uuid4())}]
            config["key"] = [{**key, "aes_key": REDACTED, "hmac_key": REDACTED} for key in keys]
