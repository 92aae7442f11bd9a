"""Supervisors that are other processes: sending them control bytes, and ending them.

A supervisor that is our child is known by its pid.  We write to the fifo that it
has open itself, which ``/proc`` shows, for its directory may have been renamed or
removed, or may hang.

A supervisor that is not our child was started by an svscan that was killed.  It
is found in its directory, through `controlfiles`.  Its end is seen at
``supervise/ok``, which then has no reader.
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

AGAIN = 0.02  # seconds between two looks at a supervisor that has not read its bytes yet

_CONTROL = b"/control"  # the end of the path; the rest may differ if ``supervise`` is a link


class _ProcessHandle:
    """Waits until a supervisor has read what was written to its control fifo."""

    __slots__ = ("_loop", "holds_lock")

    def __init__(self, loop: "EventLoop", *, holds_lock: bool) -> None:
        self._loop, self.holds_lock = loop, holds_lock

    def _await(self, control: int, heard: "Callable[[], object]") -> None:
        """Close a fifo that is open both ways when it is empty, and call ``heard``."""
        if self._is_alive() and is_readable(control):
            self._loop.after(AGAIN, lambda: self._await(control, heard))
            return
        os.close(control)
        heard()

    def has_left(self) -> bool:
        """See `supervisorlist.Handle.has_left`; it cannot be seen from outside."""
        return False

    def _is_alive(self) -> bool:
        raise NotImplementedError


class ChildHandle(_ProcessHandle):
    """A supervisor that is our child."""

    __slots__ = ("_pid", "_where", "has_ended")

    def __init__(self, loop: "EventLoop", pid: int, where: bytes) -> None:
        """Take its pid and its directory; set ``has_ended`` when it has been reaped."""
        super().__init__(loop, holds_lock=False)
        self._pid, self._where, self.has_ended = pid, where, False

    def _is_alive(self) -> bool:
        return not self.has_ended

    def tell(self, letters: bytes, heard: "Callable[[], object]") -> None:
        """See `supervisorlist.Handle.tell`; if it is just starting, it is told once it has its fifo open."""
        if self.has_ended:
            heard()
            return
        os.kill(self._pid, _signal.SIGCONT)  # in case somebody has stopped it
        control = open_control_of(self._pid, self._where)
        if control >= 0 and _write(control, letters):
            self._await(control, heard)
            return
        if control >= 0:
            os.close(control)
        self._loop.after(AGAIN, lambda: self.tell(letters, heard))

    def kill(self) -> bool:
        """See `supervisorlist.Handle.kill`."""
        if not self.has_ended:
            _kill(self._pid, self._where)
        return True


class ForeignHandle(_ProcessHandle):
    """A supervisor that is not our child, found in its directory."""

    __slots__ = ("_control", "_ended", "_ok", "_where")

    def __init__(
        self, loop: "EventLoop", found: tuple[int, int], where: bytes, ended: "Callable[[], object]"
    ) -> None:
        """Take what `find` has found.

        Args:
            loop: watches for its end.
            found: descriptors of its ``ok`` and ``control``, which are closed here when it has ended.
            where: the directory.
            ended: called when it has ended.
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
        """See `supervisorlist.Handle.tell`."""
        if self._ok < 0:
            heard()
        elif _write(self._control, letters):
            self._await(os.dup(self._control), heard)
        else:
            self._loop.after(AGAIN, lambda: self.tell(letters, heard))

    def kill(self) -> bool:
        """See `supervisorlist.Handle.kill`; only what certainly is a ``supervise`` of our user is killed."""
        try:
            pid = find_supervise(self._where)
        except OSError:
            return False
        if self._ok < 0 or pid is None:
            return False
        _kill(pid, self._where)
        return True


def _kill(pid: int, where: bytes) -> None:
    """Kill a supervisor and the process that it supervises, even if it took that over."""
    process = -1
    if not processtree.children(pid):  # otherwise the disk, which may hang, is not needed
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
    """Return a descriptor of the control fifo of a supervisor, open both ways; -1 if it has none yet.

    Args:
        pid: of the supervisor, our child.
        where: its directory, in which the fifo is searched if there is no ``/proc``.
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
        pass  # it has just ended, or we may not look
    return -1


def _open_fifo(path: bytes) -> int:
    """Open a fifo both ways; return -1 if the file is none."""
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
        return False  # it is full, for nobody reads


def find(where: bytes) -> tuple[int, int] | None:
    """Return descriptors of ``ok`` and ``control`` of the supervisor in a directory; None if none runs."""
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
