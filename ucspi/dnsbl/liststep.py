"""What it takes to ask block lists in a step of a chain: see ``cdbext/system/asklists.c``.  No dnspython."""

import _socket
import errno

from ucspi.dnsbl.blocklist import list_labels
from ucspi.dnsbl.nameservers import DEFAULT, RESOLV_CONF, named_in
from ucspi.unix import native
from ucspi.unix.chain import Seen, look
from ucspi.unix.chainlists import Lists
from ucspi.unix.seenfile import contents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

PATIENCE = 1000  # milliseconds: of the first round of `ucspi.dnsbl.dnsquery`
PORT = 53
_KINDS = {b"a": 1, b"r": 16}  # the type of the records: A and TXT
_INTERNET = 1  # the class
_LABEL_MAX, _NAME_MAX = 63, 255  # bytes


def lists(options: "Iterable[tuple[bytes, bytes]]") -> tuple[Lists, list[Seen]] | None:
    """Return how a step asks the lists among some options, and what decided; None where it must not.

    Without a list nobody is asked, and nothing decides.

    Raises:
        TooNewError: the file that names the server has changed just now.
    """
    asked = [(letter, base) for letter, base in options if letter in _KINDS]
    if not asked:
        return Lists((), b"", PORT, 0), []
    tails = [_tail(base, _KINDS[letter]) for letter, base in asked]
    found = _server(RESOLV_CONF.encode())
    if found is None or not all(tails) or len(tails) > native.lib.USYS_LISTS_MAX:
        return None
    return Lists(tails, found[0], PORT, PATIENCE), [found[1]]


def _tail(base: bytes, kind: int) -> bytes:
    """Return what a question ends with: the name of the list, type and class; empty where that is no name."""
    labels = list_labels(base)
    name = b"".join(b"%c%b" % (len(label) & 255, label) for label in labels) + b"\0"
    if len(name) > _NAME_MAX or any(len(label) > _LABEL_MAX for label in labels):
        return b""
    return name + kind.to_bytes(2, "big") + _INTERNET.to_bytes(2, "big")


def _server(path: bytes) -> tuple[bytes, Seen] | None:
    """Return the first server of the system, 4 or 16 bytes, and the file that names it."""
    seen = look(path)
    if seen is None:
        return None
    text = b"" if seen.error == errno.ENOENT else contents(seen)
    if text is None:
        return None
    ip = (named_in(text) or [DEFAULT])[0]
    if b"%" in ip:
        return None  # the zone would have to be looked up
    family = _socket.AF_INET6 if b":" in ip else _socket.AF_INET
    return _socket.inet_pton(family, ip.decode()), seen
