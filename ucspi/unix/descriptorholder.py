"""Keeps descriptors in another process until something comes on them.

A child gets a copy of every descriptor, and the exec closes them all.  With a
thousand that takes as long as the whole rest of a start.  So a server that
waits for many clients lets a helper wait, and its own table stays small.

A message is a number of eight bytes, with the descriptor beside it.  Without one
it means, to the helper, that nobody waits any more, and from the helper, that
it has no room.
"""

import _socket
import os
import select
import struct
import time

from ucspi.unix.fds import received
from ucspi.unix.helperprocess import Helper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Watcher(Protocol):
        """What calls back when a descriptor is ready; `ucspi.tcp.background.Background` is one."""

        def watch(self, descriptor: int, events: int, call: "Callable[[], object]") -> None:
            """Call back whenever the descriptor is ready."""

        def forget(self, descriptor: int) -> None:
            """Call back no more."""


_NUMBER, _DESCRIPTOR = struct.Struct("Q"), struct.Struct("i")
_FLAGS = _socket.MSG_DONTWAIT | _socket.MSG_CMSG_CLOEXEC
_SPACE = _socket.CMSG_SPACE(_DESCRIPTOR.size)
AT_ONCE = 64  # messages and descriptors that are handled in one turn
REST = 1.0  # seconds until a helper is started again, after that has failed


class DescriptorHolder:
    """Descriptors that a helper keeps; the helper is started for the first of them."""

    __slots__ = (
        "_helper",
        "_lost",
        "_numbers",
        "_prepare",
        "_rest_until",
        "_returned",
        "_sequence",
        "_watcher",
    )

    def __init__(
        self,
        watcher: "Watcher",
        prepare: "Callable[[], object]",
        returned: "Callable[[int, int], object]",
        lost: "Callable[[int], object]",
    ) -> None:
        """Keep nothing yet.

        Args:
            watcher: watches the channel to the helper.
            prepare: called in each helper at its start.
            returned: called with a number, and the descriptor on which something has come, or an
                error or an end; it belongs to the callee.
            lost: called with the number of a descriptor that was closed, because the
                helper has died or has no room.
        """
        self._watcher, self._prepare = watcher, prepare
        self._returned, self._lost = returned, lost
        self._helper: Helper | None = None
        self._numbers: set[int] = set()  # of those that the helper keeps
        self._sequence, self._rest_until = 0, 0.0

    def keep(self, descriptor: int) -> int:
        """Give a descriptor away; return its number, or 0 if that is not possible now.

        The caller still has to close it here.
        """
        if self._helper is None and not self._start():
            return 0
        assert self._helper is not None
        self._sequence += 1
        try:
            self._numbers.add(self._sequence)
            _send(self._helper.channel, self._sequence, descriptor)
        except (OSError, MemoryError):  # the channel is full, or the helper has died, which we shall see
            self._numbers.discard(self._sequence)
            return 0
        return self._sequence

    def close_kept(self, number: int) -> None:
        """Have a descriptor closed; nothing is called for its number any more."""
        self._numbers.discard(number)
        if self._helper is not None:
            try:
                _send(self._helper.channel, number)
            except OSError:
                pass  # the channel is full: it is closed when it is returned

    def _start(self) -> bool:
        now = time.monotonic()
        if now < self._rest_until:
            return False
        self._rest_until = now + REST
        try:
            helper = Helper(self._help)
        except OSError:
            return False
        try:
            self._watcher.watch(helper.channel.fileno(), select.EPOLLIN, self._receive)
        except BaseException:
            helper.close()
            raise
        self._helper = helper
        return True

    def _help(self, channel: _socket.socket) -> None:
        self._prepare()
        serve(channel)

    def _receive(self) -> None:
        """Take back what the helper returns, or notice that it has died."""
        for _ in range(AT_ONCE):
            if self._helper is None:
                return
            try:
                message, descriptor = _take(self._helper.channel)
            except BlockingIOError:
                return
            except OSError:
                message, descriptor = b"", -1
            if not message:
                self._bury()
                return
            (number,) = _NUMBER.unpack(message)
            if number not in self._numbers:  # nobody waits any more
                if descriptor >= 0:
                    os.close(descriptor)
                continue
            self._numbers.discard(number)
            if descriptor >= 0:
                self._returned(number, descriptor)
            else:
                self._lost(number)

    def _bury(self) -> None:
        helper, self._helper = self._helper, None
        if helper is not None:
            self._watcher.forget(helper.channel.fileno())
            helper.close()
        lost, self._numbers = sorted(self._numbers), set()
        for number in lost:
            self._lost(number)


def serve(channel: _socket.socket) -> None:
    """Keep what comes through a channel until it ends, and return each when something has come on it."""
    epoll = select.epoll()
    epoll.register(channel, select.EPOLLIN)
    kept: dict[int, int] = {}  # descriptors by their numbers
    numbers: dict[int, int] = {}  # the other way round
    while True:
        for ready, _ in epoll.poll(-1, AT_ONCE):
            if ready in numbers:
                number = numbers.pop(ready)
                del kept[number]
                epoll.unregister(ready)  # closing alone would not do: a starting handler may have a copy
                _send(channel, number, ready)
                os.close(ready)
                continue
            message, descriptor = _take(channel)
            if not message:
                return
            (number,) = _NUMBER.unpack(message)
            if descriptor >= 0:
                kept[number], numbers[descriptor] = descriptor, number
                epoll.register(descriptor, select.EPOLLIN)
            elif number in kept:
                descriptor = kept.pop(number)
                del numbers[descriptor]
                epoll.unregister(descriptor)
                os.close(descriptor)
            else:
                _send(channel, number)  # there was no room for it, or it has been returned already


def _send(channel: _socket.socket, number: int, descriptor: int = -1) -> None:
    ancillary = []
    if descriptor >= 0:
        ancillary.append((_socket.SOL_SOCKET, _socket.SCM_RIGHTS, _DESCRIPTOR.pack(descriptor)))
    channel.sendmsg([_NUMBER.pack(number)], ancillary)


def _take(channel: _socket.socket) -> tuple[bytes, int]:
    """Return a message, empty at the end, and the descriptor that came with it, or -1."""
    message, ancillary, _, _ = channel.recvmsg(_NUMBER.size, _SPACE, _FLAGS)
    return message, received(ancillary)
