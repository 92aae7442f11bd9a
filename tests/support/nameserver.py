"""A DNS server of the tests that answers as told, honestly or not, over UDP and TCP.

What it does with a query is a `Manner`: a function from the query and whether
it came over TCP to the packets that go back, none for silence.
"""

import select
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

A, CNAME, TXT, ANY_CLASS = 1, 5, 16, 255
SERVER_FAILED, NO_NAME, REFUSED = 2, 3, 5
TRUNCATED = 0x0200

Record = tuple[int, bytes]  # type and data, for the name that was asked


@dataclass(frozen=True)
class Query:
    """What was asked, and how."""

    packet: bytes
    name: bytes  # with dots, in lower case
    kind: int
    tcp: bool


Manner = Callable[[Query], list[bytes]]


def encode(name: bytes) -> bytes:
    """Return a name in the form of the protocol, not compressed."""
    return b"".join(bytes([len(label)]) + label for label in name.split(b".") if label) + b"\0"


def strings(*texts: bytes) -> bytes:
    """Return the data of a TXT record."""
    return b"".join(bytes([len(text)]) + text for text in texts)


def reply(query: Query, records: list[Record], code: int = 0, flags: int = 0) -> bytes:
    """Return the answer to a query; each record is about the name that was asked."""
    end = 12 + len(encode(query.name)) + 4
    head = query.packet[:2] + struct.pack(">HHHHH", 0x8180 | flags | code, 1, len(records), 0, 0)
    body = (b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data for kind, data in records)
    return head + query.packet[12:end] + b"".join(body)


def says(*records: Record, code: int = 0) -> Manner:
    """Answer with records, if they are of the type that was asked or an alias."""
    return lambda query: [reply(query, [r for r in records if r[0] in (query.kind, CNAME)], code)]


def text(*texts: bytes) -> Manner:
    """Answer with one TXT record of these strings."""
    return says((TXT, strings(*texts)))


def address(ip: str = "127.0.0.2") -> Manner:
    """Answer with an A record."""
    return says((A, socket.inet_aton(ip)))


def silent(query: Query) -> list[bytes]:
    """Never answer."""
    return []


def failing(query: Query) -> list[bytes]:
    """Say that the server failed."""
    return [reply(query, [], SERVER_FAILED)]


def nowhere(query: Query) -> list[bytes]:
    """Say that there is no such name."""
    return [reply(query, [], NO_NAME)]


def sends(packet: bytes) -> Manner:
    """Answer with these bytes, behind the identifier of the query."""
    return lambda query: [query.packet[:2] + packet]


def truncated(whole: Manner) -> Manner:
    """Answer over TCP alone; over UDP say that the answer was cut."""
    return lambda query: whole(query) if query.tcp else [reply(query, [], 0, TRUNCATED)]


def first_a_lie(lie: Manner, truth: Manner) -> Manner:
    """Send a forged answer, of another identifier, in front of the real one."""

    def both(query: Query) -> list[bytes]:
        forged = [bytes([packet[0] ^ 0x55]) + packet[1:] for packet in lie(query)]
        return forged + truth(query)

    return both


def slow(seconds: float, truth: Manner) -> Manner:
    """Answer after a while; what others ask waits as well."""

    def wait(query: Query) -> list[bytes]:
        time.sleep(seconds)
        return truth(query)

    return wait


class NameServer:
    """Serves one address until it is closed; ``asked`` keeps every query,
    and ``manners`` may be changed."""

    def __init__(self, manners: dict[bytes, Manner], ip: str = "127.0.0.1", port: int = 0) -> None:
        """Take the manner of each name, in lower case; others do not exist."""
        self.asked: list[Query] = []
        self.manners = manners
        self._stream, self._datagrams = _sockets(ip, port)
        self.address: tuple[bytes, int] = (ip.encode(), self._datagrams.getsockname()[1])
        self._stop, self._stopped = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def __enter__(self) -> "NameServer":
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.close()
        self._thread.join()
        for one in (self._stopped, self._stream, self._datagrams):
            one.close()

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._stopped, self._stream, self._datagrams], [], [])
            if self._stopped in ready:
                return
            if self._datagrams in ready:
                packet, client = self._datagrams.recvfrom(65535)
                for answer in self._answers(packet, False):
                    self._datagrams.sendto(answer, client)
            if self._stream in ready:
                self._serve_stream()

    def _serve_stream(self) -> None:
        connection, _ = self._stream.accept()
        with connection:
            connection.settimeout(2)
            try:
                length = struct.unpack(">H", connection.recv(2, socket.MSG_WAITALL))[0]
                packet = connection.recv(length, socket.MSG_WAITALL)
                for answer in self._answers(packet, True):
                    connection.sendall(struct.pack(">H", len(answer)) + answer)
            except (OSError, struct.error):
                pass  # a client that went away

    def _answers(self, packet: bytes, tcp: bool) -> list[bytes]:
        name, end = _name(packet)
        query = Query(packet, name.lower(), struct.unpack_from(">H", packet, end)[0], tcp)
        self.asked.append(query)
        return self.manners.get(query.name, nowhere)(query)


def _sockets(ip: str, port: int) -> tuple[socket.socket, socket.socket]:
    """Return a listener and a datagram socket of the same port."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    for _ in range(50):
        stream = socket.create_server((ip, port), family=family)
        datagrams = socket.socket(family, socket.SOCK_DGRAM)
        try:
            datagrams.bind((ip, port or stream.getsockname()[1]))
        except OSError:
            stream.close()
            datagrams.close()
            continue
        return stream, datagrams
    raise OSError(f"no port for a name server at {ip}")


def _name(query: bytes) -> tuple[bytes, int]:
    """Return the name that a query asks about and the position behind it."""
    found, at = [], 12
    while length := query[at]:
        found.append(query[at + 1 : at + 1 + length])
        at += 1 + length
    return b".".join(found), at + 1
