"""The raw file under a client's reader or writer."""

import io
import select

from ucspi.unix import fds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import ReadableBuffer, WriteableBuffer


# An object of `super` for each call is work that a process for one connection feels.
_init, _close = io.FileIO.__init__, io.FileIO.close
_readinto, _write = io.FileIO.readinto, io.FileIO.write


class ConnectionFile(io.FileIO):
    """One direction of a connection.

    It waits where another process has made the descriptor non-blocking.  Once
    it is closed, ``/dev/null`` has the number if that is 0, 1 or 2: no other file
    must get it.
    """

    def __init__(self, number: int, mode: str, note: "Callable[[OSError], object]") -> None:
        """Take a descriptor, ``"r"`` or ``"w"``, and what is called with each error before it is raised.

        Raises:
            OSError: the descriptor is not open.
        """
        _init(self, number, mode, closefd=False)
        self._note = note

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read what is there; wait while there is nothing; return 0 at the end."""
        try:
            while (count := _readinto(self, buffer)) is None:
                self._wait(select.POLLIN)
        except OSError as error:
            self._note(error)
            raise
        return count

    def readall(self) -> bytes:
        """Read up to the end."""
        blocks = []
        buffer = bytearray(65536)
        while count := self.readinto(buffer):
            blocks.append(bytes(buffer[:count]))
        return b"".join(blocks)

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write as much as there is room for; wait while there is none."""
        try:
            while (count := _write(self, data)) is None:
                self._wait(select.POLLOUT)
        except OSError as error:
            self._note(error)
            raise
        return count

    def _wait(self, event: int) -> None:
        poll = select.poll()
        poll.register(self.fileno(), event)
        poll.poll()

    def close(self) -> None:
        """Close the descriptor.  A second call does nothing."""
        release(self.give_up())

    def give_up(self) -> int:
        """Be closed, but leave the descriptor open, and return it; -1: this was closed before."""
        if self.closed:
            return -1
        number = self.fileno()
        _close(self)
        return number


def release(*numbers: int) -> None:
    """Close descriptors of a connection; ``/dev/null`` gets their numbers if these are 0, 1 or 2."""
    if numbers and min(numbers) >= 0 and max(numbers) <= 2:
        _discard(numbers)
        return
    for number in numbers:
        if number > 2:
            fds.close(number)
        elif number >= 0:
            _discard((number,))


def _discard(numbers: tuple[int, ...]) -> None:
    try:
        fds.discard(*numbers)
    except OSError:  # no number is left but theirs
        for number in numbers:
            fds.close(number)
        try:
            fds.occupy_standard()
        except OSError:
            pass
