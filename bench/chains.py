"""Connections per second behind links: our server with steps, with links executed, and the originals.

Each server runs its own links; the handler is the static C program of `connections.py`.  The
limit is the handler alone.  All servers run side by side all the time; the load goes round.
"""

import os
import statistics
import tempfile
from contextlib import ExitStack
from pathlib import Path

from ratios import header, options, program
from servers import ORIGINAL, Load, compile_c, running

CHAINS: tuple[tuple[str, list[str]], ...] = (
    ("the handler alone", []),
    ("`argv0`", ["argv0", "HANDLER", "x"]),
    ("`setuidgid nobody`", ["setuidgid", "nobody", "HANDLER"]),
    ("`envuidgid nobody`", ["envuidgid", "nobody", "HANDLER"]),
    ("`pgrphack`", ["pgrphack", "HANDLER"]),
    ("`softlimit -o 50`", ["softlimit", "-o", "50", "HANDLER"]),
    (
        "`softlimit -o 50 setuidgid nobody argv0`",
        [*["softlimit", "-o", "50", "setuidgid", "nobody", "argv0", "HANDLER", "x"]],
    ),
)


def main() -> None:
    arguments = options(__doc__ or "")
    count = 100 if arguments.quick else 1000
    header([f"{ORIGINAL} and links (ucspi-tcp 0.88, daemontools 0.76)"])
    print(
        "\n| links, clients | connections/s: steps | executed | original | times as fast: median (spread) |"
    )
    print("| --- | ---: | ---: | ---: | ---: |")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)  # nobody shall be able to run the handler
        load, six = compile_c("load.c", directory), compile_c("six.c", directory)
        for subject, chain in CHAINS:
            handler = [str(six) if word == "HANDLER" else word for word in chain or ["HANDLER"]]
            for clients in (1, 16):
                print(
                    f"| {subject}, {clients} | {contest(load, handler, count, clients, arguments.rounds)} |"
                )


def contest(load: Path, handler: list[str], count: int, clients: int, rounds: int) -> str:
    """Load all three; return their medians and the ratio of steps to the original."""
    ours = program("tcpserver")
    here = str(Path(ours[0]).resolve().parent)
    line = ["-1HRl0", "-c100", "127.0.0.1", "0", *handler]
    path = {**os.environ, "PATH": f"{here}:/usr/bin:/bin"}
    ways = (
        (ours, path),
        (ours, {**path, "UCSPI_WARM": "0"}),
        ([ORIGINAL], {**path, "PATH": "/usr/bin:/bin"}),
    )
    with ExitStack() as stack:
        loads = []
        for number, (command, environ) in enumerate(ways):
            port = stack.enter_context(running(command, line, environ))[1]
            # An interpreter for each link and client takes long.
            loads.append(
                Load(
                    load,
                    port,
                    max(count // 10, clients) if number == 1 and len(handler) > 1 else count,
                    clients,
                    6,
                )
            )
        rates = [[measure() for measure in loads] for _ in range(rounds)]
    medians = [statistics.median(column) for column in zip(*rates, strict=True)]
    ratios = sorted(row[0] / row[2] for row in rates)
    spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    return " | ".join([*(f"{rate:,.0f}" for rate in medians), spread])


if __name__ == "__main__":
    os.chdir("/")
    main()
