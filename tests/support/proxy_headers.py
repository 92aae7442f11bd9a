"""Headers of the PROXY protocol: captured ones, and what to make others of."""

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ucspi.tcp._proxyanswer import Read

CORPUS = Path(__file__).parents[1] / "corpus" / "proxy-headers.tsv"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
ALPN, AUTHORITY, CRC32C, NOOP, UNIQUE_ID, TLS, NETNS = 1, 2, 3, 4, 5, 0x20, 0x30
TLS_VERSION, TLS_NAME, TLS_CIPHER, TLS_SIGNATURE, TLS_KEY = range(0x21, 0x26)
INET = bytes([192, 0, 2, 1, 192, 0, 2, 2]) + struct.pack(">HH", 40000, 80)


@dataclass
class Captured:
    """A header that a real sender sent, and what it means."""

    row: str
    sender: str
    header: bytes
    meaning: str

    @property
    def is_malformed(self) -> bool:
        """Whether it is to be refused."""
        return self.meaning.startswith("malformed")


def captured() -> list[Captured]:
    """Return all captured headers."""
    rows = [line.split("\t") for line in CORPUS.read_text().splitlines() if not line.startswith("#")]
    return [Captured(row, sender, bytes.fromhex(header), meaning) for row, sender, header, meaning in rows]


def binary(body: bytes, *, command: int = 0x21, family: int = 0x11, length: int | None = None) -> bytes:
    """Return a header of version 2; its length may be a wrong one."""
    size = len(body) if length is None else length
    return SIGNATURE + bytes([command, family]) + struct.pack(">H", size) + body


def entry(kind: int, value: bytes, length: int | None = None) -> bytes:
    """Return a TLV; its length may be a wrong one."""
    return bytes([kind]) + struct.pack(">H", len(value) if length is None else length) + value


def tls(client: int, verify: int, *entries: bytes) -> bytes:
    """Return the TLV of a TLS connection."""
    return entry(TLS, bytes([client]) + struct.pack(">L", verify) + b"".join(entries))


def with_checksum(body: bytes, *, command: int = 0x21, family: int = 0x11) -> bytes:
    """Return a header of version 2 that ends in its checksum."""
    header = binary(body + entry(CRC32C, bytes(4)), command=command, family=family)
    return header[:-4] + struct.pack(">L", bit_by_bit(header))


def bit_by_bit(data: bytes) -> int:
    """Return the CRC32C of some bytes, without a table."""
    number = 0xFFFFFFFF
    for byte in data:
        number ^= byte
        for _ in range(8):
            number = number >> 1 ^ (0x82F63B78 if number & 1 else 0)
    return number ^ 0xFFFFFFFF


def reader(name: str) -> "Read":
    """Return the parser in C (``native``) or in Python (``pure``); skip, or fail, where it was not built."""
    from ucspi.tcp import _pureproxyheader, proxyheader
    from ucspi.unix import native

    if name == "pure":
        return _pureproxyheader.read
    if native.lib is None:
        tell = pytest.fail if os.environ.get("UCSPI_CORES") == "required" else pytest.skip
        tell("the compiled module was not built")
    return proxyheader._native_reader()
