"""Messages between the processes of a TLS server, some with descriptors beside them.

A message is a byte that says what it is, the number of a connection, and a text.
Nobody waits for the other side: what has no room in the kernel waits here.
"""

import _socket
import os
import struct
from collections import deque

from ucspi.tcp.background import READABLE, WRITABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ucspi.tcp.background import Background

    Receive = Callable[[bytes, int, bytes, list[int]], object]

BEGIN, HANDLE, ABANDON = b"S", b"H", b"A"  # to a TLS process
PROVEN, FAILED = b"P", b"F"  # from it
LOOK, MORE = b"C", b"N"  # to the keeper: have the files changed?; start one more TLS process
SAME, PROCESS, TROUBLE, NEWS = b"=", b"+", b"!", b"*"  # from it

_HEAD = struct.Struct("=cQ")
LONGEST = 65536  # bytes of the text of a message; nothing longer is sent whole
_DESCRIPTORS_MOST = 4
_SPACE = _socket.CMSG_SPACE(_DESCRIPTORS_MOST * struct.calcsize("i"))
_FLAGS = _socket.MSG_DONTWAIT | _socket.MSG_CMSG_CLOEXEC
AT_ONCE = 64  # messages that are taken in one turn


class Channel:
    """One end of a channel, which closes descriptors that it has sent."""

    __slots__ = ("_background", "_ended", "_is_finishing", "_queue", "_receive", "_socket")

    def __init__(
        self,
        channel: "_socket.socket",
        background: "Background",
        receive: "Receive",
        ended: "Callable[[], object]",
    ) -> None:
        """Watch a channel.

        Args:
            channel: a socket that preserves messages.
            background: calls back.
            receive: called with the kind of a message, its number, its text, and descriptors, which
                belong to the callee.
            ended: called once when the other side has closed it; it is closed then.
        """
        self._socket, self._background = channel, background
        self._receive, self._ended = receive, ended
        self._is_finishing = False
        self._queue: deque[tuple[bytes, Sequence[int]]] = deque()
        background.watch(channel.fileno(), READABLE, self._turn)

    def is_open(self) -> bool:
        """Return whether it has neither been closed here nor by the other side."""
        return self._socket.fileno() >= 0

    def send(
        self, kind: bytes, number: int = 0, text: bytes = b"", descriptors: "Sequence[int]" = ()
    ) -> None:
        """Send a message, now or when there is room; on a closed channel it is dropped."""
        if not self.is_open():
            _close(descriptors)
            return
        message = packed(kind, text, number)
        if self._queue or not self._send(message, descriptors):
            self._queue.append((message, descriptors))
            self._background.watch(self._socket.fileno(), READABLE | WRITABLE, self._turn)

    def _send(self, message: bytes, descriptors: "Sequence[int]") -> bool:
        """Send a message and close its descriptors; return False if there is no room."""
        try:
            send(self._socket, message, descriptors)
        except BlockingIOError:
            return False
        except OSError:
            pass  # the other side has gone, as we shall see when we read
        _close(descriptors)
        return True

    def _turn(self) -> None:
        while self._queue and self._send(*self._queue[0]):
            self._queue.popleft()
            if not self._queue:
                self._background.watch(self._socket.fileno(), READABLE, self._turn)
                if self._is_finishing:
                    self.finish()
        for _ in range(AT_ONCE):
            if not self.is_open():
                return
            try:
                found = receive(self._socket)
            except BlockingIOError:
                return
            if found is None:
                self.close()
                self._ended()
                return
            self._receive(*found)

    def finish(self) -> None:
        """Say that nothing more is sent, once all is sent; the other side closes it then."""
        self._is_finishing = True
        if self.is_open() and not self._queue:
            try:
                self._socket.shutdown(_socket.SHUT_WR)
            except OSError:
                pass  # the other side has gone

    def close(self) -> None:
        """Close it; what waits here is dropped, and its descriptors are closed."""
        if self.is_open():
            self._background.forget(self._socket.fileno())
            self._socket.close()
        while self._queue:
            _close(self._queue.popleft()[1])


def _close(descriptors: "Sequence[int]") -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def packed(kind: bytes, text: bytes = b"", number: int = 0) -> bytes:
    """Return a message, for `send`."""
    return _HEAD.pack(kind, number) + text[:LONGEST]


def send(channel: "_socket.socket", message: bytes, descriptors: "Sequence[int]" = ()) -> None:
    """Send one message; the descriptors stay open here.

    Raises:
        OSError: there is no room (EAGAIN), or nobody to read it.
    """
    ancillary = []
    if descriptors:
        packed_ones = struct.pack(f"{len(descriptors)}i", *descriptors)
        ancillary.append((_socket.SOL_SOCKET, _socket.SCM_RIGHTS, packed_ones))
    channel.sendmsg([message], ancillary, _socket.MSG_NOSIGNAL)


def receive(channel: "_socket.socket", flags: int = _FLAGS) -> "tuple[bytes, int, bytes, list[int]] | None":
    """Return the next message, as it is handed to `Channel`; None: the other side has closed the channel.

    Where this process has no room for all descriptors of a message, it comes with none of them.

    Raises:
        BlockingIOError: there is none now.
    """
    try:
        message, ancillary, state, _ = channel.recvmsg(_HEAD.size + LONGEST, _SPACE, flags)
    except ConnectionResetError:
        # It was closed while something of ours was unread; what it has sent before comes now.
        message, ancillary, state, _ = channel.recvmsg(_HEAD.size + LONGEST, _SPACE, flags)
    descriptors: list[int] = []
    for level, kind, data in ancillary:
        if (level, kind) == (_socket.SOL_SOCKET, _socket.SCM_RIGHTS):
            descriptors += [number for (number,) in struct.iter_unpack("i", data[: len(data) // 4 * 4])]
    if state & _socket.MSG_CTRUNC:  # one pipe of two would be taken for a socket
        _close(descriptors)
        descriptors = []
    if len(message) < _HEAD.size:
        _close(descriptors)
        return None
    return (*_HEAD.unpack_from(message), message[_HEAD.size :], descriptors)
