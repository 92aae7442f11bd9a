"""Generated ``hosts.allow`` and ``hosts.deny``, and clients whom they are about.

The words come from a small world, so that clients are met; a tame file says
nothing odd, a wild one has what people and accidents put into such files.
"""

from random import Random

DAEMON = b"in.d"
ADDRESSES = [b"10.1.2.3", b"10.1.2.4", b"10.1.64.9", b"10.5.9.9", b"1.2.3.4", b"127.0.0.1", b"8.8.8.8"]
ADDRESSES += [b"2001:db8::1", b"2001:db8:0:1::1", b"2001:db9::1", b"::1", b"fe80::1"]
NAMES = [b"a.org", b"x.b.org", b"b.org", b"alone", b"10.org"]
CLIENTS: list[tuple[bytes, bytes | None]] = [(ip, name) for ip in ADDRESSES for name in (None, *NAMES)]

DAEMONS = [b"in.d", b"IN.D", b"in.D", b"all", b"ALL", b"All"]
OTHERS = [b"other", b"in.", b"in.dx", b"sshd"]
ODD_DAEMONS = [b"in.*", b".d", b"in.", b"23", b"in.d@10.0.0.1", b"other@all", b"@in.d", b"KNOWN", b"local"]
ODD_DAEMONS += [b"unknown", b"#", b"in.d\\", b"[in.d", b"in.d]", b"/in.d", b"in.d#", b"in.d\f", b"?n.d", b""]

WORDS = [b"ALL", b"all", b"All", b"10.", b"10.1.", b"10.1.2.", b"10.1.2.3", b"1.2.3.4", b"127.", b"8.8.8.8"]
WORDS += [b"10.0.0.0/8", b"10.0.0.0/255.0.0.0", b"10.1.0.0/255.255.192.0", b"10.1.64.0/18", b"10.1.2.3/32"]
WORDS += [b"0.0.0.0/1", b"0.0.0.0/0.0.0.0", b"[2001:db8::]/32", b"[2001:db8::1]", b"[2001:DB8:0:1::]/64"]
WORDS += [b"[::1]", b"[fe80::]/10", b"[::]/0", b".org", b".ORG", b"a.org", b"A.Org", b".b.org", b"alone"]
ODD_WORDS = [
    b"LOCAL",
    b"local",
    b"KNOWN",
    b"unknown",
    b"PARANOID",
    b"paranoid",
    b"*",
    b"10.*",
    b"*.org",
    b"?.org",
]
ODD_WORDS += [
    b"010.",
    b"10.01.",
    b"010.0.0.0/8",
    b"012.0.0.0/8",
    b"10.1.2.03",
    b"0x0a.0.0.0/8",
    b"10.0.0.0/08",
]
ODD_WORDS += [
    b"10.1.2.3/255.255.255.255",
    b"0.0.0.0/0",
    b"10.1.0.0/8",
    b"10/8",
    b"10.1/16",
    b"10.0.0.0/",
    b"10.",
]
ODD_WORDS += [
    b"10.0.0.0/33",
    b"10.0.0.0/-1",
    b"10.0.0.0/8x",
    b"10.0.0.0/255.0.255.0",
    b"10.0.0.0/255.0.0",
    b"10",
]
ODD_WORDS += [b"10..", b".1.2.3", b".", b"..", b"300.", b"10.1.2.3.", b"1.2.3.4.5", b"a.", b"10.o", b"a..org"]
ODD_WORDS += [
    b"[2001:db8::/32]",
    b"[2001:db8::1]/32",
    b"[::ffff:10.1.2.3]",
    b"[::ffff:10.0.0.0]/104",
    b"[::1",
    b"[]",
]
ODD_WORDS += [
    b"[2001:db8::]/032",
    b"[2001:db8::]/",
    b"[2001:db8::]/32x",
    b"[2001:db8::]/129",
    b"2001:db8::1",
    b"::1]",
]
ODD_WORDS += [
    b"[fe80::1%lo]",
    b"@group",
    b"joe@a.org",
    b"all@all",
    b"known@all",
    b"#",
    b"#all",
    b"a!b",
    b"al\\l",
]
ODD_WORDS += [
    b"255.255.255.255/32",
    b"255.255.255.255",
    b"128.0.0.0/1",
    b"al\0l",
    b"all\f",
    b"\xe4ll",
    b"10.\x01",
]
OPTIONS = [b"allow", b"deny", b"ALLOW", b"Deny", b" allow ", b"\tdeny\t", b"allow\r"]
ODD_OPTIONS = [
    b"",
    b" ",
    b"spawn echo x",
    b"twist echo x",
    b"severity notice",
    b"allow x",
    b"allow=",
    b"bogus",
]
ODD_OPTIONS += [b"deny\\: allow", b"setenv A b", b"al\\low", b"[", b"allow]", b"allow\v"]
BLANKS = [b" ", b" ", b" ", b", ", b",", b"\t", b"  ", b" \\\n", b"\\\n ", b"\r"]
BYTES = b" ,:@*?/[]\\#\t\n\v\f\r\0.-01dA\x7f\x80"
ENDS = [b"\n", b"\n", b"\n", b"\n", b" \n", b"\r\n"]
ODD_LINES = [
    b"nothing\n",
    b": all\n",
    b"in.d\n",
    b"in.d:\n",
    b"in.d::all\n",
    b" # in.d: all\n",
    b"\f\n",
    b"\\\n",
    b"\0",
]
ODD_LINES += [
    b"# x \\\n",
    b"in.d: 10.\\\n5.\n",
    b"in.d: 10.\\\n",
    b"in.d: al\\\nl\n",
    b"in.d: all\\ \n",
    b"#\0\n",
]


def pair(random: Random, wildness: float) -> tuple[bytes, bytes]:
    """Return two files; ``wildness`` is the share of what is odd."""
    allow, deny = (_file(random, wildness) for _ in range(2))
    if random.random() < 0.5:
        deny += random.choice([b"ALL: ALL", b"all: all", b"All:All"]) + b"\n"
    if random.random() < wildness / 2:
        deny = deny.removesuffix(b"\n")
    if random.random() < wildness:
        allow, deny = _hurt(random, allow), _hurt(random, deny)
    return allow, deny


def _hurt(random: Random, text: bytes) -> bytes:
    """Put a byte that means something where it may mean something else, maybe over another one."""
    at = random.randint(0, len(text))
    byte = random.choice(BYTES)
    return text[:at] + bytes([byte]) + text[at + random.choice([0, 1]) :]


def _file(random: Random, wildness: float) -> bytes:
    lines = [_line(random, wildness) for _ in range(random.choice([0, 1, 1, 2, 3, 4]))]
    if random.random() < wildness / 2:
        lines.insert(random.randint(0, len(lines)), random.choice(ODD_LINES))
    return b"".join(lines)


def _line(random: Random, wildness: float) -> bytes:
    if random.random() < 0.1:
        return random.choice([b"\n", b"# in.d: all\n", b" \t\n", b"#\n"])
    daemons = _list(random, DAEMONS * 3 + OTHERS[:1] * 3, ODD_DAEMONS + OTHERS, wildness)
    line = daemons + random.choice([b":", b": ", b" : ", b":\t"]) + _list(random, WORDS, ODD_WORDS, wildness)
    if random.random() < wildness:
        line += b"".join(
            b":" + _word(random, OPTIONS, ODD_OPTIONS, 0.6) for _ in range(random.choice([1, 1, 2]))
        )
    elif random.random() < 0.15:
        line += b":" + random.choice(OPTIONS)
    if random.random() < wildness / 5:  # about as long as tcpd takes
        line = line.replace(b" ", b" " * (random.randint(2040, 2052) - len(line)), 1)
    return line + random.choice(ENDS)


def _list(random: Random, words: list[bytes], odd: list[bytes], wildness: float) -> bytes:
    text = _word(random, words, odd, wildness)
    for _ in range(random.choice([0, 0, 1, 1, 2, 3])):
        if random.random() < 0.25:
            text += random.choice(BLANKS) + random.choice([b"EXCEPT", b"except", b"Except"])
        text += random.choice(BLANKS) + _word(random, words, odd, wildness)
    return text


def _word(random: Random, words: list[bytes], odd: list[bytes], wildness: float) -> bytes:
    return random.choice(odd if random.random() < wildness / 2 else words)
