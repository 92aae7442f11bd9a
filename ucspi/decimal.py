"""Decimal numbers in text from outside.

``int`` alone does not do: it takes blanks, signs and underscores, and it
refuses a number of more than 4300 digits with an error of its own.
"""

DIGITS = b"0123456789"


def whole_number(text: bytes, largest: int) -> int | None:
    """Return the number that a text of digits is, None if it is no such text, empty or above ``largest``."""
    if not text.isdigit():
        return None
    number = first_digits(text, len(str(largest)) + 1)
    return number if number <= largest else None


def first_digits(digits: bytes, count: int) -> int:
    """Return the number of the first ``count`` digits behind leading zeros; without any digit it is 0."""
    return int(digits.lstrip(b"0")[:count] or b"0")


def leading_digits(text: bytes) -> bytes:
    """Return the digits that a text begins with, maybe none."""
    return text[: len(text) - len(text.lstrip(DIGITS))]


def remainder(digits: bytes, divisor: int) -> int:
    """Return the number that digits are modulo ``divisor``; there may be any count of them, none are 0."""
    number = 0
    for at in range(0, len(digits), _PIECE):
        piece = digits[at : at + _PIECE]
        number = (number * 10 ** len(piece) + int(piece)) % divisor
    return number


_PIECE = 1000  # digits read at once
