"""``svstat DIR ...``: print the state of services, one line each."""

import posix as os
import time

from ucspi.programs._program import print_all, run
from ucspi.service import controlfiles, statusrecord
from ucspi.unix.errtext import explain

USAGE = b"svstat: usage: svstat dir ..."


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_svstat, argv, USAGE)


def _svstat(argv: list[bytes]) -> int:
    try:
        print_all(b"".join(b"%s: %s\n" % (name, describe(name)) for name in argv[1:]))
    except OSError:
        pass  # the original ignores this, too
    return 0


def describe(name: bytes) -> bytes:
    """Return the state of a service as text, or why it cannot be found out."""
    step = b"chdir"
    try:
        service = controlfiles.enter_named(name)
        try:
            step = b"stat down"
            normally_up = controlfiles.is_normally_up(service)
            step = b"open supervise/ok"
            if not controlfiles.is_supervised(service):
                return b"supervise not running"
            step = b"open supervise/status"
            file = controlfiles.open_status(service)
        finally:
            os.close(service)
        step = b"read supervise/status"
        try:
            record = os.read(file, statusrecord.READ)
        finally:
            os.close(file)
    except OSError as error:
        return b"unable to %s: %s" % (step, explain(error))
    known = statusrecord.unpack(record)
    if known is None:
        return b"unable to read supervise/status: bad format"
    return known.describe(int(time.time()), normally_up=normally_up)
