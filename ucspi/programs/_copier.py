"""A program with somebody between it and its descriptors 0 and 1.

The program runs in our own process, so that its pid and its exit code are
those that whoever started us sees.  Who sits between is a child of it, and
keeps the descriptors that we were given.
"""

import _signal
import _thread
import os

from ucspi.exits import EXIT_TEMPORARY, EXIT_USAGE
from ucspi.programs._become import become
from ucspi.programs._program import Stop, fatal
from ucspi.unix.fds import occupy_standard
from ucspi.unix.signals import start_deaf_thread, undo_ignored
from ucspi.unix.streams import is_readable, read_some, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn


PATIENCE = 1.0  # seconds


class Way:
    """One direction: how much is read at once, and what becomes of it."""

    def __init__(
        self, size: int, convert: "Callable[[bytes], bytes | memoryview]", at_end: "Callable[[], object]"
    ) -> None:
        """Take what to call with each block, which is then written, and at the end."""
        self.size, self.convert, self.at_end = size, convert, at_end


def run_behind(name: bytes, argv: list[bytes], ways: "Callable[[int], tuple[Way, Way]]") -> "NoReturn":
    """Become the program of the command line, with a copier as its child.

    Args:
        name: ours, for complaints.
        argv: our command line.
        ways: called with the program's pid, gives the way to it and the way from it.

    Raises:
        Stop: there is no program, it could not be run, or the system is out of something.
    """
    if len(argv) < 2:
        raise Stop(b"%s: usage: %s program [ arg ... ]" % (name, name), EXIT_USAGE)
    occupy_standard()
    try:
        to_program, from_program = os.pipe(), os.pipe()
    except OSError as error:
        raise fatal(name, b"unable to create pipe", error) from None
    program = os.getpid()
    try:
        child = os.fork()
    except OSError as error:
        raise fatal(name, b"unable to fork", error) from None
    if child == 0:
        os.close(to_program[0])
        os.close(from_program[1])
        _copy_both(ways(program), to_program[1], from_program[0])
    _move(name, to_program[0], from_program[1])
    become(name, argv[1], argv[1:])


def _move(name: bytes, reader: int, writer: int) -> None:
    """Put the program's ends where it looks for them; the others vanish with the exec."""
    try:
        os.dup2(reader, 0)
        os.dup2(writer, 1)
    except OSError as error:
        raise fatal(name, b"unable to move descriptors", error) from None


def _copy_both(ways: tuple[Way, Way], to_program: int, from_program: int) -> "NoReturn":
    """Be the copier; never return into the frames of what we were forked from.

    Each way has a thread, so that one who does not read delays only the other's answers.
    """
    try:
        undo_ignored(_signal.SIGXFSZ)
        inlet = Inlet(ways[0], to_program)
        start_deaf_thread(inlet.copy)
        _copy_out(ways[1], from_program, inlet)
        os._exit(0)
    finally:
        os._exit(EXIT_TEMPORARY)


def _copy_out(way: Way, from_program: int, inlet: "Inlet") -> None:
    """Copy until the program has closed its output, or nobody reads it."""
    while data := _read(from_program, way.size):
        try:
            write_all(1, way.convert(data))
        except OSError:
            return
    inlet.close()
    way.at_end()


class Inlet:
    """The way from descriptor 0 to the program.

    A program that ends at once may be gone before our thread has looked at its
    input.  What came before that end belongs into a log, so it is read all the same.
    """

    __slots__ = ("_has_begun", "_lock", "_target", "_way")

    def __init__(self, way: Way, target: int) -> None:
        """Take the program's end, which is closed at the end of the input."""
        self._way, self._target = way, target
        # Held while a block is logged; with the first one, from reading it on.
        self._lock = _thread.allocate_lock()
        self._has_begun = False

    def copy(self) -> None:
        """Copy until the input ends or fails, or the program reads no more."""
        is_readable(0)
        with self._lock:
            self._has_begun = True
            data = self._convert(_read(0, self._way.size))
        while data is not None and self._deliver(data):
            block = _read(0, self._way.size)
            with self._lock:
                data = self._convert(block)
        # A program that reads no more may still have something to say.
        os.close(self._target)

    def close(self) -> None:
        """Read once what is there if nothing was yet, though nobody is left to get it; log no more.

        Whoever shares descriptor 0 with us may have taken what the thread is
        about to read, so it is not waited for without end.
        """
        if self._lock.acquire(timeout=PATIENCE) and not self._has_begun and is_readable(0, 0):
            self._convert(_read(0, self._way.size))

    def _convert(self, block: bytes) -> "bytes | memoryview | None":
        if block:
            return self._way.convert(block)
        self._way.at_end()
        return None

    def _deliver(self, data: "bytes | memoryview") -> bool:
        try:
            write_all(self._target, data)
        except OSError:
            return False
        return True


def _read(source: int, size: int) -> bytes:
    try:
        return read_some(source, size)
    except OSError:
        return b""
