"""A relay, connections per second: `tcpserver` with `tcpclient` and `proxyio` against `socat`.

Behind both stands the same server, whose handler is the static C program that
writes six bytes.  socat forks for each client, and executes nothing.  The relay of ours
is a step of the chain, so it has no interpreter either.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path

from ratios import columns, compare, faster_by_rate, header, options, program
from servers import Load, await_port, compile_c, free_port, running


def main() -> None:
    arguments = options(__doc__ or "")
    count = 20 if arguments.quick else 100
    socat = shutil.which("socat")
    if socat is None:
        raise SystemExit("socat is not installed")
    header([socat])
    columns("connections/s", faster_by_rate)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        load, six = compile_c("load.c", directory), compile_c("six.c", directory)
        with running(program("tcpserver"), ["-1HRl0", "-c100", "127.0.0.1", "0", str(six)]) as (_, behind):
            for proxy in ([], ["--proxy", "v2"]):
                # The handler never reads the header.
                chain = [
                    *program("tcpclient"),
                    "-RHl0",
                    *proxy,
                    "127.0.0.1",
                    str(behind),
                    *program("proxyio"),
                ]
                line = ["-1HRl0", "-c100", "127.0.0.1", "0", *chain]
                with running(program("tcpserver"), line) as (_, port):
                    contest(load, port, socat, behind, count, arguments.rounds, " ".join(proxy))


def contest(load: Path, port: int, socat: str, behind: int, count: int, rounds: int, how: str) -> None:
    """Compare with socat, for one and for 16 clients at once."""
    other = free_port()
    words = [f"TCP-LISTEN:{other},fork,reuseaddr,backlog=128,bind=127.0.0.1", f"TCP:127.0.0.1:{behind}"]
    with subprocess.Popen([socat, *words]) as process:
        try:
            await_port(other)
            for clients in (1, 16):
                mine = Load(load, port, count, clients, 6)
                compare(
                    f"{clients} at once{how and ', '}{how}",
                    mine,
                    Load(load, other, count, clients, 6),
                    rounds,
                    faster_by_rate,
                )
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
