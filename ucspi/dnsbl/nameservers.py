"""Which DNS servers to query: those in ``$DNSCACHEIP``, else those of the system.

Source: observed from the original rblsmtpd.
"""

import _socket

from ucspi.decimal import leading_digits, whole_number

RESOLV_CONF = "/etc/resolv.conf"
DEFAULT = b"127.0.0.1"
MOST = 16
_SIZE_MAX = 65536  # bytes


def nameservers(dnscacheip: bytes | None, resolv_conf: str = RESOLV_CONF) -> list[bytes]:
    """Return the addresses of the servers, in order; at least one.

    Args:
        dnscacheip: the value of the variable, None when it is unset: IPv4
            addresses with dots between them.  What follows the last valid one
            is ignored.
        resolv_conf: the file to read when the value has no address.
    """
    return _dotted(dnscacheip or b"") or _of_file(resolv_conf)[:MOST] or [DEFAULT]


def _dotted(text: bytes) -> list[bytes]:
    found: list[bytes] = []
    while len(found) < MOST:
        ip, text = _take_ip(text.lstrip(b"."))
        if not ip:
            break
        found.append(ip)
    return found


def _take_ip(text: bytes) -> tuple[bytes, bytes]:
    """Return the IPv4 address at the start of a text, empty when there is none, and the rest."""
    numbers: list[bytes] = []
    while True:
        digits = leading_digits(text)
        rest = text[len(digits) :]
        number = whole_number(digits, 255) if len(digits) <= 3 else None
        if number is None:
            return b"", b""
        numbers.append(b"%d" % number)
        if len(numbers) == 4:
            return b".".join(numbers), rest
        if not rest.startswith(b"."):
            return b"", b""
        text = rest[1:]


def _of_file(path: str) -> list[bytes]:
    """Return the addresses in the ``nameserver`` lines; none when the file cannot be read."""
    try:
        with open(path, "rb") as file:
            return named_in(file.read(_SIZE_MAX))
    except OSError:
        return []


def named_in(text: bytes) -> list[bytes]:
    """Return the addresses in the ``nameserver`` lines of a text."""
    fields = (line.split() for line in text[:_SIZE_MAX].split(b"\n"))
    named = [words[1] for words in fields if len(words) > 1 and words[0] == b"nameserver"]
    return [ip for ip in named if _is_address(ip)]


def _is_address(ip: bytes) -> bool:
    family = _socket.AF_INET6 if b":" in ip else _socket.AF_INET
    try:
        _socket.inet_pton(family, ip.partition(b"%")[0].decode("latin-1"))
    except (OSError, ValueError):  # ValueError: a NUL, or not ASCII
        return False
    return True
