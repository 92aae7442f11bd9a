"""Descriptors in another process: they come back when something comes, and are closed when nobody waits."""

import os
import resource
import signal
import socket
import time
from collections.abc import Iterator

import pytest

from tests.support.patience import PATIENCE, wait_for
from tests.support.processes import descriptors
from ucspi.tcp.background import Background
from ucspi.unix.descriptorholder import DescriptorHolder


class Keeping:
    """A holder, what it has returned and lost, and the other ends of what it keeps."""

    def __init__(self) -> None:
        self.background = Background()
        self.back: dict[int, int] = {}
        self.lost: list[int] = []
        self.others: dict[int, socket.socket] = {}
        self.pid = 0
        self.holder = DescriptorHolder(self.background, bool, self.back.__setitem__, self.lost.append)

    def keep(self) -> int:
        """Give one end of a new connection away; return its number."""
        ours, theirs = socket.socketpair()
        with ours:
            number = self.holder.keep(ours.fileno())
        theirs.settimeout(PATIENCE)
        self.others[number] = theirs
        helper = self.holder._helper
        assert helper is not None
        self.pid = helper._pid
        return number

    def wait(self, count: int) -> None:
        """Wait until so many have come back or were lost."""

        def turned() -> bool:
            self.background.turn()
            return len(self.back) + len(self.lost) == count

        wait_for(turned, f"{count} descriptors")

    def close(self) -> None:
        for descriptor in self.back.values():
            os.close(descriptor)
        for other in self.others.values():
            other.close()
        if self.holder._helper is not None:
            self.background.forget(self.holder._helper.channel.fileno())
            self.holder._helper.reap()
        self.background.close()


@pytest.fixture
def keeping() -> Iterator[Keeping]:
    made = Keeping()
    yield made
    made.close()


def test_descriptor_comes_back_with_what_has_come_and_is_closed_on_exec(keeping: Keeping) -> None:
    numbers = [keeping.keep() for _ in range(3)]
    assert len(set(numbers)) == 3
    assert 0 not in numbers
    keeping.others[numbers[1]].send(b"here")
    keeping.wait(1)
    ((number, descriptor),) = keeping.back.items()
    assert number == numbers[1]
    assert not os.get_inheritable(descriptor)
    assert os.read(descriptor, 9) == b"here"
    os.write(descriptor, b"there")
    assert keeping.others[number].recv(9) == b"there"


def test_end_and_reset_bring_it_back_too(keeping: Keeping) -> None:
    first, second = keeping.keep(), keeping.keep()
    keeping.others[first].shutdown(socket.SHUT_WR)
    keeping.others[second].close()
    keeping.wait(2)
    assert os.read(keeping.back[first], 1) == b""
    assert keeping.lost == []


def test_descriptor_that_nobody_waits_for_is_closed_and_never_told_of(keeping: Keeping) -> None:
    first, second = keeping.keep(), keeping.keep()
    keeping.holder.close_kept(first)
    assert keeping.others[first].recv(1) == b""
    # One that is on its way back already.
    keeping.others[second].send(b"x")
    time.sleep(0.05)
    keeping.holder.close_kept(second)
    keeping.background.turn()
    third = keeping.keep()
    keeping.others[third].send(b"x")
    keeping.wait(1)
    assert list(keeping.back) == [third]
    try:
        assert keeping.others[second].recv(1) == b""
    except ConnectionResetError:
        pass  # what it had sent was never read


def test_those_of_a_killed_helper_are_lost_and_the_next_one_works(keeping: Keeping) -> None:
    numbers = [keeping.keep() for _ in range(3)]
    os.kill(keeping.pid, signal.SIGKILL)
    os.waitpid(keeping.pid, 0)
    keeping.wait(3)
    assert keeping.lost == numbers
    keeping.holder._rest_until = 0.0
    number = keeping.keep()
    keeping.others[number].send(b"x")
    keeping.wait(4)
    assert list(keeping.back) == [number]


def test_helper_that_dies_again_and_again_is_not_started_each_time(keeping: Keeping) -> None:
    keeping.keep()
    os.kill(keeping.pid, signal.SIGKILL)
    os.waitpid(keeping.pid, 0)
    keeping.wait(1)
    assert keeping.holder.keep(0) == 0


def test_helper_without_room_says_so_and_keeps_the_others(keeping: Keeping) -> None:
    first, second = keeping.keep(), keeping.keep()
    keeping.others[second].send(b"x")
    keeping.wait(1)  # it has the first one
    highest = max(int(number) for number in os.listdir(f"/proc/{keeping.pid}/fd"))
    resource.prlimit(keeping.pid, resource.RLIMIT_NOFILE, (highest + 2, 4096))
    numbers = [keeping.keep() for _ in range(4)]
    keeping.wait(4)
    assert keeping.lost == numbers[1:]
    keeping.others[first].send(b"x")
    keeping.wait(5)
    assert list(keeping.back) == [second, first]


def test_full_channel_is_no_loss(keeping: Keeping) -> None:
    keeping.keep()
    os.kill(keeping.pid, signal.SIGSTOP)
    count = 0
    ours, theirs = socket.socketpair()
    with ours, theirs:
        while keeping.holder.keep(ours.fileno()):
            count += 1
            assert count < 100_000
        assert count > 10
        os.kill(keeping.pid, signal.SIGCONT)
        theirs.send(b"x")  # each copy of it is readable
        keeping.wait(count)


def test_many_come_and_go(keeping: Keeping) -> None:
    numbers = []
    for _ in range(300):
        number = keeping.keep()
        while not number:  # the channel was full
            keeping.background.turn()
            number = keeping.keep()
        numbers.append(number)
    for number in numbers[::2]:
        keeping.others[number].send(b"%d" % number)
    keeping.wait(150)
    assert sorted(keeping.back) == numbers[::2]
    for number, descriptor in keeping.back.items():
        assert os.read(descriptor, 99) == b"%d" % number
    wait_for(lambda: descriptors(keeping.pid) < 170, "the helper to close its copies")
