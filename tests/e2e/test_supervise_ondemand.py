"""Services that are started by their first client."""

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.commands import ENVIRONMENT, ours, run
from tests.support.patience import PATIENCE, wait_for
from tests.support.peers import Peer, fill, wait_lines
from tests.support.socketservers import ANSWER, PYTHON, answer, burst, connect
from tests.support.supervised import Service
from ucspi.service import statusrecord

pytestmark = pytest.mark.e2e

MINE = ours("supervise")
# It serves one client and ends.
ONCE = PYTHON.replace("while not signal.sigpending():", "for _ in range(1):").replace("0.02", "60")
DEAF = "#!/bin/sh\necho $$ >> starts\nexit 0\n"  # it accepts nobody

Make = Callable[..., Service]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Give a function that makes a service on demand; its processes are gone in the end."""
    made: list[Service] = []

    def one(text: str, **files: str) -> Service:
        made.append(Service(tmp_path / "x", text))
        named = {name.replace("_", "-"): value for name, value in files.items()}
        place = {"sockets": f"unix:{tmp_path}/s\n", "flag-on-demand": ""}
        fill(made[-1].directory, {**place, **named})
        return made[-1]

    yield one
    for service in made:
        service.close()
        Peer(service.directory, "", {}).close()


def awaits(service: Service) -> bool:
    return service.known().awaits_client


def begin(service: Service) -> Service:
    """Start it, and wait until it awaits a client."""
    service.start(MINE)
    wait_for(lambda: awaits(service), "it awaits a client")
    return service


def stat(service: Service, *options: str) -> tuple[int, bytes]:
    code, text, _ = run([*ours("svstat"), *options, "x"], service.directory.parent)
    return code, text


def ticks(pid: int) -> int:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_first_client_starts_it_and_the_next_one_again(make: Make, tmp_path: Path) -> None:
    service = begin(make(ONCE))
    assert service.starts() == 0
    known = service.known()
    assert (known.pid, known.want) == (0, statusrecord.WANT_UP)
    assert stat(service)[1].endswith(b" seconds, normally up, want up, waiting for a client\n")
    assert b'"state":"down"' in stat(service, "--json")[1]
    assert b'"awaits_client":true' in stat(service, "--json")[1]
    assert stat(service, "--check")[0] == 1, "it is not up"
    for count in (1, 2):
        assert burst(tmp_path / "s", 1) == [ANSWER]
        wait_for(lambda: awaits(service), "it awaits a client again")
        assert service.starts() == count
    assert service.said() == b""


def test_clients_that_come_while_it_ends_are_served_by_the_next(make: Make, tmp_path: Path) -> None:
    service = begin(make(ONCE))
    assert burst(tmp_path / "s", 4) == [ANSWER] * 4
    wait_for(lambda: awaits(service), "all are served")
    assert service.starts() == 4


def test_server_that_accepts_nobody_is_started_once_a_second(make: Make, tmp_path: Path) -> None:
    """The socket stays readable; the supervisor must not turn in circles."""
    service = begin(make(DEAF))
    assert service.supervise
    with connect(tmp_path / "s"):
        begun, used = time.monotonic(), ticks(service.supervise.pid)
        wait_lines(service.directory / "starts", 4)
        assert time.monotonic() - begun > 2.9
        used = ticks(service.supervise.pid) - used
        assert used < 0.5 * os.sysconf("SC_CLK_TCK")


def test_backoff_counts(make: Make, tmp_path: Path) -> None:
    service = begin(make(DEAF, backoff="1 8"))
    with connect(tmp_path / "s"):
        begun = time.monotonic()
        wait_lines(service.directory / "starts", 3)
        assert time.monotonic() - begun > 4.9  # two rests of a second, and pauses of one and two


def test_letters(make: Make, tmp_path: Path) -> None:
    """``u`` and ``o`` start it without a client, and with ``d`` a client waits."""
    service = begin(make(PYTHON))
    service.send(b"u")
    wait_lines(service.directory / "starts")
    service.send(b"t")
    wait_for(lambda: awaits(service), "its end leads back")
    assert service.starts() == 1
    service.send(b"d")
    wait_for(lambda: service.known().want == statusrecord.WANT_DOWN, "it is wanted down")
    assert not awaits(service)
    client = connect(tmp_path / "s")
    wait_for(service.has_heard, "it is read")
    time.sleep(0.3)  # what should not happen has the time to
    assert service.starts() == 1
    service.send(b"u")
    assert answer(client) == ANSWER
    service.send(b"t")
    wait_for(lambda: awaits(service), "its end leads back")
    service.send(b"o")
    wait_lines(service.directory / "starts", 3)
    service.send(b"t")
    wait_for(lambda: not service.pid(), "it was wanted once")
    assert not awaits(service)


def test_it_leaves_while_it_awaits_a_client(make: Make, tmp_path: Path) -> None:
    service = begin(make(PYTHON))
    service.send(b"x")
    assert service.wait_left() == 0
    assert not (tmp_path / "s").exists()


def test_down_file_means_nobody_starts_it(make: Make, tmp_path: Path) -> None:
    service = make(PYTHON, down="").start(MINE)
    assert not (tmp_path / "s").exists()
    service.send(b"u")
    assert wait_lines(service.directory / "starts")


def test_without_sockets_it_is_started_at_once_and_that_is_said(make: Make) -> None:
    service = make("#!/bin/sh\necho $$ >> starts\nexec sleep 1000\n")
    (service.directory / "sockets").unlink()
    service.start(MINE)
    wait_lines(service.directory / "starts")
    text = b"/flag-on-demand: there is no file sockets; the service is started at once\n"
    assert service.said().endswith(text)


def test_finish_runs_before_the_next_client_is_seen(make: Make, tmp_path: Path) -> None:
    finish = "#!/bin/sh\necho $$ >> ends\nwhile ! test -e go; do sleep 0.05; done\n"
    service = begin(make(ONCE, finish=finish, timeout_finish="0"))
    assert burst(tmp_path / "s", 1) == [ANSWER]
    wait_lines(service.directory / "ends")
    client = connect(tmp_path / "s")
    assert service.starts() == 1
    (service.directory / "go").touch()
    assert answer(client) == ANSWER


def test_failed_service_is_started_by_no_client(make: Make, tmp_path: Path) -> None:
    service = begin(make("#!/bin/sh\necho $$ >> starts\nexit 100\n", flag_permanent_100=""))
    with connect(tmp_path / "s"):
        wait_for(lambda: service.known().has_failed, "it has failed")
        assert not awaits(service)
        assert service.starts() == 1


def test_killed_supervise_is_succeeded_and_awaits_clients_again(make: Make, tmp_path: Path) -> None:
    service = begin(make(ONCE))
    assert service.supervise
    service.supervise.kill()
    service.supervise.wait(PATIENCE)
    with pytest.raises(ConnectionRefusedError):
        connect(tmp_path / "s")
    begin(service)
    assert burst(tmp_path / "s", 1) == [ANSWER]


def test_address_that_is_in_use_is_awaited_first(make: Make, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "s"))
        other.listen()
        service = make(ONCE).start(MINE)
        wait_for(lambda: b"address already used" in service.said(), "it is said")
        assert not awaits(service)
    wait_for(lambda: awaits(service), "it awaits a client")
    assert burst(tmp_path / "s", 1) == [ANSWER]


def test_clients_that_vanish_at_once_do_no_harm(make: Make, tmp_path: Path) -> None:
    """Who has gone again is accepted, and found gone."""
    service = begin(make(ONCE.replace("client.sendall", "bytes")))
    for _ in range(3):
        connect(tmp_path / "s").close()
    wait_for(lambda: awaits(service) and service.starts() == 3, "all are gone")
    (service.directory / "run").write_text(ONCE)
    assert burst(tmp_path / "s", 1) == [ANSWER]


def test_in_one_process_it_is_the_same(make: Make, tmp_path: Path) -> None:
    service = make(ONCE)
    (tmp_path / "scanned").mkdir()
    (tmp_path / "scanned" / "x").symlink_to(service.directory)
    with open(tmp_path / "said", "wb") as said:
        scan = subprocess.Popen(
            [*ours("svscan"), "--in-process", "."], cwd=tmp_path / "scanned", env=ENVIRONMENT, stderr=said
        )
    try:
        wait_for(lambda: (service.directory / "supervise/status").exists() and awaits(service), "it awaits")
        assert burst(tmp_path / "s", 3) == [ANSWER] * 3
        wait_for(lambda: awaits(service), "all are served")
        service.send(b"x")
        wait_for(lambda: not (tmp_path / "s").exists(), "it leaves")
    finally:
        scan.kill()
        scan.wait(PATIENCE)
