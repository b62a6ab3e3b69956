"""Private keys of uploaded certificates: in memory only, shown to Service Engines only."""

from collections import OrderedDict

MOST_KEYS = 20_000


class PrivateKeys:
    """Private keys by the certificate that they belong to, with the passphrase of each."""

    def __init__(self) -> None:
        self._keys: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def keep(self, certificate: str, key: str, passphrase: str) -> None:
        """Remember the key of a certificate; of too many the oldest goes."""
        self._keys[certificate] = (key, passphrase)
        self._keys.move_to_end(certificate)
        while len(self._keys) > MOST_KEYS:
            self._keys.popitem(last=False)

    def of(self, certificate: str) -> tuple[str, str] | None:
        """The key of a certificate and its passphrase."""
        return self._keys.get(certificate)
