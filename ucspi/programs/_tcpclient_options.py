"""Reads tcpclient's command line."""

import _socket

from ucspi.exits import EXIT_USAGE
from ucspi.programs import _options
from ucspi.programs._program import Stop, fatal
from ucspi.tcp.client import Connector
from ucspi.tcp.lookupchoices import LookupChoices

PROGRAM = b"tcpclient"
USAGE = (
    b"tcpclient: usage: tcpclient [ -hHrRdDqQv ] [ -i localip ] [ -p localport ] [ -T timeoutconn ]"
    b" [ -l localname ] [ -t timeoutinfo ] host port program"
)
LETTERS = b"dDvqQhHrRi:p:t:T:l:"
WORDS = {b"proxy": True}
_PROXY_VERSIONS = {b"v1": 1, b"v2": 2}


class Choices(LookupChoices):
    """The options of a command line, where the last one of a kind counts, and its operands."""

    __slots__ = ("connector", "operands", "proxy_version")

    def __init__(self) -> None:
        super().__init__()
        self.connector = Connector()
        self.operands: list[bytes] = []
        self.proxy_version = 0  # of the PROXY header that is sent first; 0 for none


def read_command_line(argv: list[bytes]) -> Choices:
    """Read a command line, the program's name first.

    Raises:
        Stop: an option is unknown, or its value is not valid; exit code 100.
    """
    options, operands = _options.parse(argv, LETTERS, USAGE, WORDS)
    choices = Choices()
    choices.operands = operands
    for letter, value in options:
        _apply(choices, letter, value)
    return choices


def _apply(choices: Choices, letter: bytes, value: bytes) -> None:
    connector = choices.connector
    if letter in _options.LOOKUP_FLAGS:
        name, flag = _options.LOOKUP_FLAGS[letter]
        setattr(choices, name, flag)
    elif letter in b"dD":
        connector.no_delay = letter == b"D"
    elif letter == b"i":
        connector.local_ip = _address(value)
    elif letter == b"p":
        connector.local_port = _options.number(PROGRAM, letter, value, 65535)
    elif letter == b"T":
        connector.first, connector.rest = _timeouts(value)
    elif letter == b"t":
        choices.info_timeout = _options.number(PROGRAM, letter, value)
    elif letter == b"proxy":
        if value not in _PROXY_VERSIONS:
            wanted = b"--proxy wants v1 or v2, not " + (value[:100] or b"nothing")
            raise fatal(PROGRAM, wanted, code=EXIT_USAGE)
        choices.proxy_version = _PROXY_VERSIONS[value]
    else:
        choices.local_host = value


def _address(value: bytes) -> bytes:
    family = _socket.AF_INET6 if b":" in value else _socket.AF_INET
    try:
        _socket.inet_pton(family, value.partition(b"%")[0].decode("ascii"))
    except (OSError, ValueError):
        raise Stop(USAGE, EXIT_USAGE) from None
    return value


def _timeouts(value: bytes) -> tuple[int, int]:
    """Read ``first+rest``; one of them may be missing, and is then 0."""
    first, _, rest = value.partition(b"+")
    if not first and not rest:
        raise fatal(PROGRAM, b"-T wants seconds, such as 2+58, not " + (value or b"nothing"), code=EXIT_USAGE)
    return tuple(_options.number(PROGRAM, b"T", part or b"0") for part in (first, rest))  # type: ignore[return-value]
