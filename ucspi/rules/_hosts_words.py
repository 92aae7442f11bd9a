"""Reading the words of a list of clients in ``hosts.allow`` or ``hosts.deny``.

A set of addresses is a string: "4" or "6" and the bits of a prefix, or the empty
string for all addresses.  So one set contains another if the string of the other
begins with its own.  A set of names is ``.suffix``, or one name.

Source: the manual page hosts_access(5).
"""

from ucspi.decimal import whole_number
from ucspi.errors import HostsAccessError
from ucspi.rules._networkkey import LENGTH_MIN, MAPPED, packed6

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

EXCEPT = b"EXCEPT"  # words may be in upper or lower case
UNSUPPORTED = {
    b"LOCAL": "a rule cannot ask for a name without dots",
    b"KNOWN": "a rule cannot ask whether name and address are known",
    b"UNKNOWN": "a rule cannot ask whether name or address is unknown",
    b"PARANOID": "tcpserver -p does this for all clients, no rule can",
}


class Token:
    """One word of a list of clients: the sets of addresses, or the set of names, that it stands for."""

    __slots__ = ("addresses", "name")

    def __init__(self, addresses: "Sequence[str]" = (), name: bytes = b"") -> None:
        self.addresses, self.name = addresses, name

    def matches(self, address: str, name: bytes) -> bool:
        """Return whether this word matches all of a set of addresses, or all of a set of names."""
        if not self.name:
            return any(address.startswith(prefix) for prefix in self.addresses)
        return name == self.name or (self.name[:1] == b"." and name.endswith(self.name))


def read_word(word: bytes) -> Token:
    """Return the meaning of a word other than EXCEPT.

    Raises:
        HostsAccessError: rules cannot express it; of the place only the column is set.
    """
    keyword = word.upper()
    if keyword == b"ALL":
        return Token([""])
    if keyword in UNSUPPORTED:
        raise refusal(UNSUPPORTED[keyword], 1)
    if b"#" in word:
        raise refusal("for tcpd only a line that begins with # is a comment", 1)
    if b"@" in word:
        raise refusal("netgroups and users are not converted", 1)
    if b"*" in word or b"?" in word:
        raise refusal("patterns with * or ? are not converted", 1)
    if word[:1] == b"/":
        raise refusal("files of patterns are not converted: put their lines here", 1)
    if word[:1] == b"[":
        return Token(_at_least_2("6" + _prefix6(word)))
    if not word.strip(b"0123456789./"):
        return Token(_at_least_2("4" + _prefix4(word)))
    if word.strip(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"):
        raise refusal("this is no name", 1)
    if word[-1:] == b".":
        raise refusal("a rule cannot ask for the beginning of a name", 1)
    if b".." in word:
        raise refusal("no name has a part without letters", 1)
    return Token(name=word.lower())


def _at_least_2(address: str) -> list[str]:
    """Return a set of addresses as sets with prefixes of at least 2 bits, as rules need them."""
    if len(address) > LENGTH_MIN:
        return [address]
    return [piece for bit in "01" for piece in _at_least_2(address + bit)]


def _prefix4(word: bytes) -> str:
    text, slash, mask = word.partition(b"/")
    is_prefix = text[-1:] == b"."
    octets = (text[:-1] if is_prefix else text).split(b".")
    if (len(octets) > 3 or slash) if is_prefix else len(octets) != 4:
        raise refusal("this is neither an address nor a network", 1)
    bits = "".join(_octet(octet) for octet in octets)
    if not slash:
        return bits
    size = _mask_size(mask)
    if "1" in bits[size:]:
        raise refusal("no client is in this network: its mask does not fit its address", 1)
    return bits[:size]


def _mask_size(mask: bytes) -> int:
    """Return the prefix length of a mask, if tcpd accepts it."""
    if mask.isdigit():
        size = _number(mask, 32)
        if size == 0:
            raise refusal("no client is in this network for tcpd: write 0.0.0.0/0.0.0.0, or ALL", 1)
        return size
    octets = mask.split(b".")
    bits = "".join(_octet(octet) for octet in octets)
    if len(octets) != 4 or "01" in bits:
        raise refusal("the mask is not a prefix", 1)
    if "0" not in bits:
        raise refusal("no client is in this network for tcpd: write the address alone", 1)
    return bits.count("1")


def _octet(text: bytes) -> str:
    return f"{_number(text, 255):08b}"


def _number(text: bytes, most: int) -> int:
    number = whole_number(text, most) if len(text) <= 3 else None
    if number is None:
        raise refusal(f"a number here is at most {most}", 1)
    if text[:1] == b"0" != text:
        raise refusal("tcpd takes a number that begins with 0 for another one, or for none: remove it", 1)
    return number


def _prefix6(word: bytes) -> str:
    text, bracket, length = word[1:].partition(b"]")
    packed = packed6(text)
    if packed is None or not bracket or (length and length[:1] != b"/"):
        raise refusal("this is no IPv6 address or network: write [address] or [address]/length", 1)
    size = _number(length[1:], 128) if length else 128
    bits = f"{int.from_bytes(packed, 'big'):0128b}"
    if "1" in bits[size:] or (packed[:12] == MAPPED and size >= 96):
        raise refusal("no client is in this network: write the IPv4 address, or zeros behind the prefix", 1)
    return bits[:size]


def refusal(reason: str, column: int) -> HostsAccessError:
    """Return the error without its file and line, which the caller adds."""
    return HostsAccessError(reason, name=b"", line=0, column=column)
