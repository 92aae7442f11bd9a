"""Limits on the time of a client: connections per second with --max-time 60 --idle-time 60, against without.

The handler is a static C program that writes six bytes.  The load is on the same
processors, so the second table has the time of these that each connection costs the
server and the handlers.  The last lines have what it costs to hold thousands of idle
connections with --idle-time 60: the server looks at each of them every 15 seconds.
"""

import os
import tempfile
import time
from pathlib import Path

from ratios import columns, compare, faster_by_rate, header, longer, options, program, tell
from servers import CostedLoad, allow_descriptors, compile_c, held, processor, resident, running

LIMITS = ("--max-time", "60", "--idle-time", "60")


def main() -> None:
    arguments = options(__doc__ or "")
    count, many, seconds = (200, 50, 1.0) if arguments.quick else (5000, 5000, 30.0)
    allow_descriptors(many + 100)
    header(["itself without limits"])
    columns("connections/s", faster_by_rate)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        load, six, hold = (compile_c(source, directory) for source in ("load.c", "six.c", "hold.c"))
        line = ["-1HRl0", "-c100", "127.0.0.1", "0", str(six)]
        measured: list[tuple[str, CostedLoad, CostedLoad]] = []
        for clients in (1, 16):
            with (
                running(program("tcpserver"), [*LIMITS, *line]) as mine,
                running(program("tcpserver"), line) as peer,
            ):
                sides = tuple(CostedLoad(server, load, count, clients, "6") for server in (mine, peer))
                subject = f"accepted, {clients} at once"
                compare(subject, sides[0], sides[1], arguments.rounds, faster_by_rate)
                measured.append((subject, sides[0], sides[1]))
        print()
        columns("µs of a processor for each", longer)
        for subject, ours, others in measured:
            tell(subject, list(zip(ours.costs[1:], others.costs[1:], strict=True)), longer)
        hold_idle(hold, many, seconds)


def hold_idle(hold: Path, many: int, seconds: float) -> None:
    """Print what idle clients cost a server."""
    line = ["-1HRl0", "-c", str(many + 1), *LIMITS[2:], "127.0.0.1", "0", str(hold)]
    with running(program("tcpserver"), line, quiet=True) as server, held(server[1], many):
        before = processor(server[0])
        time.sleep(seconds)
        used = (processor(server[0]) - before) / seconds
        print(f"\nprocessor time while {many:,} are held: {100 * used:.2f} % of one processor")
        print(f"memory of the server then: {resident(server[0]):.1f} MB")


if __name__ == "__main__":
    os.chdir("/")
    main()
