"""One accepted connection: its descriptor, and what is known of both ends."""

import _socket
import errno

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tcp.settings import Settings


class PrepareError(Exception):
    """A client must be dropped before it is judged: ``step`` failed because of ``error``."""

    def __init__(self, step: bytes, error: OSError) -> None:
        """Note the original's word for the step, and the error."""
        super().__init__(step, error)
        self.step, self.error = step, error


class Connection:
    """One accepted connection.  Names are None when unknown or not asked for.

    Owns its descriptor until `release` or `close`.
    """

    __slots__ = (
        "local_host",
        "local_ip",
        "local_port",
        "remote_host",
        "remote_info",
        "remote_ip",
        "remote_port",
        "socket",
        "waiting",
    )

    def __init__(self, descriptor: int, peer: tuple[str, int], local_port: int) -> None:
        """Own what ``accept`` returned; `prepare` finds the rest."""
        self.socket = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM, 0, descriptor)
        self.local_ip = b""
        self.local_port = local_port
        self.remote_ip: bytes = peer[0].encode()
        self.remote_port: int = peer[1]
        self.local_host: bytes | None = None
        self.remote_host: bytes | None = None
        self.remote_info: bytes | None = None
        self.waiting = 0  # look-ups not yet answered

    def prepare(self, settings: "Settings") -> None:
        """Set the socket's options, send the banner and find the local address; never waits.

        Raises:
            PrepareError: the client cannot be served.
        """
        if settings.clear_ip_options:
            self._clear_ip_options()
        step = b"unable to set TCP_NODELAY"
        try:
            if settings.no_delay:
                self.socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            step = b"unable to print banner"
            if settings.banner:
                self._print_banner(settings.banner)
            step = b"unable to get local address"
            self.local_ip = self.socket.getsockname()[0].encode()
        except OSError as error:
            raise PrepareError(step, error) from error

    def _clear_ip_options(self) -> None:
        """Remove IP options such as a source route; where there are none it is no error."""
        try:
            self.socket.setsockopt(_socket.IPPROTO_IP, _socket.IP_OPTIONS, b"")
        except OSError:
            pass

    def _print_banner(self, banner: bytes) -> None:
        """Send the banner without waiting for the client to read."""
        sent = self.socket.send(banner, _socket.MSG_DONTWAIT | _socket.MSG_NOSIGNAL)
        if sent < len(banner):
            raise BlockingIOError(errno.EAGAIN, "the client does not read")

    def release(self) -> int:
        """Give the descriptor away; the caller owns it now."""
        return self.socket.detach()

    def close(self) -> None:
        """Cut the client off."""
        self.socket.close()
