"""One DNS query: it goes to one server after another until one answers.

Each query has a socket of its own, connected to the server, so the kernel
discards packets from anybody else.  Its port and its identifier are random.  A
server that does not answer is asked again in the next round; each round waits
longer.  A server that refuses, fails or sends a malformed answer is not asked
again; the next server is asked at once.  After a truncated answer the same
server is asked over TCP.

dnspython packs queries and parses answers.
"""

import _socket
import select
import time

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
from dns.exception import DNSException

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

A, TXT = dns.rdatatype.A, dns.rdatatype.TXT
ROUNDS = (1.0, 3.0, 11.0, 45.0)  # seconds for a server to answer; the original's
TCP_TIME = 10.0  # seconds for a whole answer over TCP
_LARGEST = 65535  # bytes of a packet


class Query:
    """One query; ``records`` has the answer when ``done`` is true, None for a failure."""

    __slots__ = (
        "_at",
        "_deadline",
        "_incoming",
        "_name",
        "_outgoing",
        "_places",
        "_query",
        "_round",
        "_socket",
        "_tcp",
        "done",
        "due",
        "kind",
        "records",
    )

    def __init__(
        self,
        labels: "Sequence[bytes]",
        kind: "dns.rdatatype.RdataType",
        places: "Sequence[tuple[str, int]]",
        deadline: float,
    ) -> None:
        """Send it to the first server; a name too long for DNS is done at once."""
        self.done, self.records = False, None
        self.kind, self.due = kind, deadline
        self._places, self._deadline = list(places), deadline
        self._round = self._at = 0
        self._socket: _socket.socket | None = None
        self._tcp, self._outgoing, self._incoming = False, b"", b""
        try:
            self._name = dns.name.Name([*labels, b""])
        except DNSException:
            self.done = True
        else:
            self.send_again()

    records: list[bytes] | None

    def register(self, poll: "select.poll") -> int:
        """Register the socket with a poll; return its descriptor."""
        assert self._socket is not None
        poll.register(self._socket, select.POLLOUT if self._outgoing else select.POLLIN)
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket, so that no later answer counts."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def send_again(self) -> None:
        """Send to the next server, in the next round after the last one; done after the last round."""
        self.close()
        now = time.monotonic()
        while self._places and self._round < len(ROUNDS) and now < self._deadline:
            if self._at == len(self._places):
                self._at, self._round = 0, self._round + 1
            elif self._send(tcp=False):
                self._at += 1
                self.due = min(now + ROUNDS[self._round], self._deadline)
                return
            else:
                del self._places[self._at]
        self.done = True

    def proceed(self) -> None:
        """Read or write what the socket is ready for; a server that fails now is not asked again."""
        try:
            packet = self._over_tcp() if self._tcp else self._receive(_LARGEST)
        except BlockingIOError:
            return
        except OSError:
            self._drop_server()
            return
        if packet is not None:
            self._look_at(packet)

    def _send(self, *, tcp: bool) -> bool:
        """Send a new query to the server whose turn it is; return whether that worked."""
        ip, port = self._places[self._at]
        family = _socket.AF_INET6 if ":" in ip else _socket.AF_INET
        self._query = dns.message.make_query(self._name, self.kind)
        wire = self._query.to_wire()
        try:
            self._socket = _socket.socket(family, _socket.SOCK_STREAM if tcp else _socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            self._tcp, self._incoming = tcp, b""
            self._outgoing = len(wire).to_bytes(2, "big") + wire if tcp else b""
            self._connect((ip, port))
            if not tcp:
                self._socket.send(wire)
        except OSError:
            self.close()
            return False
        return True

    def _connect(self, place: tuple[str, int]) -> None:
        assert self._socket is not None
        try:
            self._socket.connect(place)
        except BlockingIOError:
            pass  # over TCP: the first write shows whether it succeeded

    def _receive(self, length: int) -> bytes:
        assert self._socket is not None
        return self._socket.recv(length)

    def _over_tcp(self) -> bytes | None:
        """Send or receive as much as possible; return the answer when it is complete."""
        assert self._socket is not None
        if self._outgoing:
            self._outgoing = self._outgoing[self._socket.send(self._outgoing) :]
            return None
        length = 2 + int.from_bytes(self._incoming[:2], "big")
        block = self._receive((length if len(self._incoming) >= 2 else 2) - len(self._incoming))
        if not block:
            raise ConnectionResetError
        self._incoming += block
        whole = len(self._incoming) > 2 and len(self._incoming) == length
        return self._incoming[2:] if whole else None

    def _look_at(self, packet: bytes) -> None:
        """Take a packet as the answer; ignore one that does not fit the query, the right one may follow."""
        id_and_flags = int.from_bytes(packet[:4], "big")
        if len(packet) < 4 or id_and_flags >> 16 != self._query.id or not id_and_flags & dns.flags.QR:
            if self._tcp:
                self._drop_server()
            return
        try:
            answer = dns.message.from_wire(packet, one_rr_per_rrset=True)
        except Exception:  # bytes from the network, in a parser that is not ours
            self._drop_server()
            return
        if not self._query.is_response(answer):
            if self._tcp:
                self._drop_server()
        elif answer.flags & dns.flags.TC and not self._tcp:
            self._ask_over_tcp()
        elif answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            self._drop_server()
        else:
            self.close()
            self.records, self.done = _data(answer, self.kind), True

    def _ask_over_tcp(self) -> None:
        """Send the query to the same server over TCP."""
        self.close()
        self._at -= 1
        if self._send(tcp=True):
            self._at += 1
            self.due = min(time.monotonic() + TCP_TIME, self._deadline)
        else:
            self._at += 1
            self._drop_server()

    def _drop_server(self) -> None:
        self._at -= 1
        del self._places[self._at]
        self.send_again()


def _data(answer: dns.message.Message, kind: "dns.rdatatype.RdataType") -> list[bytes]:
    """Return the data of all records of a type, under any name: the server has followed aliases."""
    found: list[bytes] = []
    for records in answer.answer:
        if records.rdtype == kind and records.rdclass == dns.rdataclass.IN:
            found += [
                b"".join(record.strings) if kind == TXT else record.address.encode() for record in records
            ]
    return found
