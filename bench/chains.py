"""Connections per second behind links: our server with steps, with links executed, and the originals.

Each server runs its own links; the handler is the static C program of `connections.py`.  The
limit is the handler alone.  All servers run side by side all the time; the load goes round.
`recordio` logs on stderr.  `rblsmtpd` asks a DNS server on this machine that at once says of each
name that there is none (`nowhere.c`); only root can start it.
"""

import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ratios import header, options, program
from servers import ORIGINAL, Load, compile_c, running

NAMESERVER = "127.0.0.153"
CHAINS: tuple[tuple[str, list[str]], ...] = (
    ("the handler alone", []),
    ("`argv0`", ["argv0", "HANDLER", "x"]),
    ("`setuidgid nobody`", ["setuidgid", "nobody", "HANDLER"]),
    ("`envuidgid nobody`", ["envuidgid", "nobody", "HANDLER"]),
    ("`pgrphack`", ["pgrphack", "HANDLER"]),
    ("`softlimit -o 50`", ["softlimit", "-o", "50", "HANDLER"]),
    ("`envdir`, four variables", ["envdir", "VARIABLES", "HANDLER"]),
    ("`recordio`", ["recordio", "HANDLER"]),
    ("`fixcrio`", ["fixcrio", "HANDLER"]),
    ("`rblsmtpd`, one list", ["rblsmtpd", "-r", "list.test", "HANDLER"]),
    ("`rblsmtpd`, three lists", ["rblsmtpd", *["-r", "a.test", "-r", "b.test", "-a", "c.test"], "HANDLER"]),
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
    with tempfile.TemporaryDirectory() as name, nameserver(Path(name)) as lists:
        directory = Path(name)
        directory.chmod(0o755)  # nobody shall be able to run the handler
        variables = directory / "variables"
        variables.mkdir()
        for number in range(4):
            (variables / f"NAME{number}").write_text(f"value {number}\n")
        given = {"VARIABLES": str(variables)}
        load = compile_c("load.c", directory)
        given["HANDLER"] = str(compile_c("six.c", directory))
        for subject, chain in CHAINS:
            if "rblsmtpd" in chain and not lists:
                continue
            handler = [given.get(word, word) for word in chain or ["HANDLER"]]
            for clients in (1, 16):
                print(
                    f"| {subject}, {clients} | {contest(load, handler, count, clients, arguments.rounds)} |"
                )


@contextmanager
def nameserver(directory: Path) -> Iterator[bool]:
    """Have all ask a server that knows no name; yield False where there cannot be one."""
    os.environ["DNSCACHEIP"] = NAMESERVER
    command = [str(compile_c("nowhere.c", directory)), NAMESERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        try:
            yield bool(server.stdout.readline())
        finally:
            server.kill()


def contest(load: Path, handler: list[str], count: int, clients: int, rounds: int) -> str:
    """Load all three; return their medians and the ratio of steps to the original."""
    ours = program("tcpserver")
    here = str(Path(ours[0]).resolve().parent)
    line = ["-1HRl0", "-c100", "127.0.0.1", "0", *handler]
    path = {**os.environ, "PATH": f"{here}:/usr/bin:/bin"}
    ways = [
        (ours, path),
        ([ORIGINAL], {**path, "PATH": "/usr/bin:/bin"}),
        (ours, {**path, "UCSPI_WARM": "0"}),
    ]
    part = 50 if "rblsmtpd" in handler else 10 if len(handler) > 1 else 1
    few = max(count // part, clients)  # an interpreter for each client takes long, more so with dnspython
    with ExitStack() as stack:
        ports = [stack.enter_context(running(command, line, environ))[1] for command, environ in ways]
        counts = (count, count, few)
        size = 7 if "fixcrio" in handler else 6  # bytes: it adds one
        loads = [Load(load, port, many, clients, size) for port, many in zip(ports, counts, strict=True)]
        if not works(loads[2]):
            loads.pop()
        rates = [[measure() for measure in loads] for _ in range(rounds)]
    steps, original, *executed = (statistics.median(column) for column in zip(*rates, strict=True))
    ratios = sorted(row[0] / row[1] for row in rates)
    spread = f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    third = f"{executed[0]:,.0f}" if executed else "cannot"
    return f"{steps:,.0f} | {third} | {original:,.0f} | {spread}"


def works(load: Load) -> bool:
    """Return whether a server serves: executed links need an interpreter, which nobody may be denied."""
    try:
        load()
    except SystemExit:
        return False
    return True


if __name__ == "__main__":
    os.chdir("/")
    main()
