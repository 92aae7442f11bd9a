"""The programs for logs, with lines of 100 bytes: ours against the originals.

``--megabytes`` says how many, 1024 if not; the stream comes through a pipe and
goes into another, or lies in a file and becomes another.  Labels are those of a
log of a hundred lines a second, and of one with a line every seven seconds.
"""

import os
import tempfile
from pathlib import Path

from ratios import columns, compare, faster_by_cost, header, milliseconds, options, program

PEERS = Path("/usr/bin")
MEGABYTE = 1 << 20
BLOCK = 16 * MEGABYTE
SIZE = 100  # bytes of a line, its newline and label included
START = 2**62 + 10 + 1_790_000_000

PIPES = 'feed | "$@" | cat >/dev/null'
FILES = '"$@" <"$WHOLE" >"$WHOLE.out"'
SUBJECTS = {
    "tai64n": ("tai64n", "plain", PIPES),
    "tai64n, files": ("tai64n", "plain", FILES),
    "tai64nlocal": ("tai64nlocal", "busy", PIPES),
    "tai64nlocal, files": ("tai64nlocal", "busy", FILES),
    "tai64nlocal, a line every 7 s": ("tai64nlocal", "quiet", PIPES),
}
FEED = 'feed() { n=0; while [ $n -lt "$TIMES" ]; do cat "$PART"; n=$((n + 1)); done; }; '


def main() -> None:
    arguments = options(__doc__ or "", megabytes=1024)
    parts = max(1, arguments.megabytes * MEGABYTE // BLOCK)
    header([f"{PEERS}/tai64n and its like (daemontools 0.76)"])
    columns("ms", faster_by_cost)
    with tempfile.TemporaryDirectory() as name:
        for subject, (command, stream, shell) in SUBJECTS.items():
            part = Path(name, stream)
            surroundings = os.environ | {"PART": str(part), "TIMES": str(parts), "WHOLE": f"{name}/whole"}
            surroundings["TZ"] = "America/New_York"
            write(part, stream, parts if shell is FILES else 0)
            mine = milliseconds(program(command), FEED + shell, surroundings)
            peer = milliseconds([str(PEERS / command)], FEED + shell, surroundings)
            compare(subject, mine, peer, arguments.rounds, faster_by_cost)


def write(part: Path, stream: str, times: int) -> None:
    """Write a part of a stream, and the whole of it if it is wanted ``times`` times."""
    lines = b"".join(line(stream, number) for number in range(BLOCK // SIZE))
    part.write_bytes(lines)
    with open(part.with_name("whole"), "wb") as whole:
        for _ in range(times):
            whole.write(lines)


def line(stream: str, number: int) -> bytes:
    if stream == "plain":
        return b"x" * (SIZE - 1) + b"\n"
    second, fraction = divmod(number, 100) if stream == "busy" else (number * 7, 0)
    return b"@%016x%08x " % (START + second, fraction * 10_000_000 + 500) + b"x" * (SIZE - 27) + b"\n"


if __name__ == "__main__":
    main()
