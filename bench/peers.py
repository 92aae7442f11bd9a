"""Connections per second, accepted: ours against the other super-servers that are installed.

All start the same handler, a static C program that writes six bytes, and none
looks up names.  socat runs it without a process of its own in between (nofork).
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from plot import Chart, Line, draw
from ratios import ROOT, columns, compare, faster_by_rate, header, options, program
from servers import ORIGINAL, Load, await_port, compile_c, free_port, running

COLOURS = ("#1b6ca8", "#333333", "#c0392b", "#2e8b57", "#8e44ad", "#b8860b", "#d2691e")

XINETD = """\
defaults
{{
    log_type = FILE {place}/xinetd.log
    instances = UNLIMITED
    per_source = UNLIMITED
    cps = 1000000 1
}}
service bench
{{
    type = UNLISTED
    socket_type = stream
    protocol = tcp
    wait = no
    user = {user}
    bind = 127.0.0.1
    port = {port}
    server = {six}
}}
"""

FORKING = """\
import os, socketserver, sys

class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        os.dup2(self.request.fileno(), 0)
        os.dup2(self.request.fileno(), 1)
        os.execv(sys.argv[2], sys.argv[2:])

class Server(socketserver.ForkingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128
    max_children = 100

Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def others(place: Path, six: Path) -> Iterator[tuple[str, int, list[str]]]:
    """Yield name, port and command line of each other server that is installed."""
    port = free_port()
    if shutil.which("socat"):
        listen = f"TCP4-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork,backlog=128"
        yield "socat", port, ["socat", listen, f"EXEC:{six},nofork"]
    port = free_port()
    if xinetd := shutil.which("xinetd", path=f"{os.environ['PATH']}:/usr/sbin"):
        user = "root" if os.geteuid() == 0 else os.environ["USER"]
        text = XINETD.format(place=place, user=user, port=port, six=six)
        (place / "xinetd.conf").write_text(text)
        pid_file = f"{place}/xinetd.pid"
        yield "xinetd", port, [xinetd, "-dontfork", "-f", f"{place}/xinetd.conf", "-pidfile", pid_file]
    port = free_port()
    if tcpsvd := svd():
        yield " ".join(tcpsvd), port, [*tcpsvd, "-c", "100", "-b", "128", "127.0.0.1", str(port), str(six)]
    port = free_port()
    if shutil.which("systemd-socket-activate"):
        listen = f"--listen=127.0.0.1:{port}"
        yield (
            "systemd-socket-activate",
            port,
            [
                "systemd-socket-activate",
                "--accept",
                "--inetd",
                listen,
                str(six),
            ],
        )
    yield "socketserver", (port := free_port()), [sys.executable, "-c", FORKING, str(port), str(six)]


def svd() -> list[str]:
    """Return how tcpsvd is called here, nothing when it is not."""
    busybox = shutil.which("busybox")
    if busybox and b"tcpsvd" in subprocess.run([busybox, "--list"], capture_output=True).stdout.split():
        return ["busybox", "tcpsvd"]
    return ["tcpsvd"] if shutil.which("tcpsvd") else []


@contextmanager
def serving(command: list[str], port: int) -> Iterator[None]:
    """Run a server that cannot say its port."""
    null = subprocess.DEVNULL
    server = subprocess.Popen(command, stdin=null, stdout=null, stderr=null, cwd="/")
    try:
        await_port(port)
        yield
    finally:
        server.terminate()
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(5)


def main() -> None:
    arguments = options(__doc__ or "")
    count = 100 if arguments.quick else 600
    crowds = (1, 16) if arguments.quick else (1, 2, 4, 8, 16, 32, 64)
    plain = ["-1HRl0", "-c100", "127.0.0.1", "0"]
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        place = Path(name)
        load, six = compile_c("load.c", place), compile_c("six.c", place)
        ports = {
            "ours": stack.enter_context(running(program("tcpserver"), [*plain, str(six)]))[1],
            "ucspi-tcp 0.88": stack.enter_context(running([ORIGINAL], [*plain, str(six)]))[1],
        }
        for who, port, command in others(place, six):
            stack.enter_context(serving(command, port))
            ports[who] = port
        header([who for who in ports if who != "ours"])
        columns("connections/s", faster_by_rate)
        for clients in (1, 16):
            ours = Load(load, ports["ours"], count, clients, 6)
            for who in [who for who in ports if who != "ours"]:
                peer = Load(load, ports[who], count, clients, 6)
                subject = f"{who}, {clients} at once"
                try:
                    compare(subject, ours, peer, arguments.rounds, faster_by_rate)
                except SystemExit:  # that server is not asked again
                    del ports[who]
                    print(f"| {subject} | | left clients without an answer | | |", flush=True)
        picture(load, ports, count, crowds, keep=not arguments.quick)


def picture(load: Path, ports: dict[str, int], count: int, crowds: tuple[int, ...], *, keep: bool) -> None:
    """Draw how many connections each server takes from crowds of different sizes."""
    points: dict[str, list[tuple[float, float]]] = {who: [] for who in ports}
    for clients in crowds:
        for who, port in list(ports.items()):
            try:
                points[who].append((clients, max(Load(load, port, count, clients, 6)() for _ in range(2))))
            except SystemExit:  # its line ends here
                del ports[who]
    lines: list[Line] = [
        (who, colour, line) for (who, line), colour in zip(points.items(), COLOURS, strict=False)
    ]
    chart = Chart("Connections accepted", "clients at once", "connections per second", lines)
    if keep:
        (ROOT / "docs" / "connections.svg").write_text(draw([chart]), encoding="utf-8")
    print("\n![Connections per second of each server, with 1 to 64 clients at once](connections.svg)")


if __name__ == "__main__":
    os.chdir("/")
    os.environ["LOAD_PATIENCE"] = "5"
    main()
