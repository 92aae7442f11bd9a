"""The listening sockets of a service, which its supervisor keeps while ``run`` comes and goes.

Clients that connect while nobody runs wait in the backlog.  The sockets close with the
supervisor.  Whoever runs then may still hold them; they are opened anew before the next start.

What opens or closes them may wait for a disk (the path of a UNIX-domain socket), so it is
done aside, in a thread.  It is never done by two at once.
"""

import _socket
import os
from select import poll
from time import monotonic

from ucspi.service.socketplaces import FIRST
from ucspi.unix.errtext import explain
from ucspi.unix.unixdomain import SocketFile, listen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Final

    from ucspi.service.handedon import HandedOn
    from ucspi.service.socketplaces import SocketPlace

BACKLOG: "Final" = 4096  # the system lowers it to what it allows (net.core.somaxconn)
AGAIN: "Final" = 60.0  # seconds after which the same complaint is made again
PID: "Final" = b"LISTEN_PID="
_VARIABLES = frozenset((b"LISTEN_FDS", b"LISTEN_PID", b"LISTEN_FDNAMES", b"LISTEN_PIDFDID"))


class OpenSocket:
    """One of them; ``file`` is that of a UNIX-domain socket."""

    __slots__ = ("file", "place", "socket")

    def __init__(self, place: "SocketPlace", socket: _socket.socket, file: SocketFile | None) -> None:
        self.place, self.socket, self.file = place, socket, file

    def is_dead(self) -> bool:
        """Return whether somebody has ended it by shutdown(2): nobody can connect any more."""
        poller = poll()
        poller.register(self.socket.fileno(), 0)
        return bool(poller.poll(0))  # POLLHUP, which a listening socket never has

    def close(self) -> None:
        """Close it, and remove its file."""
        if self.file:
            self.file.remove()
        self.socket.close()


def open_socket(place: "SocketPlace") -> OpenSocket:
    """Bind a socket to a place and listen.

    Raises:
        OSError: that failed, or the interface in the address is not there; nothing is left open.
    """
    if place.path:
        return _open_unix(place)
    is_ip6 = b":" in place.host
    socket = _socket.socket(_socket.AF_INET6 if is_ip6 else _socket.AF_INET, _socket.SOCK_STREAM)
    try:
        socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
        if is_ip6:
            socket.setsockopt(_socket.IPPROTO_IPV6, _socket.IPV6_V6ONLY, place.host != b"::")
        host, _, scope = place.host.decode("ascii").partition("%")
        socket.bind((host, place.port, 0, _scope(scope)) if is_ip6 else (host, place.port))
        socket.listen(BACKLOG)
    except BaseException:
        socket.close()
        raise
    return OpenSocket(place, socket, None)


def _scope(name: str) -> int:
    return int(name) if name.isdigit() else _socket.if_nametoindex(name) if name else 0


def _open_unix(place: "SocketPlace") -> OpenSocket:
    socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        if place.mode is not None:
            # The file gets this less the umask, which other threads use.
            os.fchmod(socket.fileno(), place.mode)
        file = listen(socket, place.path, None, BACKLOG)
        if place.mode is not None:
            _widen(file, place.mode)
    except BaseException:
        socket.close()
        raise
    return OpenSocket(place, socket, file)


def _widen(file: SocketFile, mode: int) -> None:
    """Give a file what the umask took, unless another has taken its place."""
    held = os.open(file.path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        if file.is_ours(os.fstat(held)):
            os.chmod(b"/proc/self/fd/%d" % held, mode)
    finally:
        os.close(held)


class ListenSockets:
    """The sockets of one service."""

    __slots__ = ("_complaint", "_dead", "_is_closed", "_name", "_open", "_said", "_warn")

    def __init__(self, name: bytes, warn: "Callable[[bytes], object]") -> None:
        """Have none yet.

        Args:
            name: of the directory, for messages.
            warn: prints a warning.
        """
        self._name, self._warn = name, warn
        self._open: dict[tuple[object, ...], OpenSocket] = {}
        self._dead: list[OpenSocket] = []  # to be closed
        self._is_closed = False
        self._complaint, self._said = b"", 0.0

    def are(self, places: "Sequence[SocketPlace]") -> bool:
        """Return whether they are those of some places, no more and no less."""
        return self._open.keys() == {place.key for place in places}

    def numbers(self) -> list[int]:
        """Return their descriptors."""
        return [one.socket.fileno() for one in self._open.values()]

    def tend(self) -> None:
        """Set right what the last run has done to them; what it has ended is missing afterwards.

        Its calls are those of all who hold the socket.  Servers often ask for a short backlog.
        """
        for key, one in list(self._open.items()):
            if one.is_dead():
                self._dead.append(self._open.pop(key))
                text = b"%s/sockets: %s was shut down by the service; it is opened anew"
                self._warn(text % (self._name, one.place.text()))
            else:
                one.socket.listen(BACKLOG)

    def become(self, places: "Sequence[SocketPlace]") -> None:
        """Close those that are elsewhere, and open what is missing; this may wait for the disk.

        What cannot be opened is a warning, and is missing afterwards.
        """
        wanted = {place.key for place in places}
        while self._dead:
            self._dead.pop().close()
        for key in [key for key in self._open if key not in wanted]:
            self._open.pop(key).close()
        for place in places:
            if place.key in self._open:
                continue
            try:
                self._open[place.key] = open_socket(place)
            except (OSError, OverflowError) as error:
                self._complain(place, explain(error) if isinstance(error, OSError) else b"no such interface")
                return
            if self._is_closed:  # meanwhile, by another thread
                self.close()
                return
        self._complaint = b""

    def _complain(self, place: "SocketPlace", reason: bytes) -> None:
        text = b"%s/sockets: unable to listen on %s: %s; trying again" % (self._name, place.text(), reason)
        if text != self._complaint or monotonic() - self._said > AGAIN:
            self._complaint, self._said = text, monotonic()
            self._warn(text)

    def hand_on(self, places: "Sequence[SocketPlace]", given: "HandedOn") -> None:
        """Give them to ``run``, in the order of the places, which are all open.

        Source: sd_listen_fds(3).
        """
        if not places:
            return
        for number, place in enumerate(places, FIRST):
            socket = self._open[place.key].socket
            os.set_blocking(socket.fileno(), True)  # the last run may have changed it; it is not ours alone
            given.put(socket.fileno(), number)
        names = b":".join(place.name for place in places)
        given.replace(_VARIABLES, [b"LISTEN_FDS=%d" % len(places), b"LISTEN_FDNAMES=" + names])
        given.pid_variable = PID

    def close(self) -> None:
        """Close all of them, now and in future."""
        self._is_closed = True
        while self._open:
            self._open.popitem()[1].close()
        while self._dead:
            self._dead.pop().close()
