"""Connections per second while 10,000 other connections are held open, against the same server with 10 held.

Two servers of each kind run with `-c 11100`; the load goes to the one with many
held connections, then to the one with few.  The handler writes six bytes and
waits for the client's end.
"""

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from ratios import columns, compare, faster_by_rate, header, options, program
from servers import ORIGINAL, Load, compile_c, held, running

FEW = 10


def main() -> None:
    arguments = options(__doc__ or "")
    many, count = (50, 100) if arguments.quick else (10_000, 1000)
    header(["itself with 10 held"])
    columns("connections/s", faster_by_rate)
    with tempfile.TemporaryDirectory() as name:
        load, hold = compile_c("load.c", Path(name)), compile_c("hold.c", Path(name))
        line = ["-1HRl0", "-c11100", "127.0.0.1", "0", str(hold)]
        for who, command in (("ours", program("tcpserver")), (ORIGINAL, [ORIGINAL])):
            with ExitStack() as stack:
                ports = [stack.enter_context(running(command, line))[1] for _ in range(2)]
                for port, number in zip(ports, (many, FEW), strict=True):
                    stack.enter_context(held(port, number))
                for clients in (1, 16):
                    sides = [Load(load, port, count, clients, 6, "end") for port in ports]
                    subject = f"{who}, {many:,} held, {count:,} more, {clients} at once"
                    compare(subject, sides[0], sides[1], arguments.rounds, faster_by_rate)


if __name__ == "__main__":
    os.chdir("/")
    main()
