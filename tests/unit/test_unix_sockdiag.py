"""Asking the kernel about connections: real ones, and answers that no kernel gives."""

import errno
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.patience import wait_for
from ucspi.unix import native, sockdiag
from ucspi.unix.sockdiag import COOKIE_AT, SockDiag, identifier

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has sock_diag")

IDENTIFIERS = [pytest.param(sockdiag._identify, id="python")]
if native.lib is not None:
    IDENTIFIERS.append(pytest.param(sockdiag._native_identifier(), id="native"))

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=["127.0.0.1", "::1", "::"])
def listener(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    host = request.param
    family = socket.AF_INET if "." in host else socket.AF_INET6
    with socket.create_server((host, 0), family=family, dualstack_ipv6=host == "::") as made:
        yield made


@pytest.fixture
def pair(listener: socket.socket) -> Iterator[Pair]:
    """Give a client, and the server's end of its connection."""
    host, port = listener.getsockname()[:2]
    with socket.create_connection(("127.0.0.1" if host == "::" else host, port)) as client:
        served, _ = listener.accept()
        with served:
            yield client, served


@pytest.fixture
def diag() -> Iterator[SockDiag]:
    made = SockDiag()
    yield made
    made.close()


def failure(call: Callable[[], object]) -> int | None:
    """Return the errno with which a call fails."""
    try:
        call()
    except OSError as error:
        return error.errno
    pytest.fail("it did not fail")


@pytest.mark.parametrize("identify", IDENTIFIERS)
def test_both_directions_are_counted(pair: Pair, diag: SockDiag, identify: Callable[[int], bytes]) -> None:
    client, served = pair
    identity = identify(served.fileno())

    def moved() -> int:
        seen = diag.look(identity)
        assert seen is not None
        assert seen.is_held
        return seen.moved

    assert moved() == 0
    client.sendall(b"hello")
    wait_for(lambda: moved() == 5, "what was received")
    served.sendall(b"123")
    wait_for(lambda: moved() == 8, "what was acknowledged")


def test_all_ways_to_identify_agree(pair: Pair) -> None:
    assert len({param.values[0](pair[1].fileno()) for param in IDENTIFIERS}) == 1  # type: ignore[operator]
    assert identifier()(pair[1].fileno()) == sockdiag._identify(pair[1].fileno())


@pytest.mark.parametrize("identify", IDENTIFIERS)
def test_connection_that_is_closed_is_held_by_nobody(
    pair: Pair, diag: SockDiag, identify: Callable[[int], bytes]
) -> None:
    client, served = pair
    identity = identify(served.fileno())
    copy = served.dup()
    served.close()
    assert diag.look(identity).is_held  # type: ignore[union-attr]
    copy.close()
    seen = diag.look(identity)
    assert seen is None or not seen.is_held
    client.close()
    seen = diag.look(identity)
    assert seen is None or not seen.is_held


def test_other_connection_between_the_same_ports_is_not_this_one(pair: Pair, diag: SockDiag) -> None:
    identity = identifier()(pair[1].fileno())
    other = identity[:COOKIE_AT] + bytes(byte ^ 1 for byte in identity[COOKIE_AT:])
    assert diag.look(other) is None


@pytest.mark.parametrize("identify", IDENTIFIERS)
def test_user_of_this_machine_has_a_cookie_only(diag: SockDiag, identify: Callable[[int], bytes]) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        identity = identify(ours.fileno())
        assert identity[COOKIE_AT:] != identify(theirs.fileno())[COOKIE_AT:]
        assert not any(identity[8:COOKIE_AT])
        assert failure(lambda: diag.look(identity)) != 0


@pytest.mark.parametrize("identify", IDENTIFIERS)
def test_what_is_no_connection_has_no_identity(identify: Callable[[int], bytes]) -> None:
    with socket.socket() as fresh:
        assert failure(lambda: identify(fresh.fileno())) == errno.ENOTCONN
    reading, writing = os.pipe()
    try:
        assert failure(lambda: identify(reading)) == errno.ENOTSOCK
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may")
def test_connection_is_destroyed_whoever_holds_it(pair: Pair, diag: SockDiag) -> None:
    client, served = pair
    identity = identifier()(served.fileno())
    diag.destroy(identity)
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    assert failure(lambda: diag.destroy(identity)) == errno.ENOENT


def test_listener_is_known_even_if_it_shares_its_port(listener: socket.socket, diag: SockDiag) -> None:
    assert diag.knows(listener)


IN_ANOTHER_NAMESPACE = """
import socket, sys
from ucspi.unix.sockdiag import SockDiag
print(SockDiag().knows(socket.socket(fileno=int(sys.argv[1]))))
"""


def test_listener_of_another_network_namespace_is_not_known() -> None:
    if subprocess.run(["unshare", "-n", "true"], capture_output=True).returncode != 0:
        pytest.skip("cannot make a network namespace")
    with socket.create_server(("127.0.0.1", 0)) as made:
        command = ["unshare", "-n", sys.executable, "-c", IN_ANOTHER_NAMESPACE, str(made.fileno())]
        done = subprocess.run(command, capture_output=True, text=True, pass_fds=[made.fileno()])
        assert done.stdout == "False\n", done.stderr


class Answers:
    """A socket whose other end says what the test wants."""

    def __init__(self, *answers: bytes, sender: int = 0) -> None:
        self.answers, self.sender, self.sent = list(answers), sender, b""

    def send(self, message: bytes) -> int:
        self.sent = message
        return len(message)

    def recvfrom(self, size: int) -> tuple[bytes, tuple[int, int]]:
        if not self.answers:
            raise BlockingIOError(errno.EAGAIN, "")
        sender, self.sender = self.sender, 0
        return self.answers.pop(0)[:size], (sender, 0)

    def close(self) -> None:
        """Have nothing to close."""


def ask(*answers: bytes, sender: int = 0) -> sockdiag.Seen | None:
    made = SockDiag()
    made.close()
    made._socket = Answers(*answers, sender=sender)  # type: ignore[assignment]
    return made.look(bytes(56))


def message(body: bytes, kind: int = 20, sequence: int = 1, length: int | None = None) -> bytes:
    return struct.pack("=IHHII", 16 + len(body) if length is None else length, kind, 0, sequence, 0) + body


def body(inode: int, info: bytes, size: int | None = None, kind: int = 2) -> bytes:
    head = bytes(68) + struct.pack("=I", inode)
    return head + struct.pack("=HH", 4 + len(info) if size is None else size, kind) + info


GOOD = bytes(120) + struct.pack("=QQ", 5, 7)


def test_good_answer_is_understood() -> None:
    seen = ask(message(body(1, GOOD)))
    assert seen is not None
    assert (seen.moved, seen.is_held) == (12, True)
    other = struct.pack("=HH", 5, 8) + b"\1\0\0\0"  # another attribute, padded, in front
    seen = ask(message(bytes(68) + struct.pack("=I", 1) + other + body(1, GOOD)[72:]))
    assert seen is not None
    assert seen.moved == 12


def test_late_answers_and_those_of_others_are_passed_over() -> None:
    late = message(body(1, GOOD), sequence=0)
    assert ask(late, late, message(body(1, GOOD))).moved == 12  # type: ignore[union-attr]
    forged = message(body(1, bytes(136)))
    assert ask(forged, message(body(1, GOOD)), sender=4711).moved == 12  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0" * 15,
        message(b"", length=15),
        message(b"", length=4000),
        message(b""),
        message(b"", kind=2),
        message(b"\0\0", kind=2),
        message(struct.pack("=i", 7), kind=2),
        message(struct.pack("=i", 0), kind=2),
        message(struct.pack("=i", -(2**31)), kind=2),
        message(body(1, GOOD), kind=3),
        message(body(1, GOOD)[:72]),
        message(body(1, GOOD)[:-1]),
        message(body(1, GOOD[:-1])),
        message(body(1, GOOD, size=0)),
        message(body(1, GOOD, size=3)),
        message(body(1, GOOD, size=65535)),
        message(body(1, GOOD, kind=3)),
    ],
)
def test_answer_that_makes_no_sense_is_an_error(answer: bytes) -> None:
    assert failure(lambda: ask(answer)) == errno.EPROTO


@pytest.mark.parametrize("number", [errno.ENOBUFS, errno.EPERM, errno.EINVAL, errno.EOPNOTSUPP])
def test_error_of_the_kernel_is_raised(number: int) -> None:
    assert failure(lambda: ask(message(struct.pack("=i", -number), kind=2))) == number


def test_no_answer_is_an_error_and_never_waited_for() -> None:
    with pytest.raises(BlockingIOError):
        ask()


@given(st.binary(max_size=300), st.booleans())
def test_no_answer_does_more_than_raise_an_error(answer: bytes, framed: bool) -> None:
    try:
        seen = ask(message(answer) if framed else answer)
        assert seen is None or seen.moved >= 0
    except OSError:
        pass
