"""tcprules as a whole process: ours against the original."""

import tempfile
from pathlib import Path

from ratios import Measure, columns, compare, elapsed, faster_by_cost, header, options, program

PEER = "/usr/bin/tcprules"


def rules(count: int) -> bytes:
    """Return ``count`` lines of many kinds, the last one the default rule."""
    kinds = (b"%d.%d.%d.%d:allow", b"%d.%d.%d.%d:deny", b'%d.%d.%d.%d:allow,RELAYCLIENT=""')
    lines = [kinds[n % 3] % (10 + (n >> 24), n >> 16 & 255, n >> 8 & 255, n & 255) for n in range(count - 1)]
    return b"\n".join([*lines, b":deny\n"])


def main() -> None:
    arguments = options(__doc__ or "")
    header([f"{PEER} (ucspi-tcp 0.88)"])
    columns("ms", faster_by_cost)
    with tempfile.TemporaryDirectory() as name:
        for count in (10, 10_000 if arguments.quick else 1_000_000):
            text = Path(name, "rules")
            text.write_bytes(rules(count))
            made = [str(Path(name, side)) for side in ("ours.cdb", "peer.cdb")]
            ours = [*program("tcprules"), made[0], f"{name}/ours.tmp"]
            peer = [PEER, made[1], f"{name}/peer.tmp"]
            repeat = 20 if count == 10 and not arguments.quick else 1
            ours_side, peer_side = average(ours, text, repeat), average(peer, text, repeat)
            compare(f"{count:,} lines", ours_side, peer_side, arguments.rounds, faster_by_cost)
            if Path(made[0]).read_bytes() != Path(made[1]).read_bytes():
                raise SystemExit("the two made different files")


def average(command: list[str], text: Path, repeat: int) -> Measure:
    """Measure the milliseconds of one run, as the mean of several."""
    return lambda: sum(elapsed(command, stdin=text) for _ in range(repeat)) / repeat


if __name__ == "__main__":
    main()
