"""Limits by client: how many clients one address or one network may have.

The limits of the command line apply to every client, before anything is looked
up about it.  A rule can add limits of its own, by the assignments of the
well-known limits patch: MAXCONNIP (for an address), MAXCONNC (for a network)
and DIEMSG (the text for a client that is over a limit).  The new client counts
too.
"""

from ucspi.decimal import whole_number
from ucspi.tcp.server.census import NET4_BITS, NET6_BITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tcp.server.census import Census
    from ucspi.tcp.server.settings import Settings


DIGITS_MAX = 18  # no limit is larger


class BadLimitError(Exception):
    """The limit ``name`` of a rule is not a number, so it is unknown what the rule allows."""

    def __init__(self, name: bytes) -> None:
        super().__init__(name)
        self.name = name


def over_server_limit(census: "Census", ip: bytes, settings: "Settings") -> bytes:
    """Return the limit of the command line that a client is over, as ``NAME HELD/LIMIT``; else nothing."""
    if settings.per_ip is not None and census.of_ip(ip) > settings.per_ip:
        return _excess(b"per-ip", census.of_ip(ip), settings.per_ip)
    if settings.per_net is not None:
        held = census.of_network(ip, settings.net4_bits, settings.net6_bits)
        if held > settings.per_net:
            return _excess(b"per-net", held, settings.per_net)
    return b""


def over_rule_limit(census: "Census", ip: bytes, assignments: "tuple[tuple[bytes, bytes], ...]") -> bytes:
    """Return the limit of the deciding rule that a client is over, as ``NAME HELD/LIMIT``; else nothing.

    Raises:
        BadLimitError: a limit of the rule is not a number.
    """
    for name, value in assignments:
        if name == b"MAXCONNIP":
            held, limit = census.of_ip(ip), _number(name, value)
        elif name == b"MAXCONNC":
            held, limit = census.of_network(ip, NET4_BITS, NET6_BITS), _number(name, value)
        else:
            continue
        if held > limit:
            return _excess(name, held, limit)
    return b""


def _number(name: bytes, value: bytes) -> int:
    number = whole_number(value, 10**DIGITS_MAX) if len(value) <= DIGITS_MAX else None
    if number is None:
        raise BadLimitError(name)
    return number


def _excess(name: bytes, held: int, limit: int) -> bytes:
    return b"%s %d/%d" % (name, held, limit)


def limit_message(assignments: "tuple[tuple[bytes, bytes], ...]", default: bytes) -> bytes:
    """Return the text for a client that is over a limit: DIEMSG of the rule, else the default."""
    return dict(assignments).get(b"DIEMSG", default)
