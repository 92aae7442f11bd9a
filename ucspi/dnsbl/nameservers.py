"""Which DNS servers to ask: those of ``$DNSCACHEIP``, else those of the system.

Source: observed from the original rblsmtpd.
"""

import _socket

from ucspi.decimal import leading_digits, whole_number

RESOLV_CONF = "/etc/resolv.conf"
MOST = 16


def nameservers(dnscacheip: bytes | None, resolv_conf: str = RESOLV_CONF) -> list[bytes]:
    """Return the addresses of the servers, in order; at least one.

    Args:
        dnscacheip: the variable's value: IPv4 addresses with dots between
            them, up to the first thing that is none; None when it is unset.
        resolv_conf: what is read when no address is in that value.
    """
    return _dotted(dnscacheip or b"") or _of_file(resolv_conf)[:MOST] or [b"127.0.0.1"]


def _dotted(text: bytes) -> list[bytes]:
    found: list[bytes] = []
    while len(found) < MOST:
        ip, text = _take_ip(text.lstrip(b"."))
        if not ip:
            break
        found.append(ip)
    return found


def _take_ip(text: bytes) -> tuple[bytes, bytes]:
    """Split an IPv4 address from the front of a text; it is empty when there is none."""
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
    """Return the addresses of the ``nameserver`` lines; none when the file cannot be read."""
    try:
        with open(path, "rb") as file:
            lines = file.read(65536).split(b"\n")
    except OSError:
        return []
    fields = (line.split() for line in lines)
    named = [words[1] for words in fields if len(words) > 1 and words[0] == b"nameserver"]
    return [ip for ip in named if _is_address(ip)]


def _is_address(ip: bytes) -> bool:
    family = _socket.AF_INET6 if b":" in ip else _socket.AF_INET
    try:
        _socket.inet_pton(family, ip.partition(b"%")[0].decode("latin-1"))
    except (OSError, ValueError):  # ValueError: a NUL, or no ASCII
        return False
    return True
