"""The keeper: a small process with the server's first rights.  It reads certificates and forks TLS processes.

It reads nothing but the files that the command line names, and talks to nobody but its
server.  A TLS process is forked from it when its contexts are made, so all of them open
each other's tickets, and none has to read a file.  When the files have changed it makes
new contexts, and new TLS processes; the old ones go on until their connections end.
If what it finds then is not sound, all stays as it was.
"""

import gc
from time import monotonic

from ucspi.errors import CertificateError
from ucspi.tls.channel import LOOK, NEWS, PROCESS, SAME, TROUBLE, packed, receive, send
from ucspi.unix.errtext import describe
from ucspi.unix.helperprocess import Helper
from ucspi.unix.processtitle import set_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

    from ucspi.tls.certificates import Certificates
    from ucspi.tls.choices import TlsChoices

AGAIN = 10.0  # seconds until files that could not be used are read again, even if they have not changed
NAME = b"tcpserver-keys"  # in ps; the kernel keeps 15 bytes


class Keeper:
    """What the keeper has: contexts, and how the files were that they are of."""

    __slots__ = ("_again", "_certificates", "_channel", "_choices", "_generation", "_seen")

    def __init__(self, channel: "_socket.socket", choices: "TlsChoices") -> None:
        self._channel, self._choices = channel, choices
        self._certificates: Certificates | None = None
        self._seen: object = None
        self._again: float | None = None  # when to read again what could not be used; None: all is used
        self._generation = 0

    def run(self) -> None:
        """Read all, start the first processes, and obey until the server has ended."""
        trouble = self._read()
        if trouble:
            self._tell(TROUBLE, trouble)
            return
        self._start_all()
        self._tell(SAME)
        while (order := receive(self._channel, 0)) is not None:
            if order[0] == LOOK:
                self._look()
            else:
                self._start()
                self._tell(SAME)

    def _tell(self, kind: bytes, text: bytes = b"") -> None:
        """Send an answer; a file's name cannot end the line that it becomes a part of."""
        line = bytes(byte if 32 <= byte != 127 else 63 for byte in text)
        send(self._channel, packed(kind, line, self._generation))

    def _look(self) -> None:
        """Read the files again if they have changed; all goes on as before if they are not sound."""
        from ucspi.tls.certificates import seen

        is_due = self._again is not None and monotonic() >= self._again
        if is_due or seen(self._choices) != self._seen:
            trouble = self._read()
            if trouble:
                self._tell(NEWS, trouble + b"; the certificates from before are used")
            else:
                self._start_all()
        self._tell(SAME)

    def _read(self) -> bytes:
        """Read all files; return why they cannot be used, or nothing."""
        from ucspi.tls.certificates import Certificates, seen

        self._seen = seen(self._choices)  # before they are read: what changes meanwhile is another state
        try:
            self._certificates = Certificates(self._choices)
        except CertificateError as error:
            self._again = monotonic() + AGAIN
            return error.reason
        self._generation += 1
        self._again = None
        return b""

    def _start_all(self) -> None:
        """Start all processes; if none can be started, the files are to be read again."""
        if not sum(self._start() for _ in range(self._choices.processes)):
            self._again = monotonic() + AGAIN

    def _start(self) -> bool:
        """Fork a TLS process, and give the server its channel; return whether that was possible."""
        from ucspi.tls.process import work

        assert self._certificates is not None, "it was read first"
        context, identity = self._certificates.context, self._choices.identity
        try:
            helper = Helper(lambda channel: work(channel, context, identity))
        except OSError as error:
            self._tell(NEWS, b"unable to start a TLS process: " + describe(error.errno))
            return False
        channel = helper.detach()
        try:
            send(self._channel, packed(PROCESS, b"", self._generation), (channel.fileno(),))
        finally:
            channel.close()
        return True


def keep(channel: "_socket.socket", choices: "TlsChoices") -> None:
    """Be the keeper; to be called in a process of its own."""
    set_name(NAME)
    try:
        import ssl  # noqa: F401

        import ucspi.tls.certificates
        import ucspi.tls.process  # noqa: F401
    except ImportError:
        text = b"this Python was built without OpenSSL (it has no module ssl)"
        send(channel, packed(TROUBLE, text))
        return
    from _signal import SIG_IGN, SIGCHLD, signal

    signal(SIGCHLD, SIG_IGN)  # so that TLS processes leave nothing behind
    gc.freeze()
    Keeper(channel, choices).run()
