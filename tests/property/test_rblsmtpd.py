"""Laws of rblsmtpd: its conversation in pieces, and answers of any bytes."""

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.nameserver import TXT, NameServer, Query, reply, strings
from ucspi.dnsbl import dnsquery
from ucspi.dnsbl.stubresolver import StubResolver
from ucspi.programs._smtp_refusal import FirstWords, printable

lines = st.lists(st.sampled_from([b"helo", b"QUIT", b"x", b" ", b"\r", b"\n", b"\0", b"\xff", b"y" * 9])).map(
    b"".join
)


def words_of(text: bytes) -> list[bytes]:
    """Say the rule plainly: the first word of each whole line, without the CR at the line's end."""
    whole = [line.removesuffix(b"\r") for line in text.split(b"\n")[:-1]]
    return [line.split(b" ")[0].lower() for line in whole]


@given(lines)
def test_words_are_those_of_the_whole_text(text: bytes) -> None:
    assert [word[:5] for word in FirstWords().of(text)] == [word[:5] for word in words_of(text)]


@given(lines, st.integers(1, 9))
def test_words_do_not_depend_on_the_pieces(text: bytes, size: int) -> None:
    words = FirstWords()
    pieces = (words.of(text[at : at + size]) for at in range(0, len(text), size))
    assert [word for piece in pieces for word in piece] == FirstWords().of(text)


@given(st.binary(max_size=400))
def test_reply_is_one_line_of_ascii(text: bytes) -> None:
    shown = printable(text)
    assert len(shown) == min(len(text), 200)
    assert all(32 <= byte <= 126 for byte in shown)
    assert all(there == byte or not 32 <= byte <= 126 for there, byte in zip(shown, text, strict=False))


@pytest.fixture(scope="module")
def server() -> Iterator[NameServer]:
    with NameServer({}) as made:
        yield made


@given(
    damage=st.lists(st.tuples(st.integers(2, 80), st.integers(0, 255)), max_size=6), cut=st.integers(0, 90)
)
def test_damaged_answer_is_an_answer_or_none_in_time(
    server: NameServer, damage: list[tuple[int, int]], cut: int
) -> None:
    def manner(query: Query) -> list[bytes]:
        packet = bytearray(reply(query, [(5, b"\xc0\x0c"), (TXT, strings(b"text", b"more"))]))
        for at, byte in damage:
            packet[at % len(packet)] = byte
        return [bytes(packet[: len(packet) - cut])]

    server.manners[b"1.list.test"] = manner
    started = time.monotonic()
    resolver = StubResolver([b"127.0.0.1"], 0.05, server.address[1])
    found = resolver.wait(resolver.query([b"1", b"list", b"test"], dnsquery.TXT))
    resolver.close()
    assert found is None or all(isinstance(text, bytes) for text in found)
    assert time.monotonic() - started < 5


@given(st.binary(max_size=600))
def test_bytes_of_any_kind_are_no_trouble(server: NameServer, packet: bytes) -> None:
    server.manners[b"2.list.test"] = lambda query: [query.packet[:2] + b"\x81\x80" + packet]
    resolver = StubResolver([b"127.0.0.1"], 0.05, server.address[1])
    found = resolver.wait(resolver.query([b"2", b"list", b"test"], dnsquery.TXT))
    resolver.close()
    assert found is None or found == []
