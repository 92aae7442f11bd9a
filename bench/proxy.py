"""Behind a balancer that sends PROXY headers and costs nothing: connections per second, accepted and denied.

Accepted: ours with a header of version 2 in front of each connection, against
ours without one.  Denied: ours by the address in the header, against the original
by the address of the connection.  The handler is a static C program that writes
six bytes.  The load is on the same processors, so the time of these that each
connection costs the server and its handlers is the clearer number.

Then 1,000 clients send half a header and wait, while others come.  The peer is
the same server without them.
"""

import os
import subprocess
import tempfile
from pathlib import Path

from ratios import columns, compare, faster_by_rate, header, longer, options, program, tell
from servers import ORIGINAL, CostedLoad, Load, allow_descriptors, compile_c, held, resident, running, tail

HALF = b"\r\n\r\n\0\r\nQUIT\n\x21\x11"
TRUST = ("--proxy-from", "127.0.0.0/8")


def main() -> None:
    arguments = options(__doc__ or "")
    accepted, denied, halves = (200, 200, 50) if arguments.quick else (5000, 15000, 1000)
    allow_descriptors(3 * halves + 100)
    header([f"{ORIGINAL} (ucspi-tcp 0.88), itself"])
    columns("connections/s", faster_by_rate)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        load, six = compile_c("load.c", directory), compile_c("six.c", directory)
        plain = ["-1HRl0", "-c100"]
        measured: list[tuple[str, CostedLoad, CostedLoad]] = []
        for clients in (1, 16):
            lines = [[*plain, *trust, "127.0.0.1", "0", str(six)] for trust in (TRUST, ())]
            with (
                running(program("tcpserver"), lines[0]) as mine,
                running(program("tcpserver"), lines[1]) as peer,
            ):
                sides = (
                    CostedLoad(mine, load, accepted, clients, "6", "v2"),
                    CostedLoad(peer, load, accepted, clients, "6"),
                )
                subject = f"accepted, {clients} at once; the peer is ours without headers"
                compare(subject, *sides, arguments.rounds, faster_by_rate)
                measured.append((subject, *sides))
        for clients in (1, 16):
            mine_line = [*plain, *TRUST, "-x", compiled(directory, "192.0.2."), "127.0.0.1", "0", str(six)]
            peer_line = [*plain, "-x", compiled(directory, "127."), "127.0.0.1", "0", str(six)]
            with (
                running(program("tcpserver"), mine_line, quiet=True) as mine,
                running([ORIGINAL], peer_line, quiet=True) as peer,
            ):
                sides = (
                    CostedLoad(mine, load, denied, clients, "0", "v2"),
                    CostedLoad(peer, load, denied, clients, "0"),
                )
                subject = f"denied, {clients} at once; the peer is the original without headers"
                compare(subject, *sides, arguments.rounds, faster_by_rate)
                measured.append((subject, *sides))
        while_others_wait(load, six, (accepted, halves, arguments.rounds))
    print()
    columns("µs of a processor for each", longer)
    for subject, first, second in measured:  # whose first runs have warmed up
        tell(
            subject, list(zip(first.costs[1:], second.costs[1:], strict=True)), longer
        )  # the first warmed up


def while_others_wait(load: Path, six: Path, numbers: tuple[int, int, int]) -> None:
    """Compare a server where clients have sent half a header with one that has none of these."""
    count, halves, rounds = numbers
    line = ["-1HRl0", *TRUST, "--timeout-proxy", "3600", "127.0.0.1", "0", str(six)]
    ours = program("tcpserver")
    with running(ours, line, quiet=True) as mine, running(ours, line, quiet=True) as peer:
        sides = [Load(load, port, count, 16, 6, "v2") for _, port in (mine, peer)]
        for side in sides:
            side()
            side.percentiles.clear()
        before = resident(mine[0])
        with held(mine[1], halves, lambda client: client.sendall(HALF)):
            sides[0]()  # all of them have been seen by now
            sides[0].percentiles.clear()
            grown = (resident(mine[0]) - before) * 1024 / halves
            subject = f"16 at once while {halves:,} wait with half a header; the peer is ours without these"
            compare(subject, sides[0], sides[1], rounds, faster_by_rate)
            print(f"\n99th percentile, times as long: {tail(sides[0], sides[1])}")
            print(f"memory for each that waits: {grown:.2f} KB")


def compiled(directory: Path, denied: str) -> str:
    """Return the path of rules that deny one prefix."""
    path = directory / f"{denied}cdb"
    text = f"{denied}:deny\n:allow\n".encode()
    subprocess.run(["/usr/bin/tcprules", path, f"{directory}/tmp"], input=text, check=True)
    return str(path)


if __name__ == "__main__":
    os.chdir("/")
    main()
