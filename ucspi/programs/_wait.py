"""Waiting for the state of services, as `svc` and `svwait` do it."""

import posix as os
from time import monotonic

from ucspi.errors import ServiceError
from ucspi.exits import EXIT_TEMPORARY, EXIT_USAGE
from ucspi.programs import _options
from ucspi.programs._program import Stop
from ucspi.service import controlfiles
from ucspi.service.goals import STATES, Goal
from ucspi.service.waiting import Waiting
from ucspi.unix.errtext import explain
from ucspi.unix.output import has_room, say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Final

EXIT_TIMED_OUT: "Final" = 99  # as s6-svwait
_MANY = 200  # services, of which each needs a descriptor
_NAMED = 5  # services that a message names


def wait_for(
    program: bytes, word: bytes, seconds: bytes | None, names: list[bytes], usage: bytes, letters: bytes = b""
) -> int:
    """Send control bytes to services and wait until all are in a state; return the exit code.

    Args:
        program: its name, for messages.
        word: the state.
        seconds: how long, None: without end.
        names: their directories.
        usage: printed if something of this is wrong.
        letters: the control bytes, maybe none.

    Raises:
        Stop: wrong usage.
    """
    if word not in STATES or not names:
        raise Stop(usage, EXIT_USAGE)
    limit = None if seconds is None else _options.number(program, b"timeout", seconds)
    deadline = None if limit is None else monotonic() + limit
    if len(names) > _MANY:
        _raise_limit()
    waiting = Waiting(names, Goal(word, letters), lambda name, reason: _complain(program, name, reason))
    try:
        if letters:
            _send(waiting, letters, deadline)
        is_reached = waiting.wait(deadline)
    finally:
        waiting.close()
    if is_reached:
        for name in waiting.taken_for_ready():
            say(b"%s: warning: %s cannot tell when it is ready; it is up" % (program, name))
        return 0
    if waiting.has_failed:
        return EXIT_TEMPORARY
    missing = waiting.missing()
    more = b" and %d more" % (len(missing) - _NAMED) if len(missing) > _NAMED else b""
    shown = (program, word, limit or 0, b", ".join(missing[:_NAMED]), more)
    say(b"%s: fatal: not %s within %d seconds: %s%s" % shown)
    return EXIT_TIMED_OUT


def _raise_limit() -> None:
    from ucspi.unix import rlimits

    rlimits.raise_open_files()


def _complain(program: bytes, name: bytes, reason: ServiceError) -> None:
    tail = b": " + explain(reason.error) if reason.error else b""
    say(b"%s: fatal: unable to wait for %s: %s%s" % (program, name, reason.step, tail))


def _send(waiting: Waiting, letters: bytes, deadline: float | None) -> None:
    for service in waiting.services:
        try:
            _send_one(service.name, letters, deadline)
        except ServiceError as error:
            waiting.fail(service.name, error)
        except OSError as error:
            waiting.fail(service.name, ServiceError(b"unable to control it", error))


def _send_one(name: bytes, letters: bytes, deadline: float | None) -> None:
    """Write control bytes; a fifo that is full is waited for until the deadline only."""
    service = controlfiles.enter_named(name)
    try:
        control = controlfiles.open_control(service)
    finally:
        os.close(service)
    if control is None:
        raise ServiceError(controlfiles.NOT_RUNNING)
    try:
        os.set_blocking(control, False)
        while letters:
            try:
                letters = letters[os.write(control, letters) :]
            except BlockingIOError:
                _wait_for_room(control, deadline)
    finally:
        os.close(control)


def _wait_for_room(control: int, deadline: float | None) -> None:
    if not has_room(None if deadline is None else max(0.0, deadline - monotonic()), control):
        raise ServiceError(b"supervise takes no commands")
