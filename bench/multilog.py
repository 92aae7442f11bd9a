"""multilog with lines of 100 bytes, as a stream through a pipe and line by line: ours against the original.

Local time before each line (T) is measured against s6-log, where it is installed.

``--megabytes`` says how many, 1024 if not.  Both force each finished file to the
disk, 13 for each megabyte with files of the usual size; where the logs are in
memory this costs nothing, and what is left is the programs' own work.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ratios import Measure, columns, compare, faster_by_cost, header, options, program

ORIGINAL = "/usr/bin/multilog"
S6_LOG = "/usr/bin/s6-log"
MEGABYTE = 1 << 20
PART = 16 * MEGABYTE
MEMORY = Path("/dev/shm")
LOG = ["t", "n10", "s99999", "./main"]
LOCAL = ["n10", "s99999", "T", "./main"]
SERVERS = ["-*", "+* tcpserver: end *", "+* tcpserver: status: *", "+* daemon: warning: *", "+* 9*", "./main"]
SCRIPTS = {
    "one log": LOG,
    "one log, no label": LOG[1:],
    "one log of files of 16 MB": ["t", "s16777215", "./main"],
    "five patterns, most lines dropped": ["t", *SERVERS],
    "three logs, each with a pattern": [
        "t",
        "-* 1*",
        "./one",
        "+*",
        "-* 2*",
        "./two",
        "+*",
        "-* 3*",
        "./three",
    ],
}
FEED = 'n=0; while [ $n -lt "$TIMES" ]; do cat "$FILE"; n=$((n + 1)); done | "$@"'


def main() -> None:
    arguments = options(__doc__ or "", megabytes=1024)
    times = max(1, arguments.megabytes * MEGABYTE // PART)
    header([f"{ORIGINAL} (daemontools 0.76)"])
    columns("ms", faster_by_cost)
    with tempfile.TemporaryDirectory() as disk, tempfile.TemporaryDirectory(dir=MEMORY) as memory:
        file = Path(memory, "stream")
        file.write_bytes(b"".join(b"%09d %s\n" % (number, b"x" * 89) for number in range(PART // 100)))
        surroundings = os.environ | {"FILE": str(file), "TIMES": str(times)}
        for place, where in (("in memory", memory), ("on a disk", disk)):
            for subject, script in SCRIPTS.items() if where == memory else list(SCRIPTS.items())[:1]:
                mine, peer = (
                    stream([*command, *script], Path(where, "logs"), surroundings)
                    for command in (program("multilog"), [ORIGINAL])
                )
                compare(f"{subject}, {place}", mine, peer, min(arguments.rounds, 5), faster_by_cost)
        if os.access(S6_LOG, os.X_OK):
            for subject, wait in (("local time, s6-log", []), ("local time, s6-log -b", ["-b"])):
                mine, peer = (
                    stream([*command, *LOCAL], Path(memory, "logs"), surroundings)
                    for command in (program("multilog"), [S6_LOG, *wait])
                )
                compare(subject, mine, peer, min(arguments.rounds, 5), faster_by_cost)
        count = 100 if arguments.quick else 1500  # all in one file, which is what is looked at
        mine, peer = (
            line_by_line([*command, *LOG], Path(memory, "logs"), count)
            for command in (program("multilog"), [ORIGINAL])
        )
        compare(f"{count:,} lines, each waited for", mine, peer, arguments.rounds, faster_by_cost)


def fresh(where: Path) -> Path:
    """Make an empty directory there."""
    shutil.rmtree(where, ignore_errors=True)
    where.mkdir()
    return where


def stream(command: Sequence[str], where: Path, surroundings: dict[str, str]) -> Measure:
    """Measure the milliseconds until all of the stream is in its log."""

    def once() -> float:
        fresh(where)
        start = time.perf_counter()
        subprocess.run(["/bin/sh", "-c", FEED, "sh", *command], cwd=where, env=surroundings, check=True)
        return (time.perf_counter() - start) * 1000

    return once


def line_by_line(command: Sequence[str], where: Path, count: int) -> Measure:
    """Measure the milliseconds until so many lines are in their log, the next written when one is there."""

    def once() -> float:
        current = fresh(where) / "main" / "current"
        with subprocess.Popen(command, cwd=where, stdin=subprocess.PIPE, bufsize=0) as process:
            assert process.stdin is not None
            while not current.exists():
                time.sleep(0.001)
            # Its file and its pipe are there from now on; the first line has the start-up in it.
            log = write_and_wait(process.stdin.fileno(), os.open(current, os.O_RDONLY), 1)
            start = time.perf_counter()
            write_and_wait(process.stdin.fileno(), log, count)
            taken = time.perf_counter() - start
            os.close(log)
            process.stdin.close()
        return taken * 1000

    return once


def write_and_wait(pipe: int, log: int, count: int) -> int:
    """Write lines, each when the one before has come to the file; return the file's descriptor."""
    for _ in range(count):
        size = os.fstat(log).st_size
        os.write(pipe, b"a line of this many bytes\n")
        while os.fstat(log).st_size == size:
            pass
    return log


if __name__ == "__main__":
    main()
