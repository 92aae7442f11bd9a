"""tcpclient: connect to a server, and run a program that reads descriptor 6 and writes 7."""

import _signal
import errno
import os

from ucspi.exits import EXIT_PERMANENT, EXIT_USAGE
from ucspi.programs._program import Stop, fatal, run
from ucspi.programs._tcpclient_connect import connect, find_port, server_name
from ucspi.programs._tcpclient_options import PROGRAM, USAGE, Choices, read_command_line
from ucspi.tcp.environment import REPLACED, REPLACED6, REPLACED_UNIX, variables
from ucspi.unix import environ, fds, search
from ucspi.unix.output import say, write_all
from ucspi.unix.signals import undo_ignored

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from ucspi.tcp.connection import Connection
    from ucspi.unix.chain import Plan

READING, WRITING = 6, 7  # the descriptors of the client program


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return run(connect_and_execute, argv, USAGE)


def plan(argv: list[bytes]) -> "Plan | None":
    """Return what the program would do as a step of a chain; None where it must be executed."""
    from ucspi.programs import _tcpclient_step  # servers load it; when we are executed nobody asks

    return _tcpclient_step.plan(argv)


def connect_and_execute(argv: list[bytes]) -> "NoReturn":
    """Do what a whole command line says: connect, and execute the client program.

    Raises:
        Stop: that failed.
    """
    fds.occupy_standard()
    _close_inherited()
    choices = read_command_line(argv)
    try:
        _become_client(choices)
    except Stop as stop:
        if choices.verbosity == 0:
            stop.line = b""
        raise


def _close_inherited() -> None:
    for number in (READING, WRITING):
        try:
            os.close(number)
        except OSError:
            pass  # it was not open


def _become_client(choices: Choices) -> "NoReturn":
    host, port, program = _operands(choices)
    inherited = environ.inherited()
    header = _make_header(choices, inherited)
    connection = connect(choices.connector, host, port, choices.verbosity)
    if choices.verbosity > 1:
        say(b"%s: connected to %s" % (PROGRAM, server_name(connection.remote_ip or host, port)))
    _send(connection, header)  # before the look-ups: servers do not wait long for it
    connection.local_host = choices.local_host
    _look_up(choices, connection)
    entries = _entries(connection, inherited)
    _hand_over(connection)
    undo_ignored(_signal.SIGXFSZ)
    _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)  # as in the original, the program never finds it ignored
    paths = search.files(program[0], environ.value_of(inherited, b"PATH"))
    try:
        search.execute(paths, program, entries)
    except OSError as error:
        raise fatal(PROGRAM, b"unable to run " + program[0], error) from None


def _operands(choices: Choices) -> tuple[bytes, int, list[bytes]]:
    """Return host, port and program; a bad port is reported before a missing program."""
    if len(choices.operands) < 2:
        raise Stop(USAGE, EXIT_USAGE)
    host, operand, *program = choices.operands
    port = find_port(host, operand)
    if not program:
        raise Stop(USAGE, EXIT_USAGE)
    return host, port, program


def _make_header(choices: Choices, inherited: list[bytes]) -> bytes:
    if not choices.proxy_version:
        return b""
    from ucspi.errors import ProxyHeaderError
    from ucspi.tcp.proxywriter import make_header  # few clients need it

    try:
        return make_header(choices.proxy_version, inherited)
    except ProxyHeaderError as error:
        raise fatal(PROGRAM, b"unable to make a PROXY header: " + error.reason, code=EXIT_PERMANENT) from None


def _send(connection: "Connection", header: bytes) -> None:
    try:
        write_all(connection.descriptor, header)
    except OSError as error:
        raise fatal(PROGRAM, b"unable to send the PROXY header", error) from None


def _look_up(choices: Choices, connection: "Connection") -> None:
    local, remote = choices.local_host is None, choices.lookup_remote_host
    info_timeout = choices.info_timeout if choices.lookup_remote_info else 0.0
    if connection.path is None and (local or remote or info_timeout):
        from ucspi.tcp.serverlookups import look_up  # starts a helper process, which -RHl0 does not need

        try:
            look_up(connection, local=local, remote=remote, info_timeout=info_timeout)
        except OSError as error:
            raise fatal(PROGRAM, b"unable to look up names", error) from None


def _entries(connection: "Connection", inherited: list[bytes]) -> list[bytes]:
    replaced = REPLACED6 if connection.ip6 else REPLACED
    if connection.path is not None:
        replaced = REPLACED_UNIX
    return environ.without(inherited, replaced) + variables(connection, ()).split(b"\0")[:-1]


def _hand_over(connection: "Connection") -> None:
    """Move the connection to descriptors 6 and 7, and leave it on no other."""
    descriptor = connection.release()
    for number in (READING, WRITING):
        try:
            if number == descriptor:
                os.set_inheritable(number, True)
            else:
                os.dup2(descriptor, number)
        except OSError as error:
            if error.errno == errno.EBADF:  # above the limit; for this the original's call has EINVAL
                error = OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            raise fatal(PROGRAM, b"unable to set up descriptor %d" % number, error) from None
    if descriptor not in (READING, WRITING):
        os.close(descriptor)
