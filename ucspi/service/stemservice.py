"""Being a stem: one process that was executed as ``supervise``, and forks a supervisor for each service.

svscan executes ``supervise --warm CHANNEL CELL`` and asks over the channel, a pair of
sockets that keep packets apart.  A supervisor is svscan's own child.  It opens its
directory, starts ``./run`` and waits for its first event without a step of Python
(``cdbext/system/warmsupervisor.c``), so it shares nearly all memory with the others.
A service with optional files is opened in Python.  Where anything else is out of the
ordinary it executes ``supervise`` instead.
"""

import errno
import gc
import os

from ucspi.service import birthrecord
from ucspi.service.begunsupervisor import Beginning
from ucspi.unix import environ, forking, native, oom, search
from ucspi.unix.start import lay_out_command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PROGRAM = b"supervise"
_KEPT: list[object] = []  # the kernel shows our command line there


def serve(channel: int, cell: int, entries: list[bytes]) -> Beginning | bytes | None:
    """Serve as a stem until the channel ends.

    Args:
        channel: of packets, as `ucspi.service.stem` writes them.
        cell: a descriptor of memory shared with svscan, for a pid.
        entries: the environment.

    Returns:
        None when the channel has ended.  In a supervisor, when its first event has come:
        what it has done until then.  In the supervisor of a service with optional files, the
        name of the service in the current directory: nothing was done yet.

    Raises:
        OSError: this system has no such stem, or we lack the means.
    """
    for number in (channel, cell):
        os.set_inheritable(number, False)
    begin = birthrecord.head(b"")[: -birthrecord.MARK - 1]
    if native.lib is None or not begin:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    stem, warm, kept = _lay_out(channel, cell, begin, entries)
    _import()
    _collect()
    is_stem = forking.call("usys_serve_stem", stem, warm)
    _KEPT.append((warm, kept))
    if is_stem:
        return None
    return bytes(native.ffi.string(warm.name)) if warm.service.asks else _beginning(warm)


def _lay_out(channel: int, cell: int, begin: bytes, entries: list[bytes]) -> "tuple[Any, Any, object]":
    """Return what a stem works with, in C memory, and what must be kept as long."""
    ffi = native.ffi
    stem, warm = ffi.new("struct usys_stem *"), ffi.new("struct usys_warm *")
    paths = search.files(PROGRAM, environ.value_of(entries, b"PATH"))
    kept = [
        lay_out_command(stem.program, paths, [PROGRAM, b""], entries),
        lay_out_command(warm.start.command, [b"./run"], [b"./run"], entries),
    ]
    begin_text, score = ffi.new("char[]", begin), ffi.new("char[]", oom.given)
    stem.channel, stem.cell = channel, cell
    stem.birth_begin = begin_text
    for place in range(len(stem.spare)):
        stem.spare[place] = os.open(b"/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    start = warm.start
    start.directory = start.input = start.output = -1
    start.score = score if oom.given else ffi.NULL
    start.patience = -1
    return stem, warm, (kept, begin_text, score)


def _import() -> None:
    """Import what each service with optional files would import for itself."""
    from ucspi.service import conduct, optionalvalues  # noqa: F401


def _collect() -> None:
    """Keep the collector away from what all supervisors share."""
    gc.collect()
    gc.freeze()


def _beginning(warm: "Any") -> Beginning:
    """Return what C has noted."""
    service = warm.service
    return Beginning(
        native.ffi.string(warm.name),
        (service.directory, service.state, service.lock, service.control, service.birth, service.ok),
        is_wanted=bool(service.is_wanted),
        status=bytes(service.status),
        pid=warm.pid,
        started=warm.started / 1e9,
        is_published=bool(warm.start.is_published),
    )
