"""``svc -OPTIONS DIR ...``: send commands to supervisors."""

import posix as os

from ucspi.programs import _options
from ucspi.programs._program import run
from ucspi.service import controlfiles
from ucspi.unix.errtext import describe, explain
from ucspi.unix.output import say, write_all

LETTERS = b"udopchaitkxq12wb"
USAGE = (
    b"svc options: u up, d down, o once, x exit, p pause, c continue, "
    b"h hup, a alarm, i interrupt, t term, k kill, q quit, 1 usr1, 2 usr2, w winch, b abrt; "
    b"--wait up|down|ready|finished, --timeout seconds"
)
WORDS = {b"wait": True, b"timeout": True}


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(_svc, argv, USAGE)


def _svc(argv: list[bytes]) -> int:
    options, directories = _options.parse(argv, LETTERS, USAGE, WORDS)
    letters = b"".join(dict.fromkeys(letter for letter, _ in options if letter not in WORDS))
    values = {word: value for word, value in options if word in WORDS}
    if values:
        from ucspi.programs._wait import wait_for

        # Without a state it is wrong usage.
        word, seconds = values.get(b"wait", b""), values.get(b"timeout")
        return wait_for(b"svc", word, seconds, directories, USAGE, letters)
    for name in directories:
        _control(name, letters)
    return 0


def _control(name: bytes, letters: bytes) -> None:
    try:
        service = controlfiles.enter_named(name)
    except OSError as error:
        return _warn(b"unable to chdir to %s: %s" % (name, explain(error)))
    try:
        control = controlfiles.open_control(service)
    except OSError as error:
        return _warn(b"unable to control %s: %s" % (name, explain(error)))
    finally:
        os.close(service)
    if control is None:
        return _warn(b"unable to control %s: %s" % (name, controlfiles.NOT_RUNNING))
    try:
        write_all(control, letters)
    except OSError as error:
        return _warn(b"error writing commands to %s: %s" % (name, describe(error.errno)))
    finally:
        os.close(control)


def _warn(text: bytes) -> None:
    say(b"svc: warning: " + text)
