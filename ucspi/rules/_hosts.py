"""From ``hosts.allow`` and ``hosts.deny`` to rules for one service.

There the first line that matches a client decides, here the most specific
address.  So each pattern becomes a rule with the verdict of the first line that
matches all its clients; and for each pair of an address and a name the verdicts
are compared, since a client may have both.  What would be judged otherwise, and
what rules have no word for, is refused.

A set of addresses is a string: "4" or "6" and the bits of its prefix, nothing
for all clients.  So one contains another when that begins with it.  A set of
names is ``.suffix``, or one name.

Source: the manual page hosts_access(5).
"""

from ucspi.errors import HostsAccessError
from ucspi.rules._bytes import require_bytes
from ucspi.rules._hosts_file import PLAIN, Entry, read_entries
from ucspi.rules._network import short6


def convert(allow: bytes, deny: bytes, daemon: bytes, names: tuple[bytes, bytes]) -> bytes:
    """Return rules; see `ucspi.rules.convert_hosts`."""
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
    entries = [*read_entries(allow, daemon, names[0], True), *read_entries(deny, daemon, names[1], False)]
    tokens = [token for entry in entries for words in entry.lists for token in words]
    addresses = sorted({one for token in tokens for one in token.addresses if one}, key=len, reverse=True)
    hosts = sorted({token.name for token in tokens if token.name}, key=len, reverse=True)
    _require_agreement(entries, addresses, hosts)
    dotted = all(one[0] == "4" and len(one) % 8 == 1 for one in addresses)
    single = [one for one in addresses if _is_single(one)]
    lines = [_line(_address(one, dotted), _verdict(entries, one, b"")) for one in single]
    lines += [_line(b"=" + host, _verdict(entries, "", host)) for host in hosts if host[:1] != b"."]
    wide = (one for one in addresses if not _is_single(one))
    lines += [_line(_address(one, dotted), _verdict(entries, one, b"")) for one in wide]
    lines += [_line(b"=" + host, _verdict(entries, "", host)) for host in hosts if host[:1] == b"."]
    lines.append(_line(b"", _verdict(entries, "", b"")))
    return b"".join(lines)


def _line(address: bytes, allowed: bool) -> bytes:
    return address + (b":allow\n" if allowed else b":deny\n")


def _decisive(entries: list[Entry], address: str, name: bytes) -> Entry | None:
    return next((entry for entry in entries if entry.matches(address, name)), None)


def _verdict(entries: list[Entry], address: str, name: bytes) -> bool:
    entry = _decisive(entries, address, name)
    return entry is None or entry.allowed


def _require_agreement(entries: list[Entry], addresses: list[str], hosts: list[bytes]) -> None:
    """Refuse if some client with an address of one rule and a name of another is judged otherwise."""
    for address in addresses:
        for host in hosts:
            by_name = not _is_single(address) and host[:1] != b"."
            ours = _verdict(entries, "", host) if by_name else _verdict(entries, address, b"")
            entry = _decisive(entries, address, host)
            if (entry is None or entry.allowed) != ours:
                decides = b"=" + host if by_name else _address(address, False)
                who = f"a client of {_address(address, False).decode()} named {host.decode('latin-1')}"
                reason = f"this line decides about {who}, but the rule {decides.decode('latin-1')} would"
                where = (b"(no line)", 0) if entry is None else (entry.name, entry.line)
                raise HostsAccessError(reason, name=where[0], line=where[1], column=1)


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
