"""The step that asks block lists, without a server: the program behind it is executed, or else the link."""

import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence

import pytest

from tests.support.nameserver import (
    CNAME,
    TXT,
    Manner,
    NameServer,
    encode,
    failing,
    first_a_lie,
    reply,
    says,
    sends,
    silent,
    strings,
    text,
    truncated,
)
from tests.support.patience import PATIENCE, wait_for
from tests.support.serving import read_all
from ucspi.dnsbl import liststep
from ucspi.unix import native
from ucspi.unix.chain import Chain, Plan, Step
from ucspi.unix.chainlayout import lay_out
from ucspi.unix.chainlists import Lists
from ucspi.unix.spawn import NativeSpawner, Program

pytestmark = [
    pytest.mark.sampled(3),
    pytest.mark.skipif(native.lib is None, reason="the compiled module is not built"),
]

CLIENT = b"TCPREMOTEIP=192.0.2.7"
NAME = b"7.2.0.192."
PASSED, EXECUTED = (b"passed\n", 0), (b"executed\n", 0)
NONE = says()
MINUTE = 60_000  # milliseconds
LIMIT = 200  # milliseconds, where nobody answers
_FOREVER: list[object] = []


def spawner(
    server: NameServer,
    *lists: bytes,
    patience: int = MINUTE,
    before: Sequence[Step] = (),
    program: Sequence[bytes] = (b"echo", b"passed"),
) -> NativeSpawner:
    """Return one that asks a server; its link, if it is executed, says so."""
    tails = [liststep._tail(base, 16) for base in lists]
    ip, port = server.address
    family = socket.AF_INET6 if b":" in ip else socket.AF_INET
    asks = Lists(tails, socket.inet_pton(family, ip.decode()), port, patience)
    file = b"/bin/" + program[0]
    plan = Plan(b"rblsmtpd", "USYS_LISTS", file, list(program), lists=asks)
    one = NativeSpawner(Program([b"echo", b"executed"], [b"/bin/echo"], [b"A=b"], b"server: fatal: "))
    chain = Chain([*before, Step(plan, b"", [file])], [])
    one._program.chain, kept = lay_out(chain, one._program.command)
    _FOREVER.append(kept)
    return one


def begin(one: NativeSpawner, *variables: bytes) -> tuple[int, socket.socket]:
    mine, its = socket.socketpair()
    mine.settimeout(PATIENCE)
    return one.spawn(its.detach(), b"".join(entry + b"\0" for entry in variables), b""), mine


def outcome(one: NativeSpawner, *variables: bytes) -> tuple[bytes, int]:
    pid, client = begin(one, *(variables or (CLIENT,)))
    with client:
        return read_all(client), os.waitpid(pid, 0)[1]


@pytest.fixture
def server() -> Iterator[NameServer]:
    with NameServer({}) as made:
        yield made


def test_client_that_no_list_has_passes(server: NameServer) -> None:
    bases = [b"one.test", b"two.test", b"two.test", b""]
    assert outcome(spawner(server, *bases)) == PASSED
    assert sorted(query.name for query in server.asked) == sorted(
        (NAME + base).rstrip(b".") for base in bases
    )
    assert len({query.packet[:2] for query in server.asked}) > 1, "the identifiers are not random"


def test_without_a_list_nobody_is_asked(server: NameServer) -> None:
    assert outcome(spawner(server)) == PASSED
    assert not server.asked


@pytest.mark.parametrize(
    ("value", "wanted"), [(b"", PASSED), (b"no", EXECUTED), (b"-no", EXECUTED), (b"\n", EXECUTED)]
)
@pytest.mark.parametrize("bases", [[], [b"one.test"]])
def test_variable_decides_first(
    server: NameServer, value: bytes, wanted: tuple[bytes, int], bases: list[bytes]
) -> None:
    assert outcome(spawner(server, *bases), CLIENT, b"RBLSMTPD=" + value) == wanted
    assert not server.asked


def test_variable_of_a_name_that_only_begins_so_decides_nothing(server: NameServer) -> None:
    variables = (b"RBLSMTPDX=no", b"RBLSMTP=no", CLIENT, b"TCPREMOTEIPX=1.1.1.1")
    assert outcome(spawner(server, b"one.test"), *variables) == PASSED
    assert [query.name for query in server.asked] == [NAME + b"one.test"]


ODD: list[Manner] = [
    text(b"Blocked"),
    says((TXT, strings(b""))),
    says((CNAME, encode(b"x.test"))),
    says((TXT, strings(b"text")), code=3),
    says((TXT, strings(b"a")), (TXT, strings(b"b"))),
    failing,
    lambda query: [reply(query, [], 5)],
    truncated(NONE),
    truncated(text(b"z" * 250)),
    sends(b""),
    sends(b"\x81\x80"),
    sends(b"\xff" * 600),
    sends(b"\x81\x83\0\1\0\0\xff\xff\0\0"),
    lambda query: [b""],
    lambda query: [query.packet],
    lambda query: [reply(query, []) + b"x" * 600],
    lambda query: [reply(query, []).replace(b"\3odd", b"\3abc")],
    first_a_lie(NONE, NONE),
]


@pytest.mark.parametrize("manner", ODD, ids=range(len(ODD)))
def test_whatever_else_comes_the_link_is_executed(server: NameServer, manner: Manner) -> None:
    server.manners[NAME + b"odd.test"] = manner
    assert outcome(spawner(server, b"odd.test")) == EXECUTED
    assert outcome(spawner(server, b"one.test", b"odd.test")) == EXECUTED
    assert outcome(spawner(server, b"odd.test", b"one.test")) == EXECUTED


def test_silence_is_waited_for_once_and_for_a_bounded_time(server: NameServer) -> None:
    """Then the link is executed without a question, until the server has had its rest."""
    server.manners[NAME + b"silent.test"] = silent
    one = spawner(server, b"one.test", b"silent.test", b"silent.test", patience=LIMIT)
    started = time.monotonic()
    assert outcome(one) == EXECUTED
    assert LIMIT / 1000 <= time.monotonic() - started < PATIENCE
    asked = len(server.asked)
    for _ in range(20):
        assert outcome(one) == EXECUTED
    assert len(server.asked) == asked == 3


def test_slow_client_s_question_delays_no_other(server: NameServer) -> None:
    server.manners[NAME + b"one.test"] = silent
    one = spawner(server, b"one.test")
    pids = [begin(one, CLIENT) for _ in range(50)]
    for number in range(20):
        assert outcome(one, b"TCPREMOTEIP=192.0.2.%d" % (100 + number)) == PASSED
    for pid, client in pids:
        os.kill(pid, signal.SIGTERM)  # as the link, it ends by that
        assert os.waitpid(pid, 0)[1] == signal.SIGTERM
        client.close()
    assert not one.is_preparing()


def test_killed_at_any_moment_it_harms_no_other(server: NameServer) -> None:
    one = spawner(server, b"one.test", b"two.test")
    for turn in range(200):
        pid, client = begin(one, CLIENT)
        time.sleep(turn % 20 * 0.00005)
        os.kill(pid, signal.SIGKILL if turn % 2 else signal.SIGTERM)
        os.waitpid(pid, 0)
        client.close()
        if turn % 20 == 0:
            assert outcome(one) == PASSED
    wait_for(lambda: not one.is_preparing(), "the last child to end")


def test_stopped_child_goes_on_where_it_was(server: NameServer) -> None:
    """What waits is no system call that a signal ends for good, or else the link is executed."""
    server.manners[NAME + b"one.test"] = silent
    one = spawner(server, b"one.test", patience=LIMIT)
    pid, client = begin(one, CLIENT)
    wait_for(lambda: server.asked, "the question")
    os.kill(pid, signal.SIGSTOP)
    os.waitpid(pid, os.WUNTRACED)
    os.kill(pid, signal.SIGCONT)
    with client:
        assert read_all(client) == b"executed\n"
    os.waitpid(pid, 0)


def test_server_that_is_not_there_is_noticed_at_once() -> None:
    with NameServer({}) as gone:
        one = spawner(gone, b"one.test")
    assert outcome(one) == EXECUTED


def test_variable_names_the_server(server: NameServer) -> None:
    """It may be set by a rule, or by an envdir in front of the link."""
    other = NameServer({NAME + b"one.test": text(b"other")}, "127.0.0.2", server.address[1])
    one = spawner(server, b"one.test")
    with other:
        assert outcome(one, CLIENT, b"DNSCACHEIP=127.0.0.2") == EXECUTED
        assert outcome(one, CLIENT, b"DNSCACHEIP=.127.0.0.2.127.0.0.1") == EXECUTED
        assert (len(other.asked), len(server.asked)) == (2, 0)
        for value in (b"", b"127.0.0", b"127.0.0.1.127.0.0.2", b"127.0.0.256", b"::1"):
            assert outcome(one, CLIENT, b"DNSCACHEIP=" + value) == PASSED
        assert len(other.asked) == 2


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6")
def test_server_may_have_an_ip6_address() -> None:
    with NameServer({}, "::1") as server:
        assert outcome(spawner(server, b"one.test")) == PASSED
        assert outcome(spawner(server, b"one.test"), b"TCPREMOTEIP=2001:db8::1") == PASSED
        assert server.asked[-1].name == b"1." + b"0." * 23 + b"8.b.d.0.1.0.0.2.one.test"


@pytest.mark.parametrize("ip", [b"", b"unix.0", b"192.0.2", b"192.0.2.7 ", b"::ffff:192.0.2.7", b"x" * 5000])
def test_what_is_no_plain_address_is_left_to_the_link(server: NameServer, ip: bytes) -> None:
    assert outcome(spawner(server, b"one.test"), b"TCPREMOTEIP=" + ip) == EXECUTED
    assert outcome(spawner(server, b"one.test"), b"X=y") == EXECUTED
    assert not server.asked


def test_without_descriptors_the_link_is_executed(server: NameServer) -> None:
    limit = Plan(b"softlimit", "USYS_LIMITS", b"/bin/echo", [b"echo", b"executed"], limits=[(7, 4)])
    few = Step(limit, b"", [b"/bin/echo"])
    one = spawner(server, b"one.test", b"two.test", before=[few])
    assert outcome(one) == EXECUTED


def test_nothing_is_left_open(server: NameServer) -> None:
    show = (b"ls", b"/proc/self/fd")
    wanted = outcome(NativeSpawner(Program(list(show), [b"/bin/ls"], [b"A=b"], b"")))
    one = spawner(server, b"one.test", b"two.test", program=show)
    before = os.listdir("/proc/self/fd")
    for _ in range(20):
        assert outcome(one) == wanted
    assert os.listdir("/proc/self/fd") == before


def test_many_clients_at_once_wait_as_one(server: NameServer) -> None:
    server.manners[NAME + b"one.test"] = silent
    one = spawner(server, b"one.test", patience=2000)
    pids = [begin(one, CLIENT) for _ in range(300)]
    started = time.monotonic()
    for pid, client in pids:
        with client:
            assert read_all(client) == b"executed\n"
        os.waitpid(pid, 0)
    assert time.monotonic() - started < PATIENCE
    assert not one.is_preparing()
