"""mconnect-io against the original: descriptors 0 and 1 for a person, 6 and 7 for a server."""

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest

from tests.support.commands import ENVIRONMENT
from tests.support.filters import both, pieces
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE

pytestmark = pytest.mark.oracle


@contextmanager
def conversation(
    command: list[str], stdin: int = subprocess.PIPE, stdout: int = subprocess.PIPE
) -> Iterator[tuple["subprocess.Popen[bytes]", socket.socket]]:
    """Run it with a server on descriptors 6 and 7: the socket is the server's."""
    mine, its = socket.socketpair()
    mine.settimeout(PATIENCE)

    def before() -> None:
        os.dup2(its.fileno(), 60)  # not itself, which would stay close-on-exec
        os.dup2(60, 6)
        os.dup2(60, 7)

    with (
        mine,
        its,
        subprocess.Popen(
            command,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT,
            preexec_fn=before,
            pass_fds=[6, 7],
            bufsize=0,
        ) as process,
    ):
        its.close()
        try:
            yield process, mine
        finally:
            process.kill()


def until(server: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        data += server.recv(65536)
    return data


def test_each_way_comes_out_as_from_the_original(oracle: Oracle) -> None:
    stream = b"".join(pieces(Random(91), 300))
    wanted = stream.replace(b"\n", b"\r\n")
    for command in both(oracle, "mconnect-io"):
        with conversation(command) as (process, server):
            assert process.stdin
            assert process.stdout
            process.stdin.write(stream)
            assert until(server, len(wanted)) == wanted
            server.sendall(stream)
            server.close()
            assert process.communicate(timeout=PATIENCE) == (stream, b"")
            assert process.returncode == 0


def test_line_is_passed_on_at_once_and_the_answer_too(oracle: Oracle) -> None:
    for command in both(oracle, "mconnect-io"):
        with conversation(command) as (process, server):
            assert process.stdin
            assert process.stdout
            for _ in range(3):
                process.stdin.write(b"HELP\n")
                assert until(server, 6) == b"HELP\r\n"
                server.sendall(b"214 no\r\n")
                assert process.stdout.read(100) == b"214 no\r\n"


def test_limits_of_memory_and_stack_change_nothing(oracle: Oracle) -> None:
    limit = 20_000_000
    for command in both(oracle, "mconnect-io"):
        limited = ["prlimit", f"--as={limit}", f"--stack={limit}", *command]
        with conversation(limited) as (process, server):
            assert process.stdin
            assert process.stdout
            process.stdin.write(b"HELP\n")
            assert until(server, 6) == b"HELP\r\n"
            server.sendall(b"214 no\r\n")
            assert process.stdout.read(100) == b"214 no\r\n"


def test_end_of_the_input_is_not_passed_on(oracle: Oracle) -> None:
    for command in both(oracle, "mconnect-io"):
        with conversation(command, stdin=subprocess.DEVNULL) as (process, server):
            assert process.stdout
            server.sendall(b"still here")
            assert process.stdout.read(100) == b"still here"
            server.settimeout(0.2)
            with pytest.raises(TimeoutError):
                server.recv(1)
            assert process.poll() is None


def test_end_of_the_server_is_the_end_though_the_input_is_open(oracle: Oracle) -> None:
    for command in both(oracle, "mconnect-io"):
        with conversation(command) as (process, server):
            server.close()
            assert process.wait(PATIENCE) == 0


def test_output_that_nobody_reads_is_dropped(oracle: Oracle) -> None:
    for command in both(oracle, "mconnect-io"):
        reader, writer = os.pipe()
        os.close(reader)
        with conversation(command, stdout=writer) as (process, server):
            server.sendall(b"x" * 100_000)
            server.sendall(b"y" * 1000)
            assert process.poll() is None
            server.close()
            assert process.wait(PATIENCE) == 0
        os.close(writer)


def test_server_that_reads_no_more_is_heard_to_the_end(oracle: Oracle) -> None:
    for command in both(oracle, "mconnect-io"):
        with conversation(command) as (process, server):
            assert process.stdin
            assert process.stdout
            server.shutdown(socket.SHUT_RD)
            process.stdin.write(b"a\n")
            process.stdin.write(b"b\n")
            server.sendall(b"bye")
            assert process.stdout.read(100) == b"bye"
            server.close()
            assert process.wait(PATIENCE) == 0


def test_without_descriptors_6_and_7_it_ends(oracle: Oracle) -> None:
    for command in both(oracle, "mconnect-io"):
        done = subprocess.run(command, input=b"x\n", capture_output=True, env=ENVIRONMENT, timeout=PATIENCE)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_nothing_stays_when_it_is_killed(oracle: Oracle) -> None:
    mine, original = both(oracle, "mconnect-io")
    with conversation(mine) as (process, server):
        process.kill()
        assert server.recv(1) == b""
    with conversation(original) as (process, server):
        server.sendall(b"x")
        assert process.stdout
        assert process.stdout.read(1) == b"x"  # it runs, and so does its child
        process.kill()
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.recv(1)
