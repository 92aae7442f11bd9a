"""What svlogd left in a log directory that we do not go on with: its settings, and a processor's output.

svlogd takes its settings from ``config``, multilog from its script.  So whoever
changes the logger is told which actions say the same.  svlogd's processor reads
``@LABEL.u`` and writes ``@LABEL.t``.  If svlogd was killed meanwhile both stay,
and the first has all lines.  The current directory is the log's.

Source: svlogd(8) of runit 2.1.2.
"""

import os

from ucspi.decimal import leading_digits, whole_number
from ucspi.logs.script import NUMBER_MOST, SHOWN_MOST, SIZE_LEAST, SIZE_MOST
from ucspi.unix.output import printable
from ucspi.unix.safeopen import open_inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Final

READ_MOST: "Final" = 65536  # bytes of it

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_SELECTING = (b"-", b"+")
_WORDS_MOST = 20
_PLAIN = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:/_-+="
_SIZE, _COUNT = 1000000, 10  # without a line that says so


def warnings(path: bytes) -> "Iterator[tuple[bytes, OSError | None]]":
    """Yield a text, and perhaps an error, for each thing in the log ``path`` that we do not go on with."""
    name = b"%s/config: svlogd's settings are not read" % path
    try:
        same, missing = translate(_read())
    except FileNotFoundError:
        return
    except OSError as error:
        yield name, error
        return
    text = b"%s; the same for multilog: %s" % (name, _shown(same))
    yield text + (b"; not possible here: " + _shown(missing) if missing else b""), None
    if any(each.startswith(b"@") and each.endswith(b".t") for each in os.listdir(b".")):
        yield (
            path + b"/@*.t: svlogd's processor did not end; the @*.u of these labels have all lines",
            None,
        )


def _read() -> list[bytes]:
    number = open_inside(b"config", _READ, 0)
    try:
        return os.read(number, READ_MOST).splitlines()
    finally:
        os.close(number)


def translate(lines: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Return the actions that say the same as these lines, and the lines for which there is none."""
    actions = {b"s": b"s%d" % _SIZE, b"n": b"n%d" % (_COUNT + 1)}
    missing: list[bytes] = []
    patterns: list[bytes] = []
    for line in lines:
        first = line[:1]
        if first in (b"", b"#"):
            continue
        action = _action(first, line[1:])
        if action is None:
            missing.append(line)
            actions.pop(first, None)
        elif first in _SELECTING:
            patterns.append(action)
        else:
            actions[first] = action
    return [*filter(None, actions.values()), *patterns], missing


def _action(first: bytes, rest: bytes) -> bytes | None:
    """Return the action that says the same as a line; empty if none is needed, None if there is none."""
    if first == b"!":
        return first + rest if rest else b""
    if first in _SELECTING and b"+" not in rest:  # a plus stands for a run of one byte, which we have not
        return first + rest
    number = whole_number(leading_digits(rest), NUMBER_MOST) or 0
    if number == 0:  # no limit; a file has one here
        return b"" if first == b"t" else None
    if first == b"s":
        return b"s%d" % min(max(number, SIZE_LEAST), SIZE_MOST)
    return {b"n": b"n%d" % (number + 1), b"t": b"R%d" % number}.get(first)


def _shown(arguments: list[bytes]) -> bytes:
    """Return arguments as a shell would take them, or a part of them; nothing in it is unprintable."""
    words = [_word(argument[:SHOWN_MOST]) for argument in arguments[:_WORDS_MOST]]
    return b" ".join(words) + (b" ..." if len(arguments) > _WORDS_MOST else b"")


def _word(text: bytes) -> bytes:
    shown = printable(text)
    return b"'%s'" % shown.replace(b"'", b"'\\''") if shown.translate(None, _PLAIN) else shown
