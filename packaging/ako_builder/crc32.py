"""The CRC-32 of two neighbouring parts, from their own CRCs: so that parts can be summed apart and at the same time."""

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
