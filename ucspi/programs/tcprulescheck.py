"""``tcprulescheck CDB``: show how tcpserver would judge a client, and by which rule."""

import os

from ucspi.errors import EXIT_TEMPORARY, EXIT_USAGE, CdbFormatError
from ucspi.programs._program import Stop, die_of_pipe, fatal, run
from ucspi.rules import load, segments

PROGRAM = b"tcprulescheck"
USAGE = b"tcprulescheck: usage: tcprulescheck rules.cdb"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_tcprulescheck, argv, USAGE)


def _tcprulescheck(argv: list[bytes]) -> int:
    if len(argv) < 2:
        raise Stop(USAGE, EXIT_USAGE)
    found = _look_up(argv[1])
    _print(b"default:\nallow connection\n" if found is None else _explain(*found))
    return 0


def _look_up(path: bytes) -> tuple[bytes, bytes] | None:
    ip = os.environb.get(b"TCPREMOTEIP", b"0.0.0.0")
    host = os.environb.get(b"TCPREMOTEHOST")
    info = os.environb.get(b"TCPREMOTEINFO")
    what = b"unable to read " + path
    try:
        return load(path).find(ip, host, info)
    except OSError as error:
        raise fatal(PROGRAM, what, error) from None
    except CdbFormatError:
        raise Stop(b"%s: fatal: %s: protocol error" % (PROGRAM, what), EXIT_TEMPORARY) from None


def _explain(address: bytes, data: bytes) -> bytes:
    """Return the original's report: the data's pieces in order, up to the first denial."""
    lines = [b"rule %s:" % address]
    for piece in segments(data):
        if piece[:1] == b"D":
            lines.append(b"deny connection\n")
            return b"\n".join(lines)
        if piece[:1] == b"+":
            lines.append(b"set environment variable " + piece[1:])
    lines.append(b"allow connection\n")
    return b"\n".join(lines)


def _print(text: bytes) -> None:
    """Write to standard output; an answer that cannot be delivered is still exit 0, as it was."""
    try:
        while text:
            text = text[os.write(1, text) :]
    except BrokenPipeError:
        die_of_pipe()
    except OSError:
        pass
