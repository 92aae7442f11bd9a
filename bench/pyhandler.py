"""Connections per second of one function in Python: `pyhandler` behind our server, and other ways.

Each answers with six bytes.  `pyhandler` is measured with a process for each connection, with kept
processes (`--keep 1000`), and with its module imported for each connection.  The peers are the
original server, which starts `python3` for each connection, and `socketserver` with a fork and with
a thread for each.  The limit is a loop that accepts and forks, and does nothing else: it keeps no count,
logs nothing, gives no environment, and its processes write and `_exit`.  All servers run side by side all
the time; the load goes round.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from ratios import header, options, program
from servers import ORIGINAL, Load, compile_c, running

SIZE = 6  # bytes of an answer
LINE = ["-1HRl0", "-c100", "127.0.0.1", "0"]
FUNCTION = """\
def serve(client):
    client.writer.write(b"hello\\n")


if __name__ == "__main__":
    print("hello")
"""
SERVER = """\
import socketserver, sys

class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b"hello\\n")

class Server(getattr(socketserver, sys.argv[1])):
    request_queue_size = 128
    max_children = 100
    daemon_threads = True

with Server(("127.0.0.1", 0), Handler) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
"""

LIMIT = """\
import os, signal, socket

signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener = socket.create_server(("127.0.0.1", 0), backlog=128)
print(listener.getsockname()[1], flush=True)
while True:
    client, _ = listener.accept()
    if os.fork() == 0:
        os.write(client.fileno(), b"hello\\n")
        os._exit(0)
    client.close()
"""


def main() -> None:
    arguments = options(__doc__ or "")
    count = 100 if arguments.quick else 1000
    header([f"{ORIGINAL} and socketserver"])
    print(
        "\n| server, clients | connections/s | a process each is as fast: median (spread) | kept processes |"
    )
    print("| --- | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "hello.py").write_text(FUNCTION)
        load = compile_c("load.c", directory)
        for clients in (1, 16):
            contest(directory, load, count, clients, arguments.rounds)


def contest(directory: Path, load: Path, count: int, clients: int, rounds: int) -> None:
    """Load all servers in turn; print a row for each."""
    few = max(count // 20, clients)  # an interpreter for each client takes long
    with ExitStack() as stack:
        loads = {
            name: Load(load, stack.enter_context(server), few if is_slow else count, clients, SIZE)
            for name, server, is_slow in servers(directory)
        }
        rates = [{name: measure() for name, measure in loads.items()} for _ in range(rounds)]
    each, kept, *_ = loads
    for name in loads:
        rate = statistics.median(row[name] for row in rates)
        columns = (
            "" if name == ours else spread([row[ours] / row[name] for row in rates]) for ours in (each, kept)
        )
        print(f"| {name}, {clients} | {rate:,.0f} | {' | '.join(columns)} |", flush=True)


def spread(ratios: list[float]) -> str:
    """Return the median, the smallest and the largest."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def servers(directory: Path) -> Iterator[tuple[str, AbstractContextManager[int], bool]]:
    """Yield names, servers that yield their port, and whether each connection waits for an import."""
    ours, environ = program("tcpserver"), dict(os.environ)
    handler = [*program("pyhandler"), "--path", str(directory), "hello:serve"]
    cold = {**environ, "UCSPI_WARM": "0"}
    script = [sys.executable, str(directory / "hello.py")]
    often = [*handler[:-1], "--keep", "1000", handler[-1]]
    yield "`pyhandler`", port(ours, [*LINE, *handler], environ), False
    yield "`pyhandler --keep 1000`", port(ours, [*LINE, *often], environ), False
    yield "`pyhandler`, imported for each", port(ours, [*LINE, *handler], cold), True
    yield "original and `python3`", port([ORIGINAL], [*LINE, *script], environ), True
    for name in ("ForkingTCPServer", "ThreadingTCPServer"):
        yield f"`{name}`", port([sys.executable, "-c", SERVER], [name], environ), False
    yield "`accept` and `os.fork` alone", port([sys.executable, "-c", LIMIT], [], environ), False


@contextmanager
def port(command: list[str], arguments: list[str], environ: dict[str, str]) -> Iterator[int]:
    """Run a server; yield its port."""
    with running(command, arguments, environ, quiet=True) as (_, number):
        yield number


if __name__ == "__main__":
    os.chdir("/")
    main()
