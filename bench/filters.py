"""The programs that pass bytes on, with a stream of 1 GB through pipes: ours against the originals.

The lines are 72 bytes long; `recordio` and `fixcrio` stand before a `cat`,
`mconnect-io` has a server that sends all back, so that these three move the stream twice.
"""

import os
import tempfile
from pathlib import Path

from ratios import columns, compare, faster_by_cost, header, milliseconds, options, program

LINE = b"The quick brown fox jumps over the lazy dog, and over and over again.\r\n"
PEERS = Path("/usr/bin")
MEGABYTE = 1 << 20
SHELL = {
    "addcr": 'feed | "$@" | cat >/dev/null',
    "delcr": 'feed | "$@" | cat >/dev/null',
    "fixcrio": 'feed | "$@" cat | cat >/dev/null',
    "recordio": 'feed | "$@" cat 2>/dev/null | cat >/dev/null',
    # The server ends when it has had all, and that ends the conversation.
    "mconnect-io": 'head -c "$LENGTH" <"$back" >"$there" & feed | "$@" 7>"$back" 6<"$there" | cat >/dev/null',
}
FEED = 'feed() { n=0; while [ $n -lt "$TIMES" ]; do cat "$FILE"; n=$((n + 1)); done; }; '


def main() -> None:
    arguments = options(__doc__ or "")
    times = 1 if arguments.quick else 64
    header([f"{PEERS}/addcr and its like (ucspi-tcp 0.88)"])
    columns("ms", faster_by_cost)
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "stream")
        size = (MEGABYTE if arguments.quick else 16 * MEGABYTE) // len(LINE)
        file.write_bytes(LINE * size)
        for end in ("there", "back"):
            os.mkfifo(f"{name}/{end}")
        for subject in SHELL:
            surroundings = os.environ | {
                "FILE": str(file),
                "TIMES": str(times),
                "LENGTH": str(times * size * (len(LINE) + 1)),
                "there": f"{name}/there",
                "back": f"{name}/back",
            }
            shell = FEED + SHELL[subject]
            mine = milliseconds(program(subject), shell, surroundings)
            peer = milliseconds([str(PEERS / subject)], shell, surroundings)
            rounds = arguments.rounds if subject.endswith("cr") else min(arguments.rounds, 3)
            compare(subject, mine, peer, rounds, faster_by_cost)


if __name__ == "__main__":
    main()
