"""All errors and warnings about a whole text of rules.

Single lines are examined, and lines are compared with each other.  A comparison
finds an address that an earlier line has, a network inside a dotted prefix, and
a line that comes first for some client while a later line decides
(`_lineorder`).

A long text is compared by the C core, where there is one (`_relatelines`), with
the same result, several hundred times as fast.
"""

from ucspi.errors import RuleSyntaxError
from ucspi.rules._checkinput import require_bytes
from ucspi.rules._diagnostic import ERROR, Diagnostic
from ucspi.rules._expand import expand
from ucspi.rules._lineorder import Entry, OrderCheck, shown
from ucspi.rules._linewarnings import NO_NEWLINE, warnings
from ucspi.rules._native import lib
from ucspi.rules._networkkey import MARK4, MARK6, readable
from ucspi.rules._parse import parse
from ucspi.rules._prefixlengths import Lengths
from ucspi.rules._ruledata import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ucspi.rules._lineorder import Entries

LONG = 4096  # bytes; from here on the C core takes less time


def lint(text: bytes) -> list[Diagnostic]:
    """Return all errors and warnings about a whole text, in the order of its lines.

    Every line is examined, also after an error, and lines are compared with
    each other.  The time needed grows with the number of lines.
    """
    require_bytes("text", text)
    diagnostics = _compare_long(text) if lib is not None and len(text) >= LONG else _compare(text)
    diagnostics.sort(key=lambda diagnostic: (diagnostic.line, diagnostic.column))
    return diagnostics


def _compare(text: bytes) -> list[Diagnostic]:
    diagnostics: list[Diagnostic] = []
    entries = PlainEntries()
    lines = text.split(b"\n")
    last = lines.pop()
    for number, line in enumerate([*lines, last] if last else lines, 1):
        keys, data = examine(line, number, diagnostics)
        before = entries.enter(keys, number, data)
        if before is not None:
            diagnostics.append(repeated(number, before, data))
    if last:
        diagnostics.append(Diagnostic(len(lines) + 1, len(last) + 1, *NO_NEWLINE))
    return diagnostics + _compare_entries(entries, entries.hidden())


def _compare_long(text: bytes) -> list[Diagnostic]:
    from ucspi.rules._relatelines import RelatedEntries  # here, as a short text never needs it

    diagnostics: list[Diagnostic] = []
    entries = RelatedEntries(text, lambda line, number: examine(line, number, diagnostics))
    diagnostics += (repeated(number, before, data) for number, before, data in entries.repeated())
    last = text[text.rfind(b"\n") + 1 :]
    if last:
        diagnostics.append(Diagnostic(entries.lines, len(last) + 1, *NO_NEWLINE))
    return diagnostics + _compare_entries(entries, entries.hidden())


def _compare_entries(entries: "Entries", hidden: "Iterable[tuple[Entry, Entry]]") -> list[Diagnostic]:
    """Return the warnings about networks inside dotted prefixes, and about the order of lines."""
    diagnostics = []
    for network, prefix in hidden:
        reason = f"line {prefix.line} ({shown(prefix.key)}) hides this network"
        advice = "dotted prefixes are looked up before networks: write the prefix as a network too"
        diagnostics.append(Diagnostic(network.line, 1, reason, advice))
    return diagnostics + list(OrderCheck(entries).warnings())


def examine(line: bytes, number: int, diagnostics: list[Diagnostic]) -> "tuple[Sequence[bytes], bytes]":
    """Append the errors and warnings about a single line; return the keys and the data of its records."""
    try:
        rule = parse(line, number)
    except RuleSyntaxError as error:
        diagnostics.append(Diagnostic(number, error.column, error.reason, error.suggestion, ERROR))
        return (), b""
    diagnostics += warnings(line, rule, number)
    return ((), b"") if rule is None else (expand(rule.address), encode(rule))


def repeated(number: int, before: Entry, data: bytes) -> Diagnostic:
    """Return the warning about a line whose address an earlier line has."""
    reason = f"line {before.line} has the address {shown(before.key)} already, and the first counts"
    same = "leave this line out" if before.data == data else "leave out the one that is not meant"
    return Diagnostic(number, 1, reason, same)


class PlainEntries:
    """The entries of a text, by key."""

    __slots__ = ("_by_key",)

    def __init__(self) -> None:
        """Start without any."""
        self._by_key: dict[bytes, Entry] = {}

    def enter(self, keys: "Sequence[bytes]", line: int, data: bytes) -> Entry | None:
        """Enter the records of a line; return the first entry of an earlier line with one of these keys."""
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
        """Yield each IPv4 network inside a dotted prefix, with the prefix, which is looked up first."""
        for key, entry in self._by_key.items():
            if key[:1] != MARK4 or readable(key) == key:
                continue
            octets = readable(key).partition(b"/")[0].split(b".")
            for count in range(min(3, (len(key) - 1) // 8), 0, -1):
                prefix = self._by_key.get(b".".join(octets[:count]) + b".")
                if prefix is not None:
                    yield entry, prefix
                    break

    def suspects(self, reported: set[int]) -> "Iterable[Entry]":
        """Return all entries: this class does not know which of them could be left out."""
        return self._by_key.values()

    def names_and_addresses(self) -> tuple[list[Entry], list[Entry]]:
        """Return the entries of names, and those of addresses, without ident and the default rule."""
        entries = self._by_key.values()
        names = [entry for entry in entries if entry.key[:1] == b"="]
        return names, [one for one in entries if one.key[:1] not in (b"=", b"") and b"@" not in one.key]
