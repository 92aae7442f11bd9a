"""Prepares tcpserver between listening and accepting: rules, privileges, port line, handler, server."""

import os

from ucspi.exits import EXIT_PERMANENT, EXIT_TEMPORARY
from ucspi.programs._program import Stop, fatal
from ucspi.programs._tcpserver_values import PROGRAM
from ucspi.tcp.environment import REPLACED, REPLACED6, REPLACED_UNIX, said_by_balancers
from ucspi.tcp.server.loop import Server
from ucspi.tcp.server.parts import reporter
from ucspi.unix import environ, inheritedstate, native, oom, privilege, search
from ucspi.unix.errtext import describe
from ucspi.unix.output import emit, say
from ucspi.unix.spawn import Program, spawner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ucspi.programs._chain import ChainReader
    from ucspi.programs._tcpserver_options import Choices
    from ucspi.tcp.server.judge import Judge
    from ucspi.tcp.server.listener import Listener
    from ucspi.tcp.server.settings import Settings
    from ucspi.unix.signals import Wakeup
    from ucspi.unix.spawn import Spawner
    from ucspi.unix.stemspawn import StemSpawner

MANAGER = frozenset((b"NOTIFY_SOCKET", b"LISTEN_FDS", b"LISTEN_PID", b"LISTEN_FDNAMES"))


def prepare(
    choices: "Choices",
    inherited: list[bytes],
    program: list[bytes],
    listeners: "list[Listener]",
    wakeup: "Wakeup",
    chain: "ChainReader | None",
) -> Server:
    """Return the server, ready to run; its readiness has been announced.  ``chain`` is from `load`.

    Raises:
        Stop: a step failed; exit code 100 for a rules text with errors, else 111.
    """
    settings = choices.settings
    _require_counters(settings, listeners)
    judge = _judge(choices)
    keeper = None
    if settings.tls is not None:
        from ucspi.programs._tcpserver_tls import start_keeper

        keeper = start_keeper(settings.tls, choices.identity())
    _warn_of_groups(choices)
    _warn_of_trust(settings)
    oom.shield()
    oom.keep_open(changes_user=choices.identity().uid is not None)
    _drop_privileges(choices.identity())
    if choices.print_port:
        _print_ports(listeners)
    handler, stems = _spawner(settings, program, _handed_on(settings, inherited, listeners), listeners, chain)
    try:
        server = Server(settings, listeners, judge, handler, wakeup, stems, keeper)
    except OSError as error:
        raise fatal(PROGRAM, b"unable to prepare the loop", error) from None
    _warm_up(server)
    if settings.verbosity > 1:
        _warn_of_what_is_missing(choices, inherited, program, judge)
    _say_ready(choices, inherited)
    return server


def load(
    choices: "Choices", inherited: list[bytes], program: list[bytes], listeners: "list[Listener]"
) -> "ChainReader | None":
    """Import the modules that only some options and programs need; return what reads the program as a chain.

    Nothing is imported later: the new user may not be allowed to read our files,
    and they may have been replaced by another version.
    """
    if choices.rules is not None:
        from ucspi.rules import LiveRules  # noqa: F401
    if choices.rules_text is not None:
        from ucspi.rules import LiveText  # noqa: F401
    if choices.settings.keeps_notes:
        import ucspi.tcp.report.jsonlog
        import ucspi.tcp.report.several
        import ucspi.tcp.report.statusfile
    if choices.settings.needs_lookups:
        import ucspi.tcp.server.clientlookups
    if choices.settings.exit_time is not None:
        import ucspi.tcp.server.idleness
    if choices.settings.proxy_from is not None:
        import ucspi.tcp.server.denyingdoor
        import ucspi.tcp.server.entrance
        import ucspi.tcp.server.proxyheaders
    if choices.settings.tls is not None:
        import ucspi.tcp.server.entrance
        import ucspi.tcp.server.handshakes
        import ucspi.tcp.server.tlslink
        import ucspi.tls.keeper

        if choices.rules is not None or choices.rules_text is not None:
            from ucspi.rules import certificate_candidates  # noqa: F401
    if choices.settings.limits_time or choices.rules is not None or choices.rules_text is not None:
        import ucspi.tcp.server.endings
        import ucspi.tcp.server.timelimits
    if any(listener.path is not None for listener in listeners):
        import ucspi.tcp.server.unixdoor
    if choices.ready_descriptor is not None or environ.value_of(inherited, b"NOTIFY_SOCKET"):
        import ucspi.unix.notify  # noqa: F401
    return _chain_reader(program, _handed_on(choices.settings, inherited, listeners))


def _require_counters(settings: "Settings", listeners: "list[Listener]") -> None:
    """Refuse --idle-time where the kernel does not tell how many bytes have moved."""
    if settings.idle_time is None:
        return
    from ucspi.unix.sockdiag import SockDiag

    text = b"unable to use --idle-time: "
    try:
        diag = SockDiag()
        try:
            known = [diag.knows(listener.socket) for listener in listeners]
        finally:
            diag.close()
    except OSError as error:
        reason = describe(error.errno) + b" (sock_diag)"
        raise Stop(b"%s: fatal: %s%s" % (PROGRAM, text, reason), EXIT_TEMPORARY) from None
    if not all(known):
        reason = b"this kernel does not tell of connections, or the socket is of another network namespace"
        raise Stop(b"%s: fatal: %s%s" % (PROGRAM, text, reason), EXIT_TEMPORARY)


def _warm_up(server: Server) -> None:
    """Import the module of a handler that is a Python function, before the first client is accepted."""
    trouble = b"" if server.warm is None else server.warm.begin()
    if trouble:
        raise Stop(b"%s: fatal: pyhandler: %s" % (PROGRAM, trouble), EXIT_TEMPORARY)


def _judge(choices: "Choices") -> "Judge | None":
    def tell(line: bytes) -> None:
        _warn(choices.settings, line)

    if choices.rules_text is not None:
        return _judge_by_text(choices.rules_text, tell, numbered=choices.settings.keeps_notes)
    if choices.rules is None:
        return None
    from ucspi.rules import LiveRules  # with no rules there is no cdb to load the code for

    return LiveRules(choices.rules, missing_ok=choices.missing_rules_allow, log=tell)


def _warn_of_what_is_missing(
    choices: "Choices", inherited: list[bytes], program: list[bytes], judge: "Judge | None"
) -> None:
    """Warn at the start of what would drop every client."""
    number = search.obstacle(search.files(program[0], environ.value_of(inherited, b"PATH")))
    if number:
        text = b"unable to run %s: %s; every client is dropped until that changes" % (
            program[0],
            describe(number),
        )
        _warn(choices.settings, text)
    if choices.rules is None:
        return
    from ucspi.rules import LiveRules

    trouble = judge.trouble() if isinstance(judge, LiveRules) else b""
    if trouble:
        text = b"unable to read %s: %s; every client is dropped until that changes" % (choices.rules, trouble)
        _warn(choices.settings, text)


def _warn_of_groups(choices: "Choices") -> None:
    identity = choices.identity()
    if identity.uid is None or identity.gid is not None or os.geteuid() != 0:
        return
    text = b"-u %d alone keeps the groups of root; add -g, or give a name" % identity.uid
    _warn(choices.settings, text)


def _warn_of_trust(settings: "Settings") -> None:
    for network in settings.proxy_from.whole if settings.proxy_from is not None else ():
        _warn(settings, b"--proxy-from %s lets everybody claim any address" % network)


def _drop_privileges(identity: privilege.Identity) -> None:
    step = b"unable to set gid"
    try:
        privilege.drop_groups(identity)
        step = b"unable to set uid"
        privilege.drop_user(identity)
    except OSError as error:
        raise fatal(PROGRAM, step, error) from None


def _print_ports(listeners: "list[Listener]") -> None:
    # As in the original, a failure is ignored: perhaps nobody reads it.
    emit(b"".join(b"%d\n" % listener.port for listener in listeners if listener.path is None), 1)


def _say_ready(choices: "Choices", inherited: list[bytes]) -> None:
    manager = environ.value_of(inherited, b"NOTIFY_SOCKET")
    if choices.ready_descriptor is None and not manager:
        return
    from ucspi.unix import notify

    if choices.ready_descriptor is not None:
        try:
            notify.ready_descriptor(choices.ready_descriptor)
        except OSError as error:
            what = b"unable to write to descriptor %d" % choices.ready_descriptor
            raise fatal(PROGRAM, what, error) from None
    if manager:
        try:
            notify.service_manager(manager, b"READY=1\n")
        except OSError as error:
            text = b"unable to notify %s: %s" % (manager, describe(error.errno))
            _warn(choices.settings, text)


def _warn(settings: "Settings", text: bytes) -> None:
    """Log a warning that concerns no client, in the format of the log."""
    reporter(settings)[0].warn(text)


def _replaced(settings: "Settings", inherited: list[bytes], listeners: "list[Listener]") -> frozenset[bytes]:
    # The variables of a service manager are for us, not for handlers.
    replaced = REPLACED6 if any(listener.ip6 for listener in listeners) else REPLACED
    if any(listener.path is not None for listener in listeners):
        replaced |= REPLACED_UNIX
    if settings.proxy_from is not None:
        replaced |= REPLACED6 | said_by_balancers(entry.partition(b"=")[0] for entry in inherited)
    if settings.tls is not None:
        from ucspi.tls.proven import NAMES, is_ours

        replaced |= NAMES.union(filter(is_ours, (entry.partition(b"=")[0] for entry in inherited)))
    return replaced | MANAGER


def _pid_variable(listeners: "list[Listener]") -> bytes:
    if all(listener.path is None for listener in listeners):
        return b""
    from ucspi.tcp.server import unixdoor

    return unixdoor.PID_VARIABLE


def _judge_by_text(path: bytes, tell: "Callable[[bytes], object]", *, numbered: bool) -> "Judge":
    from ucspi.rules import LiveText

    rules = LiveText(path, tell, numbered=numbered)
    try:
        problems = rules.load()
    except OSError as error:
        raise fatal(PROGRAM, b"unable to read " + path, error) from None
    if problems:
        lines = [problem.text(path) for problem in problems]
        raise Stop(b"\n".join([b"tcpserver: fatal: unable to judge by " + path, *lines]), EXIT_PERMANENT)
    return rules


def _handed_on(settings: "Settings", inherited: list[bytes], listeners: "list[Listener]") -> list[bytes]:
    """Return what a handler inherits of our environment."""
    return environ.without(inherited, _replaced(settings, inherited, listeners))


def _chain_reader(program: list[bytes], inherited: list[bytes]) -> "ChainReader | None":
    """Return what reads the handler's command line as a chain, if it may begin with a command of ours.

    What that takes is imported now.  A server of another program imports nothing more:
    a launcher of ours is as large as the one that started us.
    """
    if native.lib is None or not inheritedstate.is_launched:
        return None
    if environ.value_of(inherited, b"UCSPI_WARM") == b"0":
        return None
    path = environ.value_of(inherited, b"PATH")
    sizes = (_size(file) for file in search.files(program[0], path))
    first = next((size for size in sizes if size >= 0), -1)  # no further: there may be a disk that hangs
    if first < 0 or first != _size(inheritedstate.command):
        return None
    from ucspi.programs import _chain

    reader = _chain.reader("tcpserver", program, inherited, path)
    if reader is not None:
        import ucspi.unix.chainspawn  # nothing is imported later
    if reader is not None and reader.names_function:
        import ucspi.tcp.server.warmhandlers
        import ucspi.unix.stemspawn  # noqa: F401
    return reader


def _size(path: bytes) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def _spawner(
    settings: "Settings",
    program: list[bytes],
    inherited: list[bytes],
    listeners: "list[Listener]",
    chain: "ChainReader | None",
) -> "tuple[Spawner, StemSpawner | None]":
    """Return what starts handlers, and the same again if it starts stems too."""
    complaint = b""
    if settings.verbosity:
        complaint = b"%s: warning: dropping connection, unable to run %s: " % (PROGRAM, program[0])
    paths = search.files(program[0], environ.value_of(inherited, b"PATH"))
    ours = [listener.fileno() for listener in listeners]
    described = Program(program, paths, inherited, complaint, _pid_variable(listeners), ours)
    stems = _stem_spawner(described, chain) if chain is not None and chain.names_function else None
    handler = stems or (spawner(described) if chain is None else _chain_spawner(described, chain))
    if not handler.native and settings.verbosity > 1:
        say(b"tcpserver: the compiled module is missing: handlers are forked, which is slower")
    if not inheritedstate.is_launched and settings.verbosity > 1:
        say(b"tcpserver: started by a script, not by its launcher: PYTHON variables have a say in it")
    return handler, stems


def _chain_spawner(program: Program, chain: "ChainReader") -> "Spawner":
    from ucspi.unix.chainspawn import ChainSpawner

    return ChainSpawner(program, chain)


def _stem_spawner(program: Program, chain: "ChainReader") -> "StemSpawner":
    from ucspi.unix.stemspawn import StemSpawner

    return StemSpawner(program, chain)
