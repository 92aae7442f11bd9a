"""The record of 18 bytes that tells how a service is, and what ``svstat`` makes of it.

0   12  when the process started or ended, TAI64N
12   4  its pid, little-endian, 0 when the service is down
16   1  1 when it is paused
17   1  ``u`` wanted up, ``d`` wanted down, 0 wanted once
"""

from ucspi.unix import tai

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

SIZE: "Final" = 18
PID: "Final" = 12  # where the pid begins

WANT_UP: "Final" = ord("u")
WANT_DOWN: "Final" = ord("d")
WANT_ONCE: "Final" = 0


class Status:
    """A record taken apart; ``paused`` and ``want`` are the bytes as they stand there."""

    __slots__ = ("paused", "pid", "stamp", "want")

    def __init__(self, stamp: bytes, pid: int, paused: int, want: int) -> None:
        """Take the parts; ``stamp`` is the 12 bytes of a TAI64N time, ``pid`` is 0 for none."""
        self.stamp, self.pid, self.paused, self.want = stamp, pid, paused, want

    def pack(self) -> bytes:
        """Return the record; a service that is down is never paused in it."""
        paused = self.paused if self.pid else 0
        return self.stamp + self.pid.to_bytes(4, "little") + bytes((paused, self.want))

    def seconds(self, now: int) -> int:
        """Return the age of the record, whole seconds of the clock; 0 when it lies in the future."""
        age = max(0, tai.EPOCH + now - int.from_bytes(self.stamp[:8]))
        return int(float(age))  # as the original counts: in a double, which a damaged record shows

    def describe(self, now: int, *, normally_up: bool) -> bytes:
        """Return what ``svstat`` says of the service.

        Args:
            now: the time in whole seconds since the Unix epoch.
            normally_up: there is no ``down`` file.
        """
        age = self.seconds(now)
        if self.pid:
            text = b"up (pid %d) %d seconds" % (self.pid, age)
            text += b"" if normally_up else b", normally down"
            text += b", paused" if self.paused else b""
            return text + (b", want down" if self.want == WANT_DOWN else b"")
        text = b"down %d seconds" % age
        text += b", normally up" if normally_up else b""
        return text + (b", want up" if self.want == WANT_UP else b"")


def unpack(record: bytes) -> Status | None:
    """Return a record's parts, or None when it has fewer than 18 bytes; more are ignored."""
    if len(record) < SIZE:
        return None
    return Status(record[:12], int.from_bytes(record[12:16], "little"), record[16], record[17])
