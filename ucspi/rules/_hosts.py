"""Converting ``hosts.allow`` and ``hosts.deny`` to rules for one service.

In those files the first line that matches a client decides; among rules the most
specific address does.  So each pattern becomes a rule, with the verdict of the
first line that matches all clients of the pattern.  A client may match a rule
about addresses and one about names, so for each such pair the verdicts are
compared.  If rules cannot express a file, or would judge some client otherwise,
the file is refused.

A set of addresses is a string: "4" or "6" and the bits of a prefix, or the empty
string for all addresses.  So one set contains another if the string of the other
begins with its own.  A set of names is ``.suffix``, or one name.

Source: the manual page hosts_access(5).
"""

from ucspi.errors import HostsAccessError
from ucspi.rules._checkinput import require_bytes
from ucspi.rules._hosts_file import PLAIN, ServiceLine, service_lines
from ucspi.rules._networkkey import short6


def convert(allow: bytes, deny: bytes, daemon: bytes, names: tuple[bytes, bytes]) -> bytes:
    """See `ucspi.rules.convert_hosts`."""
    for what, value in (
        ("allow", allow),
        ("deny", deny),
        ("daemon", daemon),
        *(("name", name) for name in names),
    ):
        require_bytes(what, value)
    if not daemon or daemon.strip(PLAIN):
        reason = "tcpd knows a daemon by the last part of its path"
        raise HostsAccessError(reason, name=daemon, line=0, column=0)
    files = _Files(
        [*service_lines(allow, daemon, names[0], True), *service_lines(deny, daemon, names[1], False)]
    )
    tokens = [token for line in files.lines for words in line.lists for token in words]
    # Longest first; sets of the same length in the order of the files.
    addresses = sorted(
        dict.fromkeys(one for token in tokens for one in token.addresses if one), key=len, reverse=True
    )
    hosts = sorted(dict.fromkeys(token.name for token in tokens if token.name), key=len, reverse=True)
    _require_agreement(files, addresses, hosts)
    dotted = all(one[0] == "4" and len(one) % 8 == 1 for one in addresses)
    single = [one for one in addresses if _is_single(one)]
    rules = [_rule(_address(one, dotted), files.verdict(one, b"")) for one in single]
    rules += [_rule(b"=" + host, files.verdict("", host)) for host in hosts if host[:1] != b"."]
    wide = (one for one in addresses if not _is_single(one))
    rules += [_rule(_address(one, dotted), files.verdict(one, b"")) for one in wide]
    rules += [_rule(b"=" + host, files.verdict("", host)) for host in hosts if host[:1] == b"."]
    rules.append(_rule(b"", files.verdict("", b"")))
    return b"".join(rules)


def _rule(address: bytes, allowed: bool) -> bytes:
    return address + (b":allow\n" if allowed else b":deny\n")


class _Files:
    """The lines of both files in order, with an index, as a generated ``hosts.deny`` may have thousands."""

    __slots__ = ("_by_address", "_by_name", "lines")

    def __init__(self, lines: list[ServiceLine]) -> None:
        """Index each line by the sets of its first list, one of which must match."""
        self.lines = lines
        self._by_address: dict[str, list[int]] = {}
        self._by_name: dict[bytes, list[int]] = {}
        for number, line in enumerate(lines):
            for token in line.lists[0]:
                for address in token.addresses:
                    self._by_address.setdefault(address, []).append(number)
                if token.name:
                    self._by_name.setdefault(token.name, []).append(number)

    def decisive(self, address: str, name: bytes) -> ServiceLine | None:
        """Return the first line that matches all clients of both sets, or None."""
        numbers = {
            number for size in range(len(address) + 1) for number in self._by_address.get(address[:size], ())
        }
        suffixes = (name[at:] for at in range(len(name)) if at == 0 or name[at] == 46)
        numbers.update(number for suffix in suffixes for number in self._by_name.get(suffix, ()))
        for number in sorted(numbers):
            if self.lines[number].matches(address, name):
                return self.lines[number]
        return None

    def verdict(self, address: str, name: bytes) -> bool:
        """Return whether clients of both sets are allowed."""
        return _lets_in(self.decisive(address, name))


def _require_agreement(files: _Files, addresses: list[str], hosts: list[bytes]) -> None:
    """Refuse if rules would judge otherwise some client that has the address of one and the name of another.

    Raises:
        HostsAccessError: such a client exists.
    """
    by_host = {host: files.decisive("", host) for host in hosts}
    for address in addresses:
        by_address = files.decisive(address, b"")
        for host in hosts:
            by_name = not _is_single(address) and host[:1] != b"."
            ours, line = by_host[host] if by_name else by_address, files.decisive(address, host)
            if _lets_in(line) != _lets_in(ours):
                who = f"a client of {_address(address, False).decode()} named {host.decode('latin-1')}"
                rule = (b"=" + host if by_name else _address(address, False)).decode("latin-1")
                found = f"this line decides about {who}" if line else f"no line is about {who}"
                at = line or ours
                assert at is not None  # or both would let everybody in
                reason = f"{found}, but the rule {rule} would decide"
                raise HostsAccessError(reason, name=at.name, line=at.line, column=1)


def _lets_in(line: ServiceLine | None) -> bool:
    return line is None or line.allowed


def _is_single(address: str) -> bool:
    return len(address) == (33 if address[0] == "4" else 129)


def _address(address: str, dotted: bool) -> bytes:
    """Return a set of addresses as the address of a rule."""
    size = 4 if address[0] == "4" else 16
    packed = int(address[1:].ljust(size * 8, "0"), 2).to_bytes(size, "big")
    text = b"%d.%d.%d.%d" % (*packed,) if size == 4 else short6(packed)
    if _is_single(address):
        return text
    if dotted:
        return b".".join(text.split(b".")[: len(address) // 8]) + b"."
    return b"%s/%d" % (text, len(address) - 1)
