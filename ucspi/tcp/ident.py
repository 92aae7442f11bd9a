"""Asking a client's host who the client is (ident, RFC 1413).

The answer is the client's claim and nothing more; it may hold any byte but NUL.
"""

import _socket
import time

PORT = 113
LONGEST = 86400.0  # seconds; a socket cannot be told every number that an option can
NAME_MAX = 257  # bytes that the original keeps
_BLANKS = b" \t\r"


class Answer:
    """The user name in a reply, read as it arrives and bounded whatever arrives.

    The name is everything after the third ``:`` up to LF; blanks, tabs and CRs
    are dropped wherever they stand, and a NUL ends it.  An ``ERROR`` reply has
    only two ``:`` and so gives an empty name, which is not the same as none.

    Source: observed from the original.
    """

    __slots__ = ("_colons", "_kept")

    def __init__(self) -> None:
        """Start with nothing read."""
        self._colons, self._kept = 0, b""

    def feed(self, block: bytes) -> bytes | None:
        """Take the next bytes of the reply; return the name once the line is complete."""
        line, newline, _ = block.partition(b"\n")
        if self._colons < 3:
            fields = line.split(b":", 3 - self._colons)
            self._colons += len(fields) - 1
            line = fields[-1] if self._colons == 3 else b""
        self._kept = (self._kept + line.translate(None, _BLANKS))[:NAME_MAX]
        return self._kept.partition(b"\0")[0] if newline else None


def ask(local: tuple[bytes, int], remote: tuple[bytes, int], timeout: float) -> bytes | None:
    """Ask the remote host who owns a connection; None when nobody says.

    Blocks; the look-up threads call it.

    Args:
        local: our address and port of that connection.
        remote: the client's address and port.
        timeout: seconds to connect, and again for question and answer.
    """
    if timeout <= 0:
        return None
    timeout = min(timeout, LONGEST)
    sock = _socket.socket(_socket.AF_INET6 if b":" in remote[0] else _socket.AF_INET, _socket.SOCK_STREAM)
    try:
        sock.bind((local[0].decode(), 0))
        sock.settimeout(timeout)
        sock.connect((remote[0].decode(), PORT))
        deadline = time.monotonic() + timeout
        sock.sendall(b"%d , %d\r\n" % (remote[1], local[1]))
        return _read_answer(sock, deadline)
    except OSError:
        return None
    finally:
        sock.close()


def _read_answer(sock: _socket.socket, deadline: float) -> bytes | None:
    answer = Answer()
    while (remaining := deadline - time.monotonic()) > 0:
        sock.settimeout(remaining)
        block = sock.recv(512)
        if not block:
            return None
        name = answer.feed(block)
        if name is not None:
            return name
    return None
