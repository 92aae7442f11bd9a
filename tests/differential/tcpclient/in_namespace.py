"""Names, ident and the small clients, in a network namespace with servers on the ports they want.

    unshare -n -m python -m tests.differential.tcpclient.in_namespace OURS PROBE PLACE

Runs every case with the originals and with ours, and writes what was seen as a
pickle to standard output.
"""

import pickle
import socket
import sys
import threading
from pathlib import Path
from queue import Empty, SimpleQueue

from tests.differential.tcpclient.both import ORIGINALS, Seen, run
from tests.support import named_clients

ANYTHING = bytes(range(256))
LINES = b"one\r\ntwo\nthree\r\r\nfour\rfive\r\n\r\n\nlast"
PIECES = [b"a\r", b"\nb\r", b"\r\n", b"\r", b"c\r"]
HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n"

# What the servers of the small clients answer, by address: in these pieces.
ANSWERS: dict[str, list[bytes]] = {
    "127.0.5.1": [ANYTHING],
    "127.0.5.2": [LINES],
    "127.0.5.3": PIECES,
    "127.0.5.4": [],
    "127.0.5.5": [ANYTHING * 3000],
    "127.0.5.6": [HEAD + b"line 1\nline 2\n"],
    "127.0.5.7": [b"HTTP/1.0 200 OK\r\nA: b\r", b"\n", b"\r", b"\nline 1\n"],
    "127.0.5.8": [b"\r\n", b"no head\n"],
    "127.0.5.9": [b"no empty line\r\nat all\r\n"],
    "127.0.5.10": [b"\n\r\n\n"],
    "127.0.5.11": [HEAD + b"line 1\r\n\r\nline 2\n\n\0\xff\r\n\r\nno newline"],
}
REFUSED = "127.0.5.200"
WAITING = {79: b"\n", 80: b"\r\n\r\n"}  # ports whose clients speak first, and how that ends
SERVED = (11, 13, 17, 25, 79, 80, 8080)

USERS = ["", "joe", "a b;c", "$(reboot)`id`'\"*", "-x", "j\xf6rg"]
SMALL: dict[str, tuple[list[str], bytes]] = {
    **{f"who@ of {ip}": (["who@", ip], b"") for ip in [*list(ANSWERS)[:5], REFUSED]},
    **{f"date@ of {ip}": (["date@", ip], b"") for ip in [*list(ANSWERS)[:5], REFUSED]},
    **{f"tcpcat of {ip}": (["tcpcat", ip], b"") for ip in [*list(ANSWERS)[:5], REFUSED]},
    **{f"finger@ about {user}": (["finger@", "127.0.5.2", user], b"") for user in USERS},
    **{f"http@ of {ip}": (["http@", ip, "page"], b"") for ip in ("127.0.5.4", *list(ANSWERS)[5:9], REFUSED)},
    **{f"{command} by default": ([command], b"") for command in ("who@", "finger@", "http@", "tcpcat")},
    **{f"{command} of nothing": ([command, ""], b"") for command in ("who@", "finger@", "http@", "mconnect")},
    **{f"{command} of no name": ([command, "-x"], b"") for command in ("who@", "finger@", "http@", "tcpcat")},
    "finger@ with more": (["finger@", "127.0.5.2", "a", "b"], b""),
    "finger@ with input": (["finger@", "127.0.5.2"], b"not for the server\n"),
    "http@ with a port": (["http@", "127.0.5.6", "a b?c=d&e=%20;'$x", "8080"], b""),
    "http@ with a service": (["http@", "127.0.5.6", "", "http"], b""),
    "http@ with no service": (["http@", "127.0.5.6", "", "nosuch"], b""),
    "tcpcat with a port": (["tcpcat", "127.0.5.2", "8080"], b""),
    "tcpcat with no service": (["tcpcat", "127.0.5.2", "nosuch"], b""),
    "mconnect": (["mconnect", "127.0.5.2"], b"HELO x\nQUIT\n"),
    "mconnect with a port": (["mconnect", "127.0.5.2", "8080"], b"QUIT\n"),
    "mconnect refused": (["mconnect", REFUSED], b"QUIT\n"),
}
DIFFERENT: dict[str, tuple[list[str], bytes]] = {
    "a body with empty lines": (["http@", "127.0.5.11", "page"], b""),
    "a body of empty lines": (["http@", "127.0.5.10", "page"], b""),
    "a user for echo": (["finger@", "127.0.5.2", "-n"], b""),
    "a user with backslashes": (["finger@", "127.0.5.2", "a\\tb\\c"], b""),
}

PORT = "7000"
OLD = dict.fromkeys((b"TCPREMOTEHOST", b"TCPREMOTEINFO", b"TCPLOCALHOST"), b"old")
CLIENT: dict[str, str] = {
    **{f"name of {ip}": f"-R -l0 {ip} {PORT}" for ip in (*named_clients.NAMES, named_clients.UNKNOWN)},
    **{
        f"local name of {ip}": f"-RH -i {ip} 127.0.3.1 {PORT}"
        for ip in (*named_clients.NAMES, named_clients.UNKNOWN)
    },
    **{f"ident of {ip}": f"-Hl0 {ip} {PORT}" for ip in (*named_clients.IDENT, named_clients.REFUSED)},
    "ident that hangs": f"-t1 -Hl0 {named_clients.HANGING} {PORT}",
    "a host by name": f"-vRHl0 one.two.test {PORT}",
    "a name of a dead host": f"-vRHl0 liar.test {PORT}",
    "a name that does not exist": f"-vRHl0 nosuch.test {PORT}",
    "a service by name": "-vRHl0 127.0.5.2 http",
    "no option at all": f"127.0.3.1 {PORT}",
}
HOSTS_ONLY = f"-R -l0 hosts.test {PORT}"

Answers = dict[str, tuple[Seen, Seen]]


class Server(threading.Thread):
    """Answers on one address and port, and keeps what it was sent."""

    def __init__(self, ip: str, port: int, pieces: list[bytes], requests: "SimpleQueue[bytes]") -> None:
        super().__init__(daemon=True)
        self._pieces, self._end, self._requests = pieces, WAITING.get(port, b""), requests
        self._listener = socket.create_server((ip, port))

    def run(self) -> None:
        """Serve one client after the other, for ever."""
        while True:
            connection, _ = self._listener.accept()
            connection.settimeout(2)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with connection:
                try:
                    self._serve(connection)
                except OSError:
                    continue

    def _serve(self, connection: socket.socket) -> None:
        request = self._read(connection, self._end) if self._end else b""
        for piece in self._pieces:
            connection.sendall(piece)
        connection.shutdown(socket.SHUT_WR)
        request += self._read(connection, b"(never)")
        if self._end:
            self._requests.put(request)

    @staticmethod
    def _read(connection: socket.socket, end: bytes) -> bytes:
        """Return what comes up to some end; the originals of two cases never send it."""
        got = b""
        try:
            while end not in got and (block := connection.recv(4096)):
                got += block
        except TimeoutError:
            pass
        return got


def _taken(requests: "SimpleQueue[bytes]") -> bytes:
    try:
        return requests.get(timeout=1.0)
    except Empty:
        return b"(no request)"


def _small(place: Path, case: tuple[list[str], bytes], requests: "SimpleQueue[bytes]") -> Seen:
    (command, *operands), stdin = case
    bare = [operand.encode("latin-1") for operand in operands]
    seen = run([str(place / command), *bare], stdin=stdin)
    asked = _taken(requests) if command in ("finger@", "http@") else b""
    return Seen(seen.code, seen.output + b"\nASKED " + asked, seen.error)


def _client(place: Path, line: str, probe: str) -> Seen:
    return run([str(place / "tcpclient"), *line.split(), probe], environment=OLD)


def main() -> None:
    """Run all cases; the answer is one pickle."""
    ours, probe, place = sys.argv[1:]
    named_clients.start_servers(Path(place))
    requests: SimpleQueue[bytes] = SimpleQueue()
    for ip, pieces in ANSWERS.items():
        for port in SERVED:
            Server(ip, port, pieces, requests).start()
    Server("0.0.0.0", int(PORT), [], SimpleQueue()).start()
    places = ORIGINALS, Path(ours)
    answers: Answers = {}
    for name, case in (SMALL | DIFFERENT).items():
        answers[name] = tuple(_small(where, case, requests) for where in places)  # type: ignore[assignment]
    for name, line in (CLIENT | {"hosts": HOSTS_ONLY}).items():
        answers[name] = tuple(_client(where, line, probe) for where in places)  # type: ignore[assignment]
    sys.stdout.buffer.write(pickle.dumps(answers))


if __name__ == "__main__":
    main()
