"""tcpserver: accept connections, judge each client, run a handler for the good ones."""

import os
import sys
from _signal import SIGABRT, SIGCHLD, SIGHUP, SIGQUIT, SIGTERM, SIGUSR1

from ucspi.errors import EXIT_PERMANENT, EXIT_TEMPORARY, NoAddressError
from ucspi.programs import _program
from ucspi.programs._program import Stop, fatal
from ucspi.programs._tcpserver_options import USAGE, Choices, choose
from ucspi.programs._tcpserver_values import NAME
from ucspi.tcp.address import parse_port, resolve
from ucspi.tcp.environment import REPLACED, REPLACED6, REPLACED_UNIX
from ucspi.tcp.listener import Listener, ListenError, adopt, listen
from ucspi.tcp.report import reporter
from ucspi.tcp.server import Server
from ucspi.tcp.settings import Settings
from ucspi.unix import environ, fds, privilege, search, signals
from ucspi.unix.errtext import describe
from ucspi.unix.spawn import Program, spawner
from ucspi.unix.stderr import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from ucspi.tcp.admission import Judge
    from ucspi.unix.spawn import Spawner

MANAGER = frozenset((b"NOTIFY_SOCKET", b"LISTEN_FDS", b"LISTEN_PID", b"LISTEN_FDNAMES"))


class Terminated(BaseException):
    """SIGTERM arrived.  Raised in the loop, so that nothing it waits for can hold the server."""


def main(argv: list[bytes] | None = None) -> int:
    """Run the program; return its exit code."""
    return _program.run(_serve, argv, USAGE)


def _serve(argv: list[bytes]) -> int:
    fds.occupy_standard()
    inherited = environ.inherited()
    choices = choose(argv, inherited)
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
    """Do what the original does, in its order: operands, signals, sockets, privileges, port line."""
    settings = choices.settings
    places, program = _operands(choices)
    _require_descriptors(choices)
    judge = _judge(choices)
    wakeup = _catch_signals(settings)
    _listen(choices, places, listeners)
    _warn_of_groups(choices)
    _drop_privileges(choices.identity())
    if choices.print_port:
        _print_ports(listeners)
    handler = _spawner(settings, program, environ.without(inherited, _replaced(listeners)), listeners)
    server = Server(settings, listeners, judge, handler, wakeup)
    _say_ready(choices, inherited)
    fds.discard(0)
    fds.discard(1)
    # Never an ordinary exit from here on: it would wait for look-up threads, and
    # free memory that handlers which are still preparing read.
    code = 0
    try:
        server.run()
        signals.block(SIGTERM)  # it would raise once more, in the steps that follow
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
    """Return hosts and ports, and the program; a port is looked up before the program is missed."""
    operands = choices.operands
    places = []
    if not choices.listen_descriptors:
        if len(operands) < 2:
            raise Stop(USAGE, 100)
        places.append((operands[0], _port(operands[1])))
        operands = operands[2:]
    if not operands:
        raise Stop(USAGE, 100)
    return places + [(host, _port(port)) for host, port in choices.listen], operands


def _require_descriptors(choices: Choices) -> None:
    """Refuse what nobody passed, before a descriptor of our own can have that number."""
    steps = [(number, b"listen on") for number in choices.listen_descriptors]
    if choices.ready_descriptor is not None:
        steps.append((choices.ready_descriptor, b"write to"))
    for number, step in steps:
        try:
            os.fstat(number)
        except OSError as error:
            raise fatal(NAME, b"unable to %s descriptor %d" % (step, number), error) from None


def _listen(choices: Choices, places: list[tuple[bytes, int]], listeners: list[Listener]) -> None:
    """Add a listener at once when it is there, so that whoever owns the list can close it."""
    backlog = choices.settings.backlog
    try:
        for number in choices.listen_descriptors:
            listeners.append(adopt(number))
        for host, port in places:
            listeners.append(listen(_ip(host), port, backlog))
        for path, mode in choices.listen_paths:
            from ucspi.tcp import local

            listeners.append(local.listen(path, mode, backlog))
    except ListenError as failure:
        raise fatal(NAME, failure.step, failure.error) from None
    for number in choices.listen_descriptors:
        if number > 2:
            os.close(number)  # no handler shall inherit it


def _port(operand: bytes) -> int:
    try:
        return parse_port(operand)
    except OSError:
        raise fatal(NAME, b"unable to figure out port number for " + operand) from None


def _ip(operand: bytes) -> bytes:
    try:
        return resolve(operand)
    except NoAddressError:
        raise fatal(NAME, b"no IP address for " + operand) from None
    except OSError as error:
        raise fatal(NAME, b"temporarily unable to figure out IP address for " + operand, error) from None


def _catch_signals(settings: Settings) -> signals.Wakeup:
    def terminate(number: int, frame: object) -> None:
        signals.ignore(SIGTERM)  # a second one changes nothing, whatever we are doing by then
        raise Terminated

    signals.undo_interpreter()
    wakeup = signals.Wakeup()
    if settings.drain_time is None:
        signals.catch(SIGTERM, terminate)
    else:
        signals.note(SIGTERM)
    if settings.is_s6:
        for number in (SIGHUP, SIGQUIT, SIGABRT):
            signals.note(number)
    if settings.status_on_signal:
        signals.note(SIGUSR1)
    signals.note(SIGCHLD)
    signals.unblock(SIGCHLD)
    return wakeup


def _warn_of_groups(choices: Choices) -> None:
    identity = choices.identity()
    if identity.uid is None or identity.gid is not None or os.geteuid() != 0:
        return
    text = b"-u %d alone keeps the groups of root; add -g, or give a name" % identity.uid
    _warn(choices.settings, text)


def _drop_privileges(identity: privilege.Identity) -> None:
    step = b"unable to set gid"
    try:
        privilege.drop_groups(identity)
        step = b"unable to set uid"
        privilege.drop_user(identity)
    except OSError as error:
        raise fatal(NAME, step, error) from None


def _print_ports(listeners: list[Listener]) -> None:
    try:
        os.write(1, b"".join(b"%d\n" % listener.port for listener in listeners if listener.path is None))
    except OSError:
        pass  # as the original: nobody reads it, but the service is wanted all the same


def _say_ready(choices: Choices, inherited: list[bytes]) -> None:
    manager = environ.value_of(inherited, b"NOTIFY_SOCKET")
    if choices.ready_descriptor is None and not manager:
        return
    from ucspi.unix import notify

    if choices.ready_descriptor is not None:
        try:
            notify.ready_descriptor(choices.ready_descriptor)
        except OSError as error:
            what = b"unable to write to descriptor %d" % choices.ready_descriptor
            raise fatal(NAME, what, error) from None
    if manager:
        try:
            notify.service_manager(manager, b"READY=1\n")
        except OSError as error:
            text = b"unable to notify %s: %s" % (manager, describe(error.errno))
            _warn(choices.settings, text)


def _warn(settings: Settings, text: bytes) -> None:
    """Tell of trouble that is no client's, in the form of the log."""
    reporter(settings)[0].warning(text)


def _replaced(listeners: list[Listener]) -> frozenset[bytes]:
    # What a service manager tells us is not meant for the handlers.
    replaced = REPLACED6 if any(listener.ip6 for listener in listeners) else REPLACED
    if any(listener.path is not None for listener in listeners):
        replaced |= REPLACED_UNIX
    return replaced | MANAGER


def _pid_variable(listeners: list[Listener]) -> bytes:
    if all(listener.path is None for listener in listeners):
        return b""
    from ucspi.tcp import local

    return local.PID_VARIABLE


def _judge(choices: Choices) -> "Judge | None":
    if choices.rules_text is not None:
        return _judge_by_text(choices, choices.rules_text)
    if choices.rules is None:
        return None
    from ucspi.rules import LiveRules  # with no rules there is no cdb to load the code for

    return LiveRules(choices.rules, missing_ok=choices.missing_rules_allow)


def _judge_by_text(choices: Choices, path: bytes) -> "Judge":
    from ucspi.rules import LiveText

    def tell(line: bytes) -> None:
        _warn(choices.settings, line)

    rules = LiveText(path, tell, numbered=choices.settings.is_watched)
    try:
        problems = rules.load()
    except OSError as error:
        raise fatal(NAME, b"unable to read " + path, error) from None
    if problems:
        lines = [problem.text(path) for problem in problems]
        raise Stop(b"\n".join([b"tcpserver: fatal: unable to judge by " + path, *lines]), EXIT_PERMANENT)
    return rules


def _spawner(
    settings: Settings, program: list[bytes], inherited: list[bytes], listeners: list[Listener]
) -> "Spawner":
    complaint = b""
    if settings.verbosity:
        complaint = b"%s: warning: dropping connection, unable to run %s: " % (NAME, program[0])
    paths = search.files(program[0], environ.value_of(inherited, b"PATH"))
    handler = spawner(Program(program, paths, inherited, complaint, _pid_variable(listeners)))
    if not handler.native and settings.verbosity > 1:
        say(b"tcpserver: the compiled module is missing: handlers are forked, which is slower")
    return handler
