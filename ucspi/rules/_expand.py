"""Addresses with a range: ``1.2.3-5.`` stands for ``1.2.3.``, ``1.2.4.`` and ``1.2.5.``.

Only the first ``-`` marks a range, and only in an address without ``=`` and
``@``, because names may contain dashes.  The bounds are the digits on both sides
of it, up to the next dot; everything before and after is kept as it is.

Source: cr.yp.to/ucspi-tcp/tcprules.html, "Address ranges"; how odd
bounds are read is observed from the original ``tcprules``.  Networks: see `_networkkey`.
"""

from ucspi.decimal import leading_digits, remainder
from ucspi.errors import RuleSyntaxError
from ucspi.rules._checkinput import require_bytes
from ucspi.rules._networkkey import network_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

OCTET_MAX = 255
OCTETS = frozenset(b"%d" % number for number in range(OCTET_MAX + 1))
WORD = 2**64  # the original counts in an unsigned 64-bit word, which wraps


def expand(address: bytes) -> "Sequence[bytes]":
    """Return the keys that a rule with this address is filed under, in order.

    Args:
        address: what stands before the colon of the instructions; may be empty.

    Returns:
        For a range one key for each number, none if the lower bound is above
        the upper one.  For a network or an IPv6 address its key.  For any other
        address the address itself.

    Raises:
        RuleSyntaxError: a bound is not a number, or a network is not valid;
            ``line`` is 1.

    An empty bound is 0, leading zeros are dropped, and only the upper bound is
    cut to 255: ``-3.`` is ``0.`` to ``3.``, ``250-300.`` is ``250.`` to ``255.``.
    A NUL ends a bound, and the bytes from there to the next dot are lost.
    """
    require_bytes("address", address)
    if b"/" in address or b":" in address:
        key = network_key(address)
        if key is not None:
            return (key,)
    dash = address.find(b"-")
    if dash < 0 or b"=" in address or b"@" in address:
        return (address,)
    start = address.rfind(b".", 0, dash) + 1
    end = address.find(b".", dash)
    if end < 0:
        end = len(address)
    low = _bound(address, start, dash)
    high = _bound(address, dash + 1, end)
    before, after = address[:start], address[end:]
    return [b"%s%d%s" % (before, number, after) for number in range(low, min(high, OCTET_MAX) + 1)]


def is_plain(address: bytes) -> bool:
    """Return whether this is an IPv4 address, a prefix of one with its dot, or empty: its own key."""
    parts = address.split(b".")
    if parts[-1] == b"":
        return len(parts) <= 4 and OCTETS.issuperset(parts[:-1])
    return len(parts) == 4 and OCTETS.issuperset(parts)


def _bound(address: bytes, start: int, end: int) -> int:
    bound = address[start:end].partition(b"\0")[0]
    digits = leading_digits(bound)
    if digits != bound:
        reason, advice = "a range needs digits on both sides of its dash", "a name is written =name"
        column = start + len(digits) + 1
        raise RuleSyntaxError(reason, line=1, column=column, text=address, suggestion=advice)
    return remainder(digits, WORD)
