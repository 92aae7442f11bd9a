"""Limits on the time of a client: connections per second with --max-time 60 --idle-time 60, against without.

The handler is a static C program that writes six bytes.  The last line has what it
costs to hold thousands of idle connections with --idle-time 60: the server looks at
each of them every 15 seconds.
"""

import os
import tempfile
import time
from pathlib import Path

from ratios import columns, compare, faster_by_rate, header, options, program
from servers import Load, allow_descriptors, compile_c, held, running

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
        for clients in (1, 16):
            with (
                running(program("tcpserver"), [*LIMITS, *line]) as mine,
                running(program("tcpserver"), line) as peer,
            ):
                sides = [Load(load, port, count, clients, 6) for _, port in (mine, peer)]
                compare(f"accepted, {clients} at once", sides[0], sides[1], arguments.rounds, faster_by_rate)
        line = ["-1HRl0", "-c", str(many + 1), *LIMITS[2:], "127.0.0.1", "0", str(hold)]
        with running(program("tcpserver"), line, quiet=True) as server, held(server[1], many):
            before = processor_time(server[0])
            time.sleep(seconds)
            used = (processor_time(server[0]) - before) / seconds
            print(f"\nprocessor time while {many:,} are held: {100 * used:.2f} % of one processor")


def processor_time(pid: int) -> float:
    """Return the seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    os.chdir("/")
    main()
