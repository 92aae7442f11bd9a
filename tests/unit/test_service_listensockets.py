"""The sockets that a supervisor keeps, without a supervisor; and what is handed on to a service."""

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.socketservers import connect
from ucspi.service import listensockets
from ucspi.service.handedon import HandedOn
from ucspi.service.listensockets import ListenSockets, open_socket
from ucspi.service.socketplaces import SocketPlace, parse
from ucspi.unix import unixdomain


@pytest.fixture
def said() -> list[bytes]:
    return []


@pytest.fixture
def sockets(said: list[bytes]) -> Iterator[ListenSockets]:
    made = ListenSockets(b"x", said.append)
    yield made
    made.close()


def places(text: str) -> list[SocketPlace]:
    return parse(text.encode(), 1024)


def listening(sockets: ListenSockets) -> list[str]:
    return sorted(str(one.socket.getsockname()) for one in sockets._open.values())


def test_they_become_what_is_wanted_and_what_stays_is_not_touched(
    sockets: ListenSockets, tmp_path: Path
) -> None:
    first = places(f"127.0.0.1 0 a\nunix:{tmp_path}/s\n")
    assert not sockets.are(first)
    assert sockets.are(())
    sockets.become(first)
    assert sockets.are(first)
    before = listening(sockets)
    sockets.become(places(f"127.0.0.1 0 other-name\nunix:{tmp_path}/s other\n"))
    assert listening(sockets) == before
    sockets.become(places("127.0.0.1 0\n"))
    assert listening(sockets) == [name for name in before if name.startswith("(")]
    assert not (tmp_path / "s").exists()
    sockets.become(())
    assert sockets.are(())


def test_address_of_a_line_that_is_gone_is_free_for_a_new_one(sockets: ListenSockets) -> None:
    sockets.become(places("127.0.0.1 0\n"))
    port = next(iter(sockets._open.values())).socket.getsockname()[1]
    sockets.become(places(f"127.0.0.1 {port}\n"))
    sockets.become(places(f"0 {port}\n"))
    assert listening(sockets) == [f"('0.0.0.0', {port})"]


def test_same_complaint_is_made_once_a_minute(
    sockets: ListenSockets, said: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(listensockets, "monotonic", lambda: now[0])
    wanted = places(f"unix:{tmp_path}/no/s\n127.0.0.1 0\n")
    for now[0] in (1.0, 2.0, 60.0, 62.0, 63.0):
        sockets.become(wanted)
    text = b"x/sockets: unable to listen on unix:%s/no/s: file does not exist; trying again" % bytes(tmp_path)
    assert said == [text, text]
    (tmp_path / "no").mkdir()
    sockets.become(wanted)
    assert sockets.are(wanted)
    (tmp_path / "no" / "s").unlink()
    sockets.become(())
    (tmp_path / "no").rmdir()
    sockets.become(wanted)
    assert said == [text] * 3


@pytest.mark.parametrize("host", ["fe80::1%nosuch0", "fe80::1%99999999999999999999", "::ffff:127.0.0.1"])
def test_address_that_is_not_here(sockets: ListenSockets, said: list[bytes], host: str) -> None:
    sockets.become(places(f"{host} 0\n"))
    assert sockets.are(())
    assert len(said) == 1
    assert said[0].startswith(f"x/sockets: unable to listen on {host} 0: ".encode())


def test_scope_is_found() -> None:
    try:
        made = open_socket(places("::1%lo 0\n")[0])
    except OSError:
        pytest.skip("there is no IPv6")
    assert made.socket.getsockname()[0].startswith("::1")
    made.close()


def test_what_a_run_has_shut_down_is_opened_anew(
    sockets: ListenSockets, said: list[bytes], tmp_path: Path
) -> None:
    """It is the socket of all who hold it."""
    sockets.become(places("127.0.0.1 0\n"))
    port = next(iter(sockets._open.values())).socket.getsockname()[1]
    wanted = places(f"127.0.0.1 {port}\nunix:{tmp_path}/s\nunix:{tmp_path}/t\n")
    sockets.become(wanted)
    for place in wanted[:2]:
        sockets._open[place.key].socket.shutdown(socket.SHUT_RDWR)
    sockets.tend()
    assert not sockets.are(wanted)
    sockets.become(wanted)
    assert sockets.are(wanted)
    for where in (port, tmp_path / "s", tmp_path / "t"):
        connect(where).close()
    text = b"x/sockets: %s was shut down by the service; it is opened anew"
    assert said == [text % place.text() for place in wanted[:2]]
    sockets.tend()
    assert sockets.are(wanted)


def test_short_backlog_that_a_run_has_asked_for_is_long_again(sockets: ListenSockets, tmp_path: Path) -> None:
    wanted = places(f"unix:{tmp_path}/s\n")
    sockets.become(wanted)

    def crowd() -> int:
        clients = [socket.socket(socket.AF_UNIX) for _ in range(50)]
        count = 0
        for client in clients:
            client.setblocking(False)
            count += client.connect_ex(str(tmp_path / "s")) == 0
        for client in clients:
            client.close()
        return count

    sockets._open[wanted[0].key].socket.listen(0)
    assert crowd() < 50
    sockets.tend()
    assert crowd() == 50


def test_what_is_opened_behind_the_close_does_not_stay(
    said: list[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is opened in a thread; the supervisor may leave meanwhile."""
    one = ListenSockets(b"x", said.append)
    opened = []

    def slow(place: SocketPlace) -> listensockets.OpenSocket:
        opened.append(open_socket(place))
        one.close()
        return opened[-1]

    monkeypatch.setattr(listensockets, "open_socket", slow)
    one.become(places(f"unix:{tmp_path}/s\nunix:{tmp_path}/t\n"))
    assert [made.socket.fileno() for made in opened] == [-1]
    assert list(tmp_path.iterdir()) == []
    assert one.are(())


@pytest.mark.parametrize("mode", [0o600, 0o666, 0o060])
def test_file_never_has_more_than_its_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    seen = []
    listen = unixdomain.listen

    def look(*arguments: object) -> object:
        made = listen(*arguments)  # type: ignore[arg-type]
        seen.append(stat.S_IMODE((tmp_path / "s").stat().st_mode))
        return made

    monkeypatch.setattr(listensockets, "listen", look)
    before = os.umask(0o022)
    try:
        made = open_socket(places(f"unix:{tmp_path}/s,mode={mode:o}\n")[0])
        assert os.umask(0o022) == 0o022  # other threads make files meanwhile
    finally:
        os.umask(before)
    assert seen == [mode & ~0o022]
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == mode
    made.close()


def test_foreign_file_gets_no_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may write in the directory may put a link there."""
    (tmp_path / "secret").write_text("")
    (tmp_path / "secret").chmod(0o600)
    listen = unixdomain.listen

    def replace(*arguments: object) -> object:
        made = listen(*arguments)  # type: ignore[arg-type]
        (tmp_path / "s").unlink()
        (tmp_path / "s").symlink_to("secret")
        return made

    monkeypatch.setattr(listensockets, "listen", replace)
    open_socket(places(f"unix:{tmp_path}/s,mode=0666\n")[0]).close()
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_variables_and_descriptors(sockets: ListenSockets, tmp_path: Path) -> None:
    wanted = places(f"127.0.0.1 0 a\nunix:{tmp_path}/s\n")
    sockets.become(wanted)
    numbers = [sockets._open[place.key].socket.fileno() for place in wanted]
    given = HandedOn([b"A=1", b"LISTEN_FDS=9", b"LISTEN_PID=1", b"LISTEN_PIDFDID=1", b"LISTEN_FDSX=1"])
    sockets.hand_on(wanted, given)
    assert given.environ == [b"A=1", b"LISTEN_FDSX=1", b"LISTEN_FDS=2", b"LISTEN_FDNAMES=a:unknown"]
    assert given.pid_variable == b"LISTEN_PID="
    assert [target for _, target in given.descriptors()] == [3, 4]
    assert all(os.path.sameopenfile(a, b) for a, (b, _) in zip(numbers, given.descriptors(), strict=True))
    given.close()
    assert all(one.socket.fileno() >= 0 for one in sockets._open.values())


def test_none_of_the_descriptors_is_overwritten_before_its_turn() -> None:
    """Each may be where another belongs."""
    pairs = [socket.socketpair() for _ in range(4)]
    ends = [end for pair in pairs for end in pair]
    numbers = [end.fileno() for end in ends]
    for shift in range(len(numbers)):
        targets = numbers[shift:] + numbers[:shift]
        given = HandedOn([])
        for number, target in zip(numbers, targets, strict=True):
            given.put(number, target)
        found = given.descriptors()
        assert not {source for source, _ in found} & set(targets)
        assert all(os.path.sameopenfile(a, b) for a, (b, _) in zip(numbers, found, strict=True))
        assert not any(os.get_inheritable(source) for source, _ in found)
        given.close()
    for end in ends:
        end.close()


def test_own_descriptors_are_closed() -> None:
    reader, writer = os.pipe()
    given = HandedOn([])
    given.put_ours(writer, 7)
    assert given.descriptors() == [(writer, 7)]
    given.close()
    assert os.read(reader, 1) == b""
    os.close(reader)
    assert given.environ is None
