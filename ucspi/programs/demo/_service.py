"""The running service of the demonstration, and its log.

The server has its own process group, so Ctrl-C reaches only the demonstration.
That ends the whole group, and knows that no process is left when the pipe of the
log has no writer any more.
"""

import _signal
import os
import select
import sys
from _signal import SIGPIPE, SIGXFSZ

from ucspi.exits import EXIT_TEMPORARY
from ucspi.programs._program import Stop, fatal
from ucspi.programs.demo._servicedir import make_temporary, quote, remove, take_named, write_files
from ucspi.unix import inheritedstate
from ucspi.unix.errtext import describe
from ucspi.unix.output import say, write_all
from ucspi.unix.rlimits import Narrowed, soft

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Final

HOST: "Final" = b"127.0.0.1"
STOP_SIGNALS: "Final" = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP)
FIRST_STATUS: "Final" = b"tcpserver: status: 0/"
GRACE: "Final" = 5000  # milliseconds that handlers have to end

INSTRUCTIONS: "Final" = b"""\
The service in %(folder)s listens on %(host)s port %(port)d.

In another terminal, connect as a client that its rules allow:
  %(ucspi)s connect %(host)s %(port)d
and as one that they deny:
  %(ucspi)s connect --from 127.0.0.2 %(host)s %(port)d

To change the rules while it runs, edit %(folder)s/tcp.demo, then:
  cd %(folder)s && ./make_cdb

Ctrl-C ends it.  This is its log:
"""


class Service:
    """The running service and its log."""

    __slots__ = ("folder", "group", "log", "named", "port", "ucspi")

    def __init__(self, port: int, named: bytes | None) -> None:
        self.port, self.named = port, named
        self.ucspi = _ucspi_command()
        self.folder = b""  # once it exists
        self.group = 0  # process group of the server, once it is started
        self.log = -1  # the read end of the pipe of its log

    def run(self) -> int:
        """Make the service, start it, and show its log until it ends."""
        mask = _signal.pthread_sigmask(_signal.SIG_BLOCK, STOP_SIGNALS)
        for number in STOP_SIGNALS:
            _signal.signal(number, _signal.default_int_handler)
        self.folder = make_temporary() if self.named is None else take_named(self.named)
        write_files(self.folder, self.ucspi, self.port)
        os.chdir(self.folder)
        self._make_cdb()
        self._start(mask)
        # Unblocked only now: until here a signal could come before stop() knows what to remove.
        _signal.pthread_sigmask(_signal.SIG_SETMASK, mask)
        self._show_start()
        while block := os.read(self.log, 4096):
            _show(block)
        raise Stop(b"demo: fatal: the server has ended", EXIT_TEMPORARY)

    def _make_cdb(self) -> None:
        pid = _spawn(b"./make_cdb")
        if os.waitpid(pid, 0)[1]:
            raise Stop(b"demo: fatal: the rules in %s/tcp.demo were refused" % self.folder, EXIT_TEMPORARY)

    def _start(self, mask: "Iterable[int]") -> None:
        self.log, write = os.pipe()
        try:
            self.group = _spawn(
                b"./run",
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, b"/dev/null", os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, write, 1),
                    (os.POSIX_SPAWN_DUP2, write, 2),
                ],
                setpgroup=0,
                setsigmask=mask,
            )
        finally:
            os.close(write)

    def _show_start(self) -> None:
        """Wait until the server listens; print the instructions and its first lines."""
        first = b""
        while FIRST_STATUS not in first:
            block = os.read(self.log, 4096)
            if not block:
                _show(first)
                raise Stop(b"demo: fatal: the server did not start", EXIT_TEMPORARY)
            first += block
        values = {b"folder": quote(self.folder), b"host": HOST, b"port": self.port, b"ucspi": self.ucspi}
        _show(INSTRUCTIONS % values + first)

    def stop(self) -> None:
        """End the server and its handlers, and remove the folder unless the user named it."""
        if self.group:
            self._end_group()
        if self.folder and self.named is None:
            try:
                remove(self.folder)
            except OSError as error:
                say(b"demo: warning: unable to remove %s: %s" % (self.folder, describe(error.errno)))

    def _end_group(self) -> None:
        """End the server and its handlers, and wait until the last one has ended."""
        for number in (_signal.SIGTERM, _signal.SIGKILL):
            os.killpg(self.group, number)
            if self._log_ends():
                break
        os.waitpid(self.group, 0)

    def _log_ends(self) -> bool:
        """Read the log to its end; return False if that takes too long."""
        poll = select.poll()
        poll.register(self.log, select.POLLIN)
        while poll.poll(GRACE):
            if not os.read(self.log, 4096):
                return True
        return False


def _ucspi_command() -> bytes:
    """Return the shell words that run ``ucspi`` in any directory and without environment."""
    if inheritedstate.command:
        directory, name = os.path.split(inheritedstate.command)
        return quote(os.path.join(os.path.realpath(directory), name))
    return quote(os.fsencode(sys.executable)) + b" -I -m ucspi"


def _spawn(script: bytes, **settings: "Any") -> int:
    """Start a script of the folder with the resource limits that we were started with."""
    limits = [soft(number, value) for number, value in inheritedstate.limits]
    narrowed = Narrowed(limits, [])
    try:
        return os.posix_spawn(
            b"/bin/sh",
            [b"sh", script],
            os.environb,
            # CPython ignores these two; restore what the parent had set.
            setsigdef=[number for number in (SIGPIPE, SIGXFSZ) if number not in inheritedstate.ignored],
            **settings,
        )
    finally:
        narrowed.undo()


def _show(text: bytes) -> None:
    """Write to standard output; if nobody reads it the demonstration ends."""
    try:
        write_all(1, text)
    except OSError as error:
        raise fatal(b"demo", b"unable to write output", error) from None
