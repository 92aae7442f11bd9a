"""What the small clients share: connect as ``tcpclient -RHl0`` does, send a request, print the answer.

The originals are shell scripts around ``tcpclient``, ``addcr``, ``delcr`` and
``cat -v``.  Here it is one process, and no shell sees the arguments.
"""

import os

from ucspi.exits import EXIT_PERMANENT
from ucspi.programs._program import Stop, fatal, print_or_stop
from ucspi.programs._tcpclient_connect import connect, find_port
from ucspi.tcp.client import Connector
from ucspi.unix import fds
from ucspi.unix.output import say, write_all

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.tcp.connection import Connection

    # Called with each block of the answer, and at the end with an empty one.
    Convert = Callable[[bytes], bytes]

BLOCK = 65536  # bytes


def fill_operands(argv: list[bytes], *defaults: bytes) -> list[bytes]:
    """Return as many operands as there are defaults, which replace missing ones; options are not known."""
    given = argv[1 : 1 + len(defaults)]
    return [*given, *defaults[len(given) :]]


def require_one_line(program: bytes, *texts: bytes) -> None:
    """Refuse arguments with line ends: what follows would be another request.

    Raises:
        Stop: one has a newline or a carriage return; exit code 100.
    """
    if any(byte in text for text in texts for byte in (b"\n", b"\r")):
        raise fatal(program, b"an argument holds the end of a line", code=EXIT_PERMANENT)


def dial(host: bytes, port: bytes) -> "Connection":
    """Connect, with tcpclient's messages.

    Raises:
        Stop: no connection was made.
    """
    fds.occupy_standard()
    return connect(Connector(), host, find_port(host, port))


def print_answer(program: bytes, host: bytes, port: bytes, request: bytes, convert: "Convert") -> int:
    """Send a request and print the converted answer; return 0, as the originals do even if the network fails.

    Raises:
        Stop: the answer cannot be printed.
    """
    try:
        connection = dial(host, port)
    except Stop as stop:
        if stop.line:
            say(stop.line)
        return 0
    _send(connection, request)
    print_until_closed(program, connection, convert)
    return 0


def _send(connection: "Connection", request: bytes) -> None:
    """Send the request; on failure go on, since the server may have sent an answer."""
    try:
        write_all(connection.descriptor, request)
    except OSError:
        pass


def print_until_closed(program: bytes, connection: "Connection", convert: "Convert") -> bool:
    """Print each block as it arrives until the server closes; return False if reading fails.

    Raises:
        Stop: standard output cannot be written.
    """
    block, is_whole = b"?", True
    while block:
        try:
            block = os.read(connection.descriptor, BLOCK)
        except OSError as error:
            say(fatal(program, b"unable to read from network", error).line)
            block, is_whole = b"", False
        print_or_stop(program, convert(block))
    return is_whole


class VisibleText:
    r"""Converts text for a terminal: ``\r\n`` to ``\n``, and control bytes as ``cat -v`` does."""

    __slots__ = ("_held",)

    def __init__(self) -> None:
        self._held = b""

    def __call__(self, block: bytes) -> bytes:
        """Return the converted block; a CR at its end is held back until the next one, which may be empty."""
        text = self._held + block
        self._held = b"\r" if block and text.endswith(b"\r") else b""
        text = text.removesuffix(self._held).replace(b"\r\n", b"\n")
        return text if _PLAIN.issuperset(text) else b"".join(map(_VISIBLE.__getitem__, text))


def _visible(byte: int) -> bytes:
    if byte >= 128:
        return b"M-" + (_caret(byte - 128) or b"%c" % (byte - 128))
    if byte in b"\n\t":
        return b"%c" % byte
    return _caret(byte) or b"%c" % byte


def _caret(byte: int) -> bytes:
    return b"^%c" % (byte ^ 64) if byte < 32 or byte == 127 else b""


_VISIBLE = [_visible(byte) for byte in range(256)]
_PLAIN = frozenset((*b"\n\t", *range(32, 127)))
