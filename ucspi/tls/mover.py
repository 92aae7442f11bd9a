"""Moves the bytes of one connection between its client and its handler, from the handshake to the end.

Bytes go two ways, each of which ends by itself:

    client -> TLS -> what waits for the handler -> the handler's input
    the handler's output -> TLS -> what waits for the client -> client

After close_notify or the end of the connection the handler's input ends, at once, and
its output goes on.  When the handler ends its output, the client gets close_notify,
but not before the handler has what the client had sent by then, or takes nothing
more: a client may drop everything once it has read close_notify.

No way has more than some 100 kB in memory: what is not taken is not read.
"""

import os
import time

from ucspi.tcp.background import READABLE, WRITABLE
from ucspi.tls.clientend import ClientEnd
from ucspi.tls.handlerends import HandlerEnds
from ucspi.tls.session import TlsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from ssl import SSLContext

    from ucspi.tcp.background import Alarm, Background
    from ucspi.tls.proven import Proven

    Proved = Callable[[Proven | None, bytes], object]

# A client may have us answer records of TLS itself; beyond this it is not read any more.
ANSWERS_MOST = 262144  # bytes that wait for it
LINGER = 5.0  # seconds in which the client may still send what is dropped, so that no reset overtakes the end
UNREAD = 60.0  # seconds in which a client must take something once its handler has gone
ROUNDS = 4  # blocks that are moved before other connections have their turn


class Mover:
    """One connection in the TLS process."""

    __slots__ = (
        *("_alarm", "_background", "_client", "_done", "_events", "_handler", "_is_lingering"),
        *("_leaving", "_owed", "_proved", "_to_handler"),
    )

    def __init__(
        self,
        background: "Background",
        context: "SSLContext",
        descriptor: int,
        proved: "Proved",
        leaving: "Callable[[bool], object]",
        done: "Callable[[], object]",
    ) -> None:
        """Begin the handshake on a connection, which belongs to the mover.

        Args:
            background: calls back.
            context: the server's.
            descriptor: the connection.
            proved: called once, with what was proven, or with None and the reason why nothing was.
            leaving: called with True when nothing is left but bytes for the client, which has no handler any
                more, and with False when the client is only waited for.
            done: called once, when all is over and closed.
        """
        self._background, self._done = background, done
        self._leaving = leaving
        self._client = ClientEnd(context, descriptor)
        self._proved: Proved | None = proved
        self._handler: HandlerEnds | None = None
        self._to_handler = memoryview(b"")
        # How many bytes of the network are to be read before close_notify; None: the output goes on.
        self._owed: int | None = None
        self._is_lingering = False
        self._events: dict[int, int] = {}
        self._alarm: Alarm | None = None
        self._watch()

    def attach(self, ends: "Sequence[int]", greeting: bytes) -> None:
        """Take the handler's input and output, or a socket for both, and begin to move.

        Args:
            ends: they belong to the mover.  None at all: the handler's ends were lost.
            greeting: what the client gets first.
        """
        if not ends or not self._is_waiting():
            for end in ends:
                os.close(end)
            self.abandon()
            return
        self._serve(HandlerEnds(ends, self._forget), greeting)

    def abandon(self, text: bytes = b"") -> None:
        """End the connection, which has no handler; after the handshake, with a text and close_notify."""
        if self._is_waiting():
            self._client.has_ended = True  # nobody hears what it says
            self._serve(HandlerEnds((), self._forget), text)
        elif self._handler is None and not self._is_lingering:
            self.close()

    def _is_waiting(self) -> bool:
        """Return whether its handshake is done, and it has no handler."""
        is_open = self._client.fileno() >= 0 and not self._is_lingering
        return is_open and self._proved is None and self._handler is None

    def _serve(self, handler: HandlerEnds, greeting: bytes) -> None:
        self._handler = handler
        if handler.output < 0:
            self._owed = 0
        if greeting:
            self._client.write(greeting)
        self._go_on()

    def _go_on(self) -> None:
        """Move what can be moved, and wait for the rest; a failure ends this connection alone."""
        try:
            self._move()
        except (MemoryError, OSError, ValueError):
            self.close()

    def _move(self) -> None:
        if self._client.fileno() < 0:
            return
        if self._is_lingering:
            if not self._client.drop(ROUNDS):
                self.close()
            return
        if self._handler is not None:
            for _ in range(ROUNDS):
                if not (self._move_in(self._handler) | self._move_out(self._handler)):
                    break
            self._end_ways(self._handler)
        elif self._proved is not None:
            self._shake(self._proved)
        else:
            self._client.flush()  # nothing is read until there is a handler
        if self._client.fileno() >= 0 and not self._is_lingering:
            self._watch()

    def _shake(self, proved: "Proved") -> None:
        try:
            if not self._client.shake():
                return
            proven = self._client.proven()
        except TlsError as error:
            reason = error.args[0]
        except ValueError:
            reason = b"the client's certificate: it cannot be read"
        else:
            self._proved = None
            proved(proven, b"")
            return
        self._proved = None
        self._linger()
        proved(None, reason)

    # Moving.

    def _move_in(self, handler: HandlerEnds) -> bool:
        """Move a block from the client towards the handler; return whether something has moved.

        Afterwards no plain bytes are left, or the handler must take some first: nobody
        would tell of what TLS has.
        """
        has_moved = self._deliver(handler) | self._empty(handler)
        if self._to_handler or not self._reads_client():
            return has_moved
        count = self._client.receive()
        if self._owed is not None:
            self._owed = max(0, self._owed - count) if count else 0
        self._empty(handler)
        return has_moved or count > 0

    def _empty(self, handler: HandlerEnds) -> bool:
        """Hand plain bytes over as long as they are taken; return whether there were any."""
        has_moved = False
        while not self._to_handler and (block := self._client.read()):
            has_moved = True
            if handler.input >= 0:
                self._to_handler = memoryview(block)
                self._deliver(handler)
        return has_moved

    def _deliver(self, handler: HandlerEnds) -> bool:
        """Write to the handler; return whether it took something."""
        if not self._to_handler:
            return False
        count = handler.write(self._to_handler)
        self._to_handler = self._to_handler[count:] if handler.input >= 0 else memoryview(b"")
        return count > 0

    def _reads_client(self) -> bool:
        return not self._client.has_ended and self._client.waiting() < ANSWERS_MOST

    def _move_out(self, handler: HandlerEnds) -> bool:
        """Move a block from the handler towards the client; return whether something has moved."""
        is_sent = self._client.flush()
        if self._client.is_lost:
            self._end_output(handler)
        if not is_sent or handler.output < 0:
            return False
        block = handler.read()
        if block is None:
            return False
        if block:
            self._client.write(block)
            self._client.flush()
        else:
            self._end_output(handler)
        return True

    # Ends.

    def _end_output(self, handler: HandlerEnds) -> None:
        """Note the end of the handler's output, and how much the client has sent by then."""
        handler.close_output()
        if self._owed is None:
            self._owed = self._client.unread()

    def _end_ways(self, handler: HandlerEnds) -> None:
        """End the ways on which nothing more can come."""
        client = self._client
        if client.has_ended and not self._to_handler:
            handler.close_input()
        if client.is_lost:
            self._end_output(handler)
        if handler.output >= 0:
            return
        if handler.input < 0 or (not self._to_handler and self._owed == 0):
            client.say_end()
        if client.has_said_end() and client.flush():
            client.shut()
            if handler.input < 0:
                self._linger()
        elif handler.input < 0 and self._alarm is None:
            self._leaving(True)
            client.sent_at = time.monotonic()
            self._alarm = self._background.at(client.sent_at + UNREAD, self._end_if_unread)

    def _end_if_unread(self) -> None:
        """End a connection whose client takes nothing more, and whose handler has gone."""
        self._alarm = None
        at = self._client.sent_at + UNREAD
        if at <= time.monotonic():
            self.close()
        else:
            self._alarm = self._background.at(at, self._end_if_unread)

    def _linger(self) -> None:
        """Wait for the client's end, for some seconds: a reset could overtake what it has not read yet."""
        self._is_lingering = True
        self._leaving(False)
        self._client.shut()
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._background.at(time.monotonic() + LINGER, self.close)
        if self._client.drop(ROUNDS):
            self._watch()
        else:
            self.close()

    def close(self) -> None:
        """End the connection and the handler's input and output at once."""
        if self._client.fileno() < 0:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        if self._handler is not None:
            self._handler.close_input()
            self._handler.close_output()
        for descriptor in list(self._events):
            self._forget(descriptor)
        self._client.close()
        proved, self._proved = self._proved, None
        self._done()
        if proved is not None:
            proved(None, b"memory or descriptors have run out")

    # Waiting.

    def _watch(self) -> None:
        """Wait for what can be moved next, and for nothing else: poll would report that without end."""
        wanted: dict[int, int] = {}
        client = WRITABLE if self._client.waiting() else 0
        handler = self._handler
        is_heard = self._proved is not None or self._is_lingering
        if is_heard or (handler is not None and not self._to_handler and self._reads_client()):
            client |= READABLE
        if client:
            wanted[self._client.fileno()] = client
        if handler is not None:
            self._watch_handler(handler, wanted, has_room=not self._client.waiting())
        for descriptor in [known for known in self._events if known not in wanted]:
            self._forget(descriptor)
        for descriptor, events in wanted.items():
            if self._events.get(descriptor) != events:
                # What is watched for no event is only ever reported when nobody reads it any more.
                call = self._go_on if events else self._lose_reader
                self._background.watch(descriptor, events, call)
                self._events[descriptor] = events

    def _watch_handler(self, handler: HandlerEnds, wanted: dict[int, int], *, has_room: bool) -> None:
        if handler.input >= 0:
            wanted[handler.input] = WRITABLE if self._to_handler else 0
        if handler.output >= 0:
            if has_room:
                wanted[handler.output] = wanted.get(handler.output, 0) | READABLE
            elif not wanted.get(handler.output):
                wanted.pop(handler.output, None)  # of a pair: its end would be reported all the time

    def _lose_reader(self) -> None:
        if self._handler is not None:
            self._handler.close_input()
        self._go_on()

    def _forget(self, descriptor: int) -> None:
        if self._events.pop(descriptor, None) is not None:
            self._background.forget(descriptor)
