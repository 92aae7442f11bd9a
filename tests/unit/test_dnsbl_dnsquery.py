"""Questions to name servers that answer, fail, lie or keep silent."""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from dns.rdatatype import RdataType

from tests.support.nameserver import (
    CNAME,
    TRUNCATED,
    TXT,
    Manner,
    NameServer,
    Query,
    address,
    encode,
    failing,
    first_a_lie,
    nowhere,
    reply,
    says,
    sends,
    silent,
    slow,
    strings,
    text,
    truncated,
)
from tests.support.patience import PATIENCE, wait_for
from ucspi.dnsbl import dnsquery
from ucspi.dnsbl.dnsquery import A
from ucspi.dnsbl.stubresolver import StubResolver

NAME = [b"1", b"list", b"test"]


def ask(manner: Manner, kind: RdataType = dnsquery.TXT, *, seconds: float = PATIENCE) -> list[bytes] | None:
    with NameServer({b"1.list.test": manner}) as server:
        return ask_of([server], kind, seconds=seconds)


def ask_of(
    servers: list[NameServer],
    kind: RdataType = dnsquery.TXT,
    *,
    seconds: float = PATIENCE,
) -> list[bytes] | None:
    """Ask servers at addresses of their own, all on the port of the first."""
    port = servers[0].address[1]
    resolver = StubResolver([server.address[0] for server in servers], seconds, port)
    started = time.monotonic()
    try:
        return resolver.wait(resolver.query(NAME, kind))
    finally:
        resolver.close()
        assert time.monotonic() - started < seconds + 8


@pytest.fixture
def two() -> Iterator[list[NameServer]]:
    """Give two servers; the second knows the name, the first is to be taught."""
    while True:
        with NameServer({}) as first, ExitStack() as stack:
            try:
                second = NameServer({b"1.list.test": text(b"second")}, "127.0.0.2", first.address[1])
            except OSError:
                continue  # what else runs here has that port there
            yield [first, stack.enter_context(second)]
            return


def test_strings_of_a_record_are_one_text() -> None:
    assert ask(says((TXT, strings(b"a", b"b")), (TXT, strings(b"c")))) == [b"ab", b"c"]


def test_same_text_twice_is_there_twice() -> None:
    assert ask(says((TXT, strings(b"a")), (TXT, strings(b"a")))) == [b"a", b"a"]


def test_address_is_found() -> None:
    assert ask(address("127.0.0.4"), A) == [b"127.0.0.4"]


@pytest.mark.parametrize("manner", [nowhere, says(), address(), says((CNAME, encode(b"1.list.test")))])
def test_name_without_such_a_record_has_none(manner: Manner) -> None:
    assert ask(manner) == []


def test_text_behind_an_alias_is_found() -> None:
    assert ask(says((CNAME, encode(b"elsewhere.test")), (TXT, strings(b"there")))) == [b"there"]


def test_loop_of_aliases_ends() -> None:
    loop = [(CNAME, encode(b"1.list.test"))] * 200
    assert ask(truncated(says(*loop))) == []


def test_answer_that_was_cut_is_fetched_over_tcp() -> None:
    assert ask(truncated(text(b"z" * 250, b"y" * 255))) == [b"z" * 250 + b"y" * 255]


def test_largest_answer_is_taken() -> None:
    huge = says(*[(TXT, strings(*[b"x" * 255] * 15))] * 16)
    assert ask(truncated(huge)) == [b"x" * 3825] * 16


def test_answer_cut_over_tcp_as_well_is_taken_as_it_is() -> None:
    assert ask(lambda query: [reply(query, [(TXT, strings(b"cut"))], 0, TRUNCATED)]) == [b"cut"]


@pytest.mark.parametrize(
    "over_tcp",
    [
        lambda query: [],
        failing,
        sends(b"\x81\x80garbage"),
        lambda query: [b""],
        lambda query: [b"\0"],
        lambda query: [query.packet],
        first_a_lie(text(b"lie"), nowhere),
    ],
)
def test_server_that_does_not_answer_over_tcp_has_failed(over_tcp: Manner) -> None:
    def manner(query: object) -> list[bytes]:
        return (over_tcp if query.tcp else truncated(silent))(query)  # type: ignore[attr-defined, arg-type]

    assert ask(manner) is None


def test_forged_answer_is_passed_over() -> None:
    assert ask(first_a_lie(text(b"lie"), text(b"truth"))) == [b"truth"]


def test_answer_to_another_question_is_passed_over() -> None:
    def manner(query: object) -> list[bytes]:
        answer = reply(query, [(TXT, strings(b"no"))])  # type: ignore[arg-type]
        return [answer.replace(b"\x04list", b"\x04lost"), reply(query, [(TXT, strings(b"yes"))])]  # type: ignore[arg-type]

    assert ask(manner) == [b"yes"]


def test_echo_of_the_question_is_no_answer() -> None:
    assert ask(lambda query: [query.packet, reply(query, [(TXT, strings(b"yes"))])]) == [b"yes"]


def test_other_letters_in_the_name_are_the_same_name() -> None:
    assert ask(lambda query: [reply(query, [(TXT, strings(b"yes"))]).replace(b"list", b"LiSt")]) == [b"yes"]


def test_another_class_does_not_count() -> None:
    chaos = b"\xc0\x0c" + struct.pack(">HH", TXT, 3)
    internet = b"\xc0\x0c" + struct.pack(">HH", TXT, 1)
    assert ask(lambda query: [reply(query, [(TXT, strings(b"x"))]).replace(internet, chaos)]) == []


@pytest.mark.parametrize(
    "manner",
    [
        failing,
        says(code=5),
        sends(b"\x81\x80"),
        sends(b"\x81\x80" + b"\xff" * 500),
        says((TXT, b"\x05ab")),
        says((TXT, b"")),
        lambda query: [reply(query, [(TXT, strings(b"x"))])[:-1]],
        lambda query: [reply(query, [(TXT, strings(b"x"))]) + b"rest"],
        lambda query: [reply(query, [(TXT, strings(b"x"))]).replace(b"\xc0\x0c", b"\xc0\x26")],
    ],
)
def test_server_that_fails_or_sends_nonsense_is_not_waited_for(manner: Manner) -> None:
    assert ask(manner) is None


def test_next_server_is_asked_at_once_when_one_has_failed(
    two: list[NameServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dnsquery, "ROUNDS", (8.0,))
    two[0].manners[b"1.list.test"] = failing
    started = time.monotonic()
    assert ask_of(two) == [b"second"]
    assert time.monotonic() - started < 7
    assert len(two[0].asked) == 1


def test_next_server_is_asked_when_one_is_silent(
    two: list[NameServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dnsquery, "ROUNDS", (0.1, 0.3))
    two[0].manners[b"1.list.test"] = silent
    assert ask_of(two) == [b"second"]


def test_next_server_is_asked_when_nobody_is_at_the_first(
    two: list[NameServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dnsquery, "ROUNDS", (8.0,))
    two[0].address = (b"127.0.0.9", two[0].address[1])
    started = time.monotonic()
    assert ask_of(two) == [b"second"]
    assert time.monotonic() - started < 7


def test_lost_packet_is_sent_again_with_another_identifier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dnsquery, "ROUNDS", (0.1, 0.3, 5.0))
    with NameServer({}) as server:
        server.manners[b"1.list.test"] = lambda query: (
            [] if len(server.asked) < 3 else [reply(query, [(TXT, strings(b"third"))])]
        )
        assert ask_of([server]) == [b"third"]
        assert len({query.packet[:2] for query in server.asked}) > 1


def test_silence_ends_at_the_deadline() -> None:
    assert ask(silent, seconds=0.3) is None


def test_silence_over_tcp_ends_at_the_deadline() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as deaf,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        udp.bind(deaf.getsockname())
        resolver = StubResolver([b"127.0.0.1"], 0.5, deaf.getsockname()[1])
        query = resolver.query(NAME, dnsquery.TXT)
        packet, client = udp.recvfrom(512)
        udp.sendto(packet[:2] + b"\x83\x80" + packet[4:], client)
        started = time.monotonic()
        assert resolver.wait(query) is None
        assert time.monotonic() - started < 8  # an answer over TCP is waited for longer


def test_lists_are_asked_at_the_same_time() -> None:
    asked = set()

    def noting(query: Query) -> list[bytes]:
        asked.add(query.name)
        return []

    names = [[number, b"list", b"test"] for number in (b"1", b"2", b"3")]
    with NameServer({b".".join(name): noting for name in names}) as server:
        resolver = StubResolver([b"127.0.0.1"], PATIENCE, server.address[1])
        for name in names:
            resolver.query(name, dnsquery.TXT)
        wait_for(lambda: len(asked) == 3, "a question about each list")
        resolver.close()


def test_slow_answer_is_waited_for() -> None:
    assert ask(slow(0.3, text(b"late"))) == [b"late"]


@pytest.mark.parametrize("labels", [[b"x" * 64], [b"x" * 60] * 5])
def test_name_that_is_too_long_is_not_asked(labels: list[bytes]) -> None:
    resolver = StubResolver([b"127.0.0.1"], PATIENCE, 1)
    assert resolver.wait(resolver.query(labels, dnsquery.TXT)) is None


def test_server_of_ip6_is_asked() -> None:
    with NameServer({b"1.list.test": text(b"six")}, "::1") as server:
        assert ask_of([server]) == [b"six"]


def test_without_descriptors_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*arguments: object) -> None:
        raise OSError(24, "none left")

    monkeypatch.setattr("_socket.socket", none_left)
    resolver = StubResolver([b"127.0.0.1", b"127.0.0.2"], PATIENCE)
    assert resolver.wait(resolver.query(NAME, dnsquery.TXT)) is None
