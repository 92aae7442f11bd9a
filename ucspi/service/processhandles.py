"""A supervisor that is another process: told what to do, and ended, from outside.

One that is our child is known by its pid.  It is spoken to through the fifo
that it has open itself, which ``/proc`` shows: its directory may have been
renamed or removed, or hang.  One that is nobody's child, since whoever started
it was killed, is found in its directory, as `asking` finds it; its end is seen
at ``supervise/ok``, which nobody reads then.
"""

import _signal
import os
from stat import S_ISFIFO

from ucspi.service import controlfiles
from ucspi.service.piperecovery import find_running, find_supervise
from ucspi.unix import processtree
from ucspi.unix.fds import is_readable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.service.eventloop import EventLoop

AGAIN = 0.02  # seconds until a supervisor that did not hear yet is looked at again

_CONTROL = b"/control"  # what is before it is another name where ``supervise`` is a link


class _ProcessHandle:
    """Writes to a control fifo, and sees that it is read."""

    __slots__ = ("_loop", "holds_lock")

    def __init__(self, loop: "EventLoop", *, holds_lock: bool) -> None:
        self._loop, self.holds_lock = loop, holds_lock

    def _await(self, control: int, heard: "Callable[[], object]") -> None:
        """Call ``heard`` when a fifo, open both ways, is empty; close it."""
        if self._is_alive() and is_readable(control):
            self._loop.after(AGAIN, lambda: self._await(control, heard))
            return
        os.close(control)
        heard()

    def has_left(self) -> bool:
        """See `supervisors.Handle.has_left`; this is not seen from outside."""
        return False

    def _is_alive(self) -> bool:
        raise NotImplementedError


class ChildHandle(_ProcessHandle):
    """A supervisor that is our child, until it has been reaped."""

    __slots__ = ("_pid", "_where", "has_ended")

    def __init__(self, loop: "EventLoop", pid: int, where: bytes) -> None:
        """Know it by its pid, and its directory; ``has_ended`` is to be set when it has been reaped."""
        super().__init__(loop, holds_lock=False)
        self._pid, self._where, self.has_ended = pid, where, False

    def _is_alive(self) -> bool:
        return not self.has_ended

    def tell(self, letters: bytes, heard: "Callable[[], object]") -> None:
        """See `supervisors.Handle.tell`; one that is just starting is told when it listens."""
        if self.has_ended:
            heard()
            return
        os.kill(self._pid, _signal.SIGCONT)  # somebody may have stopped it
        control = open_control_of(self._pid, self._where)
        if control >= 0 and _write(control, letters):
            self._await(control, heard)
            return
        if control >= 0:
            os.close(control)
        self._loop.after(AGAIN, lambda: self.tell(letters, heard))

    def kill(self) -> bool:
        """See `supervisors.Handle.kill`."""
        if not self.has_ended:
            _kill(self._pid, self._where)
        return True


class ForeignHandle(_ProcessHandle):
    """A supervisor that was found in a directory."""

    __slots__ = ("_control", "_ended", "_ok", "_where")

    def __init__(
        self, loop: "EventLoop", found: tuple[int, int], where: bytes, ended: "Callable[[], object]"
    ) -> None:
        """Take what `find` has found.

        Args:
            loop: tells of its end.
            found: the descriptors of its ``ok`` and ``control``, closed here when it has ended.
            where: the directory.
            ended: called then.
        """
        super().__init__(loop, holds_lock=True)
        self._ok, self._control = found
        self._where, self._ended = where, ended
        loop.on_readable(self._ok, self._end)

    def _is_alive(self) -> bool:
        return self._ok >= 0

    def _end(self) -> None:
        self._loop.stop_watching(self._ok)
        os.close(self._ok)
        os.close(self._control)
        self._ok = self._control = -1
        self._ended()

    def tell(self, letters: bytes, heard: "Callable[[], object]") -> None:
        """See `supervisors.Handle.tell`."""
        if self._ok < 0:
            heard()
        elif _write(self._control, letters):
            self._await(os.dup(self._control), heard)
        else:
            self._loop.after(AGAIN, lambda: self.tell(letters, heard))

    def kill(self) -> bool:
        """See `supervisors.Handle.kill`; only what certainly is a ``supervise`` of our own user."""
        try:
            pid = find_supervise(self._where)
        except OSError:
            return False
        if self._ok < 0 or pid is None:
            return False
        _kill(pid, self._where)
        return True


def _kill(pid: int, where: bytes) -> None:
    """Kill a supervisor and what it supervises, which is not its child if it was taken over."""
    process = -1
    if not processtree.children(pid):  # else no disk is asked, which may hang
        try:
            process = (find_running(where) or (0, -1))[1]
        except OSError:
            pass
    processtree.kill_with_children(pid)
    if process >= 0:
        try:
            _signal.pidfd_send_signal(process, _signal.SIGKILL)
        except OSError:
            pass  # it has ended
        os.close(process)


def open_control_of(pid: int, where: bytes) -> int:
    """Return a descriptor of the fifo that a supervisor reads, open both ways; -1 when it has none yet.

    Args:
        pid: of the supervisor, our child.
        where: its directory, in which the fifo is looked for if there is no ``/proc``.
    """
    folder = b"/proc/%d/fd/" % pid
    try:
        if not os.path.exists(b"/proc/self/fd"):
            return _open_in(where)
        for name in os.listdir(folder):
            target = os.readlink(folder + name)
            if target.removesuffix(b" (deleted)").endswith(_CONTROL):
                return _open_fifo(folder + name)
    except OSError:
        pass  # it has just ended, or /proc is not for us
    return -1


def _open_fifo(path: bytes) -> int:
    """Open a fifo both ways; -1 when it is none."""
    if not S_ISFIFO(os.stat(path).st_mode):
        return -1
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)


def _open_in(where: bytes) -> int:
    directory = controlfiles.enter(where)
    try:
        return controlfiles.open_control_both_ways(directory)
    finally:
        os.close(directory)


def _write(control: int, letters: bytes) -> bool:
    try:
        return os.write(control, letters) == len(letters)
    except OSError:
        return False  # it is full: nobody reads


def find(where: bytes) -> tuple[int, int] | None:
    """Return descriptors of ``ok`` and ``control`` of whoever supervises a directory; None for nobody."""
    try:
        directory = controlfiles.enter(where)
    except OSError:
        return None
    try:
        ok = controlfiles.open_ok(directory)
        if ok is None:
            return None
        try:
            return ok, controlfiles.open_control_both_ways(directory)
        except OSError:
            os.close(ok)
            return None
    except OSError:
        return None
    finally:
        os.close(directory)
