"""Running the mover by itself, with streams that are cut anywhere on all its sides."""

import os
import socket
import subprocess
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.support.patience import PATIENCE
from ucspi.unix import mover

CDBEXT = Path(__file__).parents[2] / "cdbext"
PID = 4194304


@dataclass
class Moved:
    """What came out of a copier: to the program, of it, on descriptor 2."""

    code: int
    there: bytes
    back: bytes
    log: bytes


def environment(order: str) -> dict[str, str]:
    """Return an environment that ends with an order; a sanitizer's variables come before it."""
    kept = {name: value for name, value in os.environ.items() if name in ("LD_PRELOAD", "ASAN_OPTIONS")}
    return kept | {"UCSPI_MOVER": order}


def pieces_to_read(stack: ExitStack, pieces: Sequence[bytes]) -> socket.socket:
    """Return a socket of which each read gets one of the pieces, none of them empty, and then the end."""
    mine, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    stack.enter_context(its)
    with mine:
        for piece in pieces:
            mine.sendall(piece)
    return its


def copied(
    kind: str,
    there: Sequence[bytes],
    back: Sequence[bytes],
    program: Path | bytes = mover.PATH,
    before: Callable[[], object] | None = None,
) -> Moved:
    """Let a copier have pieces in both directions; together they must fit into pipes."""
    with ExitStack() as stack:
        given, answered = pieces_to_read(stack, there), pieces_to_read(stack, back)
        reader, writer = os.pipe()
        process = stack.enter_context(
            subprocess.Popen(
                [program],
                stdin=given.fileno(),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment(f"{kind} {writer} {answered.fileno()} {PID} {kind}"),
                pass_fds=[writer, answered.fileno()],
                preexec_fn=before,
            )
        )
        os.close(writer)
        back_out, log = process.communicate(timeout=PATIENCE)
        with os.fdopen(reader, "rb") as file:
            return Moved(process.returncode, file.read(), back_out, log)


def filtered(kind: str, pieces: Sequence[bytes], program: Path | bytes = mover.PATH) -> bytes:
    """Return what a filter makes of pieces."""
    with ExitStack() as stack:
        source = pieces_to_read(stack, pieces)
        done = subprocess.run(
            [program],
            stdin=source.fileno(),
            capture_output=True,
            env=environment(f"{kind} {kind}"),
            timeout=PATIENCE,
        )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout
