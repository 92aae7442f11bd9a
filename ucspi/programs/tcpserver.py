"""tcpserver: accept connections, judge each client, and run a handler if it is allowed."""

import posix as os
import sys
from _signal import SIGABRT, SIGCHLD, SIGHUP, SIGQUIT, SIGTERM, SIGUSR1

from ucspi.errors import NoAddressError
from ucspi.exits import EXIT_TEMPORARY, EXIT_USAGE
from ucspi.programs import _options, _program
from ucspi.programs._program import Stop, fatal
from ucspi.programs._tcpserver_options import USAGE, Choices, read_command_line
from ucspi.programs._tcpserver_values import PROGRAM, usage_error
from ucspi.tcp.address import resolve
from ucspi.tcp.server.listener import Listener, ListenError, OptionRefusedError, adopt, listen
from ucspi.unix import environ, fds, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from ucspi.tcp.server.settings import Settings


class Terminated(BaseException):
    """SIGTERM arrived; the signal handler raises it, so that nothing we wait for delays the end."""


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return _program.run(_serve, argv, USAGE)


def _serve(argv: list[bytes]) -> int:
    fds.occupy_standard()
    inherited = environ.inherited()
    choices = read_command_line(argv, inherited)
    listeners: list[Listener] = []
    try:
        _start(choices, inherited, listeners)
    except Stop as stop:
        if choices.settings.verbosity == 0:
            stop.line = b""
        raise
    except Terminated:
        return 0
    finally:
        _close(listeners)


def _start(choices: Choices, inherited: list[bytes], listeners: list[Listener]) -> "NoReturn":
    """Do what the original does, in its order: operands, signals, sockets, privileges, port line.

    A client that connects right after the start must not be refused.  So we listen
    first, and load the rest while clients wait in the backlog.
    """
    settings = choices.settings
    places, program = _operands(choices)
    _require_descriptors(choices)
    wakeup = _catch_signals(settings)
    _listen(choices, places, listeners)
    held = signals.hold((SIGTERM,))  # an import may drop what is raised in it
    try:
        from ucspi.programs._tcpserver_prepare import load, prepare

        chain = load(choices, inherited, program, listeners)
    finally:
        signals.release(held)
    server = prepare(choices, inherited, program, listeners, wakeup, chain)
    fds.discard(0)
    fds.discard(1)
    # From here on only _exit: an ordinary exit would wait for look-up threads, and
    # free memory that handlers read until their exec.
    code = 0
    if settings.drain_time is not None:
        signals.note(SIGTERM)  # until now it ended a server that waits for its first rules
    try:
        server.run()
        signals.block(SIGTERM)  # else it could raise again in the following steps
    except Terminated:
        pass
    except BaseException:
        signals.block(SIGTERM)
        code = EXIT_TEMPORARY
        sys.excepthook(*sys.exc_info())
    _close(listeners)
    server.finish()
    os._exit(code)


def _close(listeners: list[Listener]) -> None:
    for listener in listeners:
        listener.close()


def _operands(choices: Choices) -> "tuple[list[tuple[bytes, int]], list[bytes]]":
    """Return hosts and ports, and the program; a bad port is reported before a missing program."""
    operands = choices.operands
    places = []
    if not choices.listen_descriptors:
        if len(operands) < 2:
            raise Stop(USAGE, EXIT_USAGE)
        places.append((operands[0], _options.port(PROGRAM, operands[1])))
        operands = operands[2:]
    if not operands:
        raise Stop(USAGE, EXIT_USAGE)
    return places + [(host, _options.port(PROGRAM, port)) for host, port in choices.listen], operands


def _require_descriptors(choices: Choices) -> None:
    """Refuse descriptors that nobody passed, before one of ours can get that number."""
    steps = [(number, b"listen on") for number in choices.listen_descriptors]
    if choices.ready_descriptor is not None:
        steps.append((choices.ready_descriptor, b"write to"))
    for number, step in steps:
        try:
            os.fstat(number)
        except OSError as error:
            raise fatal(PROGRAM, b"unable to %s descriptor %d" % (step, number), error) from None


def _listen(choices: Choices, places: list[tuple[bytes, int]], listeners: list[Listener]) -> None:
    """Append each listener to the list as soon as it exists, so that the caller can close it."""
    backlog, options = choices.settings.backlog, choices.settings.socket_options
    configure = None if options is None else options.configure
    try:
        for number in choices.listen_descriptors:
            listeners.append(adopt(number))
            if options is not None and listeners[-1].path is None:
                options.adjust(listeners[-1].socket)
        for host, port in places:
            listeners.append(listen(_ip(host), port, backlog, configure))
        for path, mode in choices.listen_paths:
            from ucspi.tcp.server import unixdoor

            listeners.append(unixdoor.listen(path, mode, backlog))
    except ListenError as failure:
        raise fatal(PROGRAM, failure.step, failure.error) from None
    except OptionRefusedError as refused:
        raise fatal(PROGRAM, refused.text) from None
    if options is not None and all(listener.path is not None for listener in listeners):
        raise usage_error(b"--%s is of TCP, and there are only sockets of the UNIX domain" % options.given[0])
    if choices.settings.idle_time is not None and any(listener.path is not None for listener in listeners):
        raise usage_error(b"--idle-time is of TCP, and there is a socket of the UNIX domain; use --max-time")
    for number in choices.listen_descriptors:
        if number > 2:
            os.close(number)  # no handler must inherit it


def _ip(operand: bytes) -> bytes:
    try:
        return resolve(operand)
    except NoAddressError:
        raise fatal(PROGRAM, b"no IP address for " + operand) from None
    except OSError as error:
        raise fatal(PROGRAM, b"temporarily unable to figure out IP address for " + operand, error) from None


def _catch_signals(settings: "Settings") -> signals.Wakeup:
    def terminate(number: int, frame: object) -> None:
        signals.ignore(SIGTERM)  # a second one must not interrupt what follows
        # Python drops what is raised in the callback of a weak reference.  Then the loop ends the server.
        signals.remember(SIGTERM)
        raise Terminated

    signals.undo_interpreter()
    wakeup = signals.Wakeup()
    signals.catch(SIGTERM, terminate)
    if settings.is_s6:
        for number in (SIGHUP, SIGQUIT, SIGABRT):
            signals.note(number)
    if settings.status_on_signal:
        signals.note(SIGUSR1)
    signals.note(SIGCHLD)
    signals.unblock(SIGCHLD)
    return wakeup
