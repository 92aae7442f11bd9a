"""A listener of the UNIX domain: its place, what it knows of clients, and how rules and limits see them."""

import socket

import pytest

from ucspi.rules import candidates, lint
from ucspi.tcp import environment
from ucspi.tcp.connection import Connection
from ucspi.tcp.report import classiclines
from ucspi.tcp.server.census import Census
from ucspi.tcp.server.rate import Buckets, Rate
from ucspi.tcp.server.unixdoor import BadPlaceError, parse_place


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (b"/run/s", (b"/run/s", None)),
        (b"./s", (b"./s", None)),
        (b"/run/a:b", (b"/run/a:b", None)),
        (b"/s,mode=0660", (b"/s", 0o660)),
        (b"/s,mode=600", (b"/s", 0o600)),
        (b"/" + b"x" * 106, (b"/" + b"x" * 106, None)),
    ],
)
def test_place_is_a_path_and_a_mode(text: bytes, place: tuple[bytes, int | None]) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize(
    "text",
    [b"/s,", b"/s,mode", b"/s,mode=", b"/s,mode=8", b"/s,mode=1777", b"/s,mode=-1", b"/s,mode=00660"]
    + [b"/s,mod=0660", b"/s,0660", b"/s,mode=0660,", b"/s,mode=mode=1", b"/" + b"x" * 107],
)
def test_anything_else_is_no_place(text: bytes) -> None:
    with pytest.raises(BadPlaceError):
        parse_place(text)


def connection(path: bytes = b"/run/s") -> Connection:
    made = Connection(-1, path, 0, b"unix.1000", 4711)
    made.user = 1000, 100
    return made


def test_user_stands_for_the_address_in_lines_and_process_for_the_port() -> None:
    assert classiclines.arrival(b"5", connection()) == b"tcpserver: pid 5 from unix.1000\n"
    assert classiclines.verdict(b"ok", b"5", connection()) == b"tcpserver: ok 5 :/run/s:0 :unix.1000::4711\n"


def test_path_cannot_break_a_line() -> None:
    shown = classiclines.verdict(b"ok", b"5", connection(b"/a:b c\nd"))
    assert shown == b"tcpserver: ok 5 :/a?b?c?d:0 :unix.1000::4711\n"


def test_variables_of_a_rule_win() -> None:
    variables = environment.variables(connection(), ((b"UNIXREMOTEEUID", b"x"), (b"A", b"b"))).split(b"\0")
    assert {b"PROTO=UNIX", b"UNIXREMOTEEUID=x", b"UNIXREMOTEEGID=100", b"A=b"} <= set(variables)
    assert not any(entry.startswith(b"TCP") for entry in variables)


def test_client_program_and_handler_are_told_the_same_names() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        made = Connection(ours.detach(), b"", 0, b"", 0)
        made.path = b"/run/s"
        variables = [environment.variables(each, ()).split(b"\0")[:-1] for each in (made, connection())]
        made.close()
    names = [[entry.partition(b"=")[0] for entry in entries] for entries in variables]
    assert names[0] == names[1]
    assert set(names[0]) == environment.REPLACED_UNIX - environment.REPLACED | {b"PROTO"}


def test_rules_know_each_user_and_all_of_them() -> None:
    assert list(candidates(b"unix.1000")) == [b"unix.1000", b"unix.", b""]


@pytest.mark.parametrize("line", [b"unix.:deny", b"unix.0:allow", b"unix.1000:deny"])
def test_rule_for_local_clients_is_not_remarked_upon(line: bytes) -> None:
    assert list(lint(line + b"\n")) == []


@pytest.mark.parametrize(
    "line", [b"unix:deny", b"unix.01:allow", b"unix.x:deny", b"unix.1.:deny", b"x@unix.:deny"]
)
def test_rule_that_no_local_client_has_is(line: bytes) -> None:
    assert len(list(lint(line + b"\n"))) == 1


def test_users_are_sources_of_their_own_and_one_network() -> None:
    census = Census()
    for ip in (b"unix.1", b"unix.1", b"unix.2", b"10.0.0.1", b"0.0.0.0", b"::"):
        census.enter(ip)
    assert (census.of_ip(b"unix.1"), census.of_network(b"unix.2", 24, 64)) == (2, 3)
    buckets = Buckets(Rate(1, 60, 1), lambda: 0)
    assert [bool(buckets.take_token(ip)) for ip in (b"unix.1", b"unix.2", b"unix.1")] == [False, False, True]


def test_banner_reaches_a_local_client() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        made = Connection(ours.detach(), b"", 0, b"unix.0", 1)
        made.print_at_once(b"hello")
        assert theirs.recv(5) == b"hello"
        made.close()
