"""A stem as its server has it: one process, the channel to it, and the connections that it was given.

What the two say to each other is in `stemchannel`.  A stem runs the operator's code,
perhaps as another user.  So nothing that it says is believed: a cell must have the
pid of a new child of ours, and it is read from a file, which does not harm us where it is
cut.  No other process can open that file, though it runs as the user of the stem.
"""

import _socket
import os
from _collections import deque
from _signal import SIGKILL
from _struct import Struct
from time import monotonic

from ucspi.unix import native
from ucspi.unix.fds import SIZE, close, received
from ucspi.unix.stemchannel import (
    BASE,
    BINDS,
    CELL_SIZE,
    PACKET_MAX,
    VARIABLE,
    pack_keep,
    pack_serve,
    place,
    unpack,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Start = Callable[[bytes, list[int]], int]  # variables and descriptors to inherit; returns the pid

SLOTS = 4096  # connections that a stem was given and has not forked for yet; its socket takes fewer
BUFFER = 1 << 20  # bytes that may wait in the channel, as far as the system allows
STUCK = 5.0  # seconds in which a stem must have forked for a connection
_NONE = bytes(CELL_SIZE)
_CELL = Struct("=i")
_READ_MAX = 1 << 16
_SO_PASSRIGHTS = 83  # Python has no name for it.  Source: asm-generic/socket.h


class Leftover:
    """What a process did not take: a descriptor, which the caller owns, and what was sent with it."""

    __slots__ = ("descriptor", "log", "slot", "variables")

    def __init__(self, slot: int, descriptor: int, variables: bytes, log: bytes) -> None:
        self.slot, self.descriptor, self.variables, self.log = slot, descriptor, variables, log


class Stem:
    """One stem.

    Attributes:
        pid: its process, a child of ours.
        channel: our end; it is closed by `leave` and `close`.
        is_ready: it has imported the module.
        is_left: `leave` was called.
        is_given_up: we have killed it, since it did not do its work.
        began: when it was started, in monotonic seconds.
        waiting: what it was given and has not forked for, as far as is known, by slot, in order.
        since: since when it has not got on with these, in monotonic seconds.
    """

    __slots__ = (
        "_cells",
        "_free",
        "_fresh",
        "_theirs",
        "began",
        "channel",
        "is_given_up",
        "is_left",
        "is_ready",
        "pid",
        "since",
        "waiting",
    )

    def __init__(self, start: "Start", base: bytes) -> None:
        """Start one.

        Args:
            start: starts the process.
            base: the first packet.

        Raises:
            OSError: no process can be made, or no descriptor is left.
        """
        self.channel, self._theirs = channels()
        self._cells = -1
        try:
            self._cells = os.memfd_create("cells", os.MFD_CLOEXEC)
            os.fchmod(self._cells, 0)  # else others could open it again, through /proc
            os.ftruncate(self._cells, SLOTS * CELL_SIZE)
            self.channel.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, BUFFER)
            self.channel.send(base)
            given = [self._theirs.fileno(), self._cells]
            self.began = self.since = monotonic()
            self.pid = start(b"%s=%s\0%s\0" % (VARIABLE, place(*given), BINDS), given)
        except BaseException:
            self.close()
            raise
        # The other end stays open here, for what is in its queue when the stem ends.
        self.waiting: dict[int, object] = {}
        self._free: deque[int] = deque()
        self._fresh = 0  # slots from here on were never used
        self.is_ready = self.is_left = self.is_given_up = False

    def fileno(self) -> int:
        """Return the descriptor of our end of the channel."""
        return self.channel.fileno()

    def serve(self, descriptor: int, what: object, variables: bytes, log: bytes) -> bool:
        """Give it a connection; ``what`` stands for it in `waiting`.

        Returns:
            Whether it was given, and the descriptor is closed.  Otherwise nothing has happened.

        Raises:
            MemoryError: nothing has happened.
        """
        return self._give(descriptor, what, lambda slot: pack_serve(slot, variables, log))

    def keep(self, descriptor: int, what: object) -> bool:
        """Ask for a process that serves what comes over a channel of its own; see `serve`."""
        return self._give(descriptor, what, pack_keep)

    def _give(self, descriptor: int, what: object, pack: "Callable[[int], bytes]") -> bool:
        slot = self._take_slot()
        if slot < 0:
            return False
        was_idle, is_given = not self.waiting, False
        try:
            packet = pack(slot)
            if len(packet) <= PACKET_MAX:
                os.pwrite(self._cells, _NONE, slot * CELL_SIZE)
                self.waiting[slot] = what
                # It returns a small number, for which no memory is needed: from now on all is certain.
                is_given = native.lib.usys_hand_over(self.fileno(), descriptor, packet, len(packet)) == 0
        except OSError:
            pass  # no page is left for the cells
        finally:
            if not is_given:
                self.waiting.pop(slot, None)
                self._free.appendleft(slot)
        if is_given and was_idle:
            self.since = monotonic()
        return is_given

    def _take_slot(self) -> int:
        """Return a slot that no packet in the queue has; -1 when there is none.

        A stem forks, and only then takes the packet out.  So the packet of the last
        slot that was freed may still be in the queue, and be found there when the stem
        is killed.  Those of all before it are gone.
        """
        if len(self._free) > 1:
            return self._free.popleft()
        if self._fresh == SLOTS:
            return -1
        self._fresh += 1
        return self._fresh - 1

    def forked(
        self, is_free: "Callable[[int], bool]", reaped: int = 0, *, all_of_them: bool = False
    ) -> "Iterator[tuple[object, int]]":
        """Yield what it has forked for, each with its pid, or the negative errno if there is no process.

        Args:
            is_free: says of a pid whether it belongs to nothing that the caller knows.
            reaped: the pid of a child that was reaped just now; 0: none; -1: any may have been.
            all_of_them: look at all, and pass over what is wrong; else as far as it goes in
                their order, which a stem keeps to.

        Raises:
            ValueError: a cell has what is no new child of ours; what it stands for is still in `waiting`.
        """
        for slot in list(self.waiting) if all_of_them else iter(self._oldest, -1):
            number = self._cell(slot)
            is_ours = number <= 0 or reaped in (number, -1) or is_child(number)
            is_wrong = not is_ours or (number > 0 and not is_free(number))
            if is_wrong and not all_of_them:
                raise ValueError("no new child")
            if is_wrong or not number:
                if all_of_them:
                    continue
                return
            what = self.waiting.pop(slot)
            self._free.append(slot)
            self.since = monotonic()
            yield what, number

    def _oldest(self) -> int:
        return next(iter(self.waiting), -1)

    def _cell(self, slot: int) -> int:
        """Return what is in a cell, 0 for nothing.

        Raises:
            ValueError: it is gone.
        """
        number = 0
        for _ in range(2):  # the first time perhaps only a part of it was there
            text = os.pread(self._cells, CELL_SIZE, slot * CELL_SIZE)
            if text == _NONE:
                return 0
            if len(text) != CELL_SIZE:
                raise ValueError("no cell")
            (number,) = _CELL.unpack(text)
        return number

    def read(self) -> bytes:
        """Return a packet that it has sent; empty when there is none.

        Raises:
            ValueError: it has shut its end, or the packet is empty; no stem does that.
        """
        try:
            packet = self.channel.recv(_READ_MAX)
        except OSError:
            return b""
        if not packet:
            raise ValueError("no packet")
        return packet

    def is_stuck(self, now: float) -> bool:
        """Return whether it has not got on for too long."""
        return bool(self.waiting) and now >= self.since + STUCK

    def leave(self) -> None:
        """Give it no more, so that it ends when it has forked for all that it was given."""
        self.is_left = True
        self.channel.close()

    def kill(self) -> None:
        """Kill it; it must not be reaped yet."""
        try:
            os.kill(self.pid, SIGKILL)
        except OSError:
            pass  # it runs as another user, and we are not root

    def leftovers(self) -> "Iterator[Leftover]":
        """Yield what is in the queue of a stem that has ended, and in `waiting`."""
        for leftover in leftovers(self._theirs):
            if leftover.slot in self.waiting:
                yield leftover
            else:
                close(leftover.descriptor)

    def close(self) -> None:
        """Close all descriptors; a second call does nothing."""
        self.channel.close()
        self._theirs.close()
        if self._cells >= 0:
            close(self._cells)
            self._cells = -1


def channels() -> tuple[_socket.socket, _socket.socket]:
    """Return both ends of a channel; ours, the first, does not block.

    Raises:
        OSError: no descriptor is left.
    """
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    try:
        # Whoever has the other end could send us a descriptor whose close takes for ever (SO_LINGER).
        ours.setsockopt(_socket.SOL_SOCKET, _SO_PASSRIGHTS, 0)
    except OSError:
        pass  # Linux before 6.16
    return ours, theirs


def leftovers(channel: _socket.socket) -> "Iterator[Leftover]":
    """Yield what is in the queue of a process that has ended, by its end of a channel."""
    # Whoever else has a copy of this end could make it block.
    flags = _socket.MSG_CMSG_CLOEXEC | _socket.MSG_DONTWAIT
    while True:
        try:
            packet, control, *_ = channel.recvmsg(PACKET_MAX, _socket.CMSG_SPACE(SIZE), flags)
        except OSError:
            return  # there is nothing more, or it was shut down
        if not packet:
            return
        descriptor = received(control)
        kind, slot, variables, log = unpack(packet)
        if kind != BASE and descriptor >= 0:
            yield Leftover(slot, descriptor, variables, log)


def is_child(pid: int) -> bool:
    """Return whether a process is a child of ours, which may have ended and was not reaped."""
    try:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except OSError:
        return False
    return True
