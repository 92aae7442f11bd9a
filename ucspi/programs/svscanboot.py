"""svscanboot: what init runs, to have every service supervised and their complaints in ``ps``.

It becomes readproctitle, with svscan as its child: two processes, as in the
original's pipeline, without the shell that waits for them.
"""

import _signal
import os
import sys

from ucspi.exits import EXIT_TEMPORARY
from ucspi.programs._program import run
from ucspi.unix import fds, given, search
from ucspi.unix.signals import undo_ignored
from ucspi.unix.start import Circumstances, start

USAGE = b"svscanboot: usage: svscanboot [ --in-process ] [ dir ]"

# Source: the environment that svscan has under the original.
PATH = b"/command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin:/usr/X11R6/bin"
DIRECTORIES = (b"/service", b"/etc/service")  # the original's, and Debian's
TITLE = (b"readproctitle", b"service", b"errors:", b"." * 400)


def main(argv: list[bytes] | None = None) -> int:
    """Start svscan and become readproctitle; return the exit code if that is not possible."""
    return run(_boot, argv, USAGE)


def _boot(argv: list[bytes]) -> int:
    operands = argv[1:]
    options = [operands.pop(0)] if operands[:1] == [b"--in-process"] else []
    directory = operands[0] if operands else _find_directory()
    path = _extend(PATH, os.path.dirname(given.command or os.fsencode(sys.argv[0])))
    # Where it is ignored the system reaps svc itself, and who waits for it fails.
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    fds.occupy_standard()  # or the null device gets the number of what is closed
    null = os.open(b"/dev/null", os.O_RDWR)
    _put(null, 0, 1, 2)
    try:
        _stop_leftovers(directory, path)
        return _become_pipeline([b"svscan", *options, directory], path, null)
    except OSError:
        return EXIT_TEMPORARY  # there is nobody to tell


def _find_directory() -> bytes:
    """Return the first directory of services that is there."""
    return next((name for name in DIRECTORIES if os.path.isdir(name)), DIRECTORIES[-1])


def _extend(path: bytes, directory: bytes) -> bytes:
    """Return PATH with the directory that this program was found in, where the others are."""
    if not os.path.isabs(directory) or directory in path.split(b":"):
        return path
    return directory + b":" + path


def _put(descriptor: int, *targets: int) -> None:
    for target in targets:
        os.dup2(descriptor, target)
        os.set_inheritable(target, True)


def _stop_leftovers(directory: bytes, path: bytes) -> None:
    """Tell supervisors of an earlier svscan to go, as a start at boot finds none."""
    try:
        names = sorted(name for name in os.listdir(directory) if not name.startswith(b"."))
    except OSError:
        return
    services = [os.path.join(directory, name) for name in names]
    logs = [log for log in (service + b"/log" for service in services) if os.path.lexists(log)]
    if services:
        pid = start(search.files(b"svc", path), [b"svc", b"-dx", *services, *logs], [b"PATH=" + path])
        os.waitpid(pid, 0)


def _become_pipeline(scanner: list[bytes], path: bytes, null: int) -> int:
    environ = [b"PATH=" + path]
    reader, writer = os.pipe()
    _put(writer, 1, 2)
    complaint = b"svscanboot: fatal: unable to run svscan: "
    start(search.files(scanner[0], path), scanner, environ, Circumstances(complaint=complaint))
    _put(reader, 0)
    _put(null, 1, 2)
    _signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)  # nobody waits for svscan: the system reaps it
    undo_ignored()
    search.execute(search.files(TITLE[0], path), list(TITLE), environ)
