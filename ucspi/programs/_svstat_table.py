"""``svstat --table``: all services of a directory, with their loggers, for people."""

import posix as os
import time
from stat import S_ISDIR

from ucspi.programs._program import fatal, print_or_stop
from ucspi.programs._tabletext import GREEN, RED, YELLOW, Cell, escape, table, wants_colours
from ucspi.service import pastends, servicestate, statusrecord
from ucspi.unix import tai
from ucspi.unix.signalnames import signal_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

    from ucspi.service.pastends import End
    from ucspi.service.servicestate import ServiceState
    from ucspi.service.statusrecord import Status

HEAD: "Final" = (b"SERVICE", b"STATE", b"PID", b"SINCE", b"RESTARTS/H", b"LAST END")
HOUR: "Final" = 3600  # seconds
KEPT: "Final" = 100  # ends that are kept unless a file says otherwise
_NONE = b"-"


def print_table(directory: bytes) -> int:
    """Print it; return the exit code.

    Raises:
        Stop: the directory cannot be read, or nothing can be printed.
    """
    try:
        names = sorted(_services(directory))
    except OSError as error:
        raise fatal(b"svstat", b"unable to read directory " + directory, error) from None
    now = int(time.time())
    rows = [[Cell(text) for text in HEAD], *(_row(directory, name, now) for name in names)]
    print_or_stop(b"svstat", table(rows, has_colours=wants_colours()))
    return 0


def _services(directory: bytes) -> "Iterator[bytes]":
    """Yield what svscan would start there, each logger as ``NAME/log``."""
    for name in os.listdir(directory):
        if not name.startswith(b".") and S_ISDIR(_mode(directory + b"/" + name)):
            yield name
            if _mode(directory + b"/" + name + b"/log"):
                yield name + b"/log"


def _mode(path: bytes) -> int:
    """Return the mode of what a path leads to, 0 if it leads to nothing."""
    try:
        return os.stat(path).st_mode
    except OSError:
        return 0


def _row(directory: bytes, name: bytes, now: int) -> list[Cell]:
    path = directory + b"/" + name
    state = servicestate.look(path)
    ends = pastends.read(path)
    last = _last_end(state.status, ends)
    texts = (_pid(state.status), _since(state.status), _restarts(ends, now), last)
    return [Cell(escape(name)), _state(state), *map(Cell, texts)]


def _state(state: "ServiceState") -> Cell:
    status = state.status
    if status is None:
        return Cell(state.problem, YELLOW)
    normally_up = state.is_normally_up is True
    if not status.is_up:
        words = [b"finishing" if status.is_finishing else b"down"]
        words += [b"failed"] if status.has_failed else []
        if status.awaits_client:
            return Cell(b"down, waiting for a client", GREEN)
        words += [b"want up"] if status.want == statusrecord.WANT_UP else []
        words += [b"normally up"] if normally_up else []
        return Cell(b", ".join(words), RED if words[1:] else b"")
    words = [b"up"]
    words += [b"ready" if status.is_ready else b"not ready"] if status.tells_ready else []
    words += [b"paused"] if status.paused else []
    words += [b"want down"] if status.want == statusrecord.WANT_DOWN else []
    is_well = words in ([b"up"], [b"up", b"ready"])
    words += [] if normally_up else [b"normally down"]
    return Cell(b", ".join(words), GREEN if is_well else YELLOW)


def _pid(status: "Status | None") -> bytes:
    return b"%d" % status.pid if status and status.pid else _NONE


def _since(status: "Status | None") -> bytes:
    """Return the local time of the last change."""
    if status is None:
        return _NONE
    second = tai.seconds(status.stamp)
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second)).encode()
    except (OverflowError, ValueError, OSError):
        return _NONE  # a damaged record: a time that no calendar has


def _restarts(ends: "list[End] | None", now: int) -> bytes:
    """Return how many runs ended in the last hour; more may have been forgotten."""
    if ends is None:
        return _NONE
    recent = sum(now - HOUR < end.second for end in ends)
    return b"%d%s" % (recent, b"+" if recent == len(ends) >= KEPT else b"")


def _last_end(status: "Status | None", ends: "list[End] | None") -> bytes:
    details = status.details if status else None
    if details and details.code != statusrecord.UNKNOWN:
        return _end(details.code, details.signal if details.code == statusrecord.BY_SIGNAL else 0)
    return _end(ends[-1].code, ends[-1].signal) if ends else _NONE


def _end(code: int, signal: int) -> bytes:
    return signal_name(signal) if signal else b"exit %d" % code
