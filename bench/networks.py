"""Rules with many networks: compiling, checking and judging them, next to as many dotted prefixes.

The second column is the same work for prefixes (for `--check`: compiling the
same text).  With Debian's tor-geoipdb installed, its networks are measured too.
"""

import ipaddress
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ratios import Measure, columns, compare, elapsed, header, longer, options, program
from rules import rule_set

COUNT = 200_000
GEOIP = Path("/usr/share/tor/geoip")


def networks(count: int) -> bytes:
    """Return that many networks of the usual lengths, in any order."""
    random.seed(count)
    made: dict[tuple[int, int], None] = {}
    while len(made) < count:
        size = random.choice((16, 18, 20, 22, 24, 24, 24, 28, 32))
        made[random.getrandbits(32) >> (32 - size) << (32 - size), size] = None
    return b"".join(b"%d.%d.%d.%d/%d:deny\n" % (*number.to_bytes(4), size) for number, size in made)


def prefixes(count: int) -> bytes:
    """Return that many dotted prefixes."""
    return b"".join(b"%d.%d.%d.:deny\n" % (n >> 16, n >> 8 & 255, n & 255) for n in range(count))


def countries() -> bytes:
    """Return the networks of all countries in Debian's tor-geoipdb, two of which are denied."""
    lines = []
    for name, address in (("geoip", ipaddress.IPv4Address), ("geoip6", ipaddress.IPv6Address)):
        for line in GEOIP.with_name(name).read_text().splitlines():
            if not line or line[0] == "#":
                continue
            low, high, country = line.split(",")
            ends = [address(int(end) if name == "geoip" else end) for end in (low, high)]
            verdict = "deny" if country in ("US", "CN") else "allow"
            lines += [f"{net}:{verdict}\n" for net in ipaddress.summarize_address_range(*ends)]
    return "".join(lines).encode()


def judging(text: bytes, clients: list[bytes]) -> Measure:
    """Measure the microseconds of one judgement: the best of many short runs, as others work beside us."""
    rules = rule_set(text)
    batches = [clients[at : at + 500] for at in range(0, len(clients), 500)]

    def batch(some: list[bytes]) -> float:
        start = time.perf_counter()
        for ip in some:
            rules.judge(ip)
        return (time.perf_counter() - start) / len(some) * 1e6

    return lambda: min(batch(some) for some in batches)


def main() -> None:
    arguments = options(__doc__ or "")
    count = COUNT // 20 if arguments.quick else COUNT
    subjects = [(f"{count:,} networks", networks(count))]
    if GEOIP.exists() and not arguments.quick:
        every = countries()
        four = b"".join(line for line in every.splitlines(keepends=True) if b"::" not in line)
        subjects += [(f"{four.count(b'/'):,} networks of countries, IPv4", four)]
        subjects += [(f"{every.count(b'/'):,}, IPv6 too", every)]
    header(["dotted prefixes"])
    with tempfile.TemporaryDirectory() as name:
        columns("ms", longer)
        for subject, text in subjects:
            other = prefixes(text.count(b"\n"))
            paths = [Path(name, side) for side in ("networks", "prefixes")]
            for path, content in zip(paths, (text, other), strict=True):
                path.write_bytes(content)
            ours, peer = (compiling(path, name) for path in paths)
            compare(f"compile {subject}", ours, peer, arguments.rounds, longer)
            compare("check them, to compiling them", checking(paths[0]), ours, arguments.rounds, longer)
    print()
    columns("µs", longer)
    for subject, text in subjects:
        other = prefixes(text.count(b"\n"))
        for kind, clients in (("IPv4", strangers4()), ("IPv6", strangers6())):
            ours, peer = judging(text, clients), judging(other, clients)
            compare(f"judge an {kind} client among {subject}", ours, peer, arguments.rounds, longer)


def compiling(path: Path, directory: str) -> Callable[[], float]:
    command = [*program("tcprules"), f"{directory}/made.cdb", f"{directory}/made.tmp"]
    return lambda: elapsed(command, stdin=path)


def checking(path: Path) -> Callable[[], float]:
    return lambda: elapsed([*program("tcprules"), "--check", str(path)])


def strangers4() -> list[bytes]:
    random.seed(4)
    return [b"%d.%d.%d.%d" % (random.randrange(1, 224), *random.randbytes(3)) for _ in range(20_000)]


def strangers6() -> list[bytes]:
    random.seed(6)
    parts = (4096, 65536, 65536, 65536)
    return [b"2%03x:%x:%x::%x" % tuple(map(random.randrange, parts)) for _ in range(20_000)]


if __name__ == "__main__":
    main()
