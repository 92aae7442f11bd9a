"""The process that moves the bytes of all connections: it begins handshakes, and gets the ends of handlers.

It belongs to one server, whose orders come through a channel.  When the server has ended,
handshakes without a handler are dropped, and connections that have one go on to their end.
"""

import gc
import os
import resource

from ucspi.tcp.background import Background
from ucspi.tls.channel import ABANDON, BEGIN, FAILED, HANDLE, LONGEST, PROVEN, Channel
from ucspi.tls.mover import Mover
from ucspi.unix import native, privilege
from ucspi.unix.processtitle import set_name
from ucspi.unix.rlimits import raise_open_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from ssl import SSLContext

    from ucspi.tls.proven import Proven
    from ucspi.unix.privilege import Identity

NAME = b"tcpserver-tls"  # in ps; the kernel keeps 15 bytes
# Connections whose handler has ended, or that will have none, are kept so that their clients can read
# the last bytes.  Neither --pending nor -c counts them, so beyond this the oldest of a kind is closed.
LEAVING_MOST = 1024


class TlsProcess:
    """All connections of one TLS process, by the numbers that the server gave them."""

    __slots__ = ("_background", "_channel", "_context", "_leaving", "_leaving_most", "_movers", "_unserved")

    def __init__(self, channel: "_socket.socket", context: "SSLContext") -> None:
        """Obey what comes through a channel."""
        self._context = context
        self._background = Background()
        self._movers: dict[int, Mover] = {}
        self._unserved: dict[int, Mover] = {}  # those of them that have no handler
        # Those whose clients have bytes to take, and those that are waited for; the oldest first.
        self._leaving: tuple[dict[int, Mover], dict[int, Mover]] = {}, {}
        self._leaving_most = max(1, min(LEAVING_MOST, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4))
        self._channel = Channel(channel, self._background, self._obey, self._stay)

    def run(self) -> None:
        """Work until the server has ended and no connection is left."""
        while self._channel.is_open() or self._movers:
            self._background.wait()
            self._background.turn()

    def _obey(self, kind: bytes, number: int, text: bytes, descriptors: list[int]) -> None:
        if kind == BEGIN:
            self._begin(number, descriptors)
        elif kind == HANDLE and (mover := self._unserved.pop(number, None)) is not None:
            mover.attach(descriptors, text)
        elif kind == ABANDON and (mover := self._unserved.pop(number, None)) is not None:
            mover.abandon(text)

    def _begin(self, number: int, descriptors: list[int]) -> None:
        if not descriptors:
            self._channel.send(FAILED, number, b"the TLS process has no descriptor left")
            return

        def proved(proven: "Proven | None", reason: bytes) -> None:
            text = b"" if proven is None else proven.pack()
            if proven is not None and len(text) <= LONGEST:
                self._channel.send(PROVEN, number, text)
                return
            mover = self._unserved.pop(number, None)
            if proven is not None and mover is not None:
                mover.abandon()
                reason = b"the client's certificate: it has too many names"
            self._channel.send(FAILED, number, reason)

        def leaving(has_bytes: bool) -> None:
            with_bytes, without = self._leaving
            with_bytes.pop(number, None)
            movers = with_bytes if has_bytes else without
            movers[number] = self._movers[number]
            if len(movers) > self._leaving_most:
                next(iter(movers.values())).close()

        def done() -> None:
            for movers in (self._movers, self._unserved, *self._leaving):
                movers.pop(number, None)

        try:
            mover = Mover(self._background, self._context, descriptors[0], proved, leaving, done)
        except (MemoryError, OSError, ValueError):
            self._channel.send(FAILED, number, b"memory or descriptors have run out")
            return
        self._movers[number] = self._unserved[number] = mover

    def _stay(self) -> None:
        """Go on without the server."""
        for mover in list(self._unserved.values()):
            mover.abandon()
        self._unserved.clear()


def work(channel: "_socket.socket", context: "SSLContext", identity: "Identity | None") -> None:
    """Be the TLS process; to be called in a process of its own, with the rights to take the ids."""
    set_name(NAME)
    os.chdir(b"/")  # the directory of the server may go before its last connection does
    raise_open_files()  # a connection takes three
    if identity is not None:
        privilege.drop_groups(identity)
        privilege.drop_user(identity)
    if native.lib is not None:
        native.lib.usys_forbid_dumps()  # the keys are in our memory, and handlers may have our ids
    gc.freeze()
    channel.setblocking(False)
    TlsProcess(channel, context).run()
