"""svscanboot: init runs it, to supervise all services and show their error messages in ``ps``.

It executes readproctitle, with svscan as its child.  These are two processes, as
in the original's pipeline, but no shell that waits for them.  If services have to
end on SIGTERM, svscanboot stays, forwards signals to svscan, and ends when that
has ended, with its exit code.
"""

import _signal
import os
import sys

from ucspi.exits import EXIT_TEMPORARY, EXIT_USAGE
from ucspi.programs._program import Stop, run
from ucspi.programs._svscan_options import SYNTAX, ScanOptions
from ucspi.unix import fds, inheritedstate, search
from ucspi.unix.signals import undo_ignored
from ucspi.unix.start import ChildSetup, start

USAGE = b"svscanboot: usage: svscanboot " + SYNTAX

# Source: the environment of svscan under the original.
PATH = b"/command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin:/usr/X11R6/bin"
DIRECTORIES = (b"/service", b"/etc/service")  # the original's, and Debian's
TITLE = (b"readproctitle", b"service", b"errors:", b"." * 400)


def main(argv: list[bytes] | None = None) -> int:
    """Start svscan and become readproctitle; return the exit code if that is not possible."""
    return run(_boot, argv, USAGE)


def _boot(argv: list[bytes]) -> int:
    options = ScanOptions(argv[1:], USAGE, b"svscanboot")
    directory = options.operands[0] if options.operands else _find_directory()
    if directory[:2] == b"--":
        raise Stop(USAGE, EXIT_USAGE)  # the message of svscan would go where nobody looks
    path = _extend(PATH, os.path.dirname(inheritedstate.command or os.fsencode(sys.argv[0])))
    # If it is ignored the system reaps svc itself, and waiting for it fails.
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
    fds.occupy_standard()  # else the null device could get one of these numbers
    null = os.open(b"/dev/null", os.O_RDWR)
    _put(null, 0, 1, 2)
    try:
        _stop_leftovers(directory, path)
        scanner = [b"svscan", *options.words(), directory]
        if not options.ends_by_itself:
            return _become_pipeline(scanner, path, null)
        return _stay(scanner, path, null)
    except OSError:
        return EXIT_TEMPORARY  # nobody would see a message


def _find_directory() -> bytes:
    """Return the first directory of services that exists."""
    return next((name for name in DIRECTORIES if os.path.isdir(name)), DIRECTORIES[-1])


def _extend(path: bytes, directory: bytes) -> bytes:
    """Return PATH with the directory of this program in front, which has the other programs."""
    if not os.path.isabs(directory) or directory in path.split(b":"):
        return path
    return directory + b":" + path


def _put(descriptor: int, *targets: int) -> None:
    for target in targets:
        os.dup2(descriptor, target)
        os.set_inheritable(target, True)


def _stop_leftovers(directory: bytes, path: bytes) -> None:
    """Tell supervisors that an earlier svscan has left to exit: at boot there are none."""
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
    reader, _ = _start_scanner(scanner, path)
    _put(reader, 0)
    _put(null, 1, 2)
    _signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)  # nobody waits for svscan, so the system must reap it
    undo_ignored()
    search.execute(search.files(TITLE[0], path), list(TITLE), [b"PATH=" + path])


def _start_scanner(scanner: list[bytes], path: bytes) -> tuple[int, int]:
    """Start svscan; return the read end of a pipe with its output, and its pid."""
    reader, writer = os.pipe()
    _put(writer, 1, 2)
    os.close(writer)
    setup = ChildSetup(complaint=b"svscanboot: fatal: unable to run svscan: ")
    return reader, start(search.files(scanner[0], path), scanner, [b"PATH=" + path], setup)


def _stay(scanner: list[bytes], path: bytes, null: int) -> int:
    """Run svscan and readproctitle as children; return the exit code of svscan."""
    from ucspi.programs._signal_forwarding import SignalForwarder

    forwarder = SignalForwarder()
    reader, pid = _start_scanner(scanner, path)
    _put(null, 1, 2)
    start(search.files(TITLE[0], path), list(TITLE), [b"PATH=" + path], ChildSetup(input=reader))
    os.close(reader)
    return forwarder.wait(pid)
