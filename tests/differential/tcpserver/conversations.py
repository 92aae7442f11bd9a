"""Several clients at once, signals, clients with wishes of their own."""

import signal
import socket
from dataclasses import replace

from tests.differential.tcpserver.case import PLAIN, Case, Script
from tests.differential.tcpserver.server import Launch, Observation, Server
from tests.support.patience import PATIENCE


def _conversations() -> list[Case]:
    """Several clients at once, and signals."""
    hold = (b"./probe", b"hold")
    return [
        Case("two at once", Launch(PLAIN, handler=hold), script=_two_at_once),
        Case("the limit holds the third back", Launch((*PLAIN, b"-c2"), handler=hold), script=_held_back),
        Case("TERM leaves children alone", Launch(PLAIN, handler=hold), script=_term_with_child),
        Case("HUP ends the server", Launch(PLAIN, handler=hold), script=_signal(signal.SIGHUP)),
        Case("INT ends the server", Launch(PLAIN, handler=hold), script=_signal(signal.SIGINT)),
        Case("USR1 ends the server", Launch(PLAIN, handler=hold), script=_signal(signal.SIGUSR1)),
        Case("PIPE and CHLD do not", Launch(PLAIN), script=_signals_ignored),
        Case("a client that is gone at once", Launch(PLAIN), script=_gone_at_once),
        Case("IP options of the client, kept", Launch((*PLAIN, b"-o")), script=_with_ip_options),
        Case("IP options of the client", Launch(PLAIN), script=_with_ip_options, expect=_without_ip_options),
    ]


def _two_at_once(server: Server) -> dict[str, object]:
    first = server.connect()
    first.read_until(b"done\n")
    second = server.connect("127.0.0.2")
    second.read_until(b"done\n")
    first.finish()
    server.wait_for("the first end", lambda log: b"end" in log)
    second.finish()
    return {}


def _held_back(server: Server) -> dict[str, object]:
    first = server.connect()
    first.read_until(b"done\n")
    second = server.connect()
    second.read_until(b"done\n")
    third = server.connect("127.0.0.3")
    silent = third.nothing_comes(0.15)
    first.finish()
    third.read_until(b"done\n")
    third.finish()
    server.wait_for("the third end", lambda log: log.count(b": end ") == 2)
    second.finish()
    return {"the third waits in silence": silent}


def _term_with_child(server: Server) -> dict[str, object]:
    child = server.connect()
    child.read_until(b"done\n")
    code = server.terminate()
    alive = child.nothing_comes(0.05)
    child.finish()
    return {"exit code": code, "the child lives on": alive, "its connection ends": child.end}


def _signal(number: signal.Signals) -> Script:
    def send(server: Server) -> dict[str, object]:
        child = server.connect()
        child.read_until(b"done\n")
        server.process.send_signal(number)
        code = server.process.wait(PATIENCE)
        child.finish()
        return {"exit code": code}

    return send


def _signals_ignored(server: Server) -> dict[str, object]:
    server.process.send_signal(signal.SIGPIPE)
    server.process.send_signal(signal.SIGCHLD)
    server.connect().finish()
    return {}


def _gone_at_once(server: Server) -> dict[str, object]:
    gone = server.connect()
    gone.socket.close()
    gone.end = "gone"
    server.wait_for("the client that is gone", lambda log: b" from " in log)  # or both are met at once
    server.settle()
    server.connect().finish()
    return {}


def _with_ip_options(server: Server) -> dict[str, object]:
    record_route = bytes([7, 7, 4, 0, 0, 0, 0, 1])

    def prepare(client: socket.socket) -> None:
        client.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, record_route)

    server.connect(prepare=prepare).finish()
    return {}


def _without_ip_options(original: Observation) -> Observation:
    (answer,) = original.answers
    assert answer.report is not None
    facts = tuple(
        (name, "ip-options " if value.startswith("ip-options") else value)
        for name, value in answer.report.facts
    )
    return replace(original, answers=[replace(answer, report=replace(answer.report, facts=facts))])


CASES = _conversations()
