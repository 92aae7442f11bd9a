"""The status record that says how a service is, and what ``svstat`` prints about it.

The first 18 bytes are those of daemontools 0.76:

 0  12  when the process started or ended, TAI64N
12   4  its pid, little-endian; 0 if the service is down
16   1  1 if it is paused
17   1  ``u`` wanted up, ``d`` wanted down, 0 wanted once

A service with one of the optional files (`ucspi.service.optionalfiles`), or one whose end
svscan waits for, has 22 more.
The first two are runit's:

18   1  1 if SIGTERM was sent to the process
19   1  0 down, 1 ``run`` runs, 2 ``finish`` runs, and the pid is its
20   1  1, the version of what follows
21   1  flags: 1 ready, 2 can tell that it is ready, 4 failed for good, 8 ``finish`` runs,
       16 has ended while it was wanted once, 32 waits for its first client
22  12  since when it is ready, TAI64N; zeros if it is not
34   2  how ``run`` ended last, little-endian: its exit code, 256 for a signal, 65535 if not known
36   1  that signal, else 0
37   3  zeros

More bytes may follow one day.  Readers ignore what they do not know.
"""

from ucspi.unix import tai

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

SIZE: "Final" = 18
LONG_SIZE: "Final" = 40
READ: "Final" = 64  # bytes that a reader asks for
PID: "Final" = 12  # offset of the pid
ASKS_FOR_LONG: "Final" = b"UCSPI_STATUS=long"  # in the environment of a supervise that shall write it always

WANT_UP: "Final" = ord("u")
WANT_DOWN: "Final" = ord("d")
WANT_ONCE: "Final" = 0

DOWN: "Final" = 0  # phases
RUN: "Final" = 1
FINISH: "Final" = 2

READY: "Final" = 1  # flags
TELLS_READY: "Final" = 2
FAILED: "Final" = 4
FINISHING: "Final" = 8
DONE: "Final" = 16
AWAITING: "Final" = 32

BY_SIGNAL: "Final" = 256
UNKNOWN: "Final" = 65535
NEVER: "Final" = bytes(12)
_VERSION = 1


class Details:
    """What the long record has beyond the first 18 bytes.

    Attributes:
        was_terminated: SIGTERM was sent to the process.
        phase: `DOWN`, `RUN` or `FINISH`.
        flags: `READY` and so on.
        ready: since when it is ready, 12 bytes; `NEVER` if it is not.
        code: the exit code of the last ``run``, `BY_SIGNAL` or `UNKNOWN`.
        signal: the signal that ended it, else 0.
    """

    __slots__ = ("code", "flags", "phase", "ready", "signal", "was_terminated")

    def __init__(
        self,
        *,
        was_terminated: bool = False,
        phase: int = DOWN,
        flags: int = 0,
        ready: bytes = NEVER,
        code: int = UNKNOWN,
        signal: int = 0,
    ) -> None:
        """Take them."""
        self.was_terminated, self.phase, self.flags, self.ready = was_terminated, phase, flags, ready
        self.code, self.signal = code, signal

    def pack(self) -> bytes:
        """Return the 22 bytes."""
        head = bytes((self.was_terminated, self.phase, _VERSION, self.flags))
        return head + self.ready + self.code.to_bytes(2, "little") + bytes((self.signal, 0, 0, 0))


class Status:
    """The fields of a record; ``paused`` and ``want`` are its bytes as integers.

    ``details`` is None in a short record.
    """

    __slots__ = ("details", "paused", "pid", "stamp", "want")

    def __init__(
        self, stamp: bytes, pid: int, paused: int, want: int, details: Details | None = None
    ) -> None:
        """Take the fields; ``stamp`` is a TAI64N time of 12 bytes, ``pid`` is 0 for none."""
        self.stamp, self.pid, self.paused, self.want = stamp, pid, paused, want
        self.details = details

    @property
    def is_up(self) -> bool:
        """Whether ``run`` runs."""
        return self.pid > 0 and (self.details is None or self.details.phase != FINISH)

    @property
    def is_ready(self) -> bool:
        """Whether the service has told that it is ready."""
        return self.is_up and self._has(READY)

    @property
    def tells_ready(self) -> bool:
        """Whether the service can tell that it is ready."""
        return self._has(TELLS_READY)

    @property
    def is_finishing(self) -> bool:
        """Whether ``finish`` runs."""
        return self._has(FINISHING) or (self.details is not None and self.details.phase == FINISH)

    @property
    def has_failed(self) -> bool:
        """Whether the service is down for good, until it is told to go up."""
        return self._has(FAILED)

    @property
    def is_done(self) -> bool:
        """Whether the service has ended while it was wanted once."""
        return self._has(DONE)

    @property
    def awaits_client(self) -> bool:
        """Whether the service is wanted up, and is started at the first client."""
        return self._has(AWAITING)

    def _has(self, flag: int) -> bool:
        return self.details is not None and self.details.flags & flag > 0

    def pack(self) -> bytes:
        """Return the record; a service that is down is never shown as paused."""
        paused = self.paused if self.pid else 0
        record = self.stamp + self.pid.to_bytes(4, "little") + bytes((paused, self.want))
        return record + self.details.pack() if self.details else record

    def seconds(self, now: int) -> int:
        """Return the age of the record in whole seconds; 0 if its time lies in the future."""
        return _age(self.stamp, now)

    def describe(self, now: int, *, normally_up: bool) -> bytes:
        """Return what ``svstat`` prints about the service.

        Args:
            now: the time in whole seconds since the Unix epoch.
            normally_up: the service has no file ``down``.
        """
        age = self.seconds(now)
        if self.is_up:
            text = b"up (pid %d) %d seconds" % (self.pid, age)
            text += b"" if normally_up else b", normally down"
            text += b", paused" if self.paused else b""
            text += b", want down" if self.want == WANT_DOWN else b""
            if self.details and self.is_ready:
                text += b", ready %d seconds" % _age(self.details.ready, now)
            return text
        text = b"down %d seconds" % age
        text += b", normally up" if normally_up else b""
        text += b", want up" if self.want == WANT_UP else b""
        text += b", waiting for a client" if self.awaits_client else b""
        text += b", finishing" if self._has(FINISHING) else b""
        return text + (b", failed" if self.has_failed else b"")


def _age(stamp: bytes, now: int) -> int:
    age = max(0, tai.EPOCH + now - int.from_bytes(stamp[:8]))
    return int(float(age))  # the original counts in a double, which shows with a damaged record


def unpack(record: bytes) -> Status | None:
    """Return the fields of a record; None if it has fewer than 18 bytes.

    Bytes behind the 18 count only if they are a long record of a version that we know.
    """
    if len(record) < SIZE:
        return None
    details = _unpack_details(record[SIZE:LONG_SIZE]) if len(record) >= LONG_SIZE else None
    return Status(record[:12], int.from_bytes(record[12:16], "little"), record[16], record[17], details)


def _unpack_details(tail: bytes) -> Details | None:
    if tail[2] != _VERSION or tail[1] > FINISH:
        return None
    return Details(
        was_terminated=tail[0] > 0,
        phase=tail[1],
        flags=tail[3],
        ready=tail[4:16],
        code=int.from_bytes(tail[16:18], "little"),
        signal=tail[18],
    )
