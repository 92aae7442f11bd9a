"""Every supervisor inside this one process: hundreds of services for the price of one interpreter.

Files, messages and what others see are those of a process for each.  A
supervisor that cannot begin says what ``supervise`` would say, and is tried
again by the next scan, as a ``supervise`` that ended would be.
"""

import os
from itertools import count

from ucspi.errors import ServiceError
from ucspi.service import asking
from ucspi.service.aside import Aside
from ucspi.service.loop import Loop
from ucspi.service.registry import LOG
from ucspi.service.scanner import label, warn
from ucspi.service.scans import Scans
from ucspi.service.supervisor import Supervisor, Surroundings
from ucspi.unix import environ
from ucspi.unix.errtext import explain
from ucspi.unix.fds import demand_spare
from ucspi.unix.stderr import say_soon

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from ucspi.service.pipe import Pipe

SPARE = 4  # descriptors for the services that run: they need some, for a moment, at every change


class Hosted:
    """Starts supervisors in a `Loop`; a token is a number that no other one ever had."""

    __slots__ = ("_aside", "_ended", "_environ", "_loop", "_open_files", "_tokens")

    def __init__(self, loop: Loop, ended: "Callable[[int], object]", open_files: int = 0) -> None:
        """Start none yet.

        Args:
            loop: hosts them.
            ended: called with the token of a supervisor that has left, or could not begin.
            open_files: the soft limit of open files that services shall have;
                0 leaves it as it is.
        """
        self._loop, self._ended, self._open_files = loop, ended, open_files
        self._environ = environ.inherited()
        self._aside = Aside(loop)
        self._tokens = count()

    def start(self, name: bytes, role: int, pipe: "Pipe | None") -> int:
        """See `scanner.Starter.start`; a supervisor that cannot begin ends at once."""
        where = Surroundings(
            self._environ,
            input=pipe.reader if pipe and role == LOG else -1,
            output=pipe.writer if pipe and role != LOG else -1,
            open_files=self._open_files,
        )
        token = next(self._tokens)
        self._aside.call(lambda: _open(name, role, where), lambda opened: self._host(opened, token))
        return token

    def _host(self, supervisor: Supervisor | None, token: int) -> None:
        """Host a supervisor that has opened its directory; None when it could not."""
        if supervisor is None:
            self._ended(token)
            return
        try:
            demand_spare(SPARE)
            self._loop.add(supervisor, lambda: self._ended(token))
        except OSError as error:
            supervisor.close()
            _complain(ServiceError(b"unable to supervise " + supervisor.name, error))
            self._ended(token)


def _open(name: bytes, role: int, where: Surroundings) -> Supervisor | None:
    """Open a directory for a supervisor; None when that cannot be, which was said."""
    try:
        return _supervise(name, role, where)
    except ServiceError as error:
        _complain(error)
    except Exception as error:
        # What nobody thought of, in one service, must not end all others.
        say_soon(b"svscan: warning: unable to start %s: %a" % (label(name, role), error))
    return None


def _supervise(name: bytes, role: int, where: Surroundings) -> Supervisor | None:
    if role != LOG:
        return Supervisor(name, where)
    try:
        parent = asking.enter(name)
    except OSError as error:
        warn(b"unable to switch to " + name, error)
        return None
    try:
        return Supervisor(b"log", where, parent)
    finally:
        os.close(parent)


def _complain(error: ServiceError) -> None:
    """Say why a supervisor cannot begin, as a process of its own would."""
    reason = b": " + explain(error.error) if error.error else b""
    say_soon(b"supervise: fatal: " + error.step + reason)


def keep_hosted(open_files: int = 0) -> "NoReturn":
    """Scan the current directory every five seconds, and supervise what is there, for ever.

    Args:
        open_files: the soft limit of open files that services shall have; 0
            leaves it as it is.
    """
    loop = Loop()
    Scans(loop, lambda ended: Hosted(loop, ended, open_files)).turn()
    loop.run()
    raise AssertionError  # the next scan is always to come
