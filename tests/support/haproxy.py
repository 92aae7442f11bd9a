"""Running Debian's HAProxy: as the judge of the headers that it is sent, and as a real sender of them.

It gets its listeners from us, so clients need not wait until it is ready.
"""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.oracles import find_oracle, missing
from tests.support.patience import PATIENCE

_HEAD = """\
global
  maxconn 200
defaults
  mode {mode}
  timeout client 30s
  timeout connect 30s
  timeout server 30s
"""
# It answers with the addresses that it found in the header.
_JUDGE = """\
frontend judge
  bind fd@{fd} accept-proxy
  http-request return status 200 content-type text/plain lf-string "%[src] %[src_port] %[dst] %[dst_port]"
"""
_SENDER = """\
frontend clients
  bind fd@{fd}
  default_backend servers
backend servers
  server one {server} {options}
"""


def listener(host: str = "127.0.0.1") -> socket.socket:
    """Return a listening socket on a free port; ``::`` also takes clients of IPv4."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    made.bind((host, 0))
    made.listen(100)
    made.settimeout(PATIENCE)
    return made


@contextmanager
def _running(folder: Path, mode: str, text: str, fd: int) -> Iterator[None]:
    program = find_oracle("haproxy")
    if program is None:
        missing("haproxy is not installed")
    config = folder / "haproxy.cfg"
    config.write_text(_HEAD.format(mode=mode) + text)
    with subprocess.Popen(
        [program, "-db", "-f", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, pass_fds=[fd]
    ) as process:
        try:
            yield
        finally:
            process.kill()


@contextmanager
def judging(folder: Path) -> Iterator[int]:
    """Run the judge; give its port of 127.0.0.1, which wants a PROXY header and an HTTP request."""
    with listener() as made, _running(folder, "http", _JUDGE.format(fd=made.fileno()), made.fileno()):
        yield made.getsockname()[1]


def verdict(port: int, header: bytes) -> bytes | None:
    """Return source and destination as the judge has read them, None if it closes; a port 0 is not there."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        answer = b""
        try:
            client.sendall(header + b"GET / HTTP/1.0\r\n\r\n")
            while block := client.recv(4096):
                answer += block
        except ConnectionError:
            pass
    return answer.partition(b"\r\n\r\n")[2] if answer.startswith(b"HTTP/1.") else None


@contextmanager
def sending(folder: Path, clients: socket.socket, options: str) -> Iterator[socket.socket]:
    """Run HAProxy behind a listening socket; give the listening socket of the server that it connects to."""
    with listener() as servers:
        server = f"127.0.0.1:{servers.getsockname()[1]}"
        text = _SENDER.format(fd=clients.fileno(), server=server, options=options)
        with _running(folder, "tcp", text, clients.fileno()):
            yield servers
