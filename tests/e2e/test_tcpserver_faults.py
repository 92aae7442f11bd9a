"""What goes wrong around a server must not stop it, nor make it spin."""

import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE
from tests.support.processes import descriptors, processor_time
from tests.support.serving import COMMAND, ENVIRONMENT, read_all, serving

pytestmark = [pytest.mark.e2e, pytest.mark.sampled(3)]

QUIET = ("-HRl0",)
LOUD = ("-vHRl0",)


def test_out_of_descriptors_it_pauses_says_so_once_and_goes_on(tmp_path: Path) -> None:
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (14, 14))

    # Clients that wait for an answer hold a descriptor of the server each.
    with serving(
        tmp_path, ["-v", "-HR", "-l0", "-c100"], ["cat"], before=few, command=slow_facts(tmp_path)
    ) as served:
        clients = [served.connect("127.0.0.2") for _ in range(12)]
        lines = served.wait_for(lambda lines: any("unable to accept" in line for line in lines))
        assert "tcpserver: warning: unable to accept, pausing: process cannot open more files" in lines
        before = processor_time(served.process.pid)
        time.sleep(1.5)
        assert processor_time(served.process.pid) - before < 0.3
        assert sum("unable to accept" in line for line in served.lines()) == 1, served.lines()
        (tmp_path / "go").touch()
        for client in clients:
            client.shutdown(socket.SHUT_WR)
            assert read_all(client) == b""
            client.close()
        served.wait_for(lambda lines: lines[-1:] == ["tcpserver: status: 0/100"])


def slow_facts(folder: Path) -> tuple[str, ...]:
    """Return a server command whose look-up of 127.0.0.2 waits until a file ``go`` is there."""
    script = folder / "slow.py"
    script.write_text(
        "import os, sys, time\n"
        "from ucspi.tcp import names\n"
        "from ucspi.programs import _tcpserver_options\n"
        "def reverse(ip):\n"
        "    while ip == b'127.0.0.2' and not os.path.exists('go'): time.sleep(0.02)\n"
        "    return b'name.of.' + ip.replace(b'.', b'-')\n"
        "names.reverse = reverse\n"
        "from ucspi.programs.tcpserver import main\n"
        "sys.argv[1:] = ['-h' if a == '-HR' else a for a in sys.argv[1:]]\n"
        "sys.argv.insert(1, '-R')\n"
        "sys.exit(main())\n"
    )
    return (sys.executable, str(script))


def test_client_whose_look_up_hangs_delays_no_other_but_counts(tmp_path: Path) -> None:
    with serving(
        tmp_path, ["-v", "-l0", "-HR", "-c2"], ["printenv", "TCPREMOTEHOST"], command=slow_facts(tmp_path)
    ) as served:
        slow = served.connect("127.0.0.2")
        served.wait_for(lambda lines: lines[-1:] == ["tcpserver: status: 1/2"])
        for _ in range(3):
            with served.connect() as quick:
                assert read_all(quick) == b"name.of.127-0-0-1\n"
        second = served.connect("127.0.0.2")
        served.wait_for(lambda lines: lines[-1:] == ["tcpserver: status: 2/2"])
        third = served.connect()  # at the limit: waits in the backlog
        third.settimeout(0.3)
        with pytest.raises(TimeoutError):
            third.recv(1)
        third.settimeout(PATIENCE)
        (tmp_path / "go").touch()
        assert read_all(slow) == read_all(second) == b"name.of.127-0-0-2\n"
        assert read_all(third) == b"name.of.127-0-0-1\n"
        for client in (slow, second, third):
            client.close()
        served.wait_for(lambda lines: lines[-1:] == ["tcpserver: status: 0/2"])


def test_term_ends_it_at_once_while_look_ups_hang(tmp_path: Path) -> None:
    with (
        serving(tmp_path, ["-l0", "-HR"], ["cat"], command=slow_facts(tmp_path)) as served,
        served.connect("127.0.0.2"),
    ):
        time.sleep(0.2)
        started = time.monotonic()
        assert served.stop() == 0
        assert time.monotonic() - started < 10


def test_term_leaves_handlers_running(tmp_path: Path) -> None:
    with serving(tmp_path, QUIET, ["cat"]) as served, served.connect() as client:
        client.sendall(b"before\n")
        assert client.recv(100) == b"before\n"
        assert served.stop() == 0
        client.sendall(b"after\n")
        assert client.recv(100) == b"after\n"
        client.shutdown(socket.SHUT_WR)
        assert read_all(client) == b""


def test_full_stderr_blocks_loses_nothing_and_term_still_works(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, True)

    def stderr_is_the_pipe() -> None:
        os.dup2(writer, 2)

    with serving(tmp_path, LOUD, ["true"], before=stderr_is_the_pipe) as served:
        os.close(writer)
        clients = []
        for _ in range(600):  # 4 lines of some 40 bytes each: more than a pipe holds
            client = served.connect()
            client.settimeout(0.5)
            clients.append(client)
            try:
                client.recv(1)
            except TimeoutError:
                break
        else:
            pytest.fail("the log never filled the pipe")
        text = b""
        while text.count(b" end ") < len(clients) or not text.endswith(b"status: 0/40\n"):
            text += os.read(reader, 65536)
        lines = text.decode().splitlines()
        assert lines.count("tcpserver: status: 1/40") + lines.count("tcpserver: status: 2/40") >= len(clients)
        assert sum(" ok " in line for line in lines) == sum(" end " in line for line in lines) == len(clients)
        for client in clients:
            client.close()
        assert served.stop() == 0
    os.close(reader)


def test_closed_stderr_is_ignored(tmp_path: Path) -> None:
    reader, writer = os.pipe()

    def stderr_is_a_broken_pipe() -> None:
        os.dup2(writer, 2)
        os.close(reader)

    with serving(tmp_path, LOUD, ["echo", "hi"], before=stderr_is_a_broken_pipe) as served:
        os.close(writer)
        os.close(reader)
        for _ in range(3):
            with served.connect() as client:
                assert read_all(client) == b"hi\n"


def test_closed_standard_descriptors_do_not_become_the_listener(tmp_path: Path) -> None:
    def close_input() -> None:
        os.close(0)

    with serving(tmp_path, QUIET, ["echo", "hi"], before=close_input) as served:
        with served.connect() as client:
            assert read_all(client) == b"hi\n"
        assert os.readlink(f"/proc/{served.process.pid}/fd/0") == "/dev/null"
        assert os.readlink(f"/proc/{served.process.pid}/fd/1") == "/dev/null"


def test_banner_for_a_client_that_is_gone_drops_it(tmp_path: Path) -> None:
    with serving(tmp_path, [*LOUD, "-B", "hello"], ["cat"]) as served:
        pid = served.process.pid
        os.kill(pid, signal.SIGSTOP)
        client = served.connect()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()  # a reset, and only then does the server accept
        os.kill(pid, signal.SIGCONT)
        lines = served.wait_for(lambda lines: lines.count("tcpserver: status: 0/40") == 2)
        assert lines[-5:] == [  # not from the start: the pure build says first that it is one
            "tcpserver: status: 1/40",
            f"tcpserver: pid {pid} from 127.0.0.1",
            "tcpserver: warning: dropping connection, unable to print banner: connection reset",
            f"tcpserver: end {pid} status 28416",
            "tcpserver: status: 0/40",
        ]


def test_no_descriptor_and_no_child_is_left_behind(tmp_path: Path) -> None:
    with serving(tmp_path, LOUD, ["true"]) as served:

        def serve(ends: int) -> int:
            """Be the next clients until so many have ended; count what the server then has open."""
            for _ in range(ends - sum(" end " in line for line in served.lines())):
                with served.connect() as client:
                    client.recv(1)
            served.wait_for(lambda lines: sum(" end " in line for line in lines) == ends)
            return descriptors(served.process.pid)

        before = serve(1)  # by then nothing is loaded any more, which opens files
        assert serve(101) == before
        children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children").read_text()
        assert children == ""
        assert served.lines()[-1] == "tcpserver: status: 0/40"


@pytest.mark.parametrize("option", ["-t2147483647", "--timeout-names=2147483647", "-c2147483647"])
def test_largest_number_of_an_option_serves(tmp_path: Path, option: str) -> None:
    with serving(tmp_path, ["-l0", "-H", option], ["echo", "hi"]) as served, served.connect() as client:
        assert read_all(client) == b"hi\n"  # nobody answers ident here: refused at once


@pytest.mark.parametrize(
    "options",
    [
        ["-c", "9" * 5000],
        ["-t", "2147483648"],
        ["-g", "4294967295"],
        ["-u", "nobody:99999999999"],
        ["-u", "-1"],
    ],
)
def test_number_out_of_range_is_one_line(options: list[str]) -> None:
    command = [*COMMAND, *options, "127.0.0.1", "0", "true"]
    done = subprocess.run(command, capture_output=True, env=ENVIRONMENT, timeout=PATIENCE)
    assert done.returncode in (100, 111)
    assert done.stderr.startswith(b"tcpserver: fatal: ")
    assert done.stderr.count(b"\n") == 1
    assert len(done.stderr) < 200


def test_terms_in_a_row_end_it_as_one(tmp_path: Path) -> None:
    for _ in range(5):
        with serving(tmp_path, QUIET, ["cat"]) as served:
            for _ in range(3):
                served.process.send_signal(signal.SIGTERM)
            assert served.process.wait(PATIENCE) == 0
