"""Starting handlers: one program again and again, each time for another connection.

With the compiled module a handler is spawned: the child shares our memory until
its exec, for which we do not wait.  Without it the interpreter is forked; the
child then does the same steps, slower.  Both keep the contract of
``usys_spawn`` in ``cdbext/system/spawnhandler.h``.
"""

import errno
import os
from _signal import SIG_BLOCK, SIGCHLD, SIGPIPE, pthread_sigmask, set_wakeup_fd

from ucspi.exits import EXIT_TEMPORARY
from ucspi.unix import fds, inheritedstate, native, oom, search
from ucspi.unix.errtext import describe
from ucspi.unix.output import emit, has_room
from ucspi.unix.signals import hold, release, restore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn, Protocol

    class Spawner(Protocol):
        """Starts one program again and again, each time on another connection."""

        native: bool
        shield: oom.Shield  # the caller closes it when it is due

        def is_preparing(self) -> bool:
            """Return whether a child that has not executed yet shares our memory."""
            ...

        def spawn(self, connection: int, variables: bytes, log: bytes, output: int = -1) -> int:
            """Start the program with a connection on descriptors 0 and 1.

            Args:
                connection: a descriptor, which is closed here in any case.
                variables: ``NAME=VALUE`` strings, each ended by a NUL, each name once.
                    They replace inherited variables of the same name.
                log: the child writes it to descriptor 2 before its exec; each NUL in it
                    becomes the child's pid.
                output: becomes descriptor 1, and is closed here like the connection; not 0.
                    -1: the connection becomes 1 too.

            Returns:
                The pid of the child, which may not have executed yet.

            Raises:
                OSError: no process can be made (EAGAIN, ENOMEM).
            """
            ...


_FOREVER: list[object] = []


class Program:
    """What all handlers of a server have in common."""

    __slots__ = ("argv", "complaint", "environ", "ignored", "listeners", "paths", "pid_variable")

    def __init__(
        self,
        argv: list[bytes],
        paths: list[bytes],
        environ: list[bytes],
        complaint: bytes,
        pid_variable: bytes = b"",
        listeners: "Sequence[int]" = (),
    ) -> None:
        """Take the description.

        Args:
            argv: its command line, the name first.
            paths: the files to try, in order.
            environ: what it inherits, as ``NAME=VALUE``.
            complaint: begins the line on stderr if nothing can be executed; the text of
                the error follows.  Empty: no line.
            pid_variable: ``NAME=``, at most 40 bytes; if a handler has this variable, it
                gets the handler's pid as its value.  Empty: none.
            listeners: descriptors that a child closes first, since it may have to wait
                before its exec.
        """
        self.listeners = listeners
        self.pid_variable = pid_variable
        # As in the original, an ignored SIGPIPE is not handed on.
        self.ignored = [number for number in inheritedstate.ignored if number != SIGPIPE]
        self.argv, self.paths, self.environ, self.complaint = argv, paths, environ, complaint


def spawner(program: Program) -> "Spawner":
    """Return the fastest spawner that this installation has.

    The program gets the signal mask that the calling thread has now, without
    SIGCHLD.  Signals that are caught by now have their default actions there.  The
    score that `oom.shield` lowered is the old one again.
    """
    return ForkSpawner(program) if native.lib is None else NativeSpawner(program)


def _no_process(error: MemoryError | OSError) -> OSError:
    return error if isinstance(error, OSError) else OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))


def _close_ends(connection: int, output: int) -> None:
    os.close(connection)
    if output >= 0:
        os.close(output)


class NativeSpawner:
    """Spawns through the compiled module; to be used by one thread.

    What it puts into C memory stays there as long as the process lives, for a
    child reads it until its exec.
    """

    __slots__ = ("_program", "_spawn", "shield")

    native = True

    def __init__(self, program: Program) -> None:
        """Copy the description into C memory, once."""
        ffi = native.ffi
        texts = [describe(number) for number in range(max(errno.errorcode) + 1)]
        self._program = ffi.new("struct usys_program *")
        command = self._program.command
        command.paths = self._strings(program.paths)
        command.argv = self._strings(program.argv)
        command.environ = self._strings(program.environ)
        command.errors, command.error_count = self._strings(texts), len(texts)
        command.complaint = self._string(program.complaint)
        native.hand_on(command, program.ignored)
        self._program.pid_variable = self._string(program.pid_variable)
        listeners = ffi.new("int[]", [*program.listeners, -1])
        self._program.listeners = listeners
        _FOREVER.append((self._program, listeners))
        native.lib.usys_capture_signals(self._program)
        self.shield = oom.Shield()
        score = self._program.score
        score.given, score.own = self._string(oom.given), self._string(oom.own)
        score.file, score.is_taken = oom.file, oom.is_taken
        self._spawn = native.lib.usys_spawn

    def _string(self, text: bytes) -> "Any":
        return self._strings([text])[0] if text else native.ffi.NULL

    def _strings(self, texts: list[bytes]) -> "Any":
        ffi = native.ffi
        cells = [ffi.new("char[]", text) for text in texts]
        array = ffi.new("char *[]", [*cells, ffi.NULL])
        _FOREVER.append((cells, array))
        return array

    def spawn(self, connection: int, variables: bytes, log: bytes, output: int = -1) -> int:
        """See `Spawner.spawn`."""
        try:
            keeps_score = self._keeps_score()
        except (MemoryError, OSError) as error:
            _close_ends(connection, output)  # the caller does not close them
            raise _no_process(error) from None
        pid: int = self._spawn(
            self._program, connection, output, variables, len(variables), log, len(log), keeps_score
        )
        if pid < 0:
            raise OSError(-pid, os.strerror(-pid))
        return pid

    def _keeps_score(self) -> bool:
        """Return whether our score stays lowered for the next child; if not, set the old one now."""
        if not oom.given or self.shield.holds():
            return bool(oom.given)
        self.shield.open()
        return False

    def is_preparing(self) -> bool:
        """See `Spawner.is_preparing`."""
        return bool(native.lib.usys_is_preparing(self._program))


class ForkSpawner:
    """Spawns by forking the interpreter, where there is no compiled module."""

    __slots__ = ("_mask", "_program", "shield")

    native = False

    def __init__(self, program: Program) -> None:
        """Note the signal mask for handlers."""
        self._program, self.shield = program, oom.Shield()
        self._mask = pthread_sigmask(SIG_BLOCK, ()) - {SIGCHLD}

    def spawn(self, connection: int, variables: bytes, log: bytes, output: int = -1) -> int:
        """See `Spawner.spawn`."""
        # A signal that comes between fork and exec must wait until the handler's action
        # is set.  If Python caught it, it would be lost.
        before = None
        try:
            before = hold()
            if oom.given:
                self.shield.open()
            pid = os.fork()
            if pid == 0:
                self._become(connection, variables, log, output)
            return pid
        except MemoryError as error:
            raise _no_process(error) from None
        finally:
            if before is not None:
                release(before)
            _close_ends(connection, output)

    def is_preparing(self) -> bool:
        """See `Spawner.is_preparing`."""
        return False

    def _become(self, connection: int, variables: bytes, log: bytes, output: int) -> "NoReturn":
        try:
            set_wakeup_fd(-1)  # the pipe is the parent's
            self._close_server(connection, output)
            emit(log.replace(b"\0", b"%d" % os.getpid()))
            os.dup2(connection, 0)
            os.set_inheritable(0, True)  # dup2(0, 0) leaves close-on-exec set
            os.dup2(connection if output < 0 else output, 1)
            os.set_inheritable(1, True)
            restore(self._program.ignored, self._mask)
            search.execute(self._program.paths, self._program.argv, self._environ(variables))
        except BaseException as error:
            if not has_room():
                fds.close_private()
            if self._program.complaint:
                why = describe(error.errno if isinstance(error, OSError) else -1)
                emit(self._program.complaint + why + b"\n")
        finally:
            os._exit(EXIT_TEMPORARY)  # never back into the caller's frames

    def _close_server(self, connection: int, output: int) -> None:
        """Close the listeners, and everything private if we have to wait for the log."""
        for listener in self._program.listeners:
            if listener not in (connection, output):  # the number of a closed listener may be theirs
                fds.close(listener)
        if not has_room():
            fds.close_private(connection, output)

    def _environ(self, variables: bytes) -> list[bytes]:
        new = variables.split(b"\0")[:-1]
        name = self._program.pid_variable
        new = [entry + b"%d" % os.getpid() if entry == name else entry for entry in new]
        names = {entry.partition(b"=")[0] for entry in new}
        kept = [entry for entry in self._program.environ if entry.partition(b"=")[0] not in names]
        return kept + new
