"""Ident queries (RFC 1413): which user owns a connection, as the other host says.

The answer is not to be trusted.  It may contain any byte but NUL.  Each query
is one non-blocking socket, so thousands can wait at once.
"""

import _socket
import errno
import time

from ucspi.tcp.background import READABLE, WRITABLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.tcp.background import Background

    Deliver = Callable[[bytes | None], object]
    Fail = Callable[[MemoryError], object]

PORT = 113
LONGEST = 86400.0  # seconds; a longer time limit is cut to this
NAME_MAX = 257  # bytes; after so many the original stops reading
REPLY_MAX = 8192  # bytes of a reply; the original has no limit but time
_BLOCK = 1024
_BLANKS = b" \t\r"


class ReplyParser:
    """Finds the user name in a reply that arrives in pieces; its memory is bounded.

    The name is everything after the third ``:`` up to LF.  Spaces, tabs and CRs
    in it are dropped, and a NUL ends it.  An ``ERROR`` reply has only two ``:``,
    so its name is empty, which is not the same as no name.  A name of `NAME_MAX`
    bytes is complete without LF.

    Source: observed from the original.
    """

    __slots__ = ("_colons", "_kept", "_read")

    def __init__(self) -> None:
        self._colons, self._kept, self._read = 0, b"", 0

    @property
    def is_hopeless(self) -> bool:
        """Whether the reply is too long to wait for its name."""
        return self._read >= REPLY_MAX

    def feed(self, block: bytes) -> bytes | None:
        """Take the next bytes of the reply; return the name when it is complete, else None."""
        self._read += len(block)
        line, newline, _ = block.partition(b"\n")
        if self._colons < 3:
            fields = line.split(b":", 3 - self._colons)
            self._colons += len(fields) - 1
            line = fields[-1] if self._colons == 3 else b""
        self._kept = (self._kept + line.translate(None, _BLANKS))[:NAME_MAX]
        return self._kept.partition(b"\0")[0] if newline or len(self._kept) == NAME_MAX else None


def query(
    background: "Background",
    local: tuple[bytes, int],
    remote: tuple[bytes, int],
    scope: int,
    timeout: float,
    deliver: "Deliver",
    fail: "Fail",
) -> None:
    """Ask the remote host which user owns a connection.

    Args:
        background: makes the calls below, in its turns.
        local: our address and port of that connection.
        remote: the address and port of the other end.
        scope: index of the interface of a link-local address, or 0.
        timeout: seconds to connect, and again for the reply.
        deliver: called once with the name, None when there is no answer.
        fail: called instead when memory runs out.

    Raises:
        MemoryError: no query was started; neither function will be called.
    """
    pending = _Query(background, min(max(timeout, 0.0), LONGEST), deliver, fail)
    try:
        pending.begin(local, remote, scope)
    except OSError:
        pending.give_up_soon()
    except BaseException:
        pending.close()
        raise


class _Query:
    """One query that waits for its connection or its reply."""

    __slots__ = ("_alarm", "_background", "_deliver", "_fail", "_reply", "_socket", "_text", "_timeout")

    def __init__(self, background: "Background", timeout: float, deliver: "Deliver", fail: "Fail") -> None:
        self._background, self._timeout = background, timeout
        self._deliver, self._fail = deliver, fail
        self._reply, self._text = ReplyParser(), b""
        self._socket: _socket.socket | None = None
        self._alarm = background.at(time.monotonic() + timeout, self._give_up)

    def begin(self, local: tuple[bytes, int], remote: tuple[bytes, int], scope: int) -> None:
        """Start to connect, from the local address of the connection."""
        self._text = b"%d , %d\r\n" % (remote[1], local[1])
        is_ip6 = b":" in remote[0]
        self._socket = _socket.socket(_socket.AF_INET6 if is_ip6 else _socket.AF_INET, _socket.SOCK_STREAM)
        self._socket.setblocking(False)
        tail = (0, scope) if is_ip6 else ()
        self._socket.bind((local[0].decode(), 0, *tail))
        number = self._socket.connect_ex((remote[0].decode(), PORT, *tail))
        if number not in (0, errno.EINPROGRESS):
            raise OSError(number, "")
        self._background.watch(self._socket.fileno(), WRITABLE, self._send)

    def give_up_soon(self) -> None:
        """Deliver None in the next turn."""
        self.close()
        self._alarm = self._background.at(0.0, self._give_up)

    def _send(self) -> None:
        """Send the query, now that connecting has succeeded or failed; it always fits the buffer."""
        assert self._socket is not None
        try:
            number = self._socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
            if number:
                raise OSError(number, "")
            self._alarm.cancel()
            self._alarm = self._background.at(time.monotonic() + self._timeout, self._give_up)
            self._socket.send(self._text, _socket.MSG_NOSIGNAL)
            self._background.watch(self._socket.fileno(), READABLE, self._receive)
        except OSError:
            self._give_up()
        except MemoryError as error:
            self.close()
            self._fail(error)

    def _receive(self) -> None:
        assert self._socket is not None
        try:
            block = self._socket.recv(_BLOCK)
            name = self._reply.feed(block)
        except BlockingIOError:
            return
        except OSError:
            self._give_up()
        except MemoryError as error:
            self.close()
            self._fail(error)
        else:
            if name is not None or not block or self._reply.is_hopeless:
                self._end(name)

    def _give_up(self) -> None:
        self._end(None)

    def _end(self, name: bytes | None) -> None:
        self.close()
        self._deliver(name)

    def close(self) -> None:
        """Release the socket and the alarm; deliver nothing."""
        self._alarm.cancel()
        if self._socket is not None:
            self._background.forget(self._socket.fileno())
            self._socket.close()
            self._socket = None
