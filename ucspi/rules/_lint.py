"""Everything there is to say about a whole file of rules.

Besides the remarks on single lines, lines are compared: an address that came
before, a network that a dotted prefix hides, and lines that a reader from top
to bottom takes for decisive while another one decides.

The last is found by asking: for each rule a few clients are made up that it is
about, and the file is read for them in both ways.  So what is reported is true,
client and all, and the work grows with the number of lines alone.
"""

from ucspi.errors import RuleSyntaxError
from ucspi.rules._bytes import require_bytes
from ucspi.rules._diagnostic import ERROR, Diagnostic
from ucspi.rules._expand import expand, is_plain
from ucspi.rules._lengths import Lengths
from ucspi.rules._lookup import candidates
from ucspi.rules._network import MARK4, MARK6, readable, short6
from ucspi.rules._parse import parse
from ucspi.rules._record import encode
from ucspi.rules._remarks import NO_NEWLINE, remarks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Client = tuple[bytes, bytes | None, bytes | None]

FILLERS = (b"9.9.9", b"0.0.0", b"255.255.255", b"77.3.130")
STRANGERS = (b"240.9.9.9", b"0.0.0.0", b"198.51.100.77")  # clients that few rules are about
OUTCOMES_MAX = 16  # kinds of instructions for which names and addresses are compared
PAIRS_MAX = 2000  # of a name and an address, up to which all are looked at


class Entry:
    """The first rule under a key: its line, and what it says."""

    __slots__ = ("data", "key", "line")

    def __init__(self, key: bytes, line: int, data: bytes) -> None:
        """Take the key, the line's number and the record's data."""
        self.key, self.line, self.data = key, line, data


def lint(text: bytes) -> list[Diagnostic]:
    """Return all errors and warnings about a whole text, in the order of its lines.

    Every line is looked at, also those after an error, and lines are compared
    with each other.  The cost grows with the number of lines.
    """
    require_bytes("text", text)
    said: list[Diagnostic] = []
    entries: dict[bytes, Entry] = {}
    lines = text.split(b"\n")
    last = lines.pop()
    for number, line in enumerate([*lines, last] if last else lines, 1):
        said += _read(line, number, entries)
    if last:
        said.append(Diagnostic(len(lines) + 1, len(last) + 1, *NO_NEWLINE))
    said += _hidden(entries)
    said += _Order(entries).surprises()
    said.sort(key=lambda diagnostic: (diagnostic.line, diagnostic.column))
    return said


def _read(line: bytes, number: int, entries: dict[bytes, Entry]) -> "Iterator[Diagnostic]":
    """Enter a line's rule; yield what there is to say about the line and about a repeated address."""
    try:
        rule = parse(line, number)
    except RuleSyntaxError as error:
        yield Diagnostic(number, error.column, error.reason, error.suggestion, ERROR)
        return
    yield from remarks(line, rule, number)
    if rule is None:
        return
    data = encode(rule)
    before = None
    for key in expand(rule.address):
        entry = entries.setdefault(key, Entry(key, number, data))
        if entry.line != number:
            before = before or entry
    if before is not None:
        reason = f"line {before.line} has the address {_shown(before.key)} already, and the first counts"
        same = "leave this line out" if before.data == data else "leave out the one that is not meant"
        yield Diagnostic(number, 1, reason, same)


def _hidden(entries: dict[bytes, Entry]) -> "Iterator[Diagnostic]":
    """Yield a warning for each IPv4 network inside a dotted prefix, which is looked up before it."""
    for key, entry in entries.items():
        if key[:1] != MARK4 or readable(key) == key:
            continue
        octets = readable(key).partition(b"/")[0].split(b".")
        for count in range(min(3, (len(key) - 1) // 8), 0, -1):
            prefix = entries.get(b".".join(octets[:count]) + b".")
            if prefix is not None:
                reason = f"line {prefix.line} ({_shown(prefix.key)}) hides this network"
                advice = "dotted prefixes are looked up before networks: write the prefix as a network too"
                yield Diagnostic(entry.line, 1, reason, advice)
                break


class _Order:
    """The file, read from top to bottom and as it is meant."""

    __slots__ = ("_entries", "_lengths")

    def __init__(self, entries: dict[bytes, Entry]) -> None:
        self._entries = entries
        self._lengths = Lengths(
            (len(key) - 1 for key in entries if key[:1] == MARK4),
            (len(key) - 1 for key in entries if key[:1] == MARK6),
        )

    def surprises(self) -> "Iterator[Diagnostic]":
        """Yield one warning for each line that comes first for some client and does not decide."""
        seen: set[int] = set()
        for client in self._clients():
            found = [self._entries[key] for key in candidates(*client, self._lengths) if key in self._entries]
            if not found:
                continue
            first = min(found, key=lambda entry: entry.line)
            decides = found[0]
            if first.data != decides.data and first.line not in seen:
                seen.add(first.line)
                which = f"line {decides.line} ({_shown(decides.key)})"
                reason = f"for {_named(client)} {which} decides, though it stands below"
                advice = "the most specific address counts, not the first line: put that one first"
                yield Diagnostic(first.line, 1, reason, advice)

    def _clients(self) -> "Iterator[Client]":
        stranger = next((ip for ip in STRANGERS if not self._knows(ip)), STRANGERS[0])
        for key in self._entries:
            yield from _clients_of(key, stranger)
        yield from self._crossed()

    def _knows(self, ip: bytes) -> bool:
        return any(key in self._entries for key in candidates(ip, None, None, self._lengths) if key)

    def _crossed(self) -> "Iterator[Client]":
        """Yield clients that a rule about names and one about addresses are both about."""
        ends: dict[tuple[bool, bytes], list[Entry]] = {}  # first and last line of a kind
        names, everyone = [], []
        for entry in self._entries.values():
            if entry.key[:1] == b"=":
                names.append(entry)
            elif entry.key and b"@" not in entry.key:
                everyone.append(entry)
                kind = ends.setdefault((_is_whole(entry.key), entry.data), [entry, entry])
                kind[0] = min(kind[0], entry, key=lambda one: one.line)
                kind[1] = max(kind[1], entry, key=lambda one: one.line)
        few = len(names) * len(everyone) <= PAIRS_MAX
        others = everyone if few else [one for kind in list(ends.values())[:OUTCOMES_MAX] for one in kind]
        for name in names:
            for other in others:
                if other.data != name.data:
                    for ip, _, _ in list(_clients_of(other.key, b""))[: None if few else 1]:
                        yield ip, _host_of(name.key), None


def _clients_of(key: bytes, stranger: bytes) -> "Iterator[Client]":
    """Yield clients that a rule is about."""
    if b"@" in key:
        info, _, rest = key.rpartition(b"@")
        yield (stranger, rest[1:], info) if rest[:1] == b"=" else (rest, None, info)
    elif key[:1] == b"=":
        yield stranger, _host_of(key), None
    elif is_plain(key):
        for filler in FILLERS if key[-1:] == b"." else (b"",):
            yield b".".join((key + filler).split(b".")[:4]), None, None
        if not key:
            yield stranger, None, None
    else:
        yield from ((ip, None, None) for ip in _inside(key))


def _inside(key: bytes) -> "Sequence[bytes]":
    """Return addresses inside a network, or the IPv6 address that a key is."""
    if key[:1] not in (MARK4, MARK6):
        return [key]
    size = 4 if key[:1] == MARK4 else 16
    bits = "".join("0" if byte == 48 else "1" for byte in key[1:])
    if not 1 < len(bits) <= size * 8:
        return []
    fillers = ("01", "0", "1", "0110")
    numbers = [int((bits + filler * size * 8)[: size * 8], 2).to_bytes(size, "big") for filler in fillers]
    if size == 16:
        return [short6(number) for number in numbers]
    return [b"%d.%d.%d.%d" % (*number,) for number in numbers]


def _is_whole(key: bytes) -> bool:
    return b":" in key or (key[-1:] != b"." and key[:1] not in (MARK4, MARK6))


def _host_of(key: bytes) -> bytes:
    name = key[1:]
    return b"host" + name if not name or name[:1] == b"." else name


def _named(client: "Client") -> str:
    ip, host, info = client
    named = _shown(ip) if host is None else f"{_shown(ip)} named {_shown(host)}"
    return named if info is None else f"{_shown(info)} at {named}"


def _shown(key: bytes) -> str:
    return readable(key).decode("ascii", "backslashreplace") or "the empty address"
