"""The few words that all modules share: JSON values, documents, and the mark of a stored reference."""

from typing import Any

# Whatever JSON can hold. The values are checked by the schema, not by Python's types.
Json = Any
Document = dict[str, Json]
# In stored documents a reference is this character and the key `type/uuid` of what it refers to.
MARK = "\ue000"
# How deep a document may be nested.
MAXIMUM_DEPTH = 40
# What stands where a secret was: the product shows private keys so, and takes it back on a write without a change.
REDACTED = "<sensitive>"
# Fields that hold a secret, whatever message they are in.
SECRET_FIELDS = frozenset(
    [
        "access_token",
        "auth_passphrase",
        "auth_password",
        "authentication_token",
        "client_secret",
        "key_passphrase",
        "marathon_password",
        "md5_secret",
        "nuage_password",
        "old_password",
        "password",
        "priv_passphrase",
        "recovery_token",
        "secret_access_key",
        "secret_key",
        "server_secret",
        "service_account_token",
        "shared_secret",
        "unix_crypt_password",
        "vca_password",
    ]
)
