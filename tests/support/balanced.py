"""A balancer of a test's own: connects to a server behind it, and sends a header and more."""

import os
import socket
import subprocess
from pathlib import Path

from tests.support.patience import PATIENCE
from tests.support.serving import COMMAND, Served, read_all

UID, PID = os.getuid(), os.getpid()

# Behind the variables stands what the client has sent.
SHOW = ["sh", "-c", "env | grep -E '^(PROTO|TCP|UNIX|SSL_|PROXY_)' | sort; echo; cat"]
TRUST = ("-vHRl0", "--proxy-from", "127.0.0.1,unix")
# Nothing of what runs the tests is inherited.
BARE = ("env", "-i", f"PATH={os.environ['PATH']}", f"PYTHONPATH={os.environ.get('PYTHONPATH', '')}", *COMMAND)

V1 = b"PROXY TCP4 192.0.2.1 198.51.100.2 4000 25\r\n"


def talk(client: socket.socket, *pieces: bytes) -> bytes:
    """Send all pieces, then an end; return everything that comes, maybe because the server has hung up."""
    with client:
        try:
            for piece in pieces:
                client.sendall(piece)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return read_all(client)


def shown(answer: bytes) -> tuple[dict[str, str], bytes]:
    """Return the variables of `SHOW` and what it read, from what it printed."""
    text, _, data = answer.partition(b"\n\n")
    return dict(line.split("=", 1) for line in text.decode("latin-1").splitlines()), data


def ask(served: Served, *pieces: bytes) -> tuple[dict[str, str], bytes]:
    """Connect, and return the variables that `SHOW` prints and what it read."""
    return shown(talk(served.connect(), *pieces))


def connect_unix(path: Path) -> socket.socket:
    """Connect to a socket of the UNIX domain."""
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(PATIENCE)
    client.connect(str(path))
    return client


def reasons(served: Served) -> list[str]:
    """Return why connections were dropped so far."""
    begin = "tcpserver: warning: dropping connection, "
    return [line.removeprefix(begin) for line in served.lines() if line.startswith(begin)]


def refused(options: list[str]) -> tuple[int, bytes]:
    """Run a server that does not start; return its exit code and what it said."""
    command = [*COMMAND, *options, "127.0.0.1", "0", "true"]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE)
    return done.returncode, done.stderr


def judge(folder: Path, text: str) -> list[str]:
    """Write rules; return the options for them."""
    (folder / "rules").write_text(text)
    return ["--rules-text", "rules"]
