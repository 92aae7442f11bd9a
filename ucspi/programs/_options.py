"""Parses options as the originals do.

Short options can be bundled (``-vHR``).  A value is attached or follows
(``-c3``, ``-c 3``).  Parsing stops at the first operand or after ``--``;
nothing is reordered.  A lone ``-`` is an operand.  An unknown ``--word`` is
refused: the originals take it for ``--``, so a mistyped long option would go
unnoticed.
"""

from ucspi.exits import EXIT_PERMANENT, EXIT_USAGE
from ucspi.programs._program import Stop, fatal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST = 2**31 - 1  # the largest number of the originals

# The flags of `LookupChoices`: which attribute gets which value.
LOOKUP_FLAGS: "dict[bytes, tuple[str, bool | int]]" = {
    b"q": ("verbosity", 0),
    b"Q": ("verbosity", 1),
    b"v": ("verbosity", 2),
    b"h": ("lookup_remote_host", True),
    b"H": ("lookup_remote_host", False),
    b"r": ("lookup_remote_info", True),
    b"R": ("lookup_remote_info", False),
}


def parse(
    argv: list[bytes], letters: bytes, usage: bytes, words: "dict[bytes, bool] | None" = None
) -> tuple[list[tuple[bytes, bytes]], list[bytes]]:
    """Split arguments into options, in the order given, and operands.

    Args:
        argv: the whole command line; ``argv[0]`` is the name in messages.
        letters: option letters; one followed by ``:`` takes a value.
        usage: the line printed after an error message.
        words: long options without their dashes, and whether each takes a
            value; that follows or is attached with ``=``.

    Returns:
        ``(letter or word, value)`` pairs, where the value of a flag is empty; and the operands.

    Raises:
        Stop: an unknown option or a missing value; exit code 100.
    """
    options: list[tuple[bytes, bytes]] = []
    at = 1
    while at < len(argv) and argv[at][:1] == b"-" and argv[at] != b"-":
        if argv[at] == b"--":
            return options, argv[at + 1 :]
        if argv[at].startswith(b"--"):
            at = _parse_word(argv, at, words or {}, usage, options)
        else:
            at = _parse_bundle(argv, at, letters, usage, options)
    return options, argv[at:]


def _parse_word(
    argv: list[bytes], at: int, words: dict[bytes, bool], usage: bytes, options: list[tuple[bytes, bytes]]
) -> int:
    """Append the long option ``argv[at]``; return the index of the next argument."""
    word, equals, value = argv[at][2:].partition(b"=")
    if word not in words or (equals and not words[word]):
        raise _usage_error(argv[0], b"illegal option", argv[at][2:], usage)
    if words[word] and not equals:
        at += 1
        if at >= len(argv):
            raise _usage_error(argv[0], b"option requires an argument", word, usage)
        value = argv[at]
    options.append((word, value))
    return at + 1


def _parse_bundle(
    argv: list[bytes], at: int, letters: bytes, usage: bytes, options: list[tuple[bytes, bytes]]
) -> int:
    """Append the options of ``argv[at]``; return the index of the next argument."""
    bundle = argv[at][1:]
    while bundle:
        letter, bundle = bundle[:1], bundle[1:]
        known = letters.find(letter) if letter != b":" else -1
        if known < 0:
            raise _usage_error(argv[0], b"illegal option", letter, usage)
        if letters[known + 1 : known + 2] != b":":
            options.append((letter, b""))
            continue
        if not bundle:
            at += 1
            if at >= len(argv):
                raise _usage_error(argv[0], b"option requires an argument", letter, usage)
            bundle = argv[at]
        options.append((letter, bundle))
        break
    return at + 1


def _usage_error(program: bytes, what: bytes, letter: bytes, usage: bytes) -> Stop:
    name = program.rpartition(b"/")[2]
    return Stop(b"%s: %s -- %s\n%s" % (name, what, letter, usage), EXIT_USAGE)


def long_values(program: bytes, option: bytes, operands: list[bytes], usage: bytes) -> "Iterator[bytes]":
    """Remove a long option from the front of the operands, as often as it stands there; yield its values.

    A value is attached with ``=`` or follows; a missing one is empty.

    Raises:
        Stop: another option stands there; exit code 100.
    """
    while operands and operands[0].startswith(b"-"):
        name, equals, value = operands.pop(0).partition(b"=")
        if name != option:
            raise Stop(b"%s: unknown option %s; %s" % (program, name, usage), EXIT_USAGE)
        if not equals and operands:
            value = operands.pop(0)
        yield value


def port(program: bytes, operand: bytes) -> int:
    """Return the port that an operand names, by its number or as a service.

    Raises:
        Stop: there is no such service or port.
    """
    from ucspi.errors import BadPortError  # imported here: few programs have a port
    from ucspi.tcp.address import PORT_MAX, parse_port

    try:
        return parse_port(operand)
    except BadPortError:
        what = b"unable to figure out port number for %s: the largest is %d" % (operand, PORT_MAX)
        raise fatal(program, what, code=EXIT_PERMANENT) from None
    except OSError:
        raise fatal(program, b"unable to figure out port number for " + operand) from None


def number(program: bytes, option: bytes, value: bytes, largest: int = LARGEST) -> int:
    """Return the value of an option as a whole number; the originals accept anything.

    Raises:
        Stop: it is no number, or above ``largest``; exit code 100.
    """
    from ucspi.decimal import whole_number  # imported here: few programs are given a number

    found = whole_number(value, largest)
    if found is not None:
        return found
    dashed = b"-" + option if len(option) == 1 else b"--" + option
    wanted = b"%s wants a number of at most %d, not %s" % (dashed, largest, value[:100] or b"nothing")
    raise fatal(program, wanted, code=EXIT_USAGE)
