"""Judging one client: the most specific address that has a rule decides.

`candidates` yields the addresses in order.  Rules of different addresses are
never merged; of two rules with the same address the first counts.  Networks are
tried only with the prefix lengths that some rule has, which are collected once
for each image.

Source: cr.yp.to/ucspi-tcp/tcprules.html, "Addresses"; networks and IPv6 as in
ucspi-tcp6, dotted prefixes before networks.
"""

from ucspi.rules._checkinput import require_address, require_bytes, require_client
from ucspi.rules._networkkey import canonical, network_bits
from ucspi.rules._prefixlengths import NO_LENGTHS, Lengths, dotted, networks_of
from ucspi.rules._ruledata import ASSIGN, DENY, segments
from ucspi.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ucspi.cdb import Reader


AF_INET, AF_INET6 = 2, 10  # Linux's
EVERYBODY = [b""]
ONLY_DENY = DENY + b"\0"
KNOWN_MOST = 256  # addresses whose verdict is kept


def candidates(
    ip: bytes, host: bytes | None = None, info: bytes | None = None, lengths: Lengths = NO_LENGTHS
) -> "Iterator[bytes]":
    """Yield the addresses to try for one client, most specific first.

    Args:
        ip: IPv4 or IPv6, as text; an IPv4-mapped IPv6 address counts as IPv4.
        host: the client's name, None if it has none; empty is a name.
        info: what its ident server said, or None; empty is an answer.
        lengths: the prefix lengths of networks to try, by default none.

    Yields:
        Addresses as they are filed; the last one is always ``b""``, the default rule.
    """
    require_client(ip, host, info)
    ip, packed = canonical(ip)
    yield from _specific(ip, host, info)
    if lengths is not NO_LENGTHS:
        bits = network_bits(ip, packed)
        for size in lengths.of(bits):
            yield bits[: size + 1]
    yield from _general(host)


def _specific(ip: bytes, host: bytes | None, info: bytes | None) -> list[bytes]:
    """Return the addresses to try before networks."""
    keys = []
    if info is not None:
        keys.append(info + b"@" + ip)
        if host is not None:
            keys.append(info + b"@=" + host)
    keys.append(ip)
    if host is not None:
        keys.append(b"=" + host)
    keys.extend(dotted(ip[: ip.rfind(b".") + 1]))
    return keys


def _general(host: bytes | None) -> list[bytes]:
    """Return the addresses to try after networks."""
    if host is None:
        return EVERYBODY
    return [*(b"=" + host[at:] for at in range(len(host)) if host[at] == 46), b"=", b""]


class Verdict(Value):
    """The decision about a client; true if it allows.

    ``environment`` are the variables to set, ``rule`` is the address of the
    rule that decided, or None if no rule applies.
    """

    __slots__ = ("allowed", "environment", "rule")
    __match_args__ = ("allowed", "environment", "rule")

    def __init__(
        self, allowed: bool, environment: tuple[tuple[bytes, bytes], ...] = (), rule: bytes | None = None
    ) -> None:
        """Take the decision, (name, value) pairs in order, of which later ones win, and the address."""
        if rule is not None:
            require_bytes("rule", rule)
        for name, value in environment:
            require_bytes("name", name)
            require_bytes("value", value)
        self.allowed, self.environment, self.rule = allowed, environment, rule

    def __bool__(self) -> bool:
        """Return whether the client is allowed."""
        return self.allowed


NO_RULE = Verdict(True)  # no rule at all means allow


class RuleSet:
    """The rules of one cdb image."""

    __slots__ = ("_known", "_networks", "_read_ip", "_reader", "lengths")

    def __init__(self, reader: "Reader") -> None:
        """Judge by this reader, which the caller closes.

        Raises:
            CdbFormatError: a record crosses the end of the records.
        """
        from _socket import inet_pton  # here, as compilers need none of it

        self._read_ip = inet_pton
        self._reader = reader
        self._known: dict[bytes, Verdict] = {}
        self._networks = networks_of(reader)
        self.lengths = self._networks.lengths

    def data(self, key: bytes) -> bytes | None:
        """Return the data of the rule under a key, or None."""
        require_bytes("key", key)
        return self._reader.get(key)

    def find(
        self, ip: bytes, host: bytes | None = None, info: bytes | None = None
    ) -> tuple[bytes, bytes] | None:
        """Return the address of the rule that decides about a client, and the data of its record, or None.

        ``ip`` need not be an address, and names are not changed to lower case;
        `judge` is strict.

        Raises:
            CdbFormatError: the image is damaged where it was looked at.
        """
        require_client(ip, host, info)
        return self._find(ip, host, info)

    def _find(self, ip: bytes, host: bytes | None, info: bytes | None) -> tuple[bytes, bytes] | None:
        if host is None and info is None:
            return self._networks.decide(ip)
        get = self._reader.get
        for key in _specific(canonical(ip)[0], host, info):
            data = get(key)
            if data is not None:
                return key, data
        if self.lengths is not NO_LENGTHS:
            found = self._networks.around(ip)
            if found is not None:
                return found
        for key in _general(host):
            data = get(key)
            if data is not None:
                return key, data
        return None

    def judge(self, ip: bytes, host: bytes | None = None, info: bytes | None = None) -> Verdict:
        """Decide about one client.

        Args:
            ip: the client's address, as text: IPv4 as the system writes it,
                IPv6 in any spelling, or ``unix.`` and the number of a user.
            host: its name, or None if it has none; empty is a name.  A name with
                capitals is looked up in lower case, as tcpserver has names, and
                also as it is; if either is denied, the client is.
            info: what its ident server said, or None; empty is an answer.

        Returns:
            The verdict, true if it allows.  If no rule applies it allows, and
            its ``rule`` is None.

        Raises:
            BadAddressError: ``ip`` is no address.
            CdbFormatError: the image is damaged where it was looked at.
        """
        require_client(ip, host, info)
        try:
            self._read_ip(AF_INET6 if b":" in ip else AF_INET, ip.decode())  # nearly every client has one
        except (OSError, ValueError):
            require_address(ip)
        lower = host and host.lower()
        found = self._find(ip, lower, info)
        verdict = NO_RULE if found is None else _interpret(*found)
        if lower != host and verdict:
            found = self._find(ip, host, info)
            as_given = NO_RULE if found is None else _interpret(*found)
            return verdict if as_given else as_given
        return verdict

    def find_certificate(
        self, fingerprint: bytes | None, names: "Sequence[bytes]" = ()
    ) -> tuple[bytes, bytes] | None:
        """Return the address of the rule that decides about a certificate, and the data of its record.

        None if no rule applies.  The arguments are those of `certificate_candidates`.

        Raises:
            ValueError: ``fingerprint`` is none.
            CdbFormatError: the image is damaged where it was looked at.
        """
        from ucspi.rules._certificates import certificate_candidates  # here, as few servers have TLS

        for key in certificate_candidates(fingerprint, names):
            data = self._reader.get(key)
            if data is not None:
                return key, data
        return None

    def judge_certificate(self, fingerprint: bytes | None, names: "Sequence[bytes]" = ()) -> Verdict:
        """Decide about one client by what its TLS handshake has proven; `judge` must allow it too.

        Args:
            fingerprint: the SHA-256 of its verified certificate as 64 hexadecimal
                digits; None if it has shown none.
            names: what the certificate is valid for; see `certificate_candidates`.

        Returns:
            The verdict, true if it allows.  If no rule applies it allows.

        Raises:
            ValueError: ``fingerprint`` is none.
            CdbFormatError: the image is damaged where it was looked at.
        """
        found = self.find_certificate(fingerprint, names)
        return NO_RULE if found is None else _interpret(*found)

    def judge_again(self, ip: bytes, host: bytes | None = None, info: bytes | None = None) -> Verdict:
        """Do as `judge`, and remember verdicts about addresses alone: the same clients come again and again.

        The image must not change.
        """
        if host is not None or info is not None:
            return self.judge(ip, host, info)
        verdict = self._known.get(ip)
        if verdict is None:
            verdict = self.judge(ip)
            if len(self._known) >= KNOWN_MOST:
                self._known.clear()
            self._known[ip] = verdict
        return verdict

    def denies_again(self, ip: bytes) -> bool:
        """Return whether `judge_again` remembers that a rule denies an address, and says nothing else."""
        verdict = self._known.get(ip)
        return verdict is not None and not verdict.allowed and not verdict.environment


def _interpret(address: bytes, data: bytes) -> Verdict:
    if not data:
        return Verdict(True, (), address)
    if data == ONLY_DENY:  # nearly all of those that are denied
        return Verdict(False, (), address)
    pieces = segments(data)
    assignments = (piece[1:].partition(b"=") for piece in pieces if piece[:1] == ASSIGN)
    environment = tuple((name, value) for name, equals, value in assignments if equals)
    return Verdict(not any(piece[:1] == DENY for piece in pieces), environment, address)
