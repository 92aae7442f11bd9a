"""How one client is judged: the most specific address that has a rule decides.

`candidates` is the whole order; nothing is merged across addresses, and of two
rules with the same address the first counts.
"""

from ucspi.cdb import Reader
from ucspi.rules._record import ASSIGN, DENY, segments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def candidates(ip: bytes, host: bytes | None = None, info: bytes | None = None) -> "Iterator[bytes]":
    """Yield the addresses to try for one client, most specific first.

    ``host`` and ``info`` are None when unset; set but empty is not None.
    The last one is always ``b""``, the default rule.

    Source: cr.yp.to/ucspi-tcp/tcprules.html, "Addresses".
    """
    if info is not None:
        yield info + b"@" + ip
        if host is not None:
            yield info + b"@=" + host
    yield ip
    if host is not None:
        yield b"=" + host
    end = ip.rfind(b".") + 1
    while end:
        yield ip[:end]
        end = ip.rfind(b".", 0, end - 1) + 1
    if host is not None:
        yield from (b"=" + host[at:] for at in range(len(host)) if host[at] == 46)
        yield b"="
    yield b""


class Verdict:
    """Allow or deny, the variables to set, and the rule that decided."""

    __slots__ = ("allowed", "environment", "rule")

    def __init__(
        self, allowed: bool, environment: tuple[tuple[bytes, bytes], ...] = (), rule: bytes | None = None
    ) -> None:
        """Take (name, value) pairs in order, of which the later win, and the deciding address."""
        self.allowed, self.environment, self.rule = allowed, environment, rule

    def __repr__(self) -> str:
        """Show the three parts."""
        return f"Verdict({self.allowed!r}, {self.environment!r}, {self.rule!r})"

    def __eq__(self, other: object) -> bool:
        """Compare the three parts."""
        if not isinstance(other, Verdict):
            return NotImplemented
        return (self.allowed, self.environment, self.rule) == (other.allowed, other.environment, other.rule)

    def __hash__(self) -> int:
        """Agree with equality."""
        return hash((self.allowed, self.environment, self.rule))


NO_RULE = Verdict(True)  # no rule at all means allow


class RuleSet:
    """The rules of one cdb image."""

    __slots__ = ("_reader",)

    def __init__(self, reader: Reader) -> None:
        """Judge by this reader; closing it stays the caller's business."""
        self._reader = reader

    def find(
        self, ip: bytes, host: bytes | None = None, info: bytes | None = None
    ) -> tuple[bytes, bytes] | None:
        """Return the address that decides about a client and its record's data, or None.

        Raises:
            CdbFormatError: the image is damaged where it was looked at.
        """
        for address in candidates(ip, host, info):
            data = self._reader.get(address)
            if data is not None:
                return address, data
        return None

    def judge(self, ip: bytes, host: bytes | None = None, info: bytes | None = None) -> Verdict:
        """Decide about one client.

        Args:
            ip: the client's address, as text.
            host: its name, or None when it has none; empty is a name.
            info: what its ident server said, or None; empty is an answer.

        Returns:
            The verdict; its ``rule`` is None when no rule applies, which allows.

        Raises:
            CdbFormatError: the image is damaged where it was looked at.
        """
        found = self.find(ip, host, info)
        return NO_RULE if found is None else _interpret(*found)


def _interpret(address: bytes, data: bytes) -> Verdict:
    if not data:
        return Verdict(True, (), address)
    pieces = segments(data)
    assignments = (piece[1:].partition(b"=") for piece in pieces if piece[:1] == ASSIGN)
    environment = tuple((name, value) for name, equals, value in assignments if equals)
    return Verdict(not any(piece[:1] == DENY for piece in pieces), environment, address)
