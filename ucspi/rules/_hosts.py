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
from ucspi.rules._network import LENGTH_MIN, MAPPED, packed6, short6

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

EXCEPT = b"EXCEPT"
NO_WORD = {
    b"LOCAL": "a rule cannot ask for a name without dots",
    b"KNOWN": "a rule cannot ask whether name and address are known",
    b"UNKNOWN": "a rule cannot ask whether name or address is unknown",
    b"PARANOID": "tcpserver -p does this for all clients, no rule can",
}


class Token:
    """One word of a list of clients: the sets of addresses, or the set of names, that it stands for."""

    __slots__ = ("addresses", "name")

    def __init__(self, addresses: "Sequence[str]" = (), name: bytes = b"") -> None:
        """Take one or the other."""
        self.addresses, self.name = addresses, name

    def matches(self, address: str, name: bytes) -> bool:
        """Say whether all of a set of addresses, or all of a set of names, is meant."""
        if not self.name:
            return any(address.startswith(prefix) for prefix in self.addresses)
        return name == self.name or (self.name[:1] == b"." and name.endswith(self.name))


class Entry:
    """One line about the service: its verdict, and its clients with exceptions of exceptions."""

    __slots__ = ("allowed", "line", "lists", "name")

    def __init__(self, name: bytes, line: int, allowed: bool, lists: "list[list[Token]]") -> None:
        """Take the file's name, the line's number, the verdict, and lists with EXCEPT between them."""
        self.name, self.line, self.allowed, self.lists = name, line, allowed, lists

    def matches(self, address: str, name: bytes) -> bool:
        """Say whether the line is about these clients."""
        hit = False
        for tokens in reversed(self.lists):
            hit = any(token.matches(address, name) for token in tokens) and not hit
        return hit


def convert(allow: bytes, deny: bytes, daemon: bytes, names: tuple[bytes, bytes]) -> bytes:
    """Return rules; see `ucspi.rules.convert_hosts`."""
    for what, value in (
        ("allow", allow),
        ("deny", deny),
        ("daemon", daemon),
        *(("name", name) for name in names),
    ):
        require_bytes(what, value)
    entries = [*_entries(allow, daemon, names[0], True), *_entries(deny, daemon, names[1], False)]
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


def _entries(text: bytes, daemon: bytes, name: bytes, allowed: bool) -> "Iterator[Entry]":
    for number, line in _logical_lines(text):
        if not line.strip() or line.lstrip()[:1] == b"#":
            continue
        fields = _fields(line)
        try:
            if len(fields) < 2:
                raise _refusal("a line has daemons, a colon and clients", 1)
            if not _is_about(fields[0].replace(b",", b" ").split(), daemon):
                continue
            verdict = _option(fields[2:], allowed, line)
            yield Entry(name, number, verdict, _clients(fields[1], line))
        except HostsAccessError as error:
            raise HostsAccessError(error.reason, name=name, line=number, column=error.column) from None


def _logical_lines(text: bytes) -> "Iterator[tuple[int, bytes]]":
    """Yield lines with the number of their first one; a backslash at the end continues them."""
    begun, first = b"", 1
    for number, line in enumerate(text.split(b"\n"), 1):
        if not begun:
            first = number
        if line.endswith(b"\\"):
            begun += line[:-1] + b" "
            continue
        yield first, begun + line
        begun = b""
    if begun:
        yield first, begun


def _fields(line: bytes) -> list[bytes]:
    """Split a line at colons that are not inside brackets."""
    fields, depth = [b""], 0
    for at in range(len(line)):
        byte = line[at : at + 1]
        depth += (byte == b"[") - (byte == b"]")
        if byte == b":" and depth <= 0:
            fields.append(b"")
        else:
            fields[-1] += byte
    return fields


def _is_about(words: list[bytes], daemon: bytes) -> bool:
    if EXCEPT in words:
        at = words.index(EXCEPT)
        return _is_about(words[:at], daemon) and not _is_about(words[at + 1 :], daemon)
    for word in words:
        if b"*" in word or b"?" in word:
            raise _refusal("patterns with * or ? are not converted", 1)
        if word.partition(b"@")[0] in (daemon, b"ALL") and b"@" in word:
            raise _refusal("a rule cannot ask for the address of the server", 1)
    return b"ALL" in words or daemon in words


def _option(fields: list[bytes], allowed: bool, line: bytes) -> bool:
    for field in fields:
        word = field.strip().lower()
        if word not in (b"allow", b"deny"):
            column = line.find(field) + 1
            raise _refusal("a rule cannot run a command or set an option: do it in the run script", column)
        allowed = word == b"allow"
    return allowed


def _clients(field: bytes, line: bytes) -> list[list[Token]]:
    lists: list[list[Token]] = [[]]
    for word in field.replace(b",", b" ").split():
        if word == EXCEPT:
            lists.append([])
            continue
        try:
            lists[-1].append(_token(word))
        except HostsAccessError as error:
            raise _refusal(error.reason, line.find(word, line.find(b":")) + 1) from None
    return lists


def _token(word: bytes) -> Token:
    if word == b"ALL":
        return Token([""])
    if word in NO_WORD:
        raise _refusal(NO_WORD[word], 1)
    if b"@" in word:
        raise _refusal("netgroups and users are not converted", 1)
    if b"*" in word or b"?" in word:
        raise _refusal("patterns with * or ? are not converted", 1)
    if word[:1] == b"/":
        raise _refusal("files of patterns are not converted: put their lines here", 1)
    if word[:1] == b"[":
        return Token(_at_least_2("6" + _prefix6(word)))
    if not word.strip(b"0123456789./"):
        return Token(_at_least_2("4" + _prefix4(word)))
    if word.strip(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"):
        raise _refusal("this is no name", 1)
    return Token(name=word.lower())


def _at_least_2(address: str) -> list[str]:
    """Return a set of addresses, cut into pieces that a rule can name."""
    if len(address) > LENGTH_MIN:
        return [address]
    return [piece for bit in "01" for piece in _at_least_2(address + bit)]


def _prefix4(word: bytes) -> str:
    text, slash, mask = word.partition(b"/")
    octets = text.rstrip(b".").split(b".") if text[-1:] == b"." else text.split(b".")
    whole = text[-1:] != b"." and len(octets) == 4
    if len(octets) > 4 - (not whole) or (not whole and (slash or text[-1:] != b".")):
        raise _refusal("this is neither an address nor a network", 1)
    bits = "".join(_octet(octet) for octet in octets)
    if not slash:
        return bits
    size = int(mask) if mask.isdigit() and len(mask) <= 2 else _mask_size(mask)
    if size > 32 or "1" in bits[size:]:
        raise _refusal("no client is in this network: its mask does not fit its address", 1)
    return bits[:size]


def _mask_size(mask: bytes) -> int:
    octets = mask.split(b".")
    bits = "".join(_octet(octet) for octet in octets)
    if len(octets) != 4 or "01" in bits:
        raise _refusal("the mask is not a prefix", 1)
    return bits.count("1")


def _octet(text: bytes) -> str:
    if not text.isdigit() or len(text) > 3 or int(text) > 255:
        raise _refusal("an octet is at most 255", 1)
    return f"{int(text):08b}"


def _prefix6(word: bytes) -> str:
    text, _, length = word.partition(b"]")
    if text[1:].count(b"/") == 1 and not length:
        text, _, length = text.partition(b"/")
        length = b"/" + length
    packed = packed6(text[1:])
    size = 128 if not length else int(length[1:]) if length[1:].isdigit() and len(length) <= 4 else 129
    if packed is None or b"]" not in word or size > 128 or (length and length[:1] != b"/"):
        raise _refusal("this is no IPv6 address or network", 1)
    bits = f"{int.from_bytes(packed, 'big'):0128b}"
    if "1" in bits[size:] or (packed[:12] == MAPPED and size >= 96):
        raise _refusal("no client is in this network: write the IPv4 address, or zeros behind the prefix", 1)
    return bits[:size]


def _refusal(reason: str, column: int) -> HostsAccessError:
    return HostsAccessError(reason, name=b"", line=0, column=column)
