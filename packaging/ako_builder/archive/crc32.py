"""CRC-32: of bytes, and of two neighbouring parts from their own CRCs.

Every byte of a ZIP is summed, so the sum may not cost much beside the hash. Where ISA-L is installed (the extra
`build` asks for it on the machines for which it comes compiled) it sums an order of magnitude faster than zlib; the
numbers are the same, and without it zlib does the work. Both let other threads run meanwhile. Because the CRC of
neighbours can be computed from their own, parts can be summed apart, at the same time, and in any order.
"""

try:
    from isal.isal_zlib import crc32
except ImportError:
    from zlib import crc32

__all__ = ["crc32", "crc32_combined"]

_POLYNOMIAL = 0xEDB88320


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
