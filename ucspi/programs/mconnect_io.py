"""``mconnect-io``: a person at descriptors 0 and 1, a server at 6 and 7."""

import os

from ucspi.programs._program import fatal, run
from ucspi.tcp.crlf import Adder
from ucspi.unix.errtext import describe
from ucspi.unix.signals import start_deaf_thread
from ucspi.unix.streams import read_some, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

USAGE = b"mconnect-io: usage: mconnect-io"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_mconnect_io, argv, USAGE)


def _mconnect_io(argv: list[bytes]) -> int:
    try:
        start_deaf_thread(lambda: _copy(0, 7, Adder().feed))
    except RuntimeError:  # all that CPython tells of EAGAIN
        raise fatal(b"mconnect-io", b"unable to fork: " + describe(11)) from None
    _copy(6, 1, bytes)
    os._exit(0)  # the thread may be reading still


def _copy(source: int, target: int, convert: "Callable[[bytes], bytes | memoryview]") -> None:
    """Copy until the source ends or fails; what cannot be written is dropped."""
    try:
        while data := read_some(source):
            _write(target, convert(data))
    except OSError:
        pass


def _write(target: int, data: "bytes | memoryview") -> None:
    try:
        write_all(target, data)
    except OSError:
        pass
