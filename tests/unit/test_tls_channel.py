"""Messages with descriptors: nobody waits, nothing is lost."""

import os
import socket
from collections.abc import Iterator

import pytest

from ucspi.tcp.background import Background
from ucspi.tls.channel import Channel, packed, receive, send

Heard = list[tuple[bytes, int, bytes, list[int]]]


class Ends:
    """Both ends, one of them as a `Channel`."""

    def __init__(self) -> None:
        mine, self.other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mine.setblocking(False)
        self.heard: Heard = []
        self.ends = 0
        self.background = Background()
        self.channel = Channel(mine, self.background, self._hear, self._end)

    def _hear(self, kind: bytes, number: int, text: bytes, descriptors: list[int]) -> None:
        self.heard.append((kind, number, text, descriptors))

    def _end(self) -> None:
        self.ends += 1


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.channel.close()
    made.other.close()
    made.background.close()


def test_message_and_descriptors_arrive(ends: Ends) -> None:
    reading, writing = os.pipe()
    send(ends.other, packed(b"H", b"text", 7), (reading, writing))
    ends.background.turn()
    ((kind, number, text, descriptors),) = ends.heard
    assert (kind, number, text) == (b"H", 7, b"text")
    os.write(descriptors[1], b"x")
    assert os.read(reading, 1) == b"x"
    assert not os.get_inheritable(descriptors[0])
    for descriptor in (reading, writing, *descriptors):
        os.close(descriptor)


def test_what_has_no_room_waits_in_order(ends: Ends) -> None:
    for number in range(2000):
        ends.channel.send(
            b"S", number, b"x" * 100, (os.open("/dev/null", os.O_RDONLY),) if number == 1500 else ()
        )
    ends.channel.finish()
    got = []
    while (message := receive(ends.other, 0)) is not None:
        got.append(message[1])
        for descriptor in message[3]:
            os.close(descriptor)
        ends.background.turn()
    assert got == list(range(2000))


def test_end_is_told_once_and_later_messages_are_dropped(ends: Ends) -> None:
    send(ends.other, packed(b"P", b"last", 1))
    ends.other.close()
    ends.background.turn()
    assert (len(ends.heard), ends.ends) == (1, 1)
    reading, writing = os.pipe()
    ends.channel.send(b"H", 1, b"", (writing,))
    assert os.read(reading, 1) == b""  # it was closed here
    os.close(reading)
    assert not ends.channel.is_open()


def test_what_was_sent_before_the_end_arrives_even_where_something_was_unread(ends: Ends) -> None:
    ends.channel.send(b"S", 1)
    send(ends.other, packed(b"P", b"", 5))
    ends.other.close()  # with a message unread: the kernel says that it was reset
    ends.background.turn()
    ends.background.turn()
    assert [number for _, number, _, _ in ends.heard] == [5]
    assert ends.ends == 1


def test_message_that_is_none_ends_the_channel(ends: Ends) -> None:
    ends.other.send(b"x")
    ends.background.turn()
    assert (ends.heard, ends.ends) == ([], 1)
