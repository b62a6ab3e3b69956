"""CRC-32: of bytes, and of two neighbouring parts from their own CRCs.

Every byte of a ZIP is summed, so the sum may not cost much beside the hash. Where ISA-L is installed (the extra
`build` asks for it on the machines for which it comes compiled) it sums an order of magnitude faster than zlib; the
numbers are the same, and without it zlib does the work. Both let other threads run meanwhile. Because the CRC of
neighbours can be computed from their own, parts can be summed apart, at the same time, and in any order.

ISA-L has a price that is not its own: it returns with the upper halves of the wide vector registers in use, and until
somebody clears them the SHA instructions of the same thread, and of threads that it starts, take a third longer
(docs/adr/0145). So it sums large parts only, and is followed by a routine that clears the registers.
"""

import hashlib
import zlib
from collections.abc import Callable

try:
    from isal.isal_zlib import crc32 as _isal_crc32
except ImportError:
    _isal_crc32: Callable[[bytes | memoryview, int], int] | None = None  # type: ignore[no-redef]

__all__ = ["crc32", "crc32_combined"]

_POLYNOMIAL = 0xEDB88320
_LARGE = 64 << 10


def crc32(data: bytes | memoryview, value: int = 0) -> int:
    """CRC-32 of bytes that follow others whose CRC is `value`."""
    if _isal_crc32 is None or len(data) < _LARGE:
        return zlib.crc32(data, value)
    found = _isal_crc32(data, value)
    # OpenSSL's SHA-512 ends with VZEROUPPER. Of no bytes it takes a microsecond.
    hashlib.sha512(b"").digest()
    return found


def crc32_combined(first: int, second: int, *, size: int) -> int:
    """CRC-32 of two neighbouring parts from their own CRCs; `size` is the second one's.

    Appending n bytes multiplies the first part's remainder by x^8n; both are polynomials over GF(2), bits reversed.
    """
    power, factor = 1 << 31, 1 << 23  # x^0 and x^8
    while size:
        if size & 1:
            power = _product(factor, power)
        factor = _product(factor, factor)
        size >>= 1
    return _product(power, first) ^ second


def _product(left: int, right: int) -> int:
    """Product of two polynomials modulo that of CRC-32."""
    found = 0
    for bit in range(31, -1, -1):
        if left >> bit & 1:
            found ^= right
        right = right >> 1 ^ (_POLYNOMIAL if right & 1 else 0)
    return found
