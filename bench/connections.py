"""Connections per second, accepted and denied: ours against the original.

The two servers run side by side all the time; the load goes to one, then to the
other.  The handler is a static C program that writes six bytes.  Denied are
clients that none of the rules is about but the last.

With default options, ours is also measured with 32 and 64 clients at once, each
time against itself with 16: a backlog that overflows costs clients a second.
"""

import os
import subprocess
import tempfile
from pathlib import Path

from ratios import Measure, columns, compare, faster_by_rate, header, options, program
from servers import ORIGINAL, Load, both, compile_c, running, tail
from tcprules import rules


def main() -> None:
    arguments = options(__doc__ or "")
    accepted, denied, lines = (200, 200, 1000) if arguments.quick else (5000, 15000, 1_000_000)
    header([f"{ORIGINAL} (ucspi-tcp 0.88)"])
    columns("connections/s", faster_by_rate)
    rows: list[str] = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        load, six = compile_c("load.c", directory), compile_c("six.c", directory)
        database = directory / "rules.cdb"
        subprocess.run(["/usr/bin/tcprules", database, f"{name}/tmp"], input=rules(lines), check=True)
        plain = ["-1HRl0", "-c100"]
        for what, options_, count, size in (
            ("accepted", plain, accepted, 6),
            (f"denied by {lines:,} rules", [*plain, "-x", str(database)], denied, 0),
        ):
            for clients in (1, 16):
                line = [*options_, "127.0.0.1", "0", str(six)]
                subject = f"{what}, {clients} at once"
                rows.append(contest(subject, line, load, (count, clients, size), arguments.rounds))
        with running(program("tcpserver"), ["-1HRl0", "127.0.0.1", "0", str(six)]) as (_, port):
            for clients in (32, 64):
                many, few = Load(load, port, accepted, clients, 6), Load(load, port, accepted, 16, 6)
                subject = f"default options, {clients} at once; the peer is ours with 16"
                compare(subject, many, few, arguments.rounds, faster_by_rate)
                rows.append(f"| {subject} | {many.latencies()} | {few.latencies()} | {tail(many, few)} |")
    print(
        "\n| milliseconds of a connection: 50 % / 90 % / 99 % / longest | ours | peer "
        "| 99 %, times as long: median (spread) |\n| --- | --- | --- | ---: |"
    )
    print("\n".join(rows))


def contest(subject: str, line: list[str], load: Path, numbers: tuple[int, int, int], rounds: int) -> str:
    """Compare the two servers under one load; return the row about latencies."""
    with both(line) as ports:
        ours, peer = (Load(load, port, *numbers) for port in ports)
        measures: list[Measure] = [ours, peer]
        compare(subject, measures[0], measures[1], rounds, faster_by_rate)
    return f"| {subject} | {ours.latencies()} | {peer.latencies()} | {tail(ours, peer)} |"


if __name__ == "__main__":
    os.chdir("/")
    main()
