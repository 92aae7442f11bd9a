"""Asking the kernel about connections that other processes have, by sock_diag(7).

A connection is known by its *identity*, 56 bytes, which are taken as long as its
descriptor is open here: the question for exactly this connection.  It has the
socket's cookie, so a later connection between the same ports is another one.

No call waits: the kernel answers before `send` returns (Linux 6.18: the answer is
there for a receive that does not wait, 10,000 times of 10,000).
"""

import _socket
import errno
import os
from _struct import Struct

from ucspi.unix import native

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

COOKIE_AT = 48  # where the cookie, 8 bytes, begins in an identity
_SO_COOKIE, _SO_BINDTOIFINDEX, _SO_NETNS_COOKIE = (
    57,
    62,
    71,
)  # asm-generic/socket.h; Python has no names for them
_NETLINK_SOCK_DIAG = 4  # linux/netlink.h
_BY_FAMILY, _DESTROY = 20, 21  # SOCK_DIAG_BY_FAMILY, SOCK_DESTROY of linux/sock_diag.h
_REQUEST, _ACKNOWLEDGE = 1, 4  # NLM_F_REQUEST, NLM_F_ACK
_ERROR = 2  # NLMSG_ERROR
_ERRNO_END = 4096  # MAX_ERRNO + 1 of the kernel
_HEAD = Struct("=IHHII")  # of a netlink message: length, type, flags, sequence, port
_NUMBER = Struct("=i")
_ATTRIBUTE = Struct("=HH")  # length, type
_INFO = 2  # INET_DIAG_INFO
_ATTRIBUTES_AT = _HEAD.size + 72  # behind a struct inet_diag_msg
_INODE = Struct("=I")
_INODE_AT = _HEAD.size + 68
_COUNTERS = Struct("=QQ")  # tcpi_bytes_acked, tcpi_bytes_received
_COUNTERS_AT = 120  # in struct tcp_info, since Linux 4.1
_ANSWER_MAX = 8192
_ANY_COOKIE = b"\xff" * 8  # INET_DIAG_NOCOOKIE


def identifier() -> "Callable[[int], bytes]":
    """Return a function that returns the identity of a connected socket; it is for one thread.

    Of a UNIX-domain socket only the cookie is good.  The function raises OSError if
    the socket is not connected any more, or the kernel gives no cookies (Linux before 4.12).
    """
    return _identify if native.lib is None else _native_identifier()


def _native_identifier() -> "Callable[[int], bytes]":
    fill, room = native.lib.usys_identify, native.ffi.new("unsigned char[]", native.lib.USYS_IDENTITY_SIZE)
    view = native.ffi.buffer(room)

    def identify(descriptor: int) -> bytes:
        error = fill(descriptor, room)
        if error:
            raise OSError(error, os.strerror(error))
        return bytes(view)

    return identify


def _identify(descriptor: int) -> bytes:
    # The family does not matter for asking.
    connection = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, descriptor)
    try:
        family = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_DOMAIN)
        cookie = connection.getsockopt(_socket.SOL_SOCKET, _SO_COOKIE, len(_ANY_COOKIE))
        interface = _interface(connection)
    finally:
        connection.detach()
    connection = _socket.socket(family, _socket.SOCK_STREAM, 0, descriptor)
    try:
        ours, theirs = connection.getsockname(), connection.getpeername()
    finally:
        connection.detach()
    return _question(family, ours, theirs, interface, cookie)


def _interface(sock: _socket.socket) -> int:
    """Return the interface that a socket is bound to, 0 for none; a bound one is found only with that."""
    try:
        return sock.getsockopt(_socket.SOL_SOCKET, _SO_BINDTOIFINDEX)
    except OSError:
        return 0  # Linux before 5.1


def _question(family: int, ours: object, theirs: object, interface: int, cookie: bytes) -> bytes:
    names = b""
    if isinstance(ours, tuple) and isinstance(theirs, tuple):
        addresses = [_packed(family, name[0]).ljust(16, b"\0") for name in (ours, theirs)]
        names = b"".join(name[1].to_bytes(2, "big") for name in (ours, theirs)) + b"".join(addresses)
    head = bytes((family, _socket.IPPROTO_TCP, 1 << (_INFO - 1), 0)) + b"\xff" * 4  # of any state
    return head + names.ljust(36, b"\0") + _INODE.pack(interface) + cookie


def _packed(family: int, address: str) -> bytes:
    return _socket.inet_pton(family, address.partition("%")[0])


class Seen:
    """What the kernel has said of a connection.

    Attributes:
        is_held: whether some process has it open.
        moved: how many bytes it has received and the other end has acknowledged, together, while it is held.
    """

    __slots__ = ("is_held", "moved")

    def __init__(self, moved: int, *, is_held: bool) -> None:
        self.moved, self.is_held = moved, is_held


class SockDiag:
    """A channel to the kernel, for questions about TCP connections of this network namespace."""

    __slots__ = ("_sequence", "_socket")

    def __init__(self) -> None:
        """Open it.

        Raises:
            OSError: the system has nothing of the kind.
        """
        if not hasattr(_socket, "AF_NETLINK"):
            raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))
        self._socket = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW, _NETLINK_SOCK_DIAG)
        self._socket.setblocking(False)
        self._sequence = 0

    def look(self, identity: bytes) -> Seen | None:
        """Return how a connection is; None: it is no more.

        Raises:
            OSError: the kernel does not say (EPROTO: what it says cannot be understood).
        """
        answer = self._ask(_BY_FAMILY, _REQUEST, identity)
        kind = _HEAD.unpack_from(answer)[1]
        if kind == _ERROR:
            number = _error_of(answer)
            if number == errno.ENOENT:
                return None
            if not number:
                raise _odd()
            raise OSError(number, os.strerror(number))
        if kind != _BY_FAMILY or len(answer) < _ATTRIBUTES_AT:
            raise _odd()
        (inode,) = _INODE.unpack_from(answer, _INODE_AT)
        # What nobody holds may come without its counters, as in TIME_WAIT.
        return Seen(_moved(answer), is_held=True) if inode else Seen(0, is_held=False)

    def destroy(self, identity: bytes) -> None:
        """Reset a connection, whoever has it open.

        Raises:
            OSError: ENOENT: it is no more; EPERM: this needs CAP_NET_ADMIN; EOPNOTSUPP: the kernel cannot.
        """
        answer = self._ask(_DESTROY, _REQUEST | _ACKNOWLEDGE, identity)
        number = _error_of(answer) if _HEAD.unpack_from(answer)[1] == _ERROR else errno.EPROTO
        if number:
            raise OSError(number, os.strerror(number))

    def _ask(self, kind: int, flags: int, question: bytes) -> bytes:
        """Return the one message that answers a question."""
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        head = _HEAD.pack(_HEAD.size + len(question), kind, flags, self._sequence, 0)
        self._socket.send(head + question)
        while True:
            answer, sender = self._socket.recvfrom(_ANSWER_MAX)
            if sender[0] != 0:
                continue  # not the kernel
            if len(answer) < _HEAD.size:
                raise _odd()
            length, _, _, sequence, _ = _HEAD.unpack_from(answer)
            if sequence == self._sequence:
                if not _HEAD.size <= length <= len(answer):
                    raise _odd()
                return answer[:length]

    def knows(self, listener: _socket.socket) -> bool:
        """Return whether the connections of a TCP listener can be asked about."""
        try:
            if listener.getsockopt(_socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8) != self._socket.getsockopt(
                _socket.SOL_SOCKET, _SO_NETNS_COOKIE, 8
            ):
                return False  # it was opened in another network namespace, and passed to us
        except OSError:
            pass  # Linux before 5.14
        listener.getsockopt(_socket.SOL_SOCKET, _SO_COOKIE, len(_ANY_COOKIE))
        interface = _interface(listener)
        nobody = ("::", 0) if listener.family == _socket.AF_INET6 else ("0.0.0.0", 0)
        question = _question(listener.family, listener.getsockname(), nobody, interface, _ANY_COOKIE)
        return self.look(question) is not None

    def close(self) -> None:
        """Close the channel."""
        self._socket.close()


def _odd() -> OSError:
    return OSError(errno.EPROTO, os.strerror(errno.EPROTO))


def _error_of(answer: bytes) -> int:
    if len(answer) < _HEAD.size + _NUMBER.size:
        raise _odd()
    number: int = -_NUMBER.unpack_from(answer, _HEAD.size)[0]
    return number if 0 <= number < _ERRNO_END else errno.EPROTO


def _moved(answer: bytes) -> int:
    """Return the sum of both counters; each only grows, so a byte more of either is seen in it."""
    at = _ATTRIBUTES_AT
    while at + _ATTRIBUTE.size <= len(answer):
        length, kind = _ATTRIBUTE.unpack_from(answer, at)
        if length < _ATTRIBUTE.size or at + length > len(answer):
            break
        begin = at + _ATTRIBUTE.size + _COUNTERS_AT
        if kind == _INFO and begin + _COUNTERS.size <= at + length:
            acknowledged, received = _COUNTERS.unpack_from(answer, begin)
            return int(acknowledged + received)
        at += (length + 3) & ~3
    raise _odd()
