"""The client's end of one connection: its socket, and the TLS on it."""

import _socket
import errno
import fcntl
import struct
import termios
import time

from ucspi.tls.session import BLOCK, Session, TlsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ssl import SSLContext

    from ucspi.tls.proven import Proven

AGAIN = (errno.EAGAIN, errno.EINTR)


class ClientEnd:
    """The client, with plain bytes on our side.

    Attributes:
        has_ended: no more plain bytes will come.
        is_lost: it takes nothing more.
        sent_at: when it last took something, in monotonic seconds.
    """

    __slots__ = ("_is_shut", "_session", "_socket", "_unsent", "has_ended", "is_lost", "sent_at")

    def __init__(self, context: "SSLContext", descriptor: int) -> None:
        """Own a connection."""
        # The family does not matter for what is done here.
        self._socket = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, descriptor)
        self._socket.setblocking(False)
        try:
            # Tickets, a greeting and an answer are small, and none may wait until another is acknowledged.
            self._socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        except OSError:
            pass  # a socket of the UNIX domain
        self._session = Session(context)
        self._unsent = memoryview(b"")
        self.has_ended = self.is_lost = self._is_shut = False
        self.sent_at = 0.0

    def fileno(self) -> int:
        """Return the descriptor; -1 once it is closed."""
        return self._socket.fileno()

    def waiting(self) -> int:
        """Return how many bytes wait to be sent."""
        return self._session.waiting() + len(self._unsent)

    def shake(self) -> bool:
        """Go on with the handshake as far as what has come allows; return whether it is complete.

        Raises:
            TlsError: it has failed; ``args[0]`` is the reason.
        """
        self.flush()
        try:
            block = self._socket.recv(BLOCK)
        except OSError as error:
            if error.errno in AGAIN:
                return False
            raise TlsError(_network_error(error)) from None
        if not block:
            raise TlsError(b"the client has closed the connection")
        self._session.feed(block)
        try:
            return self._session.shake()
        finally:
            self.flush()  # an answer, or an alert

    def proven(self) -> "Proven":
        """Return what the handshake has proved."""
        return self._session.proven()

    def receive(self) -> int:
        """Read from the network; return how many bytes came: 0 for none now, or at the end."""
        try:
            block = self._socket.recv(BLOCK)
        except OSError as error:
            if error.errno not in AGAIN:
                self.has_ended = True
                self.lose()
            return 0
        if not block:
            self.has_ended = True  # without close_notify: many clients end so
            return 0
        self._session.feed(block)
        return len(block)

    def read(self) -> bytes:
        """Return plain bytes of what was received; empty: there are none, or no more will come."""
        try:
            block = self._session.read()
        except TlsError:
            self.has_ended = True
            self.flush()  # an alert
            self.lose()
            return b""
        self.has_ended |= self._session.has_ended
        return block

    def write(self, block: bytes) -> None:
        """Encrypt plain bytes, to be sent by `flush`."""
        try:
            self._session.write(block)
        except TlsError:
            self.lose()

    def flush(self) -> bool:
        """Send what waits; return whether all of it was sent, or nobody takes it."""
        while self._unsent or self._session.waiting():
            if not self._unsent:
                self._unsent = memoryview(self._session.take())
            try:
                count = self._socket.send(self._unsent, _socket.MSG_NOSIGNAL)
            except OSError as error:
                if error.errno in AGAIN:
                    return False
                self.lose()
                break
            self._unsent = self._unsent[count:]
            self.sent_at = time.monotonic()
        return True

    def lose(self) -> None:
        """Note that it takes nothing more."""
        self.is_lost = self._session.has_closed = True
        self._unsent = memoryview(b"")
        while self._session.take():
            pass

    def unread(self) -> int:
        """Return how many bytes of the network are here and were not received."""
        size: int
        (size,) = struct.unpack("i", fcntl.ioctl(self._socket, termios.FIONREAD, bytes(4)))
        return size

    def say_end(self) -> None:
        """Send close_notify, once; what was received and not read is dropped."""
        if self._session.has_closed:
            return
        while self.read():
            pass
        self._session.close()

    def has_said_end(self) -> bool:
        """Return whether nothing more can be written."""
        return self._session.has_closed

    def shut(self) -> None:
        """Have the client find the end of the connection, behind what was sent."""
        if not self._is_shut:
            self._is_shut = True
            try:
                self._socket.shutdown(_socket.SHUT_WR)
            except OSError:
                pass  # the client has gone

    def drop(self, rounds: int) -> bool:
        """Receive and drop what comes; return False when there is no more to come."""
        for _ in range(rounds):
            try:
                if not self._socket.recv(BLOCK):
                    return False
            except OSError as error:
                return error.errno in AGAIN
        return True

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


def _network_error(error: OSError) -> bytes:
    return b"connection reset" if error.errno == errno.ECONNRESET else b"network error"
