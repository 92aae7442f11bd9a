"""Starting a program now and then, from a process that may be large.

With the compiled module, the child shares our memory until its exec, and we wait
for that.  So nothing is copied, and nothing has to be kept.  Without the compiled
module the interpreter is forked; the child then does the same steps, slower.

Handlers come by the thousand, and nobody waits for their exec.  They are started
by `ucspi.unix.spawn`.
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

_PID_ROOM = 20  # bytes for a pid in C memory

_ERRORS: "list[Any]" = []  # the texts of all errors in C memory, filled when first needed
_LATE: "list[LateChild]" = []  # those that are not over: a child uses the memory that they keep
_ENVIRON: "list[Any]" = []  # the last environment, and its copy in C memory


class PidLine:
    """A line that the child writes into an open file before it executes: a text, its pid, its start time.

    Each number is padded to 20 bytes with spaces.  A space stands between them and
    a newline at the end, which makes `PID_LINE_TAIL` bytes behind the text.  If the
    line cannot be written, the child executes all the same.
    """

    __slots__ = ("descriptor", "text")

    def __init__(self, descriptor: int, text: bytes) -> None:
        """Take the file and the text.

        Args:
            descriptor: of the file, positioned where the line belongs.
            text: what the line begins with, at most 96 bytes.
        """
        self.descriptor, self.text = descriptor, text

    def write(self) -> None:
        """Write the line about this process; a failure is ignored."""
        try:
            numbers = b"%-20d %-20s\n" % (os.getpid(), procfiles.start_time(b"self"))
            os.write(self.descriptor, self.text + numbers)
        except OSError:
            pass


class PidFile:
    """A file with the child's pid in it, which the child publishes before it executes.

    Attributes:
        is_done: the child has published it; if not, that is left to the caller of `start`.
    """

    __slots__ = ("at", "folder", "is_done", "record", "target", "temporary")

    def __init__(self, record: bytes, at: int, temporary: bytes, target: bytes, folder: int = -1) -> None:
        """Describe the file.

        Args:
            record: its content, at most 64 bytes.
            at: the offset of the pid in it, 4 bytes, little-endian.
            temporary: the file that it is written into; it must not exist yet.
            target: what the temporary is renamed to.
            folder: a descriptor of the directory of both; -1: the child's current directory.
        """
        self.record, self.at, self.temporary, self.target = record, at, temporary, target
        self.folder = folder
        self.is_done = False


class ChildSetup:
    """What a started program gets: directory, descriptors, limits; and what the child does before its exec.

    Attributes:
        directory: a descriptor of its current directory; -1: ours.
        input: a descriptor that becomes 0; not 1 or 2.  -1: our 0.
        output: a descriptor that becomes 1; not 0 or 2.  -1: our 1.
        others: pairs of a descriptor and the number above 2 that it becomes; no
            descriptor is one of these numbers.
        complaint: begins the line on stderr if nothing can be executed; the text of
            the error follows.  Empty: no line.  The line may be lost if stderr is a
            full pipe, for nobody waits until it is read.
        open_files: its soft limit of open files; 0: ours.
        pid_line: the child writes it before its exec; None: no line.
        pid_file: the child publishes it before that, so others see it while we still
            wait for the exec.  None: no file.
        kept: descriptors above 2 that the child keeps until its exec, besides those named
            here.  It closes all others first, for they may be locks.  None: it keeps all.
        pid_variable: ``NAME=``, to which the child adds its pid as the last variable; empty: none.
        is_leader: it leads a session and a process group of its own.
        patience: seconds to wait for the exec; None: without end.
        late: set by `start` if the child had not executed after that time.
    """

    __slots__ = (
        "complaint",
        "directory",
        "input",
        "is_leader",
        "kept",
        "late",
        "open_files",
        "others",
        "output",
        "patience",
        "pid_file",
        "pid_line",
        "pid_variable",
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
        pid_variable: bytes = b"",
        is_leader: bool = False,
        patience: float | None = None,
    ) -> None:
        """Take them; what is left out stays as it is in this process, or is not done."""
        self.directory, self.input, self.output = directory, input, output
        self.complaint, self.open_files = complaint, open_files
        self.pid_line, self.pid_file = pid_line, pid_file
        self.others, self.pid_variable = others, pid_variable
        self.kept, self.is_leader, self.patience = kept, is_leader, patience
        self.late: LateChild | None = None

    def all_kept(self) -> list[int]:
        """Return the descriptors above 2 that the child needs, in ascending order."""
        named = [self.directory, self.input, self.output, *(source for source, _ in self.others)]
        if self.pid_line:
            named.append(self.pid_line.descriptor)
        if self.pid_file:
            named.append(self.pid_file.folder)
        return sorted({number for number in (*named, *(self.kept or ())) if number > 2})


class LateChild:
    """A child that had not executed when we stopped waiting; a disk may hang."""

    __slots__ = ("_used", "_waiting")

    def __init__(self, used: "Any" = None, waiting: int = -1) -> None:
        """Keep the memory that a cloned child uses, or the descriptor that a forked one closes at exec."""
        self._used, self._waiting = used, waiting
        _LATE.append(self)

    def is_over(self) -> bool:
        """Return whether it has executed or ended."""
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
    """Start a program as a child, and wait until it has executed.

    It gets what we inherited: ignored signals, the signal mask without SIGCHLD,
    process group and session.  SIGCHLD and the signals that we catch have their
    default actions.  SIGPIPE and SIGXFSZ, raised limits, and the score that
    `oom.shield` lowered are as we were given them.

    Args:
        paths: the files to try, in order, as `search.files` returns them.
        argv: the command line, the name first.
        environ: the environment as ``NAME=VALUE``.
        setup: what it gets besides; None: all as it is in this process.

    Returns:
        Its pid, even if nothing could be executed: then the child exits with 111.

    Raises:
        OSError: no process can be made (EAGAIN, ENOMEM).
    """
    by = start_by_fork if native.lib is None else start_by_clone
    return by(paths, argv, environ, setup or ChildSetup())


def start_by_clone(paths: list[bytes], argv: list[bytes], environ: list[bytes], setup: ChildSetup) -> int:
    """Start a program through the compiled module; see `start`."""
    ffi, pid_line, pid_file = native.ffi, setup.pid_line, setup.pid_file
    if setup.pid_variable:
        environ = [*environ, setup.pid_variable + bytes(_PID_ROOM)]
    texts = [setup.complaint, pid_line.text if pid_line else b"", oom.given]
    if pid_file:
        texts += [pid_file.record, pid_file.temporary, pid_file.target]
    what = ffi.new("struct usys_start *")
    command = what.command
    kept = [lay_out_command(command, paths, argv, environ), _strings(texts)]
    cells = kept[1][0]
    if setup.pid_variable:
        variables: list[Any] = kept[0][2][0]
        what.own_pid = variables[-1] + len(setup.pid_variable)
    command.complaint = cells[0] if setup.complaint else ffi.NULL
    what.directory, what.input, what.output = setup.directory, setup.input, setup.output
    what.score = cells[2] if oom.given else ffi.NULL
    what.open_files = setup.open_files
    others = ffi.new("int[]", [number for pair in setup.others for number in pair] + [-1])
    what.others = others
    kept_open = ffi.new("int[]", [*setup.all_kept(), -1]) if setup.kept is not None else ffi.NULL
    what.kept = kept_open
    what.is_leader = setup.is_leader
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
        late.is_over()  # removes it from the list
    if what.busy:
        setup.late = LateChild((what, kept, others, kept_open))
    elif pid_file:
        pid_file.is_done = bool(what.is_published)
    if setup.patience is not None:
        _lower_again()
    return pid


def lay_out_command(
    command: "Any", paths: list[bytes], argv: list[bytes], environ: list[bytes]
) -> "tuple[Any, ...]":
    """Fill a ``struct usys_command``, but for its complaint; return what must be kept as long as it is used.

    Args:
        command: the structure.
        paths: see `start`, as for the next two.
        argv: see there.
        environ: see there.
    """
    if not _ERRORS:
        _ERRORS.append(_strings([describe(number) for number in range(max(errno.errorcode) + 1)]))
    if not (_ENVIRON and _ENVIRON[0] is environ):  # a supervisor always passes the same list
        _ENVIRON[:] = [environ, _strings(environ)]
    files, words = _strings(paths), _strings(argv)
    command.paths, command.argv, command.environ = files[1], words[1], _ENVIRON[1][1]
    command.errors, command.error_count = _ERRORS[0][1], len(_ERRORS[0][0])
    native.hand_on(command, inheritedstate.ignored)
    return files, words, _ENVIRON[1]


def _lower_again() -> None:
    """Lower our score again, once no child shares our memory: such a child sets ours to the old one, too."""
    if not _LATE:
        oom.lower_again()


def _strings(texts: list[bytes]) -> "tuple[list[Any], Any]":
    """Return C strings, and an array of pointers to them; both have to be kept."""
    ffi = native.ffi
    cells = [ffi.new("char[]", text) for text in texts]
    return cells, ffi.new("char *[]", [*cells, ffi.NULL])


def start_by_fork(paths: list[bytes], argv: list[bytes], environ: list[bytes], setup: ChildSetup) -> int:
    """Start a program by forking the interpreter; see `start`."""
    waiting = executed = -1
    before = hold()
    try:
        waiting, executed = os.pipe()  # closed on exec: its end means that the child has executed or ended
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
        if setup.pid_variable:
            environ = [*environ, b"%s%d" % (setup.pid_variable, os.getpid())]
        search.execute(paths, argv, environ)
    except BaseException as error:
        os.close(executed)  # the parent must not wait while we do, for a full pipe
        fds.close_private()  # so that no lock is held meanwhile
        if setup.complaint:
            emit(setup.complaint + describe(error.errno if isinstance(error, OSError) else -1) + b"\n")
    finally:
        os._exit(EXIT_TEMPORARY)  # never back into the caller's frames


def _arrange(setup: ChildSetup, executed: int) -> None:
    if setup.is_leader:
        os.setsid()
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
    """Reap all children that have ended; yield their pids."""
    return (pid for pid, _ in reaped())


def reaped() -> "Iterator[tuple[int, int]]":
    """Reap all children that have ended; yield pid and wait status of each."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status
