"""Checks and reads the values of tcpserver's options."""

import posix as os
import sys

from ucspi.decimal import whole_number
from ucspi.exits import EXIT_USAGE
from ucspi.programs import _options
from ucspi.programs._program import Stop, fatal
from ucspi.unix.environ import value_of
from ucspi.unix.privilege import Identity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ucspi.tcp.server.rate import Rate
    from ucspi.tcp.server.settings import Settings

PROGRAM = b"tcpserver"
LARGEST_ID = 2**32 - 2  # to the kernel the next number means no id
_LARGEST_PORT = 65535
_DIGITS_MAX = 18
_MOST_PASSED = 65536  # sockets of a service manager


def usage_error(text: bytes) -> Stop:
    """Return the `Stop` for a command line that is not valid."""
    return fatal(PROGRAM, text, code=EXIT_USAGE)


def number(option: bytes, value: bytes, largest: int = _options.LARGEST) -> int:
    """Read a decimal number; the original takes anything else for 0."""
    return _options.number(PROGRAM, option, value, largest)


def passed_descriptors(inherited: list[bytes]) -> "range":
    """Return the sockets that a service manager passed, as sd_listen_fds(3) says."""
    count = value_of(inherited, b"LISTEN_FDS") or b""
    if value_of(inherited, b"LISTEN_PID") != b"%d" % os.getpid() or not count.strip(b"0").isdigit():
        raise usage_error(b"--listen-fds needs $LISTEN_FDS and $LISTEN_PID of this process; none was passed")
    return range(3, 3 + number(b"listen-fds", count, _MOST_PASSED))


def parse_rate_option(value: bytes) -> "Rate":
    from ucspi.tcp.server.rate import LARGEST, parse_rate

    try:
        return parse_rate(value)
    except ValueError:
        wanted = b"N/SECONDS or N/SECONDS,BURST, numbers from 1 to %d" % LARGEST
        raise usage_error(b"--rate wants %s, not %s" % (wanted, value[:100] or b"nothing")) from None


def take_socket_option(settings: "Settings", word: bytes, value: bytes) -> None:
    """Take an option of the kernel for listeners."""
    from ucspi.tcp.server.socketoptions import SocketOptions

    if settings.socket_options is None:
        settings.socket_options = SocketOptions()
    try:
        settings.socket_options.take(word, value)
    except ValueError as error:
        wanted = str(error).encode()
        raise usage_error(b"--%s wants %s, not %s" % (word, wanted, value[:100] or b"nothing")) from None


def require_sockets_of_ours(settings: "Settings", there_are: bool) -> None:
    """Refuse options that only count when a socket is bound, where all sockets are passed."""
    if settings.socket_options is None or there_are:
        return
    from ucspi.tcp.server.socketoptions import BINDING

    for word in settings.socket_options.given:
        if word in BINDING:
            text = b"--%s comes too late for a socket that is passed; set it where that is opened"
            raise usage_error(text % word)


def host_and_port(value: bytes) -> tuple[bytes, bytes]:
    """Split ``ADDRESS:PORT`` at its last colon; an IPv6 address stands in brackets."""
    host, colon, port = value.rpartition(b":")
    if not colon or (b":" in host and not (host[:1] == b"[" and host[-1:] == b"]")):
        raise usage_error(
            b"--listen wants ADDRESS:PORT, an IPv6 address in brackets, not " + (value or b"nothing")
        )
    is_too_long = port.isdigit() and len(port) > _DIGITS_MAX
    if not port or is_too_long or (port.isdigit() and whole_number(port, _LARGEST_PORT) is None):
        raise usage_error(
            b"--listen wants a port of at most %d, not %s" % (_LARGEST_PORT, port[:100] or b"nothing")
        )
    return host, port


def _decode(name: bytes) -> str:
    return name.decode(sys.getfilesystemencoding(), "surrogateescape")


def find_user(value: bytes) -> Identity:
    """Return the ids of ``NAME`` or ``NAME:GROUP``, with the groups of that user."""
    import pwd

    name, _, group = value.partition(b":")
    try:
        entry = pwd.getpwnam(_decode(name))
    except KeyError:
        raise fatal(PROGRAM, b"unknown user " + name) from None
    gid = entry.pw_gid
    if group:
        gid = find_group(b"u", group)
    return Identity(entry.pw_uid, gid, os.getgrouplist(entry.pw_name, gid))


def find_group(option: bytes, value: bytes) -> int:
    if value.isdigit():
        return number(option, value, LARGEST_ID)
    import grp

    try:
        return grp.getgrnam(_decode(value)).gr_gid
    except KeyError:
        raise fatal(PROGRAM, b"unknown group " + value) from None
