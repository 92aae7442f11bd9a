"""The address of a host and the port of a service where files alone decide: see `ucspi.unix.nameorder`."""

import _socket

from ucspi.unix.chain import Seen, look
from ucspi.unix.nameorder import files_first
from ucspi.unix.seenfile import contents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

HOSTS, SERVICES = b"/etc/hosts", b"/etc/services"
_LETTERS = b"abcdefghijklmnopqrstuvwxyz"
_PLAIN = frozenset(_LETTERS + b"0123456789-._")


def address_of(host: bytes) -> tuple[bytes, list[Seen]] | None:
    """Return the only address of a host, as it is written, and what decides; None where more than files do.

    Several addresses are sorted by what can be reached, which no file tells.

    Raises:
        TooNewError: a file has changed just now.
    """
    name = host.lower()
    # What begins with a digit may be a number in any of the forms that C knows.
    if name.lstrip(_LETTERS) == name or not _PLAIN.issuperset(name) or name.endswith(b"."):
        return None
    found = _only_line(HOSTS, b"hosts", lambda words: name in [word.lower() for word in words[1:]])
    if found is None:
        return None
    (ip, *_), seen = found
    try:
        _socket.inet_pton(_socket.AF_INET6 if b":" in ip else _socket.AF_INET, ip.decode("ascii"))
    except (OSError, ValueError):
        return None
    return ip, seen


def port_of(service: bytes) -> tuple[bytes, list[Seen]] | None:
    """Return the port of a TCP service as digits, and what decides; None where more than files do.

    Raises:
        TooNewError: a file has changed just now.
    """
    found = _only_line(
        SERVICES,
        b"services",
        lambda words: words[1].endswith(b"/tcp") and service in (words[0], *words[2:]),
    )
    port = b"" if found is None else found[0][1].removesuffix(b"/tcp")
    return None if found is None or not port.isdigit() else (port, found[1])


def _only_line(
    path: bytes, database: bytes, is_it: "Callable[[list[bytes]], bool]"
) -> tuple[list[bytes], list[Seen]] | None:
    """Return the words of the only line of a file that is the one, and what decides about it."""
    file, order = look(path), files_first(database)
    text = None if file is None else contents(file)
    if file is None or text is None or order is None:
        return None
    lines = [line.partition(b"#")[0].split() for line in text.split(b"\n")]
    found = [words for words in lines if len(words) > 1 and is_it(words)]
    return (found[0], [file, *order]) if len(found) == 1 else None
