"""tcprules as a whole process: ours against the original."""

import tempfile
from pathlib import Path

from ratios import Measure, columns, compare, elapsed, faster_by_cost, header, options, program

PEER = "/usr/bin/tcprules"


VARIABLES = (b"allow", b'allow,RELAYCLIENT=""', b'deny,WHY="listed"')


def rules(count: int) -> bytes:
    """Return ``count`` lines: mostly ``ADDRESS:deny``, one in 25 with other instructions, a few ranges."""
    return b"\n".join([*(line(number) for number in range(count - 1)), b":deny\n"])


def line(number: int) -> bytes:
    """Return one line; each is about an address of its own."""
    address = b"%d.%d.%d.%d" % (10 + (number >> 24), number >> 16 & 255, number >> 8 & 255, number & 255)
    if number % 50_000 == 5:
        return address + b"-255:deny"
    if number % 25 == 7:
        return b"%s:%s" % (address, VARIABLES[number % 3])
    return address + b":deny"


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
