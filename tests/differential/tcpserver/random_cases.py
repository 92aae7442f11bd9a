"""Random command lines for tcpserver, the same ones in every run."""

import random

from tests.differential.tcpserver.case import Case
from tests.differential.tcpserver.server import Launch

SEED = 20261123

FLAGS = (b"-v", b"-q", b"-Q", b"-d", b"-D", b"-o", b"-p", b"-P", b"-h", b"-H", b"-r", b"-R", b"-X")
VALUES = (
    (b"-c", (b"1", b"2", b"40", b"9999")),
    (b"-b", (b"1", b"20", b"128")),
    (b"-l", (b"0", b"", b"local.name", b"%:%")),
    (b"-B", (b"", b"220 ready\r\n", b"\xff\x01")),
    (b"-t", (b"1", b"26")),
    (b"-x", (b"rules.cdb", b"./rules.cdb", b"none.cdb")),
)
ADDRESSES = (b"127.0.0.1", b"127.0.0.2", b"127.0.0.", b"127.", b"", b"127.0.0.1-2", b"10.")
HOSTS = (b"0", b"", b"127.0.0.1", b"127.0.0.001", b"[127.0.0.1]")
ENDINGS = ((b"exit", b"0"), (b"exit", b"7"), (b"kill", b"9"), (b"say", b"words\n"))


def random_cases(count: int) -> list[Case]:
    """Return cases that no list thought of: options in any number, order and bundling."""
    source = random.Random(SEED)
    return [_random_case(source, number) for number in range(count)]


def _random_case(source: random.Random, number: int) -> Case:
    options = _options(source)
    rules = b"".join(_rule(source) for _ in range(source.randrange(5)))
    host = source.choice(HOSTS)
    launch = Launch(options, host, handler=(b"./probe", *source.choice(ENDINGS)))
    clients = tuple(source.choice(("127.0.0.1", "127.0.0.2", "127.1.1.1")) for _ in range(2))
    shown = b" ".join(options).decode("latin-1")
    return Case(f"random {number}: {shown!r}", launch, clients, rules)


def _options(source: random.Random) -> tuple[bytes, ...]:
    """Return options; the last ones keep look-ups out and ask for the port line."""
    chosen: list[bytes] = []
    for _ in range(source.randrange(6)):
        if source.random() < 0.5:
            chosen.append(source.choice(FLAGS))
            continue
        letter, values = source.choice(VALUES)
        value = source.choice(values)
        attached = value and source.random() < 0.5
        chosen += [letter + value] if attached else [letter, value]
    chosen += [b"-1HR", b"-l", source.choice((b"0", b"a.name"))]
    return (*chosen, b"--") if source.random() < 0.2 else tuple(chosen)


def _rule(source: random.Random) -> bytes:
    instruction = source.choice((b"allow", b"deny"))
    variables = b"".join(b',V%d="%d"' % (source.randrange(3), n) for n in range(source.randrange(3)))
    return source.choice(ADDRESSES) + b":" + instruction + variables + b"\n"
