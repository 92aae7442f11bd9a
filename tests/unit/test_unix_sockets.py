"""Both ways to accept report the same."""

import errno
import os
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from ucspi.unix import native, sockets

if TYPE_CHECKING:
    from ucspi.unix.sockets import Accept


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        made.listen()
        made.setblocking(False)
        yield made


@pytest.fixture(params=["native", "python"])
def make(request: pytest.FixtureRequest, listener: socket.socket) -> "Callable[[bool], Accept]":
    if request.param == "native" and native.lib is None:
        pytest.skip("the compiled module is not built")
    way = sockets._native_acceptor if request.param == "native" else sockets._python_acceptor
    return lambda no_delay: way(listener, True, no_delay)


def test_nobody_there_is_none(make: "Callable[[bool], Accept]") -> None:
    assert make(False)() is None


@pytest.mark.parametrize("no_delay", [False, True])
def test_connection_blocks_is_closed_on_exec_and_knows_both_ends(
    make: "Callable[[bool], Accept]", listener: socket.socket, no_delay: bool
) -> None:
    with socket.create_connection(listener.getsockname(), source_address=("127.0.0.3", 0)) as client:
        accepted = make(no_delay)()
        assert accepted is not None
        descriptor, local_ip, local_port, remote_ip, remote_port, scope = accepted
        assert not os.get_inheritable(descriptor)
        with socket.socket(fileno=descriptor) as connection:
            assert os.get_blocking(descriptor)
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == no_delay
        assert (local_ip, local_port) == (b"127.0.0.1", listener.getsockname()[1])
        assert (remote_ip, remote_port) == (b"127.0.0.3", client.getsockname()[1])
        assert scope == 0


def test_failure_is_an_os_error(make: "Callable[[bool], Accept]", listener: socket.socket) -> None:
    accept = make(False)
    plain = os.open("/dev/null", os.O_RDONLY)
    os.dup2(plain, listener.fileno())
    os.close(plain)
    with pytest.raises(OSError, match=os.strerror(errno.ENOTSOCK)):
        accept()


@pytest.mark.parametrize("way", ["native", "python"])
@pytest.mark.parametrize("client", ["127.0.0.1", "::1"])
def test_ip4_client_of_an_ip6_socket_is_shown_as_one(way: str, client: str) -> None:
    if way == "native" and native.lib is None:
        pytest.skip("the compiled module is not built")
    make = sockets._native_acceptor if way == "native" else sockets._python_acceptor
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as both:
        both.setblocking(False)
        with socket.create_connection((client, both.getsockname()[1])) as connection:
            accepted = make(both, True, True)()
            assert accepted is not None
            os.close(accepted[0])
            assert accepted[1] == accepted[3] == client.encode()
            assert accepted[4] == connection.getsockname()[1]
