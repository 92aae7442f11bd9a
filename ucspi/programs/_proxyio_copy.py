"""The copier of `proxyio` in Python, where there is no mover: ``cdbext/mover/relay.c``."""

import os
import select
import stat

from ucspi.unix.relay import Direction
from ucspi.unix.streams import BLOCK


class _Way(Direction):
    """A direction that also ends when nobody reads its target any more, even if there is nothing to write."""

    __slots__ = ()

    def __init__(self, source: int, target: int) -> None:
        super().__init__(source, target, BLOCK, bytes, lambda: _end_output(target))

    def register(self, poll: "select.poll") -> int:
        """Register with a poll what this waits for, and unasked an error of the target."""
        number = super().register(poll)
        if number == self._source:
            poll.register(self._target, 0)
        return number

    def act(self, waiting: int, ready: list[int]) -> None:
        """Do what the ready descriptors are ready for."""
        if waiting == self._source and self._target in ready:
            self.is_over = True
        elif waiting in ready:
            self.proceed()


def copy() -> None:
    """Copy both ways until both have ended."""
    ways = _Way(0, 7), _Way(6, 1)
    while not all(way.is_over for way in ways):
        poll = select.poll()
        waiting = [(way, way.register(poll)) for way in ways]
        ready = [number for number, _ in poll.poll()]
        for way, number in waiting:
            if number >= 0:
                way.act(number, ready)


def _end_output(target: int) -> None:
    """Tell the reader behind a descriptor that no more will come: of a socket only this direction ends."""
    try:
        if not stat.S_ISSOCK(os.fstat(target).st_mode):
            os.close(target)
            return
        import _socket

        sock = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, os.dup(target))  # any family will do
        sock.shutdown(_socket.SHUT_WR)
    except OSError:
        pass  # nobody reads it any more
