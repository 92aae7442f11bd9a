"""Finding lines whose order misleads: for some client they come first, but a later line decides.

For each rule a few clients are made up that match it.  For each client the file
is read both ways: from top to bottom, and as it is meant.  So every warning is
true for the client that it names, and the work grows only with the number of
lines.  A pair of rules is reported for the clients of the narrower one only.
Rules whose clients cannot show anything are left out, where the entries know
which these are.
"""

from ucspi.rules._checkinput import TLS
from ucspi.rules._diagnostic import Diagnostic
from ucspi.rules._expand import is_plain
from ucspi.rules._lookup import candidates
from ucspi.rules._networkkey import MARK4, MARK6, full6, packed6, readable, short6

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Protocol

    from ucspi.rules._prefixlengths import Lengths

    Client = tuple[bytes, bytes | None, bytes | None]

    class Entries(Protocol):
        """The first rule under each key of a file."""

        @property
        def lengths(self) -> Lengths:
            """The lengths of the networks among the keys."""

        def get(self, key: bytes) -> "Entry | None":
            """Return the entry under a key."""

        def suspects(self, reported: set[int]) -> Iterable["Entry"]:
            """Yield, in order, the entries whose clients may show a line that is not in ``reported``.

            The caller adds lines to ``reported`` between two entries.
            """

        def names_and_addresses(self) -> tuple[list["Entry"], list["Entry"]]:
            """Return the entries of names and those of addresses; maybe nothing if all have the same data."""


FILLERS = (b"9.9.9", b"0.0.0", b"255.255.255", b"77.3.130")
STRANGERS = (b"240.9.9.9", b"0.0.0.0", b"198.51.100.77")  # clients that few rules match
OUTCOMES_MAX = 16  # kinds of address and data for which names are compared, beyond PAIRS_MAX
PAIRS_MAX = 2000  # pairs of a name and an address; up to so many, all are compared


class Entry:
    """The first rule under a key: the number of its line, from 1, and the data of its record."""

    __slots__ = ("data", "key", "line")

    def __init__(self, key: bytes, line: int, data: bytes) -> None:
        self.key, self.line, self.data = key, line, data


class OrderCheck:
    """A file, read from top to bottom and as it is meant."""

    __slots__ = ("_entries", "_lengths", "_reported")

    def __init__(self, entries: "Entries") -> None:
        """Compare the lines of these entries."""
        self._entries, self._lengths = entries, entries.lengths
        self._reported: set[int] = set()

    def warnings(self) -> "Iterator[Diagnostic]":
        """Yield one warning for each line that comes first for some client and does not decide."""
        stranger = b""
        for entry in self._entries.suspects(self._reported):
            stranger = stranger or self._stranger()
            width = width_of(entry.key)
            if entry.key.startswith(TLS):
                keys, described = _certificate_of(entry.key)
                yield from self._compare(keys, described, width)
                continue
            for client in _clients_of(entry.key, stranger):
                yield from self._compare_client(client, width)
        for client in self._named_clients():
            yield from self._compare_client(client, None)

    def _compare_client(self, client: "Client", width: int | None) -> "Iterator[Diagnostic]":
        return self._compare(candidates(*client, self._lengths), _described(client), width)

    def _compare(self, keys: "Iterable[bytes]", described: str, width: int | None) -> "Iterator[Diagnostic]":
        """Read the file both ways for a client of a rule of this width; yield the warning, if there is one.

        ``keys`` are those that are tried for the client.  A pair of rules is
        reported only if the width is that of the narrower one, or None.
        """
        get = self._entries.get
        found = [entry for key in keys if (entry := get(key)) is not None]
        if not found:
            return
        first = min(found, key=lambda entry: entry.line)
        decides = found[0]
        if first.data == decides.data or first.line in self._reported:
            return
        if width is not None and width != max(width_of(first.key) or 0, width_of(decides.key) or 0):
            return
        self._reported.add(first.line)
        which = f"line {decides.line} ({shown(decides.key)})"
        reason = f"for {described} {which} decides, though it stands below"
        advice = "the most specific address counts, not the first line: put that one first"
        yield Diagnostic(first.line, 1, reason, advice)

    def _stranger(self) -> bytes:
        """Return a client that only the default rule matches, if there is one among a few."""
        return next((ip for ip in STRANGERS if not self._knows(ip)), STRANGERS[0])

    def _knows(self, ip: bytes) -> bool:
        return any(key and self._entries.get(key) for key in candidates(ip, None, None, self._lengths))

    def _named_clients(self) -> "Iterator[Client]":
        """Yield clients that match both a rule about names and a rule about addresses."""
        names, addresses = self._entries.names_and_addresses()
        ends: dict[tuple[bool, bytes], list[Entry]] = {}  # first and last entry of a kind
        addresses = [entry for entry in addresses if not entry.key.startswith(TLS)]
        for entry in addresses:
            kind = ends.setdefault((_is_whole(entry.key), entry.data), [entry, entry])
            kind[0] = min(kind[0], entry, key=lambda one: one.line)
            kind[1] = max(kind[1], entry, key=lambda one: one.line)
        few = len(names) * len(addresses) <= PAIRS_MAX
        others = addresses if few else [one for kind in list(ends.values())[:OUTCOMES_MAX] for one in kind]
        for name in names:
            for other in others:
                if other.data != name.data:
                    for ip, _, _ in list(_clients_of(other.key, b""))[: None if few else 1]:
                        yield ip, _host_of(name.key), None


def width_of(key: bytes) -> int | None:
    """Return how narrow a rule is among those that match one client; None for a key of no known form.

    A network counts as narrower than a dotted prefix of the same bits, because
    it is looked up last.
    """
    if key.startswith(TLS):
        return len(key)
    if key[:1] == b"=":
        return None if b"@" in key else 1000 + len(key)
    if key[:1] in (MARK4, MARK6):
        return None if readable(key) == key else 2 * (len(key) - 1) + 1
    if is_plain(key):
        octets = key.count(b".") + (key[-1:] not in (b".", b""))
        return 16 * octets
    packed = packed6(key) if len(key) == 39 else None
    return 256 if packed is not None and full6(packed) == key else None


def _certificate_of(key: bytes) -> "tuple[Iterable[bytes], str]":
    """Return the addresses that are tried for a certificate that matches a rule, and words for it."""
    from ucspi.rules._certificates import certificate_candidates, is_fingerprint  # few files have such rules

    what = key[len(TLS) :]
    if what[:1] == b"=":
        host = _host_of(what)
        return certificate_candidates(None, (host,)), f"a certificate of {shown(host)}"
    if is_fingerprint(what):
        return certificate_candidates(what), "the certificate with this fingerprint"
    return (key,), "a client"


def _clients_of(key: bytes, stranger: bytes) -> "Iterator[Client]":
    """Yield clients that match a rule: address, name, ident answer."""
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


def _described(client: "Client") -> str:
    ip, host, info = client
    named = shown(ip) if host is None else f"{shown(ip)} named {shown(host)}"
    return named if info is None else f"{shown(info)} at {named}"


def shown(key: bytes) -> str:
    """Return a key as text for people."""
    return readable(key).decode("ascii", "backslashreplace") or "the empty address"
