"""A door for balancers that closes clients who are denied again as soon as their header says who they are.

Who is denied comes again and again, and of the work for such a client most is
what a served one needs.  Where nobody is told of denied clients, and nothing but
the rules decides, those whom the rules remember to deny are only accepted here,
one after another.  Then the rules are asked once about one of them.  This is
after all have connected, so a change of the rules counts for each who comes
after it, as ever.  If they are still denied they are closed, else everything is
done for them that is done for other clients.
"""

import errno
import os

from ucspi.errors import CdbFormatError
from ucspi.tcp.server.proxieddoor import ProxiedDoor
from ucspi.unix import native
from ucspi.unix.fds import EXHAUSTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.tcp.connection import Connection
    from ucspi.tcp.server.judge import Judge
    from ucspi.tcp.server.listener import Listener
    from ucspi.tcp.server.networks import Networks
    from ucspi.tcp.server.settings import Settings

    Denying = tuple[Judge, Callable[[], int], Callable[[Connection], object]]

MOST = 16  # clients that are accepted before one of them is judged


class DenyingDoor(ProxiedDoor):
    """A `ProxiedDoor` that keeps clients who are denied again to itself."""

    __slots__ = ("_judge", "_receive", "_room", "_slots", "_sources")

    def __init__(
        self, listener: "Listener", settings: "Settings", networks: "Networks", denying: "Denying"
    ) -> None:
        """Take the listener, the networks of the balancers, and three things about denied clients.

        These are the rules, what returns how many clients there is room for,
        and what takes over a client who is not denied any more.
        """
        super().__init__(listener, settings, networks)
        self._judge, self._room, self._receive = denying
        new = native.ffi.new
        self._slots = [(new("struct usys_client *"), new("struct usys_proxy_header *")) for _ in range(MOST)]
        self._sources = [header.source for _, header in self._slots]

    def accept(self) -> "Connection | None":
        """Accept one connection; see `Door.accept`.

        Clients who are denied again are accepted on the way, at most `MOST`, and
        no more than there is room for, since any of them may be let in after all.
        """
        held: list[int] = []
        descriptor = -errno.EAGAIN
        try:
            for slot in self._slots[: self._room()]:
                descriptor = self._accept_in(*slot)
                if descriptor < 0 or not self._is_denied(len(held)):
                    break
                held.append(descriptor)
                descriptor = -errno.EAGAIN
            if held:
                self._settle(held)
                if -descriptor in EXHAUSTED:  # no longer
                    return None
        except MemoryError:
            for each in held:
                os.close(each)
            if descriptor >= 0:
                os.close(descriptor)
            raise
        return self._connection(descriptor, *slot)

    def _is_denied(self, at: int) -> bool:
        """Return whether the client in a slot is one whom the rules remember to deny."""
        if not self._slots[at][1].number:
            return False
        return self._judge.denies_again(native.ffi.string(self._sources[at]))

    def _settle(self, held: list[int]) -> None:
        """Close the clients in the first slots, except for those whom the rules do not deny any more."""
        try:
            self._judge.judge(native.ffi.string(self._sources[0]), None, None)
            is_known = True
        except (OSError, CdbFormatError):
            is_known = False  # each of them gets this error, which may have to be written
        for at in range(len(held)):
            if is_known and self._is_denied(at):
                os.close(held.pop(0))
            else:
                connection = self._connection(held.pop(0), *self._slots[at])
                if connection is not None:
                    self._receive(connection)
