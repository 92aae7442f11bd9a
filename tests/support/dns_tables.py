"""A name server over UDP that answers from two dictionaries: names of addresses, addresses of names."""

import socket
import struct
import threading

A, CNAME, PTR = 1, 5, 12
NO_ERROR, NO_NAME = 0, 3

Labels = tuple[bytes, ...]


def labels(name: bytes) -> Labels:
    """Split a dotted name; labels with dots of their own are given as tuples instead."""
    return tuple(part for part in name.split(b".") if part)


def encode(name: Labels) -> bytes:
    """Return a name in the form of the protocol, not compressed."""
    return b"".join(bytes([len(label)]) + label for label in name) + b"\0"


class NameServer(threading.Thread):
    """Serves 127.0.0.1:53 until the process ends."""

    def __init__(self, pointers: dict[str, list[Labels]], addresses: dict[Labels, list[str]]) -> None:
        """Take the PTR names of each address, and the addresses of each name.

        An address whose list is empty exists without a name (no error, no
        answer); one that is missing does not exist (NXDOMAIN).
        """
        super().__init__(daemon=True)
        self._pointers = {_reversed(ip): names for ip, names in pointers.items()}
        self._addresses = addresses
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 53))

    def run(self) -> None:
        """Answer for ever."""
        while True:
            query, client = self._socket.recvfrom(512)
            self._socket.sendto(self._answer(query), client)

    def _answer(self, query: bytes) -> bytes:
        asked, end = _question(query)
        kind = struct.unpack_from(">H", query, end)[0]
        name = tuple(label.lower() for label in asked)
        records: list[bytes] | None = None
        if name in self._pointers:
            found = self._pointers[name] if kind == PTR else []
            records = [_record(asked, PTR, encode(target)) for target in found]
        elif name in self._addresses:
            ips = self._addresses[name] if kind == A else []
            records = [_record(asked, A, socket.inet_aton(ip)) for ip in ips]
        code = NO_NAME if records is None else NO_ERROR
        records = records or []
        head = query[:2] + struct.pack(">HHHHH", 0x8580 | code, 1, len(records), 0, 0)
        return head + query[12 : end + 4] + b"".join(records)


def _reversed(ip: str) -> Labels:
    return labels(b".".join(reversed(ip.encode().split(b"."))) + b".in-addr.arpa")


def _question(query: bytes) -> tuple[Labels, int]:
    found, at = [], 12
    while length := query[at]:
        found.append(query[at + 1 : at + 1 + length])
        at += 1 + length
    return tuple(found), at + 1


def _record(name: Labels, kind: int, data: bytes) -> bytes:
    return encode(name) + struct.pack(">HHIH", kind, 1, 60, len(data)) + data
