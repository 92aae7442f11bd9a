"""Everything there is to say about a whole file of rules.

Besides the remarks on single lines, lines are compared: an address that came
before, a network that a dotted prefix hides, and lines that a reader from top
to bottom takes for decisive while another one decides (`_lineorder`).

A long text is compared by the C core, where there is one (`_relatelines`): the same
is said, several hundred times as fast.
"""

from ucspi.errors import RuleSyntaxError
from ucspi.rules._checkinput import require_bytes
from ucspi.rules._diagnostic import ERROR, Diagnostic
from ucspi.rules._expand import expand
from ucspi.rules._lineorder import Entry, Order, shown
from ucspi.rules._linewarnings import NO_NEWLINE, remarks
from ucspi.rules._native import lib
from ucspi.rules._networkkey import MARK4, MARK6, readable
from ucspi.rules._parse import parse
from ucspi.rules._prefixlengths import Lengths
from ucspi.rules._ruledata import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ucspi.rules._lineorder import Entries

LONG = 4096  # bytes from which on the C core takes less time


def lint(text: bytes) -> list[Diagnostic]:
    """Return all errors and warnings about a whole text, in the order of its lines.

    Every line is looked at, also those after an error, and lines are compared
    with each other.  The cost grows with the number of lines.
    """
    require_bytes("text", text)
    said = _compare_long(text) if lib is not None and len(text) >= LONG else _compare(text)
    said.sort(key=lambda diagnostic: (diagnostic.line, diagnostic.column))
    return said


def _compare(text: bytes) -> list[Diagnostic]:
    said: list[Diagnostic] = []
    entries = PlainEntries()
    lines = text.split(b"\n")
    last = lines.pop()
    for number, line in enumerate([*lines, last] if last else lines, 1):
        keys, data = examine(line, number, said)
        before = entries.enter(keys, number, data)
        if before is not None:
            said.append(repeated(number, before, data))
    if last:
        said.append(Diagnostic(len(lines) + 1, len(last) + 1, *NO_NEWLINE))
    return said + _relations(entries, entries.hidden())


def _compare_long(text: bytes) -> list[Diagnostic]:
    from ucspi.rules._relatelines import RelatedEntries  # here, as a short text never needs it

    said: list[Diagnostic] = []
    entries = RelatedEntries(text, lambda line, number: examine(line, number, said))
    said += (repeated(number, before, data) for number, before, data in entries.repeated())
    last = text[text.rfind(b"\n") + 1 :]
    if last:
        said.append(Diagnostic(entries.lines, len(last) + 1, *NO_NEWLINE))
    return said + _relations(entries, entries.hidden())


def _relations(entries: "Entries", hidden: "Iterable[tuple[Entry, Entry]]") -> list[Diagnostic]:
    """Return what there is to say about networks behind prefixes, and about the order of lines."""
    said = []
    for network, prefix in hidden:
        reason = f"line {prefix.line} ({shown(prefix.key)}) hides this network"
        advice = "dotted prefixes are looked up before networks: write the prefix as a network too"
        said.append(Diagnostic(network.line, 1, reason, advice))
    return said + list(Order(entries).surprises())


def examine(line: bytes, number: int, said: list[Diagnostic]) -> "tuple[Sequence[bytes], bytes]":
    """Say what there is to say about a line alone; return the keys and the data of its records."""
    try:
        rule = parse(line, number)
    except RuleSyntaxError as error:
        said.append(Diagnostic(number, error.column, error.reason, error.suggestion, ERROR))
        return (), b""
    said += remarks(line, rule, number)
    return ((), b"") if rule is None else (expand(rule.address), encode(rule))


def repeated(number: int, before: Entry, data: bytes) -> Diagnostic:
    """Return what there is to say about a line with an address that another line has already."""
    reason = f"line {before.line} has the address {shown(before.key)} already, and the first counts"
    same = "leave this line out" if before.data == data else "leave out the one that is not meant"
    return Diagnostic(number, 1, reason, same)


class PlainEntries:
    """The entries of a text, found by their keys alone."""

    __slots__ = ("_by_key",)

    def __init__(self) -> None:
        """Begin without any."""
        self._by_key: dict[bytes, Entry] = {}

    def enter(self, keys: "Sequence[bytes]", line: int, data: bytes) -> Entry | None:
        """Enter the records of a line; return the first entry of another line with one of its keys."""
        before = None
        for key in keys:
            entry = self._by_key.setdefault(key, Entry(key, line, data))
            if entry.line != line:
                before = before or entry
        return before

    def get(self, key: bytes) -> Entry | None:
        """Return the entry under a key."""
        return self._by_key.get(key)

    @property
    def lengths(self) -> Lengths:
        """The lengths of the networks among the keys."""
        return Lengths(
            (len(key) - 1 for key in self._by_key if key[:1] == MARK4),
            (len(key) - 1 for key in self._by_key if key[:1] == MARK6),
        )

    def hidden(self) -> "Iterator[tuple[Entry, Entry]]":
        """Yield each IPv4 network inside a dotted prefix, which is looked up before it, and the prefix."""
        for key, entry in self._by_key.items():
            if key[:1] != MARK4 or readable(key) == key:
                continue
            octets = readable(key).partition(b"/")[0].split(b".")
            for count in range(min(3, (len(key) - 1) // 8), 0, -1):
                prefix = self._by_key.get(b".".join(octets[:count]) + b".")
                if prefix is not None:
                    yield entry, prefix
                    break

    def suspects(self, told: set[int]) -> "Iterable[Entry]":
        """Return all entries: which of them could be left out is not known here."""
        return self._by_key.values()

    def crossing(self) -> tuple[list[Entry], list[Entry]]:
        """Return the names, and what is neither name, ident nor everybody."""
        entries = self._by_key.values()
        names = [entry for entry in entries if entry.key[:1] == b"="]
        return names, [one for one in entries if one.key[:1] not in (b"=", b"") and b"@" not in one.key]
