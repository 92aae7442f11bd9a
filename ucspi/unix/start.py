"""Starting a program now and then, from a process that may be big.

With the compiled module the child borrows our memory until it executes, and we
wait for that: nothing is copied and nothing has to be kept.  Without it the
interpreter is forked, which does the same steps slower.  Handlers, which come
by the thousand and for whose exec nobody waits, are `ucspi.unix.spawn`'s.
"""

import errno
import os
from _signal import SIGCHLD, set_wakeup_fd

from ucspi.exits import EXIT_TEMPORARY
from ucspi.unix import fds, inheritedstate, native, oom, procfiles, search
from ucspi.unix.errtext import describe
from ucspi.unix.output import emit
from ucspi.unix.signals import hold, release, restore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, NoReturn

    Descriptors = Sequence[tuple[int, int]]

PID_LINE_TAIL = 42  # bytes

_ERRORS: "list[Any]" = []  # the texts of all errors in C memory, once they were needed
_LATE: "list[LateChild]" = []  # until they are over: a child uses memory that they keep
_ENVIRON: "list[Any]" = []  # the last environment, and itself in C memory


class PidLine:
    """A line that the child writes into an open file before it executes: a text, its pid, its start time.

    The two numbers take 20 bytes each, padded with spaces; a blank stands between
    them and a newline behind them, `PID_LINE_TAIL` bytes in all.  A child that
    cannot write the line executes all the same.
    """

    __slots__ = ("descriptor", "text")

    def __init__(self, descriptor: int, text: bytes) -> None:
        """Describe the line.

        Args:
            descriptor: of the file, at its beginning, or wherever the line belongs.
            text: what the line begins with, at most 96 bytes.
        """
        self.descriptor, self.text = descriptor, text

    def write(self) -> None:
        """Write the line about this process; what cannot be written is not reported."""
        try:
            numbers = b"%-20d %-20s\n" % (os.getpid(), procfiles.start_time(b"self"))
            os.write(self.descriptor, self.text + numbers)
        except OSError:
            pass


class PidFile:
    """A file with the child's pid in it, which the child publishes before it executes.

    Attributes:
        is_done: whether the child could; if not, it is left to whoever started it.
    """

    __slots__ = ("at", "folder", "is_done", "record", "target", "temporary")

    def __init__(self, record: bytes, at: int, temporary: bytes, target: bytes, folder: int = -1) -> None:
        """Describe the file.

        Args:
            record: its content, at most 64 bytes.
            at: the offset in it of the pid, 4 bytes, little-endian.
            temporary: the file it is written into, which must not be there yet.
            target: what that is renamed to.
            folder: a descriptor of the directory of both; -1: the child's current one.
        """
        self.record, self.at, self.temporary, self.target = record, at, temporary, target
        self.folder = folder
        self.is_done = False


class ChildSetup:
    """What a program finds when it starts.

    Attributes:
        directory: a descriptor of what becomes its current directory; -1: ours.
        input: a descriptor that is put on 0; not 1 or 2.  -1: the one there.
        output: a descriptor that is put on 1; not 0 or 2.  -1: the one there.
        others: more descriptors, each with that above 2 on which it is put; none is one of those.
        complaint: begins the line on stderr when nothing can be executed; the
            text of the error follows.  Empty: silent.  We do not wait for whoever
            reads it: where a pipe is full the line may be lost.
        open_files: its soft limit of open files.  0: the one we have.
        pid_line: written by the child before it executes; None: none.
        pid_file: published by the child before that; its ``is_done`` says whether it
            was.  Others see it before we have waited for the exec.  None: none.
        kept: descriptors above 2 that it has until it executes, besides those named
            here; others, which may be locks, are closed first.  None: all that we have.
        patience: seconds to wait for the exec; None: as long as it takes.
        late: set by the start, if we have not waited for the exec: whether it is over.
    """

    __slots__ = (
        "complaint",
        "directory",
        "input",
        "kept",
        "late",
        "open_files",
        "others",
        "output",
        "patience",
        "pid_file",
        "pid_line",
    )

    def __init__(
        self,
        *,
        directory: int = -1,
        input: int = -1,  # noqa: A002 - what it is
        output: int = -1,
        others: "Descriptors" = (),
        complaint: bytes = b"",
        open_files: int = 0,
        pid_line: PidLine | None = None,
        pid_file: PidFile | None = None,
        kept: "Sequence[int] | None" = None,
        patience: float | None = None,
    ) -> None:
        """Note them; what is left out is as it is here, or not done."""
        self.directory, self.input, self.output = directory, input, output
        self.complaint, self.open_files = complaint, open_files
        self.pid_line, self.pid_file = pid_line, pid_file
        self.others = others
        self.kept, self.patience = kept, patience
        self.late: LateChild | None = None

    def all_kept(self) -> list[int]:
        """Return all descriptors above 2 that the child needs, in order."""
        named = [self.directory, self.input, self.output, *(source for source, _ in self.others)]
        if self.pid_line:
            named.append(self.pid_line.descriptor)
        if self.pid_file:
            named.append(self.pid_file.folder)
        return sorted({number for number in (*named, *(self.kept or ())) if number > 2})


class LateChild:
    """A child that had not yet executed when we had waited long enough; it may wait for a disk."""

    __slots__ = ("_used", "_waiting")

    def __init__(self, used: "Any" = None, waiting: int = -1) -> None:
        """Keep what a child of a clone uses, or have the descriptor that a forked one closes at its exec."""
        self._used, self._waiting = used, waiting
        _LATE.append(self)

    def is_over(self) -> bool:
        """Say whether it has executed, or is gone."""
        if self._used is not None and not self._used[0].busy:
            self._used = None
        if self._waiting >= 0 and fds.is_readable(self._waiting):
            os.close(self._waiting)
            self._waiting = -1
        is_over = self._used is None and self._waiting < 0
        if is_over and self in _LATE:
            _LATE.remove(self)
            _lower_again()
        return is_over


def start(
    paths: list[bytes], argv: list[bytes], environ: list[bytes], setup: ChildSetup | None = None
) -> int:
    """Start a program as a child, and wait until it has been executed.

    It inherits what we inherited: ignored signals, the signal mask less
    SIGCHLD, process group and session.  The actions of SIGCHLD, and of what we
    catch, are the default ones; SIGPIPE and SIGXFSZ are as we were given them,
    and so are the limits that were raised and the score that `oom.shield` lowered.

    Args:
        paths: the files to try, in order, as `search.files` returns them.
        argv: the command line, the name first.
        environ: the environment as ``NAME=VALUE``.
        setup: what else it finds, if not all that we have.

    Returns:
        Its pid.  A child that could execute nothing has one too: it ends with 111.

    Raises:
        OSError: there is no new process (EAGAIN, ENOMEM).
    """
    by = start_by_fork if native.lib is None else start_by_clone
    return by(paths, argv, environ, setup or ChildSetup())


def start_by_clone(paths: list[bytes], argv: list[bytes], environ: list[bytes], setup: ChildSetup) -> int:
    """Start a program through the compiled module; see `start`."""
    ffi, pid_line, pid_file = native.ffi, setup.pid_line, setup.pid_file
    if not _ERRORS:
        _ERRORS.append(_strings([describe(number) for number in range(max(errno.errorcode) + 1)]))
    if not (_ENVIRON and _ENVIRON[0] is environ):  # a supervisor's is always the same
        _ENVIRON[:] = [environ, _strings(environ)]
    texts = [setup.complaint, pid_line.text if pid_line else b"", oom.given]
    if pid_file:
        texts += [pid_file.record, pid_file.temporary, pid_file.target]
    kept = [_strings(some) for some in (paths, argv, texts)]
    cells = kept[2][0]
    what = ffi.new("struct usys_start *")
    command = what.command
    command.paths, command.argv, command.environ = kept[0][1], kept[1][1], _ENVIRON[1][1]
    command.errors, command.error_count = _ERRORS[0][1], len(_ERRORS[0][0])
    command.complaint = cells[0] if setup.complaint else ffi.NULL
    native.hand_on(command, inheritedstate.ignored)
    what.directory, what.input, what.output = setup.directory, setup.input, setup.output
    what.score = cells[2] if oom.given else ffi.NULL
    what.open_files = setup.open_files
    others = ffi.new("int[]", [number for pair in setup.others for number in pair] + [-1])
    what.others = others
    kept_open = ffi.new("int[]", [*setup.all_kept(), -1]) if setup.kept is not None else ffi.NULL
    what.kept = kept_open
    what.patience = -1 if setup.patience is None else round(setup.patience * 1000)
    what.birth, what.birth_head = pid_line.descriptor if pid_line else -1, cells[1]
    if pid_file:
        what.record, what.record_new, what.record_name = cells[3:]
        what.record_folder = pid_file.folder
        what.record_length, what.record_pid = len(pid_file.record), pid_file.at
    pid: int = native.lib.usys_start(what)
    if pid < 0:
        raise OSError(-pid, os.strerror(-pid))
    for late in _LATE[:]:
        late.is_over()  # it leaves the list then
    if what.busy:
        setup.late = LateChild((what, kept, others, kept_open, _ENVIRON[:]))
    elif pid_file:
        pid_file.is_done = bool(what.is_published)
    if setup.patience is not None:
        _lower_again()
    return pid


def _lower_again() -> None:
    """Lower our score, if no child has it from us: those that share our memory have taken the old one."""
    if not _LATE:
        oom.lower_again()


def _strings(texts: list[bytes]) -> "tuple[list[Any], Any]":
    """Return an array of C strings, and what keeps them alive."""
    ffi = native.ffi
    cells = [ffi.new("char[]", text) for text in texts]
    return cells, ffi.new("char *[]", [*cells, ffi.NULL])


def start_by_fork(paths: list[bytes], argv: list[bytes], environ: list[bytes], setup: ChildSetup) -> int:
    """Start a program by forking the interpreter; see `start`."""
    waiting = executed = -1
    before = hold()
    try:
        waiting, executed = os.pipe()  # close-on-exec: at its end the child has executed, or is gone
        pid = os.fork()
        if pid == 0:
            mask = before - {SIGCHLD}
            _become(paths, argv, environ, setup, mask, executed)
        os.close(executed)
        executed = -1
        if fds.is_readable(waiting, setup.patience):
            return pid
        setup.late, waiting = LateChild(waiting=waiting), -1
        return pid
    finally:
        for descriptor in (waiting, executed):
            if descriptor >= 0:
                os.close(descriptor)
        release(before)


def _become(
    paths: list[bytes],
    argv: list[bytes],
    environ: list[bytes],
    setup: ChildSetup,
    mask: set[int],
    executed: int,
) -> "NoReturn":
    try:
        set_wakeup_fd(-1)  # the pipe is the parent's
        oom.take_back()
        _arrange(setup, executed)
        restore(inheritedstate.ignored, mask)
        search.execute(paths, argv, environ)
    except BaseException as error:
        os.close(executed)  # nobody waits while we do, for a pipe that is full
        fds.close_private()  # and no lock is held
        if setup.complaint:
            emit(setup.complaint + describe(error.errno if isinstance(error, OSError) else -1) + b"\n")
    finally:
        os._exit(EXIT_TEMPORARY)  # never back into the caller's frames


def _arrange(setup: ChildSetup, executed: int) -> None:
    if setup.kept is not None:
        fds.close_others([*setup.all_kept(), executed])
    if setup.directory >= 0:
        os.fchdir(setup.directory)
    if setup.pid_line:
        setup.pid_line.write()
    for descriptor, target in ((setup.input, 0), (setup.output, 1), *setup.others):
        if descriptor >= 0:
            os.dup2(descriptor, target)
            os.set_inheritable(target, True)  # dup2(0, 0) leaves close-on-exec set
    if setup.open_files:
        from resource import RLIMIT_NOFILE, getrlimit, setrlimit

        hard = getrlimit(RLIMIT_NOFILE)[1]
        setrlimit(RLIMIT_NOFILE, (setup.open_files if hard < 0 else min(setup.open_files, hard), hard))


def ended() -> "Iterator[int]":
    """Reap every child that has ended; yield the pids."""
    return (pid for pid, _ in reaped())


def reaped() -> "Iterator[tuple[int, int]]":
    """Reap every child that has ended; yield pid and wait status of each."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status
