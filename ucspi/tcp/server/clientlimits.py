"""Limits by client: how many clients one address or one network may have.

The limits of the command line apply to every client, before anything is looked
up about it.  A rule can add limits of its own, by the assignments of the
well-known limits patch: MAXCONNIP (for an address), MAXCONNC (for a network),
MAXLOAD (the load average in hundredths, from which on nobody is served) and
DIEMSG (the text for a client that is over a limit).  The new client counts
too.  MAXCONIP of ucspi-tcp6 and MAXPERIP of indimail mean MAXCONNIP.
"""

import posix as os
import time

from ucspi.decimal import whole_number
from ucspi.tcp.server.census import NET4_BITS, NET6_BITS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.tcp.server.census import Census
    from ucspi.tcp.server.settings import Settings


DIGITS_MAX = 18  # no limit is larger
PAUSE = 1.0  # seconds between two looks at the load; the kernel computes it anew every five


class BadLimitError(Exception):
    """The limit ``name`` of a rule cannot be checked, so it is unknown what the rule allows."""

    def __init__(self, name: bytes, why: bytes = b"is no number") -> None:
        super().__init__(name, why)
        self.name, self.why = name, why


class LoadMeter:
    """Reads the system's load average when it is asked for, at most once in `PAUSE` seconds.

    Reading never waits: glibc (2.36, traced) and musl ask sysinfo(2), which opens
    no file.  An older C library reads /proc/loadavg, which the kernel has in memory.
    """

    __slots__ = ("_known", "_now", "_read", "_until")

    def __init__(
        self,
        read: "Callable[[], tuple[float, ...]]" = os.getloadavg,
        now: "Callable[[], float]" = time.monotonic,
    ) -> None:
        """Read nothing yet.

        Args:
            read: returns load averages, that of the last minute first, or raises OSError.
            now: a clock in seconds that is never set back.
        """
        self._read, self._now = read, now
        self._known: int | None = None
        self._until = float("-inf")  # when the known value is too old

    def hundredths(self) -> int | None:
        """Return the average of the last minute, 350 for 3.50; None when the system does not tell."""
        now = self._now()
        if now >= self._until:
            self._until = now + PAUSE  # a failure, too, counts so long
            try:
                self._known = round(self._read()[0] * 100)
            except OSError:
                self._known = None
        return self._known


def over_server_limit(census: "Census", ip: bytes, settings: "Settings") -> bytes:
    """Return the limit of the command line that a client is over, as ``NAME HELD/LIMIT``; else nothing."""
    if settings.per_ip is not None and census.of_ip(ip) > settings.per_ip:
        return _excess(b"per-ip", census.of_ip(ip), settings.per_ip)
    if settings.per_net is not None:
        held = census.of_network(ip, settings.net4_bits, settings.net6_bits)
        if held > settings.per_net:
            return _excess(b"per-net", held, settings.per_net)
    return b""


# What each limit of a rule is about.
_BY_ADDRESS, _BY_NETWORK, _BY_LOAD = b"address", b"network", b"load"
_SUBJECTS = {
    b"MAXCONNIP": _BY_ADDRESS,
    b"MAXCONIP": _BY_ADDRESS,
    b"MAXPERIP": _BY_ADDRESS,
    b"MAXCONNC": _BY_NETWORK,
    b"MAXLOAD": _BY_LOAD,
}


def over_rule_limit(
    census: "Census",
    ip: bytes,
    assignments: "tuple[tuple[bytes, bytes], ...]",
    load: "Callable[[], int | None]",
) -> bytes:
    """Return the limit of the deciding rule that a client is over, as ``NAME HELD/LIMIT``; else nothing.

    Of several limits on the same thing the smallest counts.

    Args:
        census: the clients, with this one.
        ip: that of the client.
        assignments: those of the rule.
        load: returns the load average in hundredths, None when it is unknown; called only for MAXLOAD.

    Raises:
        BadLimitError: a limit of the rule is not a number, or the load is unknown.
    """
    if not assignments:  # nearly every rule
        return b""
    smallest: dict[bytes, tuple[int, bytes]] = {}
    for name, value in assignments:
        subject = _SUBJECTS.get(name)
        if subject is not None:
            limit = _number(name, value)
            if subject not in smallest or limit < smallest[subject][0]:
                smallest[subject] = limit, name
    for subject, (limit, name) in smallest.items():
        if subject is _BY_LOAD:
            now = load()
            if now is None:
                # Whoever set the limit fears for the machine: to serve without it could bring that down.
                raise BadLimitError(name, b"cannot be checked, the load average is unknown")
            if now >= limit:
                return _excess(_BY_LOAD, now, limit)
            continue
        held = census.of_ip(ip) if subject is _BY_ADDRESS else census.of_network(ip, NET4_BITS, NET6_BITS)
        if held > limit:
            return _excess(name, held, limit)
    return b""


def rule_time(assignments: "tuple[tuple[bytes, bytes], ...]") -> int | None:
    """Return the seconds that the deciding rule gives its clients; None: it does not say.

    Raises:
        BadLimitError: what it says is not a number, or 0.
    """
    if not assignments:
        return None
    seconds = [_number(name, value) for name, value in assignments if name == b"MAXTIME"]
    if 0 in seconds:
        raise BadLimitError(b"MAXTIME", b"is 0")
    return min(seconds, default=None)


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
