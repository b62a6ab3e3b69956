"""Regular expressions for whole numbers in a range, as text.

The official chart writes some numbers as strings. A JSON schema limits numbers, but not what a string of digits means;
a pattern does.
"""

from collections.abc import Iterator


def number_pattern(minimum: int, maximum: int | None) -> str:
    """A pattern that matches the decimal digits of exactly the numbers from `minimum` on, up to `maximum` if given."""
    if maximum is None:
        if minimum > 1:
            raise ValueError("without a maximum the minimum is 0 or 1")
        return "^(0|[1-9][0-9]*)$" if minimum == 0 else "^([1-9][0-9]*)$"
    return f"^({'|'.join(_parts(minimum, maximum))})$"


def _parts(low: int, high: int) -> Iterator[str]:
    """Alternatives for low..high: the range is cut where the digits before the last ones change."""
    while low <= high:
        # The largest block of 10**zeros numbers that begins at `low` and stays inside.
        zeros = 0
        while low % 10 ** (zeros + 1) == 0 and low + 10 ** (zeros + 1) - 1 <= high and low:
            zeros += 1
        block = 10**zeros
        count = 1
        # Blocks whose leading digit alone differs share one class of digits.
        while count < 10 - (low // block) % 10 and low + (count + 1) * block - 1 <= high:
            count += 1
        head, digit = divmod(low // block, 10)
        digits = f"[{digit}-{digit + count - 1}]" if count > 1 else str(digit)
        yield f"{head or ''}{digits}{'[0-9]' * zeros}"
        low += count * block
