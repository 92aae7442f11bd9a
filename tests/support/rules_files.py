"""Rules files, clients and images that the rules tests share.

The generator knows the grammar, so most files are legal and most lines say
something; small alphabets make addresses collide.  Then some lines get hurt.
"""

from random import Random

from ucspi.cdb import Builder
from ucspi.rules import compile_rules

NUMBERS = [b"1", b"2", b"10", b"255"]
RANGES = [b"1-3", b"0-2", b"-2", b"2-", b"250-300", b"10-5", b"01-003", b"254-255", b"18446744073709551617-2"]
HOSTS = [b"one.two.three", b"four.two.three", b"three", b"a-b.com", b"x.", b"."]
INFOS = [b"joe", b"", b"a-b", b"x y"]
NAMES = [b"A", b"RELAYCLIENT", b"", b"TCPREMOTEIP", b"a b", b"\xff"]
VALUES = [b"", b"x", b"a,b=c:d", b"two words", b"\x01\xfe", b"b\0c", b"b\0+C=d", b"b\0D"]
QUOTES = [b'"', b"/", b"'", b"\0", b"q", b"=", b","]
BAD_TAILS = [b"\r", b" # why", b",", b",A", b",A=", b',A="', b',A="b', b',A="b"c', b"s", b";"]
BAD_BOUNDS = [b"1\0x-2", b"a-2", b"1-b", b"1-2-3", b"1 -2", b"1--2", b"1-2x"]
SILENT = [b"", b"# 1.2.3.4:deny", b"no colon", b"  ", b" # indented", b"#"]


def address(random: Random) -> bytes:
    """Return the left side of a rule, of any form that the language has."""
    form = random.randrange(10)
    if form < 4:
        octets = [random.choice(NUMBERS) for _ in range(random.randint(1, 4))]
        return b".".join(octets) + (b"." if len(octets) < 4 and random.random() < 0.8 else b"")
    if form < 6:
        octets = [random.choice(NUMBERS) for _ in range(random.randint(0, 3))]
        octets.insert(random.randint(0, len(octets)), random.choice(RANGES))
        return b".".join(octets) + random.choice([b".", b""])
    if form == 6:
        return b"="[random.random() < 0.1 :] + random.choice([b"", b"."]) + random.choice(HOSTS)
    if form == 7:
        return random.choice(INFOS) + b"@" + random.choice([b"1.2.1-3.", b"10.1.2.0", b"=" + HOSTS[0]])
    return random.choice([b"", b"", b"=", b"10.0.0/x", b" 1.2", b"-", b"1.2-3.4-5", b"a\0b", b"\xe9"])


def instructions(random: Random) -> bytes:
    """Return the right side of a rule."""
    text = random.choice([b"allow", b"deny"])
    for _ in range(random.choice([0, 0, 0, 1, 1, 2, 3])):
        quote = random.choice(QUOTES)
        value = random.choice(VALUES).replace(quote, b"")
        text += b",%s=%s%s%s" % (random.choice(NAMES), quote, value, quote)
    return text


def rule_line(random: Random) -> bytes:
    """Return a legal line."""
    if random.random() < 0.15:
        return random.choice(SILENT)
    return address(random) + b":" + instructions(random) + random.choice([b"", b"", b"", b" ", b"\t \t"])


def hurt_line(random: Random) -> bytes:
    """Return a line that is wrong, or that may be."""
    line = rule_line(random)
    hurt = random.randrange(4)
    if hurt == 0:
        return line.rstrip(b" \t") + random.choice(BAD_TAILS)
    if hurt == 1:
        return random.choice(BAD_BOUNDS) + random.choice([b".", b""]) + b":deny"
    if hurt == 2:
        return address(random) + b":" + random.choice([b"", b" deny", b"Allow", b"den", b"foo", b"\0"])
    at = random.randint(0, len(line))
    return line[:at] + random.choice([b"", b":", b"-", b'"', b"\0", b"\n", b","]) + line[at + 1 :]


def rules_file(random: Random) -> bytes:
    """Return a whole file: mostly legal, sometimes hurt, sometimes without its last newline."""
    lines = [rule_line(random) for _ in range(random.randint(0, 12))]
    if random.random() < 0.4:
        lines.insert(random.randint(0, len(lines)), hurt_line(random))
    return b"\n".join(lines) + random.choice([b"\n", b"\n", b""])


def image_of(text: bytes) -> bytes:
    """Return the cdb file that our compiler makes of a text."""
    records: list[tuple[bytes, bytes]] = []
    compile_rules([text], lambda key, data: records.append((key, data)))
    return image_with(*records)


def image_with(*records: tuple[bytes, bytes]) -> bytes:
    """Return a cdb file with these records, also such as no rules text can make."""
    blocks: list[bytes] = []
    builder = Builder(blocks.append)
    for key, data in records:
        builder.add(key, data)
    header = builder.finish()
    return header + b"".join(blocks)


def client(random: Random) -> tuple[bytes, bytes | None, bytes | None]:
    """Return (ip, host, info) of a client that the generated rules may know."""
    ip = b".".join(random.choice(NUMBERS) for _ in range(random.choice([4, 4, 4, 4, 3, 1])))
    if random.random() < 0.1:
        ip = random.choice([b"", b".", b"1.2.", b"::1", b"2001:db8::1", b"10.0.0.0/8"])
    host = random.choice([None, *HOSTS, b"", b"sub.a-b.com", b"unknown"])
    info = random.choice([None, None, *INFOS])
    return ip, host, info
