"""The links in front of a handler that each connection's process takes itself: envdir, recordio, fixcrio.

The stem was started behind the directories of ``envdir``, so its module has seen their
variables.  A process reads each directory again.  If anything there is other than the stem
has found it, the process executes that link, which is always right, and the stem ends, so
that the server starts another one.  Where a copier cannot be started its link is executed too.
"""

import os
from _signal import SIGHUP, SIGPIPE, SIGXFSZ, getsignal, pidfd_send_signal, signal

from ucspi.exits import EXIT_TEMPORARY
from ucspi.unix import fds, inheritedstate, mover, native, search
from ucspi.unix.environ import changed
from ucspi.unix.errtext import explain
from ucspi.unix.output import emit
from ucspi.unix.signals import undo_ignored
from ucspi.unix.stemchannel import DIRECTORY, Link, entries

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_ROOM = 65536  # bytes of a directory's variables; as a step of a chain has
# What an import may change and a link would see.
_STATUS = ("Umask:", "Uid:", "Gid:", "Groups:", "SigBlk:", "SigIgn:", "Cap", "NoNewPrivs:", "Seccomp:")


class StemLinks:
    """The changes of all links, and what was found in directories when the stem was started."""

    def __init__(self, changes: "list[bytes | Link]") -> None:
        """Read the directories.

        Raises:
            ValueError: it cannot be done so; the text says why.
        """
        if native.lib is None or inheritedstate.limits:
            raise ValueError("links in front of it cannot be taken here")
        self._changes = changes
        self._found = [_read(link.text) for link in changes if isinstance(link, Link) and _reads(link)]
        self._mover = -1
        if not all(_reads(link) for link in changes if isinstance(link, Link)):
            self._mover = mover.descriptor()
            if self._mover < 0:
                raise ValueError("the program that moves bytes cannot be opened")
        try:
            self._stem = os.pidfd_open(os.getpid())
        except OSError as error:
            raise ValueError(f"this system has no descriptors of processes: {error.strerror}") from None

    def flat(self) -> list[bytes]:
        """Return all changes of the environment in order, those of directories too.

        Raises:
            ValueError: one of them has a say in what is executed.
        """
        found, flat = iter(self._found), []
        for change in self._changes:
            if not isinstance(change, Link):
                flat.append(change)
            elif _reads(change):
                flat += entries(next(found))
        if any(change.partition(b"=")[0] == b"PATH" for change in flat):
            raise ValueError("a directory of envdir has PATH")
        return flat

    def take(self, environ: list[bytes]) -> None:
        """Take the links, in a process with a connection on descriptors 0 and 1.

        Args:
            environ: of this connection, before any link changed it.
        """
        found = iter(self._found)
        for change in self._changes:
            if not isinstance(change, Link):
                environ = changed(environ, (change,))
            elif not _reads(change):
                if not self._start_copier(change, environ):
                    self._execute(change, environ)
            elif (text := _look(change.text)) == next(found):
                environ = changed(environ, entries(text))
            else:
                self._end_stem()
                self._execute(change, environ)
        os.close(self._stem)
        if self._mover >= 0:
            os.close(self._mover)

    def _start_copier(self, link: Link, environ: list[bytes]) -> bool:
        ffi = native.ffi
        texts = [[ffi.new("char[]", text) for text in part] for part in (link.argv, environ, (link.file,))]
        argv, variables, paths = (ffi.new("char *[]", [*part, ffi.NULL, ffi.NULL]) for part in texts)
        order = ffi.new("char[]", link.text)
        step = ffi.new("struct usys_mover *", {"file": self._mover, "order": order})
        command = ffi.new("struct usys_command *", {"paths": paths, "argv": argv})
        busy = ffi.new("int *")
        before = [(number, getsignal(number)) for number in (SIGPIPE, SIGXFSZ)]
        undo_ignored()
        error = native.lib.usys_start_copier(step, command, variables, busy)
        for number, action in before:
            signal(number, action)
        return not error

    def _end_stem(self) -> None:
        try:
            pidfd_send_signal(self._stem, SIGHUP)
        except OSError:
            pass  # it has ended already

    def _execute(self, link: Link, environ: list[bytes]) -> "NoReturn":
        undo_ignored()
        try:
            search.execute([link.file], link.argv, environ)
        except OSError as error:
            emit(b"pyhandler: fatal: unable to run %s: %s\n" % (link.file, explain(error)))
        os._exit(EXIT_TEMPORARY)


def state() -> tuple[object, ...]:
    """Return how this process is, as far as a link would see that and an import may change it.

    Raises:
        ValueError: the system does not tell.
    """
    try:
        with open("/proc/self/status") as status:
            lines = [line for line in status if line.startswith(_STATUS)]
        with open("/proc/self/limits") as limits:  # the module may have left a single descriptor
            texts = (*lines, limits.read())
        here = os.stat(".")
        own = os.getsid(0), os.getpgrp(), os.getpriority(os.PRIO_PROCESS, 0)
        return (here.st_dev, here.st_ino, own, texts, fds.inheritable())
    except OSError as error:
        raise ValueError(f"how this process is cannot be seen: {error.strerror}") from None


def _reads(link: Link) -> bool:
    return link.kind == DIRECTORY


def _read(path: bytes) -> bytes:
    text = _look(path)
    if text is None:
        raise ValueError("what a directory of envdir has cannot be compared")
    return text


def _look(path: bytes) -> bytes | None:
    """Return the changes of the environment that are in a directory, each with a NUL; None: not certain."""
    ffi, lib = native.ffi, native.lib
    room = ffi.new("char[]", _ROOM)
    place = ffi.new("char[]", path)
    changes = ffi.new("struct usys_changes *", {"at": room, "room": _ROOM, "most_count": lib.USYS_CHANGES})
    if lib.usys_read_variables(place, changes):
        return None
    return bytes(ffi.buffer(room, changes.length))
