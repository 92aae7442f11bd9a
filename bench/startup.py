"""What it costs to start each program, against the bare interpreter.

Run it with the interpreter of an environment that has the wheel installed: an
import from a checkout by ``-c`` is not what users start.
"""

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from ratios import columns, compare, elapsed, header, longer, options, program

BARE = [sys.executable, "-c", "pass"]


def until_ready(command: Sequence[str]) -> float:
    """Return the milliseconds until a server has printed its port; then kill it."""
    read_end, write_end = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, write_end, 1)]
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], list(command), os.environ, file_actions=actions)
    os.close(write_end)
    ready = os.read(read_end, 16)
    end = time.perf_counter()
    os.close(read_end)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    if not ready:
        raise SystemExit(f"{command[0]}: did not start")
    return (end - start) * 1000


def main() -> None:
    arguments = options(__doc__ or "")
    repeat = 1 if arguments.quick else 20
    header(["python -c pass"])
    columns("ms", longer)

    def mean(command: Sequence[str], codes: Sequence[int], stdin: Path | None = None) -> float:
        return sum(elapsed(command, codes, stdin) for _ in range(repeat)) / repeat

    def bare() -> float:
        return mean(BARE, (0,))

    with tempfile.TemporaryDirectory() as name:
        text = Path(name, "rules")
        text.write_bytes(b"127.:allow\n:deny\n")
        database = f"{name}/rules.cdb"
        tcprules = [*program("tcprules"), database, f"{name}/rules.tmp"]
        check = [*program("tcprulescheck"), database]
        tai64n, local = program("tai64n"), program("tai64nlocal")
        server = [*program("tcpserver"), "-1HRl0", "127.0.0.1", "0", "true"]
        compare("tcprules, two lines", lambda: mean(tcprules, (0,), text), bare, arguments.rounds, longer)
        compare("tcprulescheck", lambda: mean(check, (0,)), bare, arguments.rounds, longer)
        compare("tcprules, usage", lambda: mean(tcprules[:-2], (100,)), bare, arguments.rounds, longer)
        compare("tai64n, two lines", lambda: mean(tai64n, (0,), text), bare, arguments.rounds, longer)
        compare("tai64nlocal, two lines", lambda: mean(local, (0,), text), bare, arguments.rounds, longer)
        compare(
            "tcpserver until it listens",
            lambda: sum(until_ready(server) for _ in range(repeat)) / repeat,
            bare,
            arguments.rounds,
            longer,
        )


if __name__ == "__main__":
    main()
