"""``mconnect [ host [ port ] ]``: talk to a mail server; ``mconnect-io`` does the talking."""

import os

from ucspi.programs._program import run
from ucspi.programs._small_client import fill_operands
from ucspi.programs.tcpclient import connect_and_execute
from ucspi.unix import inheritedstate

TALKER = b"mconnect-io"


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_mconnect, argv, b"mconnect: usage: mconnect [ host [ port ] ]")


def _mconnect(argv: list[bytes]) -> int:
    host, port = fill_operands(argv, b"0", b"25")
    connect_and_execute(
        [b"tcpclient", b"-RHl0", b"--", host, port, find_talker(inheritedstate.command or argv[0])]
    )


def find_talker(program: bytes) -> bytes:
    """Return the path of mconnect-io in our own directory, or else its name, to be looked for in PATH."""
    if b"/" in program:
        for own in (program, os.path.realpath(program)):  # we may have been called by a link
            beside = os.path.dirname(own) + b"/" + TALKER
            if os.access(beside, os.X_OK):
                return beside
    return TALKER
