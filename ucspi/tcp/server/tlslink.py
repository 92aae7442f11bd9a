"""The server's side of its TLS processes: starting the keeper, and which process gets the next connection.

The keeper starts processes (`ucspi.tls.keeper`); a new generation of them takes the place
of the one before when certificates have changed.  Whether they have, the keeper looks
when a client comes, once a second at most, and the client waits for that for a tenth of
a second.
"""

import _socket
import time

from ucspi.errors import CertificateError
from ucspi.tls.channel import (
    BEGIN,
    FAILED,
    LOOK,
    MORE,
    NEWS,
    PROCESS,
    PROVEN,
    SAME,
    TROUBLE,
    Channel,
    receive,
)
from ucspi.tls.proven import unpack
from ucspi.unix.helperprocess import Helper

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.tcp.background import Background
    from ucspi.tcp.report.protocol import Report
    from ucspi.tls.choices import TlsChoices
    from ucspi.tls.proven import Proven

    Answer = Callable[[Proven | None, bytes], object]

LOOK_AGAIN = 1.0  # seconds in which the files are looked at once
PATIENCE = 0.1  # seconds that a client waits for that
LATE = 1.0  # seconds after which a line tells of it
REST = 1.0  # seconds between two processes that are started because others have died
DIED = b"the TLS process has died"


class StartedKeeper:
    """A keeper that has read all certificates, and the TLS processes that it has started.

    Attributes:
        channel: to the keeper.
        processes: channels to the processes, and their generation.
    """

    __slots__ = ("channel", "processes")

    def __init__(self, choices: "TlsChoices") -> None:
        """Start it with our rights, and wait until it has read all.

        Raises:
            CertificateError: it cannot use a file, or nothing at all.
            OSError: no process can be made.
        """
        from ucspi.tls.keeper import keep

        self.processes: list[tuple[_socket.socket, int]] = []
        helper = Helper(lambda channel: keep(channel, choices))
        self.channel = helper.detach()
        self.channel.setblocking(True)
        while True:
            answer = receive(self.channel, _socket.MSG_CMSG_CLOEXEC)
            if answer is None:
                raise CertificateError(b"the process that reads the certificates has died")
            kind, generation, text, descriptors = answer
            if kind in (TROUBLE, NEWS):
                raise CertificateError(text)
            if kind == SAME:
                break
            for descriptor in descriptors:
                self.processes.append((_socket.socket(fileno=descriptor), generation))
        self.channel.setblocking(False)


class TlsLink:
    """One TLS process.

    Attributes:
        generation: of its certificates; larger ones are newer.
        answers: what to call for those of its connections that have no handler, by their numbers.
    """

    __slots__ = ("_processes", "answers", "channel", "generation", "is_retired")

    def __init__(
        self, channel: "_socket.socket", generation: int, background: "Background", processes: "TlsProcesses"
    ) -> None:
        self.generation, self.is_retired = generation, False
        self.answers: dict[int, Answer] = {}
        self._processes = processes
        self.channel = Channel(channel, background, self._hear, self._end)

    def _hear(self, kind: bytes, number: int, text: bytes, descriptors: list[int]) -> None:
        answer = self.answers.get(number)
        if answer is None:
            return  # it was abandoned meanwhile
        if kind == PROVEN:
            try:
                answer(unpack(text), b"")
            except ValueError:
                self.channel.close()
                self._end()
        elif kind == FAILED:
            self.forget(number)
            answer(None, text)

    def forget(self, number: int) -> None:
        """Expect no answer for a connection any more: it has ended, or has a handler."""
        self.answers.pop(number, None)
        self.retire_if_idle()

    def retire_if_idle(self) -> None:
        """If newer ones have taken its place, let it go on alone, once nothing is to be said."""
        if self.is_retired and not self.answers:
            self.channel.finish()

    def _end(self) -> None:
        lost, self.answers = list(self.answers.values()), {}
        self._processes.bury(self)
        for answer in lost:
            answer(None, DIED)


class TlsProcesses:
    """The TLS processes of a server that may still get connections or have to answer for some."""

    __slots__ = (
        *("_background", "_held", "_is_looking", "_is_starting", "_keeper", "_links", "_most"),
        *("_next_look", "_next_start", "_patience", "_report", "_said", "_sequence", "_turn"),
    )

    def __init__(self, keeper: StartedKeeper, background: "Background", report: "Report") -> None:
        """Take over what was started."""
        self._background, self._report = background, report
        self._sequence = self._turn = 0
        self._links: list[TlsLink] = []
        self._held: list[tuple[int, Callable[[TlsLink], object]]] = []
        self._keeper = Channel(keeper.channel, background, self._hear_keeper, self._lose_keeper)
        for channel, generation in keeper.processes:
            self._add(channel, generation)
        self._most = len(self._links)
        self._is_looking, self._patience, self._is_starting = False, False, False
        self._said = b""  # the last trouble of the keeper, which is told once
        self._next_look = time.monotonic() + LOOK_AGAIN
        self._next_start = 0.0

    def new_number(self) -> int:
        """Return a number for a connection."""
        self._sequence += 1
        return self._sequence

    def give(self, number: int, ready: "Callable[[TlsLink], object]") -> None:
        """Find the process for a connection, now or when there is one.

        Args:
            number: of the connection; see `take_back`.
            ready: called with the process, unless the connection was taken back before.
        """
        self._look_if_due()
        link = None if self._patience else self._choose()
        if link is None:
            self._held.append((number, ready))
        else:
            ready(link)

    def take_back(self, number: int) -> None:
        """Forget a connection that was given, if it still waits for a process."""
        self._held = [entry for entry in self._held if entry[0] != number]

    def can_start(self) -> bool:
        """Return whether there is, or can be, a process."""
        return bool(self._links) or self._keeper.is_open()

    def _choose(self) -> TlsLink | None:
        links = [link for link in self._links if not link.is_retired]
        if not links:
            return None
        self._turn += 1
        return links[self._turn % len(links)]

    def _look_if_due(self) -> None:
        now = time.monotonic()
        if now < self._next_look or self._is_looking or not self._keeper.is_open():
            return
        self._is_looking = self._patience = True
        self._next_look = now + LOOK_AGAIN
        self._keeper.send(LOOK)
        self._background.at(now + PATIENCE, self._go_on)
        self._background.at(now + LATE, self._tell_if_late)

    def _tell_if_late(self) -> None:
        if self._is_looking and time.monotonic() >= self._next_look:
            self._report.warn(b"looking at the certificates takes long; those from before are used")

    def _go_on(self) -> None:
        """Wait no longer for the keeper."""
        self._patience = False
        held, self._held = self._held, []
        for number, ready in held:
            link = self._choose()
            if link is None:
                self._held.append((number, ready))
            else:
                ready(link)

    def _add(self, channel: "_socket.socket", generation: int) -> None:
        self._links.append(TlsLink(channel, generation, self._background, self))
        for link in list(self._links):
            if link.generation < generation:
                link.is_retired = True
                link.retire_if_idle()

    def _hear_keeper(self, kind: bytes, number: int, text: bytes, descriptors: list[int]) -> None:
        for descriptor in descriptors:
            channel = _socket.socket(fileno=descriptor)
            channel.setblocking(False)
            self._add(channel, number)
        if kind in (NEWS, TROUBLE):
            if text != self._said:
                self._report.warn(text)
            self._said = text
        elif kind == SAME:
            self._is_looking = False
            self._start_missing()
        elif descriptors:
            self._said = b""
        if kind in (SAME, PROCESS):
            self._go_on()

    def _lose_keeper(self) -> None:
        self._is_looking = False
        self._report.warn(b"the process that reads the certificates has died; they stay as they are")
        self._go_on()

    def bury(self, link: TlsLink) -> None:
        """Note that a process has gone; start another if it was needed."""
        self._links.remove(link)
        if link.is_retired:
            return
        if not self._keeper.is_open():
            self._report.warn(DIED + b", and nobody can start another; restart the server")
            return
        self._report.warn(DIED + b"; its connections have ended, and another is started")
        self._start_missing()

    def _start_missing(self) -> None:
        """Have one more process started if there are too few; the keeper's answer leads here again."""
        serving = sum(not link.is_retired for link in self._links)
        if self._is_starting or serving >= self._most or not self._keeper.is_open():
            return
        self._is_starting = True
        at = max(time.monotonic(), self._next_start)
        self._next_start = at + REST
        self._background.at(at, self._start_another)

    def _start_another(self) -> None:
        self._is_starting = False
        self._keeper.send(MORE)


def begin(link: TlsLink, number: int, descriptor: int, answer: "Answer") -> None:
    """Have a process begin the handshake on a connection, whose descriptor is the link's from now on."""
    link.answers[number] = answer
    link.channel.send(BEGIN, number, b"", (descriptor,))
