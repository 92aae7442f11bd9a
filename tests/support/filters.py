"""Running a filter, ours and the original alike, on streams that are cut anywhere."""

import os
import socket
import subprocess
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random
from resource import RLIMIT_FSIZE, setrlimit
from typing import IO

from tests.support.commands import ENVIRONMENT, Outcome, ours
from tests.support.oracles import Oracle
from tests.support.patience import PATIENCE


def both(oracle: Oracle, program: str) -> tuple[list[str], list[str]]:
    """Return our program and the original, as the beginnings of commands."""
    return ours(program), [oracle(program)]


def run(
    command: Sequence[str | bytes],
    stdin: int | bytes | None = b"",
    stdout: int = subprocess.PIPE,
    *,
    before: Callable[[], object] | None = None,
    pass_fds: Collection[int] = (),
    environment: dict[str, str] = ENVIRONMENT,
) -> Outcome:
    """Run a command to its end; return exit code, stdout and stderr."""
    done = subprocess.run(
        command,
        input=stdin if isinstance(stdin, bytes) else None,
        stdin=None if isinstance(stdin, bytes) else stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environment,
        preexec_fn=before,
        pass_fds=pass_fds,
        timeout=PATIENCE,
    )
    return done.returncode, done.stdout or b"", done.stderr


def run_with_size_limit(command: Sequence[str], stdin: bytes, out: Path, limit: int) -> tuple[int, int]:
    """Run a command whose output file may grow to ``limit`` bytes; return exit code and size."""
    with out.open("wb") as stdout:
        code, _, _ = run(
            command, stdin, stdout.fileno(), before=lambda: setrlimit(RLIMIT_FSIZE, (limit, limit))
        )
    return code, out.stat().st_size


def run_on_pieces(command: list[str], pieces: list[bytes]) -> Outcome:
    """Run a command whose every read gets one of the pieces, wherever it is cut."""
    mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with (
        closing(mine),
        closing(its),
        subprocess.Popen(
            command, stdin=its.fileno(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
        ) as process,
    ):
        its.close()
        for piece in pieces:
            mine.sendall(piece)
        mine.shutdown(socket.SHUT_WR)
        try:
            out, err = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    return process.returncode, out, err


def pieces(random: Random, count: int) -> list[bytes]:
    """Return a stream full of line ends, in pieces of 1 to 256 bytes."""
    alphabets = [b"\r\n", b"a\r\n\n", b"abcdefgh\0\xff\r\n", b"x"]
    return [
        bytes(random.choices(random.choice(alphabets), k=random.choice([1, 2, 3, 17, 255, 256])))
        for _ in range(count)
    ]


@contextmanager
def piped(command: list[str]) -> Iterator[tuple[IO[bytes], IO[bytes]]]:
    """Run a filter between two pipes; give their ends.

    When its input ends, so must it, well and with nothing more to say.
    """
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT, bufsize=0
    ) as process:
        assert process.stdin
        assert process.stdout
        yield process.stdin, process.stdout
        process.stdin.close()
        assert (process.stdout.read(), process.wait(PATIENCE)) == (b"", 0)


def without_pid(log: bytes) -> list[bytes]:
    """Return the lines of a log, sorted by way and else in order, less the pid that begins each."""
    lines = [line.partition(b" ")[2] for line in log.split(b"\n")[:-1]]
    return sorted(lines, key=lambda line: line[:1])


def nonblocking_pipe() -> tuple[int, int]:
    """Return a pipe whose reading end does not block."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    return reader, writer
