"""``svstat --json``: the state of services for programs."""

import time

from ucspi.programs._program import print_or_stop
from ucspi.service import servicestate, statusrecord
from ucspi.tcp.report.jsontext import encode, moment
from ucspi.unix import tai

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

    from ucspi.service.statusrecord import Status
    from ucspi.tcp.report.jsontext import Value

_WANTED: "Final" = {
    statusrecord.WANT_UP: b"up",
    statusrecord.WANT_DOWN: b"down",
    statusrecord.WANT_ONCE: b"once",
}
_LAST: "Final" = 253402300799  # the last second of the year 9999, in Unix time


def print_json(names: list[bytes]) -> int:
    """Print an array with an object for each directory, each on a line; return the exit code.

    Raises:
        Stop: it cannot be printed.
    """
    now = int(time.time())
    print_or_stop(b"svstat", b"[%s]\n" % b",\n ".join([encode(_fields(name, now)) for name in names]))
    return 0


def _fields(name: bytes, now: int) -> "dict[bytes, Value]":
    state = servicestate.look(name)
    known: dict[bytes, Value] = {
        b"directory": name,
        b"problem": state.problem or None,
        b"normally_up": state.is_normally_up,
    }
    return known if state.status is None else known | _of_status(state.status, now)


def _of_status(status: "Status", now: int) -> "dict[bytes, Value]":
    return {
        b"state": b"up" if status.is_up else b"finishing" if status.is_finishing else b"down",
        b"pid": status.pid or None,
        b"since": _moment(status.stamp),
        b"seconds": status.seconds(now),
        b"wanted": _WANTED.get(status.want),
        b"paused": status.pid > 0 and status.paused > 0,
        b"ready": status.is_ready if status.tells_ready else None,
        b"ready_since": _moment(status.details.ready) if status.details and status.is_ready else None,
        b"failed": status.has_failed,
        b"awaits_client": status.awaits_client,
        b"last_end": _last_end(status),
    }


def _last_end(status: "Status") -> "Value":
    details = status.details
    if details is None or details.code == statusrecord.UNKNOWN:
        return None
    if details.code == statusrecord.BY_SIGNAL:
        return {b"signal": details.signal}
    return {b"exit": details.code}


def _moment(stamp: bytes) -> bytes | None:
    """Return the time of a TAI64N label; None for one that is no time of our calendar."""
    seconds = tai.seconds(stamp)
    if not 0 <= seconds <= _LAST:
        return None
    return moment(seconds * 10**9 + min(int.from_bytes(stamp[8:12]), 10**9 - 1))
