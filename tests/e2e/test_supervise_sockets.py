"""Sockets that a supervisor opens, keeps while ``run`` comes and goes, and passes to it."""

import ctypes
import json
import os
import random
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.balancers import free_port
from tests.support.commands import ours
from tests.support.patience import PATIENCE, wait_for
from tests.support.peers import Peer, fill, wait_lines
from tests.support.socketservers import ANSWER, PYTHON, answer, burst, compiled, connect, tcpserver
from tests.support.supervised import Service
from ucspi.service import statusrecord

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(3)]

MINE = ours("supervise")
LOOKING = f"""#!{sys.executable} -S
import json, os, signal
names = sorted(name for name in os.environ if name.startswith("LISTEN_"))
numbers = [int(name) for name in os.listdir("/proc/self/fd")]
found = {{"environ": {{name: os.environ[name] for name in names}}, "pid": os.getpid(), "open": []}}
for number in sorted(numbers):
    try:
        found["open"].append([number, os.readlink(f"/proc/self/fd/{{number}}").partition(":")[0]])
    except OSError:
        pass
with open("found", "w") as file:
    json.dump(found, file)
os.rename("found", "seen")
signal.pause()
"""
SLEEPING = "#!/bin/sh\necho $$ >> starts\nexec sleep 1000\n"

Make = Callable[..., Service]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Give a function that makes a service with files; its processes are gone in the end."""
    made: list[Service] = []

    def one(text: str, sockets: str, name: str = "x", **files: str) -> Service:
        made.append(Service(tmp_path / name, text))
        named = {name.replace("_", "-"): value for name, value in files.items()}
        fill(made[-1].directory, {"sockets": sockets, **named})
        return made[-1]

    yield one
    for service in made:
        service.close()
        Peer(service.directory, "", {}).close()


def port_of(service: Service, start: int = 1, name: str = "unknown") -> int:
    """Return the port that a start of the Python server has noted."""
    line = wait_lines(service.directory / "starts", start)[start - 1]
    place = line.partition(f"{name}=(")[2].partition(")")[0]
    return int(place.split(",")[1])


def restart(service: Service, starts: int) -> None:
    service.send(b"t")
    wait_lines(service.directory / "starts", starts)


def is_refused(place: int | Path) -> bool:
    try:
        connect(place).close()
    except OSError:
        return True
    return False


def seen(service: Service) -> dict[str, object]:
    found: dict[str, object] = json.loads(service.wait_for_file("seen"))
    return found


class TestPassing:
    def test_run_gets_them_from_3_on_and_its_own_pid(self, make: Make, tmp_path: Path) -> None:
        lines = f"# ours\n\n127.0.0.1 0 http\n ::1\t0 \nunix:{tmp_path}/s ctl\r\n"
        service = make(LOOKING, lines).start(MINE)
        found = seen(service)
        assert found["environ"] == {
            "LISTEN_FDS": "3",
            "LISTEN_PID": str(found["pid"]),
            "LISTEN_FDNAMES": "http:unknown:ctl",
        }
        is_open = found["open"]
        assert isinstance(is_open, list)
        assert [number for number, kind in is_open if kind == "socket"] == [3, 4, 5]
        assert service.said() == b""

    def test_finish_and_check_get_none(self, make: Make) -> None:
        looking = "#!/bin/sh\nls -l /proc/$$/fd > looked\nenv >> looked\n"
        service = make(PYTHON, "127.0.0.1 0\n", finish=looking).start(MINE)
        restart(service, 1)
        text = service.wait_for_file("looked")
        assert b"socket:" not in text
        assert b"LISTEN_" not in text

    def test_what_supervise_was_passed_itself_does_not_reach_it(
        self, make: Make, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = {"LISTEN_FDS": "7", "LISTEN_PID": "1", "LISTEN_FDNAMES": "a", "LISTEN_PIDFDID": "5"}
        monkeypatch.setattr("tests.support.supervised.ENVIRONMENT", {**os.environ, **given})
        service = make(LOOKING, "127.0.0.1 0 a\n").start(MINE)
        environ = seen(service)["environ"]
        assert isinstance(environ, dict)
        assert sorted(environ) == ["LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID"]
        assert environ["LISTEN_FDS"] == "1"

    def test_plain_service_gets_what_supervise_has(self, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tests.support.supervised.ENVIRONMENT", {**os.environ, "LISTEN_FDS": "7"})
        service = make(LOOKING, "")
        (service.directory / "sockets").unlink()
        service.start(MINE)
        assert seen(service)["environ"] == {"LISTEN_FDS": "7"}

    def test_many_sockets_and_a_notification_descriptor_above(self, make: Make, tmp_path: Path) -> None:
        """Their numbers are those of descriptors that supervise has in use itself."""
        lines = "".join(f"unix:{tmp_path}/s{at} n{at}\n" for at in range(40))
        told = PYTHON.replace("while not", "os.write(43, b'\\n')\nwhile not")
        service = make(told, lines, notification_fd="43").start(MINE)
        wait_for(lambda: service.known().is_ready, "it is ready")
        (line,) = wait_lines(service.directory / "starts")
        assert line.split()[1:] == [f"n{at}={tmp_path}/s{at}" for at in range(40)]
        assert burst(tmp_path / "s39", 1) == [ANSWER]

    @pytest.mark.parametrize("number", [3, 4])
    def test_notification_descriptor_among_them_is_refused_by_name(self, make: Make, number: int) -> None:
        service = make(PYTHON, "127.0.0.1 0\n127.0.0.1 0\n", notification_fd=str(number)).start(MINE)
        assert burst(port_of(service), 1) == [ANSWER]
        said = b"/notification-fd: %d is the descriptor of a socket in the file sockets; there is none\n"
        assert service.said() == b"supervise: warning: %s%s" % (bytes(service.directory), said % number)
        assert not service.known().tells_ready

    def test_meaning_is_that_of_sd_listen_fds(self, make: Make) -> None:
        try:
            ctypes.CDLL("libsystemd.so.0")
        except OSError:
            pytest.skip("there is no libsystemd")
        asking = f"""#!{sys.executable} -S
import ctypes, signal
lib = ctypes.CDLL("libsystemd.so.0")
names = ctypes.POINTER(ctypes.c_char_p)()
count = lib.sd_listen_fds_with_names(1, ctypes.byref(names))
kinds = [lib.sd_is_socket_inet(3 + at, 0, 1, 1, 0) for at in range(count)]
with open("starts", "w") as file:
    print(count, *(names[at].decode() for at in range(count)), kinds, file=file)
signal.pause()
"""
        service = make(asking, "127.0.0.1 0 web\n::1 0\n").start(MINE)
        assert wait_lines(service.directory / "starts") == ["2 web unknown [1, 1]"]

    def test_tcpserver_behind_env_needs_no_variables(self, make: Make) -> None:
        bare = "exec env - PATH=$PATH PYTHONPATH=$PYTHONPATH "
        service = make(tcpserver(passed="--listen-fd 3").replace("exec ", bare), "")
        port = free_port()
        (service.directory / "sockets").write_text(f"127.0.0.1 {port}\n")
        service.start(MINE)
        wait_lines(service.directory / "starts")
        assert burst(port, 2) == [ANSWER, ANSWER]


class TestKeeping:
    def test_socket_is_the_same_after_a_restart(self, make: Make) -> None:
        service = make(PYTHON, "127.0.0.1 0\n").start(MINE)
        port = port_of(service)
        restart(service, 2)
        assert port_of(service, 2) == port

    def test_client_waits_while_it_is_down(self, make: Make) -> None:
        service = make(PYTHON, "127.0.0.1 0\n").start(MINE)
        port = port_of(service)
        service.send(b"d")
        wait_for(lambda: not service.pid(), "it is down")
        client = connect(port)
        service.send(b"u")
        assert answer(client) == ANSWER

    def test_it_is_blocking_again_whatever_the_last_run_made_of_it(self, make: Make) -> None:
        noting = PYTHON.replace("print(os.getpid(),", "print(os.get_blocking(3), os.getpid(),")
        changing = noting.replace("while not", "servers[0].setblocking(False)\nwhile not")
        service = make(changing, "127.0.0.1 0\n").start(MINE)
        wait_lines(service.directory / "starts")
        restart(service, 2)
        assert [line.split()[0] for line in wait_lines(service.directory / "starts", 2)] == ["True"] * 2

    def test_it_closes_when_supervise_leaves(self, make: Make, tmp_path: Path) -> None:
        service = make(PYTHON, f"127.0.0.1 0\nunix:{tmp_path}/s\n").start(MINE)
        port = port_of(service)
        service.send(b"dx")
        assert service.wait_left() == 0
        assert is_refused(port)
        assert not (tmp_path / "s").exists()

    def test_changed_file_counts_at_the_next_start_and_what_stays_is_kept(
        self, make: Make, tmp_path: Path
    ) -> None:
        file = f"127.0.0.1 0 a\nunix:{tmp_path}/s b\n"
        service = make(PYTHON, file).start(MINE)
        port = port_of(service, name="a")
        (service.directory / "sockets").write_text(f"unix:{tmp_path}/t c\n127.0.0.1 0 d\n")
        assert burst(tmp_path / "s", 1) == [ANSWER]
        restart(service, 2)
        line = wait_lines(service.directory / "starts", 2)[1]
        assert line.split(maxsplit=1)[1].startswith(f"c={tmp_path}/t d=('127.0.0.1', ")
        assert not (tmp_path / "s").exists()
        assert is_refused(port)  # any free port in another line is another socket
        (service.directory / "sockets").write_text(f"127.0.0.1 {port} new\nunix:{tmp_path}/t e\n")
        restart(service, 3)
        assert port_of(service, 3, "new") == port
        (service.directory / "sockets").write_text(f"# more\nunix:{tmp_path}/t f\n127.0.0.1 {port} kept\n")
        waiting = connect(port)
        restart(service, 4)
        assert answer(waiting) == ANSWER

    def test_removed_file_closes_all(self, make: Make, tmp_path: Path) -> None:
        service = make(SLEEPING, f"unix:{tmp_path}/s\n").start(MINE)
        wait_lines(service.directory / "starts")
        (service.directory / "sockets").unlink()
        restart(service, 2)
        assert is_refused(tmp_path / "s")

    def test_new_file_counts_from_the_next_start_on(self, make: Make, tmp_path: Path) -> None:
        service = make(SLEEPING, "")
        (service.directory / "sockets").unlink()
        service.start(MINE)
        wait_lines(service.directory / "starts")
        fill(service.directory, {"sockets": f"unix:{tmp_path}/s\n", "run": PYTHON})
        restart(service, 2)
        assert burst(tmp_path / "s", 1) == [ANSWER]

    def test_killed_supervise_leaves_them_to_the_service_and_its_successor_opens_them_anew(
        self, make: Make, tmp_path: Path
    ) -> None:
        port = free_port()
        service = make(PYTHON, f"127.0.0.1 {port}\nunix:{tmp_path}/s\n").start(MINE)
        wait_lines(service.directory / "starts")
        assert service.supervise
        service.supervise.kill()
        service.supervise.wait(PATIENCE)
        assert burst(port, 1) == [ANSWER]
        service.start(MINE)
        assert b"taking over" in service.said()
        assert burst(port, 1) == [ANSWER]
        restart(service, 2)
        assert burst(port, 1) + burst(tmp_path / "s", 1) == [ANSWER, ANSWER]
        waiting = connect(port)
        restart(service, 3)
        assert answer(waiting) == ANSWER
        assert service.said().count(b"\n") == 1


class TestObstacles:
    def test_service_that_shuts_its_sockets_down_gets_new_ones(self, make: Make, tmp_path: Path) -> None:
        """They were shut down for all who hold them."""
        port = free_port()
        rude = PYTHON + "for server in servers:\n    server.shutdown(socket.SHUT_RDWR)\n"
        service = make(rude, f"127.0.0.1 {port}\nunix:{tmp_path}/s\n").start(MINE)
        wait_lines(service.directory / "starts")
        for starts in (2, 3):
            restart(service, starts)
            assert burst(port, 3) + burst(tmp_path / "s", 3) == [ANSWER] * 6
        assert service.said().count(b" was shut down by the service; it is opened anew\n") == 4
        assert service.said().count(b"\n") == 4

    def test_address_in_use_is_tried_again_with_one_line(self, make: Make) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            service = make(PYTHON, f"127.0.0.1 {port}\n").start(MINE)
            wait_for(lambda: service.said(), "it is said")
            assert service.known().want == statusrecord.WANT_UP
            service.send(b"u")  # it is tried again at once, and not said again
            wait_for(service.has_heard, "it is read")
            service.send(b"d")
            wait_for(lambda: service.known().want == statusrecord.WANT_DOWN, "it obeys meanwhile")
            service.send(b"u")
            wait_for(lambda: service.known().want == statusrecord.WANT_UP, "it obeys again")
        wait_lines(service.directory / "starts")
        assert burst(port, 1) == [ANSWER]
        text = b"supervise: warning: %s/sockets: unable to listen on 127.0.0.1 %d: address already used; "
        assert service.said() == text % (bytes(service.directory), port) + b"trying again\n"

    def test_what_is_wanted_once_is_tried_once(self, make: Make, tmp_path: Path) -> None:
        service = make(PYTHON, f"unix:{tmp_path}/nowhere/s\n")
        (service.directory / "down").touch()
        service.start(MINE)
        service.send(b"o")
        wait_for(lambda: b"unable to listen on unix:" in service.said(), "it is tried")
        assert service.known().want == statusrecord.WANT_ONCE
        (tmp_path / "nowhere").mkdir()
        service.send(b"o")
        wait_lines(service.directory / "starts")

    def test_told_to_leave_while_it_cannot_listen(self, make: Make, tmp_path: Path) -> None:
        service = make(PYTHON, f"unix:{tmp_path}/nowhere/s\n").start(MINE)
        wait_for(lambda: service.said(), "it is said")
        service.send(b"x")
        assert service.wait_left() == 0

    @pytest.mark.parametrize("text", ["", "127.0.0.1\n", "127.0.0.1 0\nlocalhost 80\n", "\0\n"])
    def test_bad_file_keeps_it_down_until_it_is_good(self, make: Make, text: str) -> None:
        service = make(PYTHON, text).start(MINE)
        wait_for(lambda: service.said(), "it is said")
        (service.directory / "sockets.new").write_text("127.0.0.1 0\n")
        (service.directory / "sockets.new").rename(service.directory / "sockets")
        assert burst(port_of(service), 1) == [ANSWER]
        (line,) = service.said().splitlines()
        assert line.startswith(b"supervise: warning: %s/sockets: " % bytes(service.directory))
        assert line.endswith(b"; the service is not started")
        assert (b": line " in line) == (text != "")

    def test_file_that_goes_bad_changes_nothing(self, make: Make) -> None:
        service = make(PYTHON, "127.0.0.1 0\n").start(MINE)
        port = port_of(service)
        (service.directory / "sockets").write_text("127.0.0.1 0\n127.0.0.1 70000\n")
        restart(service, 2)
        assert port_of(service, 2) == port
        assert service.said().endswith(
            b"line 2: a port of at most 65535 is wanted, not '70000'; the sockets stay as they were\n"
        )

    def test_file_of_a_dead_server_is_replaced_and_that_of_a_live_one_is_not(
        self, make: Make, tmp_path: Path
    ) -> None:
        with closing(socket.socket(socket.AF_UNIX)) as dead:
            dead.bind(str(tmp_path / "dead"))
        with closing(socket.socket(socket.AF_UNIX)) as live:
            live.bind(str(tmp_path / "live"))
            live.listen()
            one = make(PYTHON, f"unix:{tmp_path}/dead\n").start(MINE)
            other = make(PYTHON, f"unix:{tmp_path}/live\n", "y").start(MINE)
            wait_for(lambda: b"address already used" in other.said(), "it is said")
            wait_lines(one.directory / "starts")
            assert burst(tmp_path / "dead", 1) == [ANSWER]
        wait_lines(other.directory / "starts")  # once nobody lives there
        assert burst(tmp_path / "live", 1) == [ANSWER]

    def test_plain_file_at_the_path_stays(self, make: Make, tmp_path: Path) -> None:
        (tmp_path / "s").write_text("mine")
        service = make(PYTHON, f"unix:{tmp_path}/s\n").start(MINE)
        wait_for(lambda: service.said(), "it is said")
        assert (tmp_path / "s").read_text() == "mine"

    @pytest.mark.parametrize("mode", ["0600", "666", "0010"])
    def test_mode_is_as_it_says_whatever_the_umask(self, make: Make, tmp_path: Path, mode: str) -> None:
        before = os.umask(0o027)
        try:
            service = make(PYTHON, f"unix:{tmp_path}/s,mode={mode} name\n").start(MINE)
        finally:
            os.umask(before)
        wait_lines(service.directory / "starts")
        assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == int(mode, 8)

    def test_name_of_a_port_and_all_addresses(self, make: Make) -> None:
        """``::`` serves IPv4 clients too, so the second line is in its way; nothing is half served."""
        port = free_port()
        service = make(PYTHON, f":: {port}\n0 {port}\n").start(MINE)
        wait_for(lambda: b"unable to listen on 0.0.0.0 %d" % port in service.said(), "it is said")
        (service.directory / "sockets").write_text(f":: {port} both\n")
        wait_lines(service.directory / "starts")
        assert burst(port, 1) == [ANSWER]


KINDS = ["python", "c", "tcpserver"]


def run_of(kind: str, directory: Path) -> str:
    text = {"python": PYTHON, "tcpserver": tcpserver()}.get(kind) or compiled(directory)
    if text is None:
        pytest.skip("there is no C compiler")
    return text


def restart_under_load(service: Service, place: int | Path, restarts: int, at_once: int) -> int:
    """Restart a service so often while clients come; return how many came, who all were answered."""
    served = 0
    wait_lines(service.directory / "starts")
    for number in range(2, restarts + 2):
        service.send(b"t")
        while service.starts() < number:
            assert burst(place, at_once) == [ANSWER] * at_once
            served += at_once
    return served


@pytest.mark.parametrize("kind", KINDS)
def test_restarts_refuse_nobody(make: Make, tmp_path: Path, kind: str) -> None:
    port = free_port()
    service = make(run_of(kind, tmp_path), f"127.0.0.1 {port}\n").start(MINE)
    assert restart_under_load(service, port, 2, 20) >= 40
    assert service.said() == b""


@pytest.mark.slow
def test_ten_thousand_clients_and_a_hundred_restarts(make: Make, tmp_path: Path) -> None:
    """With all three servers at the same time."""
    served: dict[str, int] = {}

    def drive(kind: str) -> None:
        directory = tmp_path / f"c-{kind}"
        directory.mkdir()
        service = make(run_of(kind, directory), f"127.0.0.1 {ports[kind]}\n", kind).start(MINE)
        served[kind] = restart_under_load(service, ports[kind], 100, 25)

    ports = {kind: free_port() for kind in KINDS}
    threads = [threading.Thread(target=drive, args=(kind,)) for kind in KINDS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(served) == set(KINDS)
    assert all(count >= 10_000 for count in served.values()), served


EXCLUSIVE = PYTHON.replace(
    "while not",
    """import fcntl
only = open("only", "w")
try:
    fcntl.flock(only, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    open("doubles", "a").write("another one runs\\\\n")
while not""",
    1,
)


@pytest.mark.parametrize("kills", [6, pytest.param(80, marks=pytest.mark.slow)])
@pytest.mark.parametrize("on_demand", [False, True])
def test_killed_supervise_at_any_moment(make: Make, tmp_path: Path, kills: int, *, on_demand: bool) -> None:
    """No second server runs beside the first; the last supervise serves everybody again."""
    chance = random.Random(kills)
    port = free_port()
    places: list[int | Path] = [port, tmp_path / "s"]
    files = {"flag_on_demand": ""} if on_demand else {}
    service = make(EXCLUSIVE, f"unix:{tmp_path}/s\n127.0.0.1 {port}\n", **files)
    for _ in range(kills):
        service.start(MINE)
        until = time.monotonic() + chance.uniform(0, 0.3)
        while time.monotonic() < until:
            service.send(chance.choice([b"t", b"u", b"d", b"o", b"k", b"tu", b"du"]))
            try:
                client = connect(chance.choice(places))
                client.settimeout(0.1)
                answer(client)
            except OSError:
                pass  # nobody listens just now, or it is down, or who had accepted was killed
            time.sleep(chance.uniform(0, 0.1))
        assert service.supervise
        service.supervise.kill()
        service.supervise.wait(PATIENCE)
    service.start(MINE)
    service.send(b"u")
    wait_for(lambda: service.known().pid or service.known().awaits_client, "it has read all")
    old = service.known().pid
    if old:
        service.send(b"t")  # what was taken over has the old sockets
        wait_for(lambda: service.known().pid != old, "its end is seen")
        wait_for(lambda: service.known().pid or service.known().awaits_client, "its sockets are open")
    assert burst(port, 5) + burst(tmp_path / "s", 5) == [ANSWER] * 10
    assert not (service.directory / "doubles").exists()
    lines = [line for line in service.said().splitlines() if line.startswith(b"supervise: ")]
    known = (b"taking over", b"already used")  # one of before may have the address for a moment
    assert not [line for line in lines if not any(word in line for word in known)]
