"""The file of a UNIX-domain socket: its mode, whose place it takes, and who is at the other end."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ucspi.unix import unixdomain


@pytest.fixture
def sock() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as made:
        made.setblocking(False)
        yield made


def leave_dead(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))


@pytest.mark.parametrize("mode", [0o600, 0o660, 0o666, 0o777, 0])
def test_mode_is_as_asked_and_the_umask_as_before(sock: socket.socket, tmp_path: Path, mode: int) -> None:
    before = os.umask(0o027)
    try:
        unixdomain.listen(sock, bytes(tmp_path / "s"), mode, 5)
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    assert (tmp_path / "s").stat().st_mode & 0o7777 == mode


def test_without_a_mode_the_umask_decides(sock: socket.socket, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        unixdomain.listen(sock, bytes(tmp_path / "s"), None, 5)
    finally:
        os.umask(before)
    assert (tmp_path / "s").stat().st_mode & 0o7777 == 0o750


def test_socket_of_a_dead_server_is_replaced(sock: socket.socket, tmp_path: Path) -> None:
    leave_dead(tmp_path / "s")
    assert unixdomain.is_dead(bytes(tmp_path / "s"))
    unixdomain.listen(sock, bytes(tmp_path / "s"), 0o600, 5)
    assert not unixdomain.is_dead(bytes(tmp_path / "s"))


@pytest.mark.parametrize("backlog", [0, 5])
def test_socket_of_a_live_server_stays(sock: socket.socket, tmp_path: Path, backlog: int) -> None:
    with socket.socket(socket.AF_UNIX) as live, socket.socket(socket.AF_UNIX) as waiting:
        live.bind(str(tmp_path / "s"))
        live.listen(backlog)
        waiting.connect(str(tmp_path / "s"))  # with a backlog of 0 nobody else may wait
        with pytest.raises(OSError, match="Address already in use"):
            unixdomain.listen(sock, bytes(tmp_path / "s"), None, 5)
        live.accept()[0].close()


@pytest.mark.parametrize("kind", ["file", "folder", "fifo", "link", "datagrams"])
def test_whatever_else_is_there_stays(sock: socket.socket, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "s"
    other = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    make: dict[str, Callable[[], object]] = {
        "file": path.touch,
        "folder": path.mkdir,
        "fifo": lambda: os.mkfifo(path),
        "link": lambda: path.symlink_to("nowhere"),
        "datagrams": lambda: other.bind(str(path)),
    }
    make[kind]()
    before = path.lstat()
    with other, pytest.raises(OSError, match="Address already in use"):
        unixdomain.listen(sock, bytes(path), None, 5)
    assert path.lstat() == before


def test_file_is_removed_only_while_it_is_ours(sock: socket.socket, tmp_path: Path) -> None:
    path = tmp_path / "s"
    file = unixdomain.listen(sock, bytes(path), None, 5)
    path.rename(tmp_path / "ours")
    leave_dead(path)
    file.remove()
    assert path.is_socket()
    (tmp_path / "ours").rename(path)
    file.remove()
    assert not path.exists()
    file.remove()


def test_of_many_that_start_at_once_one_gets_the_dead_one_s_place(tmp_path: Path) -> None:
    path = tmp_path / "s"
    for _ in range(20):
        leave_dead(path)
        socks = [socket.socket(socket.AF_UNIX) for _ in range(4)]
        won: list[socket.socket] = []

        def start(one: socket.socket, won: list[socket.socket] = won) -> None:
            try:
                unixdomain.listen(one, bytes(path), None, 5)
                won.append(one)
            except OSError:
                pass

        threads = [threading.Thread(target=start, args=(one,)) for one in socks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert not unixdomain.is_dead(bytes(path))  # and it is the one that is there
        path.unlink()
        for one in socks:
            one.close()


def test_lock_that_nobody_gives_back_holds_nobody_for_long(sock: socket.socket, tmp_path: Path) -> None:
    held = unixdomain._lock_directory(bytes(tmp_path / "s"))
    unixdomain.listen(sock, bytes(tmp_path / "s"), None, 5)
    os.close(held)


def test_client_is_who_the_system_says(sock: socket.socket, tmp_path: Path) -> None:
    unixdomain.listen(sock, bytes(tmp_path / "s"), None, 5)
    assert unixdomain.accept(sock) is None
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "s"))
        accepted = unixdomain.accept(sock)
        assert accepted is not None
        descriptor, credentials = accepted
        assert credentials == (os.getpid(), os.getuid(), os.getgid())
        assert os.get_blocking(descriptor)
        assert not os.get_inheritable(descriptor)
        os.close(descriptor)
