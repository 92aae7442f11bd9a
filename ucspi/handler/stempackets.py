"""Receiving the packets of a server, with their descriptors."""

import _socket
import os
from stat import S_ISSOCK

from ucspi.unix import fds, stemchannel

_ROOM = _socket.CMSG_SPACE(fds.SIZE)


def channel_of(value: bytes) -> "tuple[_socket.socket, int] | None":
    """Return the channel that `stemchannel.VARIABLE` names, and the descriptor of the cells.

    None: they are not there.  The variable may have come from anywhere.
    """
    try:
        number, cells = stemchannel.placed(value)
        os.fstat(cells)
        if not S_ISSOCK(os.fstat(number).st_mode):
            return None
        channel = _socket.socket(fileno=number)
    except (OSError, OverflowError, ValueError):
        return None
    if channel.type != _socket.SOCK_SEQPACKET:
        channel.detach()
        return None
    os.set_inheritable(number, False)
    os.set_inheritable(cells, False)
    return channel, cells


class Receiver:
    """The server's packets, one after another."""

    def __init__(self, channel: "_socket.socket", *, looks: bool) -> None:
        """Take a channel.

        Args:
            channel: a pair's end.
            looks: packets are only looked at; `drop` takes one out.
        """
        self.channel = channel
        self._flags = _socket.MSG_CMSG_CLOEXEC | (_socket.MSG_PEEK if looks else 0)
        self._buffer = bytearray(stemchannel.PACKET_MAX)

    def receive(self, *, waits: bool = True) -> "tuple[stemchannel.Packet, int] | None":
        """Wait for a packet; return its parts and its descriptor, -1 for none; None at the end.

        Raises:
            BlockingIOError: there is none, and it shall not be waited for.
            ValueError: it is no packet.
        """
        flags = self._flags if waits else self._flags | _socket.MSG_DONTWAIT
        size, control, _, _ = self.channel.recvmsg_into([self._buffer], _ROOM, flags)
        descriptor = fds.received(control)
        if not size:
            return None
        return stemchannel.unpack(bytes(memoryview(self._buffer)[:size])), descriptor
