"""The status record of 18 bytes that says how a service is, and what ``svstat`` prints about it.

 0  12  when the process started or ended, TAI64N
12   4  its pid, little-endian; 0 if the service is down
16   1  1 if it is paused
17   1  ``u`` wanted up, ``d`` wanted down, 0 wanted once
"""

from ucspi.unix import tai

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

SIZE: "Final" = 18
PID: "Final" = 12  # offset of the pid

WANT_UP: "Final" = ord("u")
WANT_DOWN: "Final" = ord("d")
WANT_ONCE: "Final" = 0


class Status:
    """The fields of a record; ``paused`` and ``want`` are its bytes as integers."""

    __slots__ = ("paused", "pid", "stamp", "want")

    def __init__(self, stamp: bytes, pid: int, paused: int, want: int) -> None:
        """Take the fields; ``stamp`` is a TAI64N time of 12 bytes, ``pid`` is 0 for none."""
        self.stamp, self.pid, self.paused, self.want = stamp, pid, paused, want

    def pack(self) -> bytes:
        """Return the record; a service that is down is never shown as paused."""
        paused = self.paused if self.pid else 0
        return self.stamp + self.pid.to_bytes(4, "little") + bytes((paused, self.want))

    def seconds(self, now: int) -> int:
        """Return the age of the record in whole seconds; 0 if its time lies in the future."""
        age = max(0, tai.EPOCH + now - int.from_bytes(self.stamp[:8]))
        return int(float(age))  # the original counts in a double, which shows with a damaged record

    def describe(self, now: int, *, normally_up: bool) -> bytes:
        """Return what ``svstat`` prints about the service.

        Args:
            now: the time in whole seconds since the Unix epoch.
            normally_up: the service has no file ``down``.
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
    """Return the fields of a record; None if it has fewer than 18 bytes.  More bytes are ignored."""
    if len(record) < SIZE:
        return None
    return Status(record[:12], int.from_bytes(record[12:16], "little"), record[16], record[17])
