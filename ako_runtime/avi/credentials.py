"""As whom the controller is talked to."""

from msgspec import Struct

from ako_runtime.settings import SecretText


class Credentials(Struct, frozen=True, kw_only=True):
    """How to log in: a password or a token, and the CA that the controller's certificate must come from."""

    username: str
    password: SecretText = SecretText("")
    token: SecretText = SecretText("")
    certificate_authority: str = ""
