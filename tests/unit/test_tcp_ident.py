"""Ident: what is read of a reply, and many questions at once, some never answered."""

import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ucspi.tcp import ident
from ucspi.tcp.background import Background
from ucspi.tcp.ident import NAME_MAX, REPLY_MAX, ReplyParser

REPLIES = {
    b"1 , 2 : USERID : UNIX : joe\r\n": b"joe",
    b"1,2:USERID:UNIX:j o\te \r\n": b"joe",
    b"1,2:USERID:UNIX:a:b:c\n": b"a:b:c",
    b"1,2:ERROR:NO-USER\r\n": b"",
    b"\n": b"",
    b":::\n": b"",
    b"1:2:3:jo\0e\n": b"jo",
    b":::" + b"x" * 1000 + b"\n": b"x" * NAME_MAX,
    b":::" + b"x" * NAME_MAX: b"x" * NAME_MAX,
    b":::" + b"x y" * NAME_MAX: (b"xy" * NAME_MAX)[:NAME_MAX],
    b":::jo" + b"\0" * NAME_MAX: b"jo",
    b":" * (3 + NAME_MAX): b":" * NAME_MAX,
    b"x" * 5000 + b":" * 3 + b"late\n": b"late",
    b":::one\n:::two\n": b"one",
}


def feed(blocks: list[bytes]) -> bytes | None:
    answer = ReplyParser()
    for block in blocks:
        name = answer.feed(block)
        if name is not None:
            return name
    return None


def test_name_is_what_stands_after_the_third_colon() -> None:
    for reply, name in REPLIES.items():
        assert feed([reply]) == name, reply


def test_reply_without_newline_is_not_complete_while_it_could_go_on() -> None:
    assert feed([b"1,2:USERID:UNIX:joe"]) is None
    assert feed([b":::" + b"x" * (NAME_MAX - 1)]) is None


def test_reply_may_arrive_byte_by_byte() -> None:
    for reply, name in REPLIES.items():
        assert feed([reply[at : at + 1] for at in range(len(reply))]) == name, reply


@given(blocks=st.lists(st.binary(max_size=300).map(lambda b: b.replace(b"\n", b"").replace(b":", b""))))
def test_memory_is_bounded_whatever_arrives(blocks: list[bytes]) -> None:
    answer = ReplyParser()
    for block in blocks:
        assert answer.feed(block) is None
        assert len(answer._kept) <= NAME_MAX
    assert answer.is_hopeless == (sum(map(len, blocks)) >= REPLY_MAX)


@given(reply=st.binary(max_size=80), cut=st.integers(0, 80))
def test_chunking_does_not_change_the_name(reply: bytes, cut: int) -> None:
    assert feed([reply[:cut], reply[cut:]]) == feed([reply])


class Identd(threading.Thread):
    """An ident server of one manner, for any number of connections; ``sent`` counts bytes."""

    def __init__(self, manner: Callable[["Identd", socket.socket], None]) -> None:
        super().__init__(daemon=True)
        self._manner, self.sent = manner, 0
        self.held: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=500)
        self.start()

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self._manner(self, connection)

    def stop(self) -> None:
        if self.listener.fileno() < 0:
            return
        self.listener.shutdown(socket.SHUT_RDWR)
        self.join()
        for open_one in (self.listener, *self.held):
            open_one.close()


def silent(server: Identd, connection: socket.socket) -> None:
    server.held.append(connection)


def answers(server: Identd, connection: socket.socket) -> None:
    with connection:
        question = connection.recv(100)
        connection.sendall(b"0,0:USERID:UNIX:" + question.replace(b" ", b"").strip() + b"\r\n")


def endless(server: Identd, connection: socket.socket) -> None:
    """Send until nobody listens, at most 64 MB."""
    with connection:
        try:
            while server.sent < 1 << 26:
                server.sent += connection.send(b"x" * 65536)
        except OSError:
            pass


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[..., None]], Identd]]:
    started: list[Identd] = []

    def start(manner: Callable[..., None]) -> Identd:
        started.append(Identd(manner))
        monkeypatch.setattr(ident, "PORT", started[-1].listener.getsockname()[1])
        return started[-1]

    yield start
    for server in started:
        server.stop()


def never(error: MemoryError) -> None:
    raise error


def query(background: Background, timeout: float, names: list[bytes | None], port: int = 2) -> None:
    ends = (b"127.0.0.1", 1), (b"127.0.0.1", port)
    ident.query(background, *ends, 0, timeout, names.append, never)


def turn_until(background: Background, names: list[bytes | None], count: int) -> None:
    while len(names) < count:
        background.wait()
        background.turn()


def test_question_is_the_two_ports(served: Callable[..., Identd]) -> None:
    served(answers)
    background, names = Background(), list[bytes | None]()
    query(background, 20.0, names, port=40000)
    turn_until(background, names, 1)
    assert names == [b"40000,1"]
    assert background.deadline() is None
    background.close()


def test_hundreds_that_are_never_answered_delay_no_other(served: Callable[..., Identd]) -> None:
    background, silence, names = Background(), list[bytes | None](), list[bytes | None]()
    server = served(silent)
    for _ in range(300):
        query(background, 2.0, silence)
        background.turn()
    while len(server.held) < 300:
        background.turn()
    served(answers)
    query(background, 20.0, names)
    turn_until(background, names, 1)
    assert (names, silence) == ([b"2,1"], [])
    begin = time.monotonic()
    turn_until(background, silence, 300)
    assert silence == [None] * 300
    assert time.monotonic() - begin < 10
    background.close()


def test_answer_without_end_is_cut_off(served: Callable[..., Identd]) -> None:
    background, names = Background(), list[bytes | None]()
    server = served(endless)
    query(background, 20.0, names)
    turn_until(background, names, 1)
    assert names == [None]
    server.stop()
    assert server.sent < 1 << 26
    background.close()


def test_nobody_there_is_told_in_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        monkeypatch.setattr(ident, "PORT", free.getsockname()[1])
    background, names = Background(), list[bytes | None]()
    query(background, 20.0, names)
    ident.query(background, (b"192.0.2.1", 1), (b"127.0.0.1", 2), 0, 20.0, names.append, never)
    assert names == []
    turn_until(background, names, 2)
    assert names == [None, None]
    background.close()
