"""Starting handlers: every fork of the project goes through here.

With the compiled module a handler is spawned: a clone that shares our memory
until the exec, about half a millisecond whatever the heap, done by threads
that never touch the interpreter.  Without it the interpreter is forked, which
does the same steps slower.  The contract is that of ``cdbext/spawn.h``.
"""

import errno
import os
from _signal import (
    SIG_BLOCK,
    SIG_DFL,
    SIG_SETMASK,
    SIGCHLD,
    SIGPIPE,
    SIGTERM,
    SIGXFSZ,
    pthread_sigmask,
    set_wakeup_fd,
)
from _signal import signal as set_action

from ucspi.errors import EXIT_TEMPORARY
from ucspi.unix import _native, search
from ucspi.unix.errtext import describe
from ucspi.unix.stderr import emit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn, Protocol

    from ucspi.unix.signals import Wakeup

    class Spawner(Protocol):
        """Starts one program again and again, each time on another connection."""

        native: bool

        def start(self, connection: int, variables: bytes, log: bytes) -> None:
            """Start the program with a connection on descriptors 0 and 1.

            Args:
                connection: a descriptor, given away: it is closed here.
                variables: ``NAME=VALUE`` strings each ended by a NUL, each name
                    once; they replace inherited variables of the same name.
                log: written to descriptor 2 by the new process before it
                    executes; each NUL in it becomes the new process's pid.
            """
            ...

        def collect(self, wake: bool) -> list[int]:
            """Return, for starts carried out since the last call, the pid or minus the errno.

            A process may have ended, and been reaped, before its pid is here.

            Args:
                wake: whether any result that comes later shall wake the loop;
                    a failed start does so in any case.
            """
            ...


THREADS = 2  # a clone's parent waits for the exec: one spawn at a time cannot use a second core
RESULTS = 64  # taken from the pool in one call


class Program:
    """What every handler of a server has in common."""

    __slots__ = ("argv", "complaint", "environ", "paths")

    def __init__(self, argv: list[bytes], paths: list[bytes], environ: list[bytes], complaint: bytes) -> None:
        """Describe the program.

        Args:
            argv: its command line, the name first.
            paths: the files to try, in order.
            environ: what it inherits, as ``NAME=VALUE``.
            complaint: begins the line on stderr when nothing can be executed;
                the text of the error follows.  Empty: silent.
        """
        self.argv, self.paths, self.environ, self.complaint = argv, paths, environ, complaint


def spawner(program: Program, wakeup: "Wakeup") -> "Spawner":
    """Return the best way this installation has to start a program.

    The calling thread's signal mask, less SIGCHLD, becomes the program's.
    """
    return ForkSpawner(program, wakeup) if _native.lib is None else NativeSpawner(program, wakeup)


class NativeSpawner:
    """Spawns in threads of the compiled module, which live as long as the process."""

    __slots__ = ("_keep", "_order", "_pool", "_results", "_take")

    native = True

    def __init__(self, program: Program, wakeup: "Wakeup") -> None:
        """Lay the program out in C memory, once, and start the threads.

        Raises:
            OSError: the system gives no thread.
        """
        ffi, lib = _native.ffi, _native.lib
        self._keep: list[object] = []
        laid_out = self._lay_out(program)
        lib.usys_capture_mask(laid_out)
        self._pool = lib.usys_pool_start(laid_out, THREADS, wakeup.writer)
        if not self._pool:
            raise OSError(ffi.errno, os.strerror(ffi.errno))
        self._results = ffi.new("int[]", RESULTS)
        self._order, self._take = lib.usys_pool_order, lib.usys_pool_collect

    def _lay_out(self, program: Program) -> "Any":
        ffi = _native.ffi
        texts = [describe(number) for number in range(max(errno.errorcode) + 1)]
        laid_out = ffi.new("struct usys_program *")
        laid_out.paths = self._strings(program.paths)
        laid_out.argv = self._strings(program.argv)
        laid_out.environ = self._strings(program.environ)
        laid_out.errors = self._strings(texts)
        laid_out.error_count = len(texts)
        laid_out.complaint = self._strings([program.complaint])[0] if program.complaint else ffi.NULL
        self._keep.append(laid_out)
        return laid_out

    def _strings(self, texts: list[bytes]) -> "Any":
        ffi = _native.ffi
        cells = [ffi.new("char[]", text) for text in texts]
        array = ffi.new("char *[]", [*cells, ffi.NULL])
        self._keep += [cells, array]
        return array

    def start(self, connection: int, variables: bytes, log: bytes) -> None:
        """See `Spawner.start`."""
        if self._order(self._pool, connection, variables, len(variables), log, len(log)):
            raise MemoryError

    def collect(self, wake: bool) -> list[int]:
        """See `Spawner.collect`."""
        found: list[int] = []
        while True:
            count = self._take(self._pool, self._results, RESULTS, wake)
            found.extend(self._results[0:count])
            if count < RESULTS:
                return found


class ForkSpawner:
    """Forks the interpreter; for installations without the compiled module."""

    __slots__ = ("_mask", "_program", "_results", "_wakeup")

    native = False

    def __init__(self, program: Program, wakeup: "Wakeup") -> None:
        """Note the signal mask that handlers shall have."""
        self._program, self._wakeup = program, wakeup
        self._mask = pthread_sigmask(SIG_BLOCK, ()) - {SIGCHLD}
        self._results: list[int] = []

    def start(self, connection: int, variables: bytes, log: bytes) -> None:
        """See `Spawner.start`."""
        try:
            pid = os.fork()
            if pid == 0:
                self._become(connection, variables, log)
            self._results.append(pid)
        except OSError as error:
            self._results.append(-(error.errno or errno.EAGAIN))
            self._wakeup.wake()
        finally:
            os.close(connection)

    def collect(self, wake: bool) -> list[int]:
        """See `Spawner.collect`."""
        found, self._results = self._results, []
        return found

    def _become(self, connection: int, variables: bytes, log: bytes) -> "NoReturn":
        try:
            # Parent and child share the wakeup pipe: until it is unset here, a
            # SIGTERM meant for this child would stop the server.
            set_wakeup_fd(-1)
            emit(log.replace(b"\0", b"%d" % os.getpid()))
            os.dup2(connection, 0)
            os.set_inheritable(0, True)  # dup2(0, 0) leaves close-on-exec set
            os.dup2(connection, 1)
            os.set_inheritable(1, True)
            for number in (SIGCHLD, SIGTERM, SIGPIPE, SIGXFSZ):
                set_action(number, SIG_DFL)
            pthread_sigmask(SIG_SETMASK, self._mask)
            search.execute(self._program.paths, self._program.argv, self._environ(variables))
        except OSError as error:
            if self._program.complaint:
                emit(self._program.complaint + describe(error.errno) + b"\n")
        finally:
            os._exit(EXIT_TEMPORARY)  # never back into the caller's frames

    def _environ(self, variables: bytes) -> list[bytes]:
        new = variables.split(b"\0")[:-1]
        names = {entry.partition(b"=")[0] for entry in new}
        kept = [entry for entry in self._program.environ if entry.partition(b"=")[0] not in names]
        return kept + new
